"""The status of a service, from the plan and what is live. Without times: the reconciler adds them.

`Ready` is True when every component that the service has, and the route to it, are. Whatever is not True says why and
what to do next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from omectl.api.conditions import FALSE, TRUE, UNKNOWN
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import CHOSEN_MODE
from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.inputs import LiveState
from omectl.planner.model import ModelView
from omectl.planner.names import DECODER, ENGINE, ROUTER, component_name, label_value
from omectl.planner.result import Explanation, Problem
from omectl.planner.routing import Route
from omectl.planner.scaling import Scaling, scaler_fault
from omectl.planner.selection_conditions import selection_verdicts
from omectl.planner.selection_status import refused_selection, selection_status
from omectl.planner.verdict import Verdict
from omectl.planner.workloads.pods import UNSCHEDULABLE, Trouble, first_trouble, pod_ready, pods_of
from omectl.planner.workloads.table import live_state
from omectl.planner.workloads.workload import Report, Workload, WorkloadState

_CONDITIONS: Final = {ENGINE: "EngineReady", DECODER: "DecoderReady", ROUTER: "RouterReady"}
_INGRESS: Final = "IngressReady"
_READY: Final = "Ready"


@dataclass(frozen=True, slots=True)
class Observed:
    """A component as it is live: its workload, its pods, and what is wrong with them; what is with its autoscaler."""

    workload: WorkloadState | None
    pods: tuple[JsonObject, ...]
    trouble: Trouble | None
    scaler_fault: str = ""

    @property
    def available(self) -> bool:
        """Whether the workload says that enough of its pods serve."""
        return self.workload is not None and self.workload.available

    @property
    def rolled_out(self) -> bool:
        """Whether every pod is of the newest template."""
        return self.workload is None or self.workload.rolled_out


def observe(live: LiveState, object_name: str, workload: WorkloadState | None) -> Observed:
    """The component of that name as it is live; `workload` is what its workload says."""
    every = (obj for (kind, _), obj in live.children.items() if kind == "Pod")
    pods = pods_of(every, label_value(object_name), object_name.rpartition("-")[2])
    return Observed(workload, tuple(pods), first_trouble(pods))


def planned_status(
    service: InferenceService,
    model: ModelView,
    workloads: Mapping[str, Workload],
    where: Route,
    live: LiveState,
    told: Explanation,
    ranking: str,
    scalings: Mapping[str, Scaling],
) -> JsonObject:
    """The status of a service that has a plan. `told` are the choices, and `ranking` by what runtimes were compared."""
    classes = {one.component: one for one in told.accelerators}
    observed: dict[str, Observed] = {}
    for name, workload in workloads.items():
        object_name = workload.component.object_name
        seen = observe(live, object_name, workload.of.state(live, object_name, scalings[name].bounds.least))
        observed[name] = replace(seen, scaler_fault=scaler_fault(scalings[name], live))
    reports = {name: workload.report(live) for name, workload in workloads.items()}
    verdicts = {name: verdict for report in reports.values() for name, verdict in report.conditions.items()}
    verdicts |= {_CONDITIONS[name]: _component_verdict(workloads[name], seen, model) for name, seen in observed.items()}
    entry = ROUTER if ROUTER in observed else ENGINE
    verdicts[_INGRESS] = _route_verdict(where, verdicts[_CONDITIONS[entry]], entry)
    return {
        **_common(service, verdicts, selection_verdicts(told), {CHOSEN_MODE: told.mode}),
        "selection": selection_status(service, told, ranking),
        "url": where.url,
        "address": {"url": where.address},
        "components": {
            name: {
                **_component_status(service, name, seen, where, classes.get(name), reports[name]),
                **scalings[name].status,
            }
            for name, seen in observed.items()
        },
        "modelStatus": _model_status(observed[ENGINE]),
    }


def problem_status(
    service: InferenceService, problem: Problem, live: LiveState, told: Explanation, ranking: str
) -> JsonObject:
    """The status of a service that cannot be planned. What already runs goes on and keeps its address."""
    asked = {DECODER: service.spec.decoder, ROUTER: service.spec.router}
    parts = [ENGINE, *(name for name, part in asked.items() if part is not None)]
    stuck = Verdict(FALSE, problem.reason, f"{problem.message}; next: {problem.next_step}")
    names = {name: component_name(service.name, name) for name in parts}
    observed = {name: observe(live, own, live_state(live, own)) for name, own in names.items()}
    verdicts = {_CONDITIONS[name]: _running_verdict(seen) or stuck for name, seen in observed.items()}
    previous = service.status
    annotations: JsonObject = dict(previous.annotations or {}) if previous is not None else {}
    status = _common(service, verdicts, selection_verdicts(told, problem), annotations, stuck)
    if selection := refused_selection(service, told, problem, ranking):
        status["selection"] = selection
    if previous is not None and previous.url and observed[ENGINE].workload is not None:
        status["url"] = previous.url
        status["address"] = {"url": (previous.address.url if previous.address is not None else None) or previous.url}
    engine = observed[ENGINE]
    status["modelStatus"] = {
        "transitionStatus": "InvalidSpec",
        "modelRevisionStates": {
            "activeModelState": "Loaded" if engine.available else "",
            "targetModelState": "Pending",
        },
    }
    if problem.failure:
        failure: JsonObject = {"reason": problem.failure, "message": problem.message}
        status["modelStatus"]["lastFailureInfo"] = failure
    return status


def _common(
    service: InferenceService,
    verdicts: dict[str, Verdict],
    choices: dict[str, Verdict],
    annotations: JsonObject,
    ready: Verdict | None = None,
) -> JsonObject:
    verdicts = {**verdicts, **choices, _READY: ready or _overall(verdicts)}
    conditions: list[JsonValue] = [verdicts[kind].as_condition(kind) for kind in sorted(verdicts)]
    status: JsonObject = {"observedGeneration": service.metadata.generation, "conditions": conditions}
    if annotations:
        status["annotations"] = annotations
    return status


def _overall(verdicts: dict[str, Verdict]) -> Verdict:
    """False before Unknown before True; the component's reason before that of the route, which waits for it."""
    order = [verdicts[kind] for kind in (*_CONDITIONS.values(), _INGRESS) if kind in verdicts]
    for status in (FALSE, UNKNOWN):
        found = next((verdict for verdict in order if verdict.status == status), None)
        if found is not None:
            return found
    return Verdict(TRUE)


