"""From inputs to a plan. Equal inputs, in whatever order, give equal plans, byte for byte."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.document import as_number, as_text, at
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.planner.accelerators.choice import priced
from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.document import sorted_keys
from omectl.planner.fit.words import obstacle_of, problem_in_words
from omectl.planner.hardware import Trial, Trials, accelerators_of
from omectl.planner.inputs import LiveState, PlanInputs
from omectl.planner.layers import WORKER
from omectl.planner.metadata import component_metadata
from omectl.planner.model import ModelView, view_model
from omectl.planner.model_config import model_config
from omectl.planner.model_files import check_files
from omectl.planner.modes import VIRTUAL, is_virtual
from omectl.planner.names import DECODER, ENGINE, ROUTER, check_name
from omectl.planner.pairing import Found, unpaired
from omectl.planner.pinning import pin_of
from omectl.planner.pod import main_container
from omectl.planner.ports import port_clashes
from omectl.planner.predictor import OLD_FORM, migrated
from omectl.planner.provenance import Provenance, provenance_of
from omectl.planner.references import model_namespaces, model_reference
from omectl.planner.result import Explanation, Plan, PlanRefused, Problem, Reason
from omectl.planner.routing import entry_of, route
from omectl.planner.scaling import (
    STOPPED_BY_ANNOTATION,
    ScaleTarget,
    Scaling,
    built_in,
    disruption_budget,
    engine_metrics,
    follow,
    initial_replicas,
    is_silent,
    is_stopped,
    proportion,
    scale,
    stopped,
    was_stopped,
)
from omectl.planner.selection.candidates import scope_of
from omectl.planner.selection.choice import Selection, select_runtime
from omectl.planner.selection.sticky import picked_before
from omectl.planner.status import planned_status, problem_status
from omectl.planner.verdict import Verdict
from omectl.planner.weights import served_weight, weight_warnings
from omectl.planner.workloads.knative import name_is_taken
from omectl.planner.workloads.raw import router_access, service_ports
from omectl.planner.workloads.sidecar import sidecar
from omectl.planner.workloads.succession import in_service
from omectl.planner.workloads.table import WORKLOAD_KINDS
from omectl.planner.workloads.virtual import virtual_status
from omectl.planner.workloads.workload import Workload, revision_of


def plan(inputs: PlanInputs) -> Plan:
    """What is to exist for the service, why, and what to report. Never raises for what a user may write."""
    if is_virtual(inputs.service):
        return Plan(explanation=Explanation(mode=VIRTUAL), status=sorted_keys(virtual_status(inputs.service)))
    explanation = Explanation()
    try:
        check_name(inputs.service.name)
        service = migrated(inputs.service)
        stop = is_stopped(service)
        resource = _model(service, inputs.model)
        model = view_model(resource, inputs.settings)
        check_files(model.files, f"model {model.name}", service.namespace, inputs.settings.models_root)
        weight = served_weight(service, inputs.weights, resource.spec.vendor or "", inputs.settings)
        model = replace(model, weight=weight)
        trials = Trials(replace(inputs, service=service), resource, model)
        pin = pin_of(service, inputs.live)
        runtimes = pin.over(inputs.runtimes) if pin is not None else inputs.runtimes
        settings, before = inputs.settings.omectl.selection, picked_before(service)
        selection = select_runtime(service, model, runtimes, settings, before, trials.hindrance)
        explanation = _explanation(selection, model)
        explanation = replace(explanation, warnings=(*explanation.warnings, *weight_warnings(weight, model.name)))
        keeper = pin.revision_of(selection.runtime) if pin is not None and selection.runtime is not None else None
        if pin is not None and keeper is not None:
            explanation = _pinned(explanation, keeper, pin.drift(inputs.runtimes))
        if stop:
            explanation = replace(explanation, warnings=(*explanation.warnings, STOPPED_BY_ANNOTATION))
        if service is not inputs.service:
            explanation = replace(explanation, warnings=(OLD_FORM, *explanation.warnings))
        if selection.problem is not None:
            return refused(inputs, selection.problem, explanation)
        trial = trials.of(selection.runtime, selection.entry)
        made = _rendered(replace(inputs, service=service), resource, model, trial, explanation, stop=stop)
        if keeper is None or made.problem is not None:
            return made
        # What the pods are made of is kept before they are.
        return replace(made, objects=(sorted_keys(keeper), *made.objects))
    except PlanRefused as refusal:
        return refused(inputs, refusal.problem, explanation)


@dataclass(frozen=True, slots=True)
class _Built:
    """The components' workloads, and what is to be said of how they came to be."""

    workloads: dict[str, Workload]
    decisions: dict[str, ClassDecision]
    provenance: dict[tuple[str, str], Provenance]
    warnings: tuple[str, ...]


