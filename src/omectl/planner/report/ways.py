"""Ways out of the problem that a plan ended with, the nearest first: each alone would do, or leads on to the next."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.model_path import default_model_path
from omectl.api.references import ServingRuntimeRef
from omectl.planner.accelerators.decision import Outcome as ClassOutcome
from omectl.planner.accelerators.policies import POLICIES
from omectl.planner.inputs import PlanInputs
from omectl.planner.model import ModelView
from omectl.planner.names import MAIN_CONTAINER
from omectl.planner.plan import plan
from omectl.planner.references import model_namespaces, model_reference
from omectl.planner.report.change import Change, once
from omectl.planner.report.remedies import OF_ITS_CHOICE, OF_THE_FORMAT
from omectl.planner.report.told import AcceleratorTold, RuntimeTold
from omectl.planner.report.way import Way
from omectl.planner.result import Plan, Problem, Reason
from omectl.planner.selection.choice import Outcome
from omectl.planner.selection.difference import OF_THE_MODEL
from omectl.planner.spelling import similar

_MOST: Final = 5
_TRIED: Final = 3
_DISPENSABLE: Final = frozenset({"spec.decoder", "spec.router"})
"""Components that a service can do without."""
_ONLY_NOT_LISTED: Final = OF_ITS_CHOICE | {one.value for one in OF_THE_MODEL}
"""Codes in spite of which a runtime is used when the service names it."""
_IMAGE: Final = "<image>"
_FIELD: Final = re.compile(r"annotation (?P<annotation>[^\s:]+)|(?P<path>(?:spec|metadata)\.[A-Za-z0-9.]*[A-Za-z0-9])")
_FACTS: Final[JsonObject] = {
    "modelFormat": {"name": "<format>", "version": "<format version>"},
    "modelFramework": {"name": "<framework>", "version": "<framework version>"},
    "modelArchitecture": "<architecture>",
}

_REFUSED: Final = frozenset(
    one.value
    for one in (
        ClassOutcome.CLASS_NOT_FOUND,
        ClassOutcome.NONE_ELIGIBLE,
        ClassOutcome.UNKNOWN_POLICY,
        ClassOutcome.NO_CLASSES_LISTED,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A plan that ended with a problem, and what is known around it.

    `runtimes` are those that were looked at for the service, `others` those that would be without the runtime that it
    names; `models` are all that anybody knows of.
    """

    inputs: PlanInputs
    service: InferenceService
    made: Plan
    problem: Problem
    model: ModelView | None
    models: tuple[BaseModel | ClusterBaseModel, ...]
    runtimes: tuple[RuntimeTold, ...]
    others: tuple[RuntimeTold, ...]
    accelerators: tuple[AcceleratorTold, ...]

    def in_service(self, field: str, value: JsonValue = None) -> Change:
        """A change of the service."""
        return Change(f"InferenceService {self.service.name}", field, value)


def ways_out(trouble: Trouble) -> tuple[Way, ...]:
    """The ways; none where nobody knows one."""
    match trouble.made.explanation.outcome:
        case "":
            return tuple(_before_selection(trouble))
        case Outcome.RUNTIME_NOT_FOUND:
            return tuple(_another_runtime(trouble))
        case Outcome.RUNTIME_UNSUITABLE:
            return (*_mended(trouble), *_unnamed(trouble))
        case Outcome.NONE_FITS:
            return tuple(_mended(trouble))
        case Outcome.MODEL_UNKNOWN:
            return tuple(_facts(trouble))
        case Outcome.AMBIGUOUS:
            return tuple(_named(trouble))
        case _:
            return (*_classes(trouble), *_field(trouble), *_with_a_plan(trouble))


def _before_selection(trouble: Trouble) -> Iterator[Way]:
    model, problem = trouble.inputs.model, trouble.problem
    if problem.reason != Reason.MODEL or problem.field:
        yield from _field(trouble)
    elif model is None:
        yield from _another_model(trouble)
    elif model.spec.disabled:
        yield Way("enable the model", (_in_model(model, "disabled", value=False),))
    elif trouble.model is not None and trouble.model.files.on_nodes and not model.metadata.deleting:
        root = trouble.inputs.settings.models_root
        path = default_model_path(root, model.spec.storage.storage_uri)
        if path.startswith(f"{root}/"):
            text = "leave the path out: the model then lies below the models root"
            yield Way(text, (_in_model(model, "storage.path"),))


