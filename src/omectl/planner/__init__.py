"""From a service and what it refers to, to the objects that serve it. Pure: no I/O, no clock, no randomness."""

from omectl.planner.inputs import CORE_CAPABILITIES, LiveState, PlanInputs
from omectl.planner.plan import plan, refused
from omectl.planner.references import resolve_model
from omectl.planner.result import Candidate, Explanation, Plan, Problem, Reason

__all__ = [
    "CORE_CAPABILITIES",
    "Candidate",
    "Explanation",
    "LiveState",
    "Plan",
    "PlanInputs",
    "Problem",
    "Reason",
    "plan",
    "refused",
    "resolve_model",
]