def _rendered(
    inputs: PlanInputs,
    resource: BaseModel | ClusterBaseModel,
    model: ModelView,
    trial: Trial,
    explanation: Explanation,
    *,
    stop: bool,
) -> Plan:
    service, assembly = inputs.service, trial.assembly
    if assembly.problem is not None:
        decisions = tuple(choice.decision for choice in assembly.choices.values())
        return refused(inputs, assembly.problem, replace(explanation, accelerators=decisions))
    built = _built(inputs, resource, model, trial, stop=stop)
    scalings = _scalings(inputs, built.workloads)
    if stop:
        scalings = {name: stopped(one, inputs.live) for name, one in scalings.items()}
    objects: list[JsonObject] = [model_config(service, model, resource)]
    workloads: dict[str, Workload] = {}
    serving: dict[str, Workload] = {}
    ports: dict[str, JsonObject] = {}
    for name, workload in built.workloads.items():
        made_of = workload.manifests(scalings[name].bounds.least)
        workloads[name] = replace(workload, revision=revision_of(made_of))
        serving[name] = in_service(workload, inputs.live, scalings[name].bounds.least)
        ports[name] = service_ports(workload.component, serving[name].pod)[0]
        objects += _objects_of(workload, made_of, scalings[name], serving[name], inputs.live)
    entry = entry_of(service, assembly.parts, workloads, inputs.live)
    where = route(service, entry, ports, assembly.parts, inputs.settings, serving, inputs.live)
    objects += where.objects
    scaled = (text for name in workloads for text in scalings[name].warnings)
    explanation = replace(
        explanation,
        warnings=(*explanation.warnings, *built.warnings, *scaled, *where.warnings),
        mode=assembly.mode,
        fit=trial.fit,
        decoder_fit=trial.decoder_fit,
        accelerators=tuple(built.decisions.values()),
        scales=tuple(scaling.scale for scaling in scalings.values()),
    )
    ranking = inputs.settings.omectl.selection.ranking

    def report(live: LiveState) -> JsonObject:
        return sorted_keys(planned_status(service, model, workloads, where, live, explanation, ranking, scalings))

    free = [one for one in scalings.values() if one.pinned is None and not one.built_in]
    return Plan(
        objects=tuple(sorted_keys(obj) for obj in objects),
        explanation=explanation,
        status=report(inputs.live),
        initial_replicas={
            (scaling.target.kind, scaling.target.name): initial_replicas(scaling, inputs.live) for scaling in free
        },
        resumed=frozenset((one.target.kind, one.target.name) for one in free if was_stopped(one, inputs.live)),
        stopped=stop,
        provenance=built.provenance,
        report=report,
    )


def _built(
    inputs: PlanInputs, resource: BaseModel | ClusterBaseModel, model: ModelView, trial: Trial, *, stop: bool
) -> _Built:
    assembly = trial.assembly
    decisions = {name: choice.decision for name, choice in assembly.choices.items()}
    provenance: dict[tuple[str, str], Provenance] = {}
    workloads: dict[str, Workload] = {}
    warnings: list[str] = []
    for part in assembly.parts:
        kind = WORKLOAD_KINDS[assembly.modes[part.name]]
        # A revision that is unknown for a while does not restart the pods.
        revision = model.revision or kind.live_revision(inputs.live, part.object_name)
        others = assembly.workers.get(part.name)
        roles = (part, others) if others is not None else (part,)
        pods = {one.role: trial.pod_of(one).spec for one in roles}
        workloads[part.name] = Workload(
            of=kind,
            component=part,
            metadata=component_metadata(part, model, resource, assembly.modes[part.name], revision),
            pod=pods[part.role],
            workers=pods.get(WORKER),
            stopped=stop,
        )
        if part.use is not None:
            # The class may have raised what the runtime asks for, and a pod costs what it gets.
            count = accelerators_of(part, pods[part.role])
            decisions[part.name] = priced(decisions[part.name], part.use.accelerator_class, count)
        for one, path in zip(roles, (kind.pod_path, kind.workers_path), strict=False):
            made = trial.pod_of(one)
            provenance[one.name, one.role] = provenance_of(one, made, path)
            warnings += made.warnings
            warnings += [f"{one.in_words}: {problem_in_words(problem)}" for problem in made.accelerated.problems]
    return _Built(workloads, decisions, provenance, (*warnings, *_warnings(trial, workloads)))


def _objects_of(
    workload: Workload, made_of: Sequence[JsonObject], scaling: Scaling, serving: Workload, live: LiveState
) -> Iterator[JsonObject]:
    """A component's objects in the order to apply them; `serving` is the workload as Services are to see it."""
    part = workload.component
    yield from router_access(part, workload.metadata, workload.pod)
    yield from sidecar(workload, as_number(service_ports(part, workload.pod)[0].get("port")))
    yield from map(scaling.pin, made_of)
    in_front = serving.service() if workload.of.own_service else None
    if in_front is not None and not name_is_taken(live, in_front):
        yield in_front
    if scaling.scaler is not None:
        yield scaling.scaler
    if workload.of.scalable and not (workload.of.grouped and is_silent(part)):
        yield disruption_budget(part, workload.metadata)