def _another_model(trouble: Trouble) -> Iterator[Way]:
    """Models that are spelled like the one that is named, or that stand elsewhere."""
    service, reference = trouble.service, model_reference(trouble.service)
    old = trouble.inputs.service.spec.model is None and reference is not None
    field = "spec.predictor.model.baseModel" if old else "spec.model.name"
    within = [one for one in trouble.models if one.namespace in ("", service.namespace)]
    of_cluster = {one.name for one in within if not one.namespace}
    kinds = {one.name: _kind(one) for one in sorted(within, key=lambda one: not one.namespace)}
    if reference is not None:
        narrow = "" not in model_namespaces(service, reference)
        elsewhere = _of_name(trouble.models, reference.name)
        for one in elsewhere:
            if one.namespace == "":
                text = f"the cluster has a {_kind(one)} of that name; without a kind it is found"
                yield Way(text, (trouble.in_service("spec.model.kind"),))
            else:
                text = f"namespace {one.namespace} has a {_kind(one)} of that name; move the service there"
                yield Way(text, (trouble.in_service("metadata.namespace", one.namespace),))
        near = similar(reference.name, kinds)
        for name in near:
            wider = (trouble.in_service("spec.model.kind"),) if narrow and name in of_cluster else ()
            yield Way(f"did you mean {kinds[name]} {name}?", (trouble.in_service(field, name), *wider))
        if near or elsewhere:
            return
        others = {one.name: one for one in trouble.models if one.namespace not in ("", service.namespace)}
        for name in similar(reference.name, others):
            one = others[name]
            text = f"did you mean {_kind(one)} {name} of namespace {one.namespace}? move the service there"
            moved = trouble.in_service("metadata.namespace", one.namespace)
            yield Way(text, (trouble.in_service(field, name), moved))
    if kinds:
        names = sorted(kinds)
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        text = f"models that are there: {', '.join(names[:_MOST])}{more}"
        yield Way(text, (trouble.in_service(field, names[0]),) if len(names) == 1 else ())
    elif not trouble.models:
        yield Way("no model is known at all: create a ClusterBaseModel, or give its file with -f")


def _of_name(models: Iterable[BaseModel | ClusterBaseModel], name: str) -> list[BaseModel | ClusterBaseModel]:
    return sorted((one for one in models if one.name == name), key=lambda one: one.namespace)


def _kind(model: BaseModel | ClusterBaseModel) -> str:
    return model.resource_kind.kind


def _in_model(model: BaseModel | ClusterBaseModel, field: str, value: JsonValue = None) -> Change:
    return Change(f"{_kind(model)} {model.name}", f"spec.{field}", value)


def _another_runtime(trouble: Trouble) -> Iterator[Way]:
    """Runtimes that are spelled like the one that is named; those that fit come first."""
    reference, others = trouble.service.spec.runtime, trouble.others
    if reference is None:
        return
    if any(one.name == reference.name for one in others):
        text = "the cluster has a ClusterServingRuntime of that name; without a kind it is found"
        yield Way(text, (trouble.in_service("spec.runtime.kind"),))
    fitting = {one.name: one.fits for one in others}
    near = similar(reference.name, fitting)
    for name in sorted(near, key=lambda one: not fitting[one]):
        text = f"did you mean runtime {name}{'' if fitting[name] else ', which does not fit as it is'}?"
        yield Way(text, (trouble.in_service("spec.runtime.name", name),))
    yield from _unnamed(trouble)


def _unnamed(trouble: Trouble) -> Iterator[Way]:
    """Have a runtime chosen."""
    best = next((one for one in trouble.others if one.rank == 1), None)
    if best is not None:
        yield Way(f"leave the runtime open: {best.name} would be chosen", (trouble.in_service("spec.runtime"),))
    elif trouble.others:
        text = "leave the runtime open: none fits as it is, and what is missing of the nearest is told then"
        yield Way(text, (trouble.in_service("spec.runtime"),))
    yield from _no_runtimes(trouble)


def _no_runtimes(trouble: Trouble) -> Iterator[Way]:
    if not trouble.runtimes and not trouble.others:
        namespace = trouble.service.namespace
        yield Way(f"namespace {namespace} has no runtime to choose: create one, or give its file with -f")


def _mended(trouble: Trouble) -> Iterator[Way]:
    """Have the nearest runtime take the model, and where it only does not list it, use it as it is."""
    nearest = next((one for one in trouble.runtimes if not one.fits), None)
    if nearest is None or trouble.model is None:
        yield from _no_runtimes(trouble)
        return
    named = trouble.in_service("spec.runtime.name", nearest.name)
    codes = {check.code for check in nearest.checks}
    if codes <= OF_ITS_CHOICE:
        yield Way(f"name runtime {nearest.name}: it takes the model, and is only not chosen unasked", (named,))
    addition = nearest.addition if not trouble.model.facts_missing else ()
    ended = (OF_THE_FORMAT | OF_ITS_CHOICE) if addition else frozenset[str]()
    left = [check.changes for check in nearest.checks if check.code not in ended]
    if all(left):
        unless = ", as one more format, if its engine can serve it" if addition else ""
        changes = once((*addition, *(change for each in left for change in each)))
        yield Way(f"have runtime {nearest.name} take the model{unless}", changes)
    strict = trouble.inputs.settings.omectl.selection.strict
    if trouble.service.spec.runtime is None and not strict and _ONLY_NOT_LISTED >= codes > OF_ITS_CHOICE & codes:
        text = f"name runtime {nearest.name}: it is used with a warning, although it does not list the model"
        yield Way(text, (named,))


