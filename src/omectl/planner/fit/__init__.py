"""Whether a model fits on its GPUs: an estimate from the model's facts, term by term. Pure."""

from omectl.planner.fit.deployment import EngineFit, Hardware, divisions_of, engine_fit, spread_for
from omectl.planner.fit.estimate import estimate
from omectl.planner.fit.report import FitReport, Term, TermName, Verdict, Workload
from omectl.planner.fit.shape import Assumption

__all__ = [
    "Assumption",
    "EngineFit",
    "FitReport",
    "Hardware",
    "Term",
    "TermName",
    "Verdict",
    "Workload",
    "divisions_of",
    "engine_fit",
    "estimate",
    "spread_for",
]
