"""Which Events a new status is worth: transitions only, under OME's reasons. Pure."""

from dataclasses import dataclass
from typing import Literal

from omectl.api.conditions import TRUE, KnativeCondition
from omectl.planner.result import Problem
from omectl.reconcilers.service_status import Failure

INTERNAL_ERROR = "InternalError"
_OF_REASON = {"InvalidSpec": "MergeSpecsError", "NotSupportedYet": "DeploymentModeError", "ModelNotReady": ""}
"""OME's event for reasons that it does not have itself. A model on its way is no event: its own status tells."""


def event_reason(problem: Problem | None) -> str:
    """The reason of the Event for a plan's problem, "" for none."""
    return _OF_REASON.get(problem.reason, problem.reason) if problem is not None else ""


@dataclass(frozen=True, slots=True)
class Tale:
    """An Event to tell."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def transitions(
    name: str,
    old: KnativeCondition | None,
    new: KnativeCondition | None,
    *,
    problem_event: str = "",
    failures: tuple[Failure, ...] = (),
) -> list[Tale]:
    """What changed for people between two `Ready` conditions.

    `problem_event` is the reason that OME gives an Event for the plan's problem. The same reason and message again are
    no transition, so a service that stays broken is told of once.
    """
    if new is None:
        return []
    was_ready, is_ready = old is not None and old.status == TRUE, new.status == TRUE
    tales: list[Tale] = []
    if is_ready and not was_ready:
        tales.append(Tale("Normal", "InferenceServiceReady", f"InferenceService {name} is ready"))
    if was_ready and not is_ready:
        tales.append(Tale("Warning", "InferenceServiceNotReady", _text(name, new)))
    if _said(old) != _said(new):
        if problem_event:
            tales.append(Tale("Warning", problem_event, _text(name, new)))
        elif failures:
            tales.append(Tale("Warning", INTERNAL_ERROR, failures[0].message))
    return tales


def _said(condition: KnativeCondition | None) -> tuple[str | None, str | None]:
    return (condition.reason, condition.message) if condition is not None else (None, None)


def _text(name: str, condition: KnativeCondition) -> str:
    return condition.message or condition.reason or f"InferenceService {name} is not ready any more"
