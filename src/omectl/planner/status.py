"""The status of a service, from the plan and what is live. Without times: the reconciler adds them.

`Ready` is True when every component that the service has, and the route to it, are. Whatever is not True says why and
what to do next.
"""

from collections.abc import Mapping
from typing import Final

from omectl.api.conditions import FALSE, TRUE, UNKNOWN
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import CHOSEN_MODE, COMPONENT, INFERENCE_SERVICE
from omectl.planner.component_status import (
    STOPPING,
    component_status,
    component_verdict,
    kept_status,
    observe,
    observe_planned,
    running_verdict,
)
from omectl.planner.inputs import LiveState
from omectl.planner.loading import loading_status, refused_status
from omectl.planner.model import ModelView
from omectl.planner.names import COMPONENT_CONDITIONS, DECODER, ENGINE, ROUTER, component_name, label_value
from omectl.planner.pinning import DRIFTED
from omectl.planner.result import Explanation, Problem
from omectl.planner.routing import Route, route_verdict
from omectl.planner.scaling import Scaling
from omectl.planner.selection_conditions import selection_verdicts
from omectl.planner.selection_status import refused_selection, selection_status
from omectl.planner.verdict import Verdict
from omectl.planner.workloads.table import live_state
from omectl.planner.workloads.workload import Workload

_INGRESS: Final = "IngressReady"
_MODEL: Final = "ModelReady"
_READY: Final = "Ready"


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
    observed = {name: observe_planned(live, workload, scalings[name]) for name, workload in workloads.items()}
    reports = {name: workload.report(live) for name, workload in workloads.items()}
    verdicts = {name: verdict for report in reports.values() for name, verdict in report.conditions.items()}
    verdicts |= {
        COMPONENT_CONDITIONS[name]: component_verdict(workloads[name], seen, model) for name, seen in observed.items()
    }
    entry = ROUTER if ROUTER in observed else ENGINE
    verdicts[_INGRESS] = route_verdict(where, live, verdicts[COMPONENT_CONDITIONS[entry]], entry)
    choices = {**selection_verdicts(told), _MODEL: _model_verdict(model), **_drift(told)}
    status: JsonObject = {
        **_common(service, verdicts, choices, {CHOSEN_MODE: told.mode}, _stopping(verdicts)),
        "selection": selection_status(service, told, ranking),
        "url": where.url,
        "address": {"url": where.address},
        "components": {
            name: component_status(
                service, workloads[name], seen, where, classes.get(name), reports[name], scalings[name], live
            )
            for name, seen in observed.items()
        },
        "modelStatus": loading_status(
            tuple(observed.values()), model, stopped=any(one.stopped for one in workloads.values())
        ),
    }
    if told.pinned:
        status["pinnedRevisionName"] = told.pinned
    if ENGINE in observed:
        owner = {INFERENCE_SERVICE: label_value(service.name), COMPONENT: ENGINE, **workloads[ENGINE].of.serving}
        status["replicas"] = observed[ENGINE].replicas
        status["labelSelector"] = ",".join(f"{key}={value}" for key, value in owner.items())
    return status


def problem_status(
    service: InferenceService,
    model: ModelView | None,
    problem: Problem,
    live: LiveState,
    told: Explanation,
    ranking: str,
) -> JsonObject:
    """The status of a service that cannot be planned. What already runs goes on and keeps its address."""
    spec, previous = service.spec, service.status
    asked = {DECODER: spec.decoder, ROUTER: spec.router}
    stuck = Verdict(FALSE, problem.reason, f"{problem.message}; next: {problem.next_step}")
    names = {name: component_name(service.name, name) for name in (ENGINE, *asked)}
    states = {name: live_state(live, own) for name, own in names.items()}
    # What a runtime brought is not asked for by the service, and runs all the same.
    there = [name for name, state in states.items() if name == ENGINE or asked[name] is not None or state is not None]
    observed = {name: observe(live, name, names[name], states[name]) for name in there}
    verdicts = {COMPONENT_CONDITIONS[name]: running_verdict(seen) or stuck for name, seen in observed.items()}
    annotations: JsonObject = dict(previous.annotations or {}) if previous is not None else {}
    choices = {**selection_verdicts(told, problem), **_drift(told)}
    if model is not None:
        choices[_MODEL] = _model_verdict(model)
    status = _common(service, verdicts, choices, annotations, stuck)
    if selection := refused_selection(service, told, problem, ranking):
        status["selection"] = selection
    if previous is not None and previous.pinned_revision_name:
        status["pinnedRevisionName"] = previous.pinned_revision_name
    engine = observed[ENGINE]
    if previous is not None and previous.url and engine.workload is not None:
        status["url"] = previous.url
        status["address"] = {"url": (previous.address.url if previous.address is not None else None) or previous.url}
    if previous is not None and previous.label_selector and engine.workload is not None:
        status["replicas"] = engine.replicas
        status["labelSelector"] = previous.label_selector
    running: JsonObject = {
        name: kept_status(previous, seen) for name, seen in observed.items() if seen.workload is not None
    }
    if running:
        status["components"] = running
    status["modelStatus"] = refused_status(tuple(observed.values()), problem)
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


def _drift(told: Explanation) -> dict[str, Verdict]:
    """That a pinned runtime is another one now; nothing of one that is as it was."""
    return {DRIFTED: told.drift} if told.drift is not None else {}


def _stopping(verdicts: dict[str, Verdict]) -> Verdict | None:
    """What is told while a part of a service that is stopped still has pods."""
    return next((one for one in verdicts.values() if one.reason == STOPPING), None)


def _overall(verdicts: dict[str, Verdict]) -> Verdict:
    """False before Unknown before True; the component's reason before that of the route, which waits for it."""
    order = [verdicts[kind] for kind in (*COMPONENT_CONDITIONS.values(), _INGRESS) if kind in verdicts]
    for status in (FALSE, UNKNOWN):
        found = next((verdict for verdict in order if verdict.status == status), None)
        if found is not None:
            return found
    return Verdict(TRUE)


def _model_verdict(model: ModelView) -> Verdict:
    """Whether a node has the model, with how far its download is. For information: pods tell what they lack."""
    if model.ready:
        return Verdict.informing(TRUE, "Ready", f"model {model.name} can be mounted")
    state = model.state or "NotReported: no node has reported it yet"
    reason, _, text = state.partition(": ")
    told = "; ".join(filter(None, (text, model.progress)))
    return Verdict.informing(FALSE, reason, f"model {model.name}: {told}")
