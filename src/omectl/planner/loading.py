"""What the pods of a service have loaded: `modelStatus`, over every component that loads the model."""

from collections.abc import Sequence
from typing import Final

from omectl.api.json import JsonObject
from omectl.planner.component_status import Observed
from omectl.planner.model import ModelView
from omectl.planner.names import ROUTER
from omectl.planner.result import Problem
from omectl.planner.workloads.pods import STARTING, Trouble, first_trouble, pod_ready

_LOADED: Final = "Loaded"
_STANDBY: Final = "Standby"
"""Scaled to nothing: the next request wakes a pod, which loads the model then."""


def loading_status(components: Sequence[Observed], model: ModelView, *, stopped: bool = False) -> JsonObject:
    """The state of the model in the components that load it: all but the router.

    It is loaded when every one of them serves its newest version. What is in the way is told with the pod, its node and
    its time, and no more once the pod has recovered or is gone. `stopped`: there are to be no pods.
    """
    loading = _loading(components)
    blocked = next((one for one in loading if one.trouble is not None and one.trouble.reason not in STARTING), None)
    waiting = next((one for one in loading if one.trouble is not None), None)
    served = bool(loading) and all(one.available for one in loading)
    resting = served and not any(one.replicas or one.former is not None for one in loading)
    target, transition = "Pending", "InProgress"
    if stopped:
        left = any(one.pods or one.replicas for one in loading)
        return _states("InProgress" if left else "UpToDate", _STANDBY, _active(served=bool(left), resting=not left))
    if blocked is not None:
        target, transition = "FailedToLoad", "BlockedByFailedLoad"
    elif served and all(one.rolled_out for one in loading):
        target, transition = _STANDBY if resting else _LOADED, "UpToDate"
    elif waiting is None and not all(pod_ready(pod) for one in loading for pod in one.pods):
        target = "Loading"
    status = _states(transition, target, _active(served=served, resting=resting))
    told = blocked or waiting
    if told is not None and told.trouble is not None:
        status["lastFailureInfo"] = _failure(told.name, told.trouble, model)
    if served:
        total = sum(one.replicas for one in loading)
        troubles = [first_trouble([pod]) for one in loading for pod in one.pods]
        failed = sum(trouble is not None and trouble.reason not in STARTING for trouble in troubles)
        # Several pods of one group make one copy.
        status["modelCopies"] = {"failedCopies": min(failed, total), "totalCopies": total}
    return status


def refused_status(components: Sequence[Observed], problem: Problem) -> JsonObject:
    """The same of a service that cannot be planned: what its pods have loaded stays."""
    loading = _loading(components)
    served = bool(loading) and all(one.available for one in loading)
    status = _states("InvalidSpec", "Pending", _LOADED if served else "")
    if problem.failure:
        status["lastFailureInfo"] = {"reason": problem.failure, "message": problem.message}
    return status


def _active(*, served: bool, resting: bool) -> str:
    if resting:
        return _STANDBY
    return _LOADED if served else ""


def _loading(components: Sequence[Observed]) -> list[Observed]:
    return [one for one in components if one.name != ROUTER]


def _states(transition: str, target: str, active: str) -> JsonObject:
    states: JsonObject = {"activeModelState": active, "targetModelState": target}
    return {"transitionStatus": transition, "modelRevisionStates": states}


def _failure(component: str, trouble: Trouble, model: ModelView) -> JsonObject:
    """In the reasons that OME has: of a container that ended, of a pod without its node's model, of any other."""
    reason = "RuntimeUnhealthy"
    if trouble.crashed:
        reason = "ModelLoadFailed"
    elif trouble.reason in STARTING and not model.ready:
        reason = "BaseModelNotReady"
    found: JsonObject = {"location": component, "reason": reason, "message": trouble.found, "pod": trouble.pod}
    if trouble.node:
        found["node"] = trouble.node
    if trouble.time:
        found["time"] = trouble.time
    if trouble.exit_code is not None:
        found["exitCode"] = trouble.exit_code
    return found
