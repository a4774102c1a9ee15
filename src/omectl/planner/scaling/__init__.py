"""Replicas of components: who sets their number, between which bounds, on what; and how many may be away at a time."""

from omectl.planner.scaling.bounds import Replicas, replicas
from omectl.planner.scaling.choice import ScalerChoice, ScalerClass, ScalerSource, choose_scaler
from omectl.planner.scaling.disruption import disruption_budget, is_silent
from omectl.planner.scaling.health import scaler_fault, scaler_numbers
from omectl.planner.scaling.proportion import Proportion, proportion
from omectl.planner.scaling.scaling import (
    EngineMetrics,
    Scaling,
    built_in,
    engine_metrics,
    follow,
    initial_replicas,
    scale,
)
from omectl.planner.scaling.target import ScaleTarget

__all__ = [
    "EngineMetrics",
    "Proportion",
    "Replicas",
    "ScaleTarget",
    "ScalerChoice",
    "ScalerClass",
    "ScalerSource",
    "Scaling",
    "built_in",
    "choose_scaler",
    "disruption_budget",
    "engine_metrics",
    "follow",
    "initial_replicas",
    "is_silent",
    "proportion",
    "replicas",
    "scale",
    "scaler_fault",
    "scaler_numbers",
]
