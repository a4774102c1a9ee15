"""Which Events a new status is worth: transitions only, under OME's reasons where it has one. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from omectl.api.conditions import FALSE, TRUE, KnativeCondition, find_condition
from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.planner.component_status import STOPPED, STOPPING
from omectl.planner.names import COMPONENT_CONDITIONS
from omectl.planner.result import Problem
from omectl.planner.workloads.pods import FAULTS
from omectl.reconcilers.service_status import INGRESS_READY, Failure, ready_condition
from omectl.reconcilers.service_summary import serves_with_trouble

INTERNAL_ERROR = "InternalError"
MISSING_EVENTS: Final = {"Knative Service": "ServerlessModeRejected"}
"""OME's event for a kind, in words, that the cluster does not serve."""
_OF_REASON = {"InvalidSpec": "MergeSpecsError", "NotSupportedYet": "DeploymentModeError", "ModelNotReady": ""}
"""OME's event for reasons that it does not have itself. A model on its way is no event: its own status tells."""
_PARTS: Final = (*COMPONENT_CONDITIONS.values(), INGRESS_READY)


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
    before: InferenceServiceStatus | None,
    after: InferenceServiceStatus | None,
    *,
    problem_event: str = "",
    failures: tuple[Failure, ...] = (),
) -> list[Tale]:
    """What changed for people between two statuses: of the service, of its components, and of their pods.

    `problem_event` is the reason that OME gives an Event for the plan's problem. The same reason and message again are
    no transition, so a service that stays broken is told of once.
    """
    old, new = ready_condition(before), ready_condition(after)
    if new is None or after is None:
        return []
    was_ready, is_ready = old is not None and old.status == TRUE, new.status == TRUE
    was_stopped, stopped = _is_stopped(old), _is_stopped(new)
    tales: list[Tale] = []
    if stopped and not was_stopped:
        tales.append(Tale("Normal", "InferenceServiceStopped", _text(name, new)))
    if was_stopped and not stopped:
        tales.append(Tale("Normal", "InferenceServiceResumed", f"InferenceService {name} is started again"))
    if is_ready and not was_ready:
        tales.append(Tale("Normal", "InferenceServiceReady", f"InferenceService {name} is ready"))
    if was_ready and not is_ready and not stopped:
        tales.append(Tale("Warning", "InferenceServiceNotReady", _text(name, new)))
    if _said(old) != _said(new):
        if problem_event:
            tales.append(Tale("Warning", problem_event, _text(name, new)))
        elif failures:
            tales.append(Tale("Warning", failures[0].event or INTERNAL_ERROR, failures[0].message))
    if not problem_event and not failures:
        if was_ready == is_ready and not stopped:
            tales += _parts(name, before, after)
        tales += _faults(before, after)
    return tales


def _parts(name: str, before: InferenceServiceStatus | None, after: InferenceServiceStatus) -> Iterator[Tale]:
    """Parts that became ready, or are so no more, without the service as a whole, whose own Event would tell."""
    for kind in _PARTS:
        old, new = (find_condition(status.conditions or (), kind) if status else None for status in (before, after))
        if old is None or new is None:
            continue
        if new.status == TRUE and old.status != TRUE:
            yield Tale("Normal", kind, f"InferenceService {name}: {kind} is True")
        if old.status == TRUE and new.status != TRUE:
            yield Tale("Warning", kind.replace("Ready", "NotReady"), _text(name, new))


def _faults(before: InferenceServiceStatus | None, after: InferenceServiceStatus) -> Iterator[Tale]:
    """What somebody has to mend and had not before, also of a component that goes on serving."""
    for kind in COMPONENT_CONDITIONS.values():
        reason, message = _fault(after, kind)
        if reason and (before is None or _fault(before, kind)[0] != reason):
            yield Tale("Warning", reason, message)


def _fault(status: InferenceServiceStatus, kind: str) -> tuple[str, str]:
    condition = find_condition(status.conditions or (), kind)
    if condition is None:
        return "", ""
    if serves_with_trouble(condition):
        return kind.replace("Ready", "Degraded"), condition.message or ""
    if condition.status == FALSE and condition.reason in FAULTS:
        return condition.reason or "", condition.message or ""
    return "", ""


def _is_stopped(condition: KnativeCondition | None) -> bool:
    return condition is not None and condition.reason in (STOPPING, STOPPED)


def _said(condition: KnativeCondition | None) -> tuple[str | None, str | None]:
    return (condition.reason, condition.message) if condition is not None else (None, None)


def _text(name: str, condition: KnativeCondition) -> str:
    return condition.message or condition.reason or f"InferenceService {name} is not ready any more"
