"""The runtime of a service: the one that it names, or the best of those that fit."""

from collections.abc import Sequence
from dataclasses import dataclass

from omectl.api.inference_service import InferenceService
from omectl.api.references import ServingRuntimeRef
from omectl.api.serving_runtime import ServingRuntime
from omectl.planner.model import ModelView
from omectl.planner.result import Candidate, Problem
from omectl.planner.selection import problems
from omectl.planner.selection.candidates import Assessment, Runtime, assess
from omectl.planner.selection.entry import Code
from omectl.planner.selection.ranking import deciding, ranked, tied
from omectl.planner.selection.request import has_complete_runner, request_of

_FACTS = frozenset({Code.ARCHITECTURE, Code.FRAMEWORK, Code.QUANTIZATION, Code.FORMAT, Code.PIPELINE})


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome. Without a problem, `runtime` is None when the service's own runner is all that there is."""

    runtime: Runtime | None = None
    reason: str = ""
    entry: int | None = None
    candidates: tuple[Candidate, ...] = ()
    ambiguous: bool = False
    warnings: tuple[str, ...] = ()
    problem: Problem | None = None


def select_runtime(service: InferenceService, model: ModelView, runtimes: Sequence[Runtime]) -> Selection:
    """The runtime that serves the model, or why there is none. The order of `runtimes` has no influence."""
    usable = [one for one in runtimes if one.namespace in ("", service.namespace)]
    reference = service.spec.runtime
    runtime = find_runtime(reference, usable) if reference is not None else None
    if reference is not None and runtime is None:
        return Selection(problem=problems.runtime_unknown(service, reference, usable))
    if model.format is None:
        return Selection(problem=problems.model_unknown(model, f"the format of model {model.name} is unknown"))
    return _named(service, runtime, model) if runtime is not None else _automatic(service, model, usable)


def find_runtime(reference: ServingRuntimeRef, runtimes: Sequence[Runtime]) -> Runtime | None:
    """The runtime of that name: the namespace's, else the cluster's.

    The kind cannot decide alone: the API server writes `ClusterServingRuntime` where a user wrote none. Only
    `ServingRuntime`, which somebody wrote, rules the cluster's out.
    """
    named = {isinstance(one, ServingRuntime): one for one in runtimes if one.name == reference.name}
    if reference.kind == ServingRuntime.resource_kind.kind:
        return named.get(True)
    return named.get(True) or named.get(False)


def _named(service: InferenceService, runtime: Runtime, model: ModelView) -> Selection:
    found = assess(runtime, model, request_of(service), automatic=False)
    if found.accepted:
        text = "named by the service (spec.runtime)"
        return Selection(runtime, text, found.entry, (found.candidate(1, text),), warnings=found.notes)
    candidates = (found.candidate(),)
    if model.facts_missing and all(difference.code in _FACTS for difference in found.differences):
        message = f"whether runtime {runtime.name} serves model {model.name} is not known yet"
        return Selection(candidates=candidates, problem=problems.model_unknown(model, message))
    return Selection(candidates=candidates, problem=problems.runtime_does_not_fit(found, model))


def _automatic(service: InferenceService, model: ModelView, runtimes: Sequence[Runtime]) -> Selection:
    request = request_of(service)
    assessments = [assess(runtime, model, request, automatic=True) for runtime in runtimes]
    refused = sorted((one for one in assessments if not one.accepted), key=_distance)
    rejected = tuple(one.candidate() for one in refused)
    order = ranked(assessments, model)
    if order:
        return _chosen(order, rejected, model)
    if has_complete_runner(service):
        reason = "no runtime fits, and the engine's own runner is complete"
        return Selection(reason=reason, candidates=rejected)
    if model.facts_missing:
        message = f"no runtime is known to serve model {model.name}"
        return Selection(candidates=rejected, problem=problems.model_unknown(model, message))
    return Selection(candidates=rejected, problem=problems.none_fits(service, model, refused))


def _chosen(order: list[Assessment], rejected: tuple[Candidate, ...], model: ModelView) -> Selection:
    best, others = order[0], order[1:]
    reason = deciding(best, others[0], model) if others else "the only one that fits"
    accepted = [best.candidate(1, f"chosen: {reason}")]
    for rank, one in enumerate(others, start=2):
        accepted.append(one.candidate(rank, f"fits, but comes after {best.runtime.name}: {deciding(best, one, model)}"))
    equals = [one.runtime.name for one in others if tied(best, one, model)]
    warnings = list(best.notes)
    if equals:
        warnings.append(
            f"runtimes {', '.join([best.runtime.name, *equals])} fit equally well and only the name decided; "
            "name one in spec.runtime, or give them different priorities"
        )
    return Selection(best.runtime, reason, best.entry, (*accepted, *rejected), bool(equals), tuple(warnings))


def _distance(one: Assessment) -> tuple[int, str, str]:
    return (len(one.differences), one.runtime.name, one.scope)