def _warnings(trial: Trial, workloads: Mapping[str, Workload]) -> tuple[str, ...]:
    """What components keep each other from, and what the decoder's accelerators do not hold."""
    pods = {name: (one.pod, *([one.workers] if one.workers is not None else [])) for name, one in workloads.items()}
    clashes = (f"{found}; {step}" for found, step in port_clashes(pods))
    return (*_too_large(trial), *_unpaired(workloads), *clashes)


def _too_large(trial: Trial) -> tuple[str, ...]:
    """What keeps the decoder from working on its accelerators; of the engine the explanation tells it."""
    obstacle = obstacle_of(trial.decoder_fit) if trial.decoder_fit is not None else None
    return (f"{DECODER}: {obstacle.text}; {obstacle.step}",) if obstacle is not None else ()


def _unpaired(workloads: Mapping[str, Workload]) -> tuple[str, ...]:
    """Why requests do not reach engine and decoder of a service that has both."""
    if DECODER not in workloads:
        return ()
    if ROUTER not in workloads:
        return ("a decoder without a router: requests go to the engine, which only prefills; add spec.router",)
    found = {
        name: Found.of(
            one.metadata.pod_labels, one.of.serving, main_container(one.component, one.pod), one.component.pods
        )
        for name, one in workloads.items()
        if name != ROUTER
    }
    router = workloads[ROUTER]
    return tuple(f"router: {text}" for text in unpaired(main_container(router.component, router.pod), found))


def _scalings(inputs: PlanInputs, workloads: Mapping[str, Workload]) -> dict[str, Scaling]:
    """How each component is scaled; one that follows another comes after it. Raises `PlanRefused`."""
    metrics = {
        name: engine_metrics(main_container(workload.component, workload.pod))
        for name, workload in workloads.items()
        if name != ROUTER
    }
    pace = proportion(inputs.service, list(workloads))
    found: dict[str, Scaling] = {}
    for name in sorted(workloads, key=lambda one: pace is not None and pace.follows(one)):
        workload = workloads[name]
        target = ScaleTarget(workload.api_version, workload.kind, workload.name)
        if not workload.of.scalable:
            found[name] = built_in(workload.component, target, zero=not workload.of.several)
        elif pace is not None and pace.follows(name):
            found[name] = follow(workload.component, target, pace, found[pace.anchor], inputs.live)
        else:
            measured = metrics[ENGINE if name == ROUTER else name]
            found[name] = scale(
                workload.component,
                workload.metadata,
                target,
                inputs.settings.keda_config,
                measured,
                unasked=not workload.of.grouped,
            )
    return {name: found[name] for name in workloads}


def refused(inputs: PlanInputs, problem: Problem, explanation: Explanation | None = None) -> Plan:
    """Nothing is planned, and what runs goes on; the status tells of both."""
    told = explanation or Explanation()
    ranking = inputs.settings.omectl.selection.ranking
    model = view_model(inputs.model, inputs.settings) if inputs.model is not None else None
    return Plan(
        explanation=told,
        status=sorted_keys(problem_status(inputs.service, model, problem, inputs.live, told, ranking)),
        problem=problem,
    )


def _explanation(selection: Selection, model: ModelView) -> Explanation:
    runtime, turn = selection.runtime, selection.turn
    return Explanation(
        model=model.in_words,
        runtime=runtime.name if runtime is not None else "",
        scope=scope_of(runtime) if runtime is not None else "",
        better=turn.better if turn is not None else None,
        turn=turn.code.value if turn is not None else "",
        inputs=selection.inputs,
        outcome=selection.outcome.value,
        entry=selection.entry,
        runtime_reason=selection.reason,
        candidates=selection.candidates,
        tied=selection.tied,
        warnings=selection.warnings,
    )


def _pinned(explanation: Explanation, keeper: JsonObject, drift: Verdict | None) -> Explanation:
    """With what keeps the runtime, and in what the runtime differs from it."""
    warnings = (drift.message,) if drift is not None else ()
    name = as_text(at(keeper, "metadata", "name"))
    return replace(explanation, pinned=name, drift=drift, warnings=(*explanation.warnings, *warnings))


def _model(service: InferenceService, model: BaseModel | ClusterBaseModel | None) -> BaseModel | ClusterBaseModel:
    reference = model_reference(service)
    if reference is None:
        message = "the service names no model"
        raise PlanRefused(Reason.MODEL, message, "set spec.model.name", failure="BaseModelNotFound")
    if model is None:
        places = [f"namespace {one}" if one else "the cluster" for one in model_namespaces(service, reference)]
        message = f"model {reference.name} ({reference.kind}): not found in {' or '.join(places)}"
        step = "create it, or correct spec.model.name and spec.model.kind"
        raise PlanRefused(Reason.MODEL, message, step, failure="BaseModelNotFound")
    kind = model.resource_kind.kind
    if model.spec.disabled:
        message = f"{kind} {model.name} is disabled (spec.disabled is true)"
        raise PlanRefused(Reason.MODEL, message, "enable it, or name another model", failure="BaseModelNotReady")
    if model.metadata.deleting:
        message = f"{kind} {model.name} is being deleted"
        raise PlanRefused(Reason.MODEL, message, "name another model", failure="BaseModelNotReady")
    return model
