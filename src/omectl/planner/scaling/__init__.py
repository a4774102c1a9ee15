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
    was_stopped,
)
from omectl.planner.scaling.stopping import STOPPED_BY_ANNOTATION, is_stopped, stopped
from omectl.planner.scaling.target import ScaleTarget

__all__ = [
    "STOPPED_BY_ANNOTATION",
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
    "is_stopped",
    "proportion",
    "replicas",
    "scale",
    "scaler_fault",
    "scaler_numbers",
    "stopped",
    "was_stopped",
]
