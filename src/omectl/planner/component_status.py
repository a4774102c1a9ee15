"""What the status tells of one component: from its workload, its pods and its autoscaler."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.conditions import FALSE, TRUE, UNKNOWN
from omectl.api.document import as_object, at
from omectl.api.inference_service import InferenceService
from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.json import JsonObject
from omectl.api.labels import STOP
from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.document import as_document
from omectl.planner.inputs import LiveState
from omectl.planner.model import ModelView
from omectl.planner.names import ROUTER, label_value
from omectl.planner.routing import Route
from omectl.planner.scaling import Scaling, scaler_fault, scaler_numbers
from omectl.planner.verdict import Verdict
from omectl.planner.workloads.pods import (
    UNSCHEDULABLE,
    Trouble,
    first_trouble,
    pod_finished,
    pod_ready,
    pods_of,
)
from omectl.planner.workloads.table import MODES, live_state
from omectl.planner.workloads.workload import Report, Workload, WorkloadState

WAITING_FOR_MODEL: Final = "WaitingForModel"
STOPPING: Final = "Stopping"
STOPPED: Final = "Stopped"
_NO_SERVING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A component as it is live: its workload, its pods, and what is wrong with them; what is with its autoscaler.

    `workload` is the planned one, `former` one of another kind that it replaces. `pods` are those that have not
    finished, `serving` how many replicas of them there are, and how many are ready, where the workload does not tell.
    """

    name: str
    workload: WorkloadState | None
    former: WorkloadState | None = None
    pods: tuple[JsonObject, ...] = ()
    trouble: Trouble | None = None
    scaler_fault: str = ""
    serving: tuple[int, int] = (0, 0)

    @property
    def available(self) -> bool:
        """Whether enough pods serve, be they of the planned workload or of the one that it replaces."""
        return any(one is not None and one.available for one in (self.workload, self.former))

    @property
    def rolled_out(self) -> bool:
        """Whether every pod is of the newest template."""
        return self.workload is not None and self.workload.rolled_out

    @property
    def replicas(self) -> int:
        """How many replicas there are."""
        told = self.workload.replicas if self.workload is not None else None
        return told if told is not None else self.serving[0]

    @property
    def ready(self) -> int:
        """How many replicas are ready."""
        told = self.workload.ready if self.workload is not None else None
        return told if told is not None else self.serving[1]


def observe(
    live: LiveState,
    name: str,
    object_name: str,
    workload: WorkloadState | None,
    former: WorkloadState | None = None,
    *,
    fault: str = "",
    serving: Mapping[str, str] = _NO_SERVING,
) -> Observed:
    """The component as it is live. `serving` are the labels of pods of which each is one replica."""
    every = (obj for (kind, _), obj in live.children.items() if kind == "Pod")
    found = pods_of(every, label_value(object_name), name)
    pods = tuple(pod for pod in found if not pod_finished(pod))
    one_each = [pod for pod in pods if all(at(pod, "metadata", "labels", key) == serving[key] for key in serving)]
    return Observed(
        name=name,
        workload=workload,
        former=former,
        pods=pods,
        trouble=first_trouble(found),
        scaler_fault=fault,
        serving=(len(one_each), sum(map(pod_ready, one_each))),
    )


def observe_planned(live: LiveState, workload: Workload, scaling: Scaling) -> Observed:
    """The component of a workload that is planned."""
    object_name = workload.component.object_name
    return observe(
        live,
        workload.component.name,
        object_name,
        workload.of.state(live, object_name, scaling.bounds.least),
        live_state(live, object_name, but=workload.of),
        fault=scaler_fault(scaling, live),
        serving=workload.of.serving,
    )


def component_verdict(workload: Workload, seen: Observed, model: ModelView) -> Verdict:
    """The component's condition: the workload's own reason, or what its pods say where they say more."""
    if workload.stopped:
        return _stopped_verdict(seen)
    state, running = seen.workload, running_verdict(seen)
    if running is not None:
        return running
    if state is None:
        return Verdict(UNKNOWN, f"{workload.kind}Missing", f"{workload.in_words} is not there yet; next: wait")
    if seen.trouble is not None:
        return _trouble_verdict(seen.trouble, state, seen.name, model)
    if state.failure is not None:
        text = f"{state.failure.message}; next: allow the pods that the {state.kind} wants to create"
        return Verdict(FALSE, state.failure.reason or "ReplicaFailure", text)
    waiting = sum(not pod_ready(pod) for pod in seen.pods)
    told = state.verdict.message or f"{state.kind} {state.name} is starting"
    text = f"{told}; next: wait for its pods"
    if waiting and seen.name != ROUTER:
        text = f"{told}; next: wait for {'1 pod' if waiting == 1 else f'{waiting} pods'} to load the model"
    return Verdict(state.verdict.status or UNKNOWN, state.verdict.reason or "Progressing", text)


