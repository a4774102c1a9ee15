"""Whether a model fits on its GPUs: an estimate from the model's facts, term by term. Pure."""

from omectl.planner.fit.estimate import estimate
from omectl.planner.fit.report import FitReport, Term, TermName, Verdict, Workload
from omectl.planner.fit.shape import Assumption

__all__ = ["Assumption", "FitReport", "Term", "TermName", "Verdict", "Workload", "estimate"]