def _component_verdict(workload: Workload, seen: Observed, model: ModelView) -> Verdict:
    name, state = workload.component.name, seen.workload
    if state is None:
        text = f"{workload.in_words} is not there yet; next: wait"
        return Verdict(UNKNOWN, f"{workload.kind}Missing", text)
    running = _running_verdict(seen)
    if running is not None:
        return running
    if seen.trouble is not None:
        return _trouble_verdict(seen.trouble, name, model)
    if state.failure is not None:
        text = f"{state.failure.message}; next: allow the pods that the {state.kind} wants to create"
        return Verdict(FALSE, state.failure.reason or "ReplicaFailure", text)
    waiting = sum(not pod_ready(pod) for pod in seen.pods)
    told = state.verdict.message or f"{state.kind} {state.name} is starting"
    text = f"{told}; next: wait for {waiting} pods to load the model" if waiting else f"{told}; next: wait for its pods"
    if name == ROUTER:
        text = f"{told}; next: wait for its pods"
    return Verdict(state.verdict.status or UNKNOWN, state.verdict.reason or "Progressing", text)


def _trouble_verdict(trouble: Trouble, name: str, model: ModelView) -> Verdict:
    if trouble.reason == UNSCHEDULABLE and name != ROUTER and not model.ready:
        state = model.state or "no node has reported it yet"
        text = f"the pods wait for a node that has model {model.name} ({state}); next: look at the model's status"
        return Verdict(FALSE, "WaitingForModel", text)
    return Verdict(FALSE, trouble.reason, f"{trouble.message}; next: {trouble.next_step}")


def _running_verdict(seen: Observed) -> Verdict | None:
    """True when the component serves, even while a new version of it does not come up."""
    if seen.workload is None or not seen.workload.available:
        return None
    found = seen.workload.verdict
    text = found.message
    if seen.trouble is not None:
        text = f"still serving, but {seen.trouble.message}; next: {seen.trouble.next_step}"
    elif seen.scaler_fault:
        text = f"serving, but {seen.scaler_fault}"
    return Verdict(TRUE, found.reason, text)


def _route_verdict(where: Route, entry: Verdict, name: str) -> Verdict:
    if not where.ingress:
        return Verdict(TRUE, "IngressDisabled", "Ingress creation is disabled, using external service for access")
    if entry.status == TRUE:
        return Verdict(TRUE)
    text = f"Target service not ready for ingress creation; next: see {_CONDITIONS[name]}"
    return Verdict(FALSE, "ComponentNotReady", text)


def _component_status(
    service: InferenceService,
    name: str,
    seen: Observed,
    where: Route,
    accelerator: ClassDecision | None,
    report: Report,
) -> JsonObject:
    found: JsonObject = {**report.status}
    if accelerator is not None and accelerator.class_name:
        reason = accelerator.came_by.value
        found["selectedAccelerator"] = {"acceleratorClass": accelerator.class_name, "reason": reason}
    if seen.workload is not None and seen.workload.revision:
        found["latestCreatedRevision"] = seen.workload.revision
    previous = (service.status.components or {}).get(name) if service.status is not None else None
    if not report.routed and (seen.available or (previous is not None and previous.url)):
        found["url"] = f"http://{where.component_hosts[name]}"
    return found


def _model_status(engine: Observed) -> JsonObject:
    """What the engine's pods have loaded."""
    failed = engine.trouble is not None and engine.trouble.crashed
    active = "Loaded" if engine.available else ""
    target, transition = "Pending", "InProgress"
    if engine.available and engine.rolled_out and not failed:
        target, transition = "Loaded", "UpToDate"
    elif failed:
        target, transition = "FailedToLoad", "BlockedByFailedLoad"
    status: JsonObject = {
        "transitionStatus": transition,
        "modelRevisionStates": {"activeModelState": active, "targetModelState": target},
    }
    if engine.trouble is not None and failed:
        failure: JsonObject = {"location": ENGINE, "reason": "ModelLoadFailed", "message": engine.trouble.message}
        if engine.trouble.exit_code is not None:
            failure["exitCode"] = engine.trouble.exit_code
        status["lastFailureInfo"] = failure
    if engine.available:
        crashed = _crashed(engine.pods)
        status["modelCopies"] = {"failedCopies": crashed, "totalCopies": len(engine.pods)}
    return status


def _crashed(pods: Iterable[JsonObject]) -> int:
    troubles = (first_trouble([pod]) for pod in pods)
    return sum(trouble is not None and trouble.crashed for trouble in troubles)