def running_verdict(seen: Observed) -> Verdict | None:
    """True when the component serves, even while a new version of it, or its replacement, does not come up."""
    serving = next((one for one in (seen.workload, seen.former) if one is not None and one.available), None)
    if serving is None:
        return None
    found, text = serving.verdict, serving.verdict.message
    if seen.trouble is not None:
        text = f"still serving, but {seen.trouble.found}; next: {seen.trouble.next_step}"
    elif serving is seen.former:
        text = f"still served by {serving.kind} {serving.name} while what replaces it comes up"
    elif seen.scaler_fault:
        text = f"serving, but {seen.scaler_fault}"
    return Verdict(TRUE, found.reason, text)


def component_status(
    service: InferenceService,
    workload: Workload,
    seen: Observed,
    where: Route,
    accelerator: ClassDecision | None,
    report: Report,
    scaling: Scaling,
    live: LiveState,
) -> JsonObject:
    """The component's own part of the status."""
    found: JsonObject = {**report.status, "deploymentMode": MODES[workload.of.group_kind]}
    if accelerator is not None and accelerator.class_name:
        reason = accelerator.came_by.value
        found["selectedAccelerator"] = {"acceleratorClass": accelerator.class_name, "reason": reason}
    if workload.revision:
        found["revisionHash"] = workload.revision
    if seen.workload is not None and seen.workload.revision:
        found["latestCreatedRevision"] = seen.workload.revision
    previous = (service.status.components or {}).get(seen.name) if service.status is not None else None
    if not report.routed and (seen.available or (previous is not None and previous.url)):
        found["url"] = where.component_urls[seen.name]
    found |= scaling.status
    return _with_numbers(found, seen, scaler_numbers(scaling, live))


def kept_status(previous: InferenceServiceStatus | None, seen: Observed) -> JsonObject:
    """The part of a component that runs while nothing can be planned: as it was, with the numbers of now."""
    found = as_document((previous.components or {}).get(seen.name)) if previous is not None else {}
    return _with_numbers(found, seen, {})


def _with_numbers(found: JsonObject, seen: Observed, scaler: JsonObject) -> JsonObject:
    """With how many replicas there are; `scaler` is what the autoscaler itself says, where it says anything."""
    if seen.workload is None:
        return found
    found = {**found, "replicas": seen.replicas, "readyReplicas": seen.ready}
    if told := as_object(found.get("autoscaler")):
        wanted = seen.workload.wanted
        numbers: JsonObject = {"currentReplicas": seen.replicas}
        if wanted is not None:
            numbers["desiredReplicas"] = wanted
        found["autoscaler"] = {**told, **numbers, **scaler}
    return found


def _stopped_verdict(seen: Observed) -> Verdict:
    """A component of a service that is stopped: whether it still has pods, and how to have them back."""
    step = f"remove the annotation {STOP} to start it again"
    left = max(len(seen.pods), seen.replicas)
    if left:
        return Verdict(FALSE, STOPPING, f"the service is being stopped, and has {left} pods yet; next: wait, or {step}")
    return Verdict(FALSE, STOPPED, f"the service is stopped; next: {step}")


def _trouble_verdict(trouble: Trouble, state: WorkloadState, name: str, model: ModelView) -> Verdict:
    if trouble.reason == UNSCHEDULABLE and name != ROUTER and not model.ready:
        told = model.state or "no node has reported it yet"
        told = f"{told}; {model.progress}" if model.progress else told
        text = f"the pods wait for a node that has model {model.name} ({told}); next: look at the model's status"
        return Verdict(FALSE, WAITING_FOR_MODEL, text)
    own = f" ({state.kind}: {state.verdict.reason})" if state.verdict.reason else ""
    return Verdict(FALSE, trouble.reason, f"{trouble.found}{own}; next: {trouble.next_step}")