def _named(trouble: Trouble) -> Iterator[Way]:
    """Name one of the runtimes that are equally good."""
    for one in trouble.runtimes:
        if one.rank is not None and one.rank <= 2:
            yield Way(f"name runtime {one.name}", (trouble.in_service("spec.runtime.name", one.name),))


def _facts(trouble: Trouble) -> Iterator[Way]:
    model, missing = trouble.inputs.model, trouble.model.facts_missing if trouble.model is not None else ()
    if model is not None and missing:
        text = f"state in the model what its files would tell, or read them: --facts {model.spec.storage.storage_uri}"
        yield Way(text, tuple(_in_model(model, name, _FACTS[name]) for name in missing))


def _classes(trouble: Trouble) -> Iterator[Way]:
    """Have an accelerator class be found."""
    for one in trouble.accelerators:
        match one.outcome:
            case ClassOutcome.CLASS_NOT_FOUND | ClassOutcome.NONE_ELIGIBLE:
                yield from _class_mended(one)
            case ClassOutcome.UNKNOWN_POLICY:
                for policy in similar(one.policy, POLICIES) or POLICIES:
                    change = trouble.in_service(one.asked_by, policy)
                    yield Way(f"policy {policy}", (change,))
            case ClassOutcome.NO_CLASSES_LISTED:
                if one.listing:
                    yield Way("have the runtime list the classes that are there", one.listing)
            case _:
                continue
        if one.asked_by and one.outcome in _REFUSED:
            yield Way(f"do without: no class for the {one.component}", (trouble.in_service(one.asked_by),))


def _class_mended(one: AcceleratorTold) -> Iterator[Way]:
    for told in one.classes:
        if told.rank is None and told.checks and all(check.changes for check in told.checks):
            changes = once(change for check in told.checks for change in check.changes)
            yield Way(f"have class {told.name} be used", changes)
            return


def _with_a_plan(trouble: Trouble) -> Iterator[Way]:
    """Another runtime that fits, when it comes to a plan with it."""
    inputs, chosen = trouble.inputs, trouble.made.explanation.runtime
    fitting = [one for one in (*trouble.runtimes, *trouble.others) if one.fits and one.name != chosen]
    for one in fitting[:_TRIED]:
        reference = ServingRuntimeRef(name=one.name)
        spec = trouble.service.spec.model_copy(update={"runtime": reference})
        service = trouble.service.model_copy(update={"spec": spec})
        if plan(replace(inputs, service=service)).problem is None:
            text = f"name runtime {one.name}, which fits too"
            yield Way(text, (trouble.in_service("spec.runtime.name", one.name),))
            return


def _field(trouble: Trouble) -> Iterator[Way]:
    """Take the service's own field that is in the way out, or fill in what it lacks."""
    field, problem = _field_of(trouble), trouble.problem
    if not field:
        return
    if problem.reason == Reason.MERGE and field.endswith(".image"):
        yield Way("give it an image", (trouble.in_service(field, _IMAGE),))
    elif problem.reason == Reason.MERGE and field.endswith(".runner"):
        runner: JsonObject = {"name": MAIN_CONTAINER, "image": _IMAGE}
        yield Way("give it a container", (trouble.in_service(field, runner),))
        whole = field.removesuffix(".runner")
        if whole in _DISPENSABLE:
            yield Way(f"do without {whole}", (trouble.in_service(whole),))
    else:
        yield Way("do without it", (trouble.in_service(field),))


def _field_of(trouble: Trouble) -> str:
    """The service's field that the problem is about, by its own word or by how its message begins; "" for none."""
    match = _FIELD.match(trouble.problem.field or trouble.problem.message)
    if match is None:
        return ""
    key = match["annotation"]
    if key is None:
        return match["path"]
    spec = trouble.service.spec
    parts = {"engine": spec.engine, "decoder": spec.decoder, "router": spec.router}
    own = [name for name, part in parts.items() if part is not None and key in (part.annotations or {})]
    if key in trouble.service.metadata.annotations:
        return f"metadata.annotations[{key}]"
    return f"spec.{own[0]}.annotations[{key}]" if own else ""
