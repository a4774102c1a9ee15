"""The part of a service's status that tells of its choices and remembers them. Equal plans give equal parts.

Nothing in it changes with what pods take or give back: a number of free accelerators would be written all the time.
"""

from itertools import takewhile
from typing import Final

from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject, JsonValue
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.document import as_document
from omectl.planner.fit import FitReport
from omectl.planner.result import Candidate, Explanation, Problem
from omectl.planner.selection.candidates import NAMESPACE
from omectl.planner.selection.choice import Outcome
from omectl.planner.selection.sticky import reselect_asked

_NEAREST: Final = 3
_GIB: Final = 1 << 30
_REMEMBERED: Final = ("runtime", "accelerators", "inputs", "reselect")


def kind_of(scope: str) -> str:
    """The kind of the runtimes of that scope."""
    cls = ServingRuntime if scope == NAMESPACE else ClusterServingRuntime
    return cls.resource_kind.kind


def settled_reason(told: Explanation) -> str:
    """How the selection ended, the same on every later pass: what is kept and still the best was chosen."""
    if told.outcome == Outcome.KEPT and told.better is None:
        return Outcome.CHOSEN.value
    return told.outcome


def selection_status(service: InferenceService, told: Explanation, ranking: str) -> JsonObject:
    """The choices of a service that has a plan."""
    status: JsonObject = {"reason": settled_reason(told), "ranking": ranking}
    if told.runtime:
        runtime: JsonObject = {"kind": kind_of(told.scope), "name": told.runtime}
        if told.entry is not None:
            runtime["entry"] = told.entry
        status["runtime"] = runtime
    if told.ambiguous:
        status["ambiguous"] = True
    if told.better is not None:
        scope, name = told.better
        status["betterCandidate"] = {"kind": kind_of(scope), "name": name}
    accelerators: JsonObject = {one.component: _class(one) for one in told.accelerators if one.class_name}
    if accelerators:
        status["accelerators"] = accelerators
    if told.fit is not None:
        status["fit"] = _fit(told.fit.report)
    if told.inputs:
        status["inputs"] = told.inputs
    if reselect := reselect_asked(service):
        status["reselect"] = reselect
    return status


def refused_selection(service: InferenceService, told: Explanation, problem: Problem, ranking: str) -> JsonObject:
    """The choices of a service that cannot be planned: what it had stays, with the runtimes that come nearest.

    Empty when there was nothing and no runtime was looked at.
    """
    before = as_document(service.status.selection if service.status is not None else None)
    if not told.outcome:
        return before
    status = {name: before[name] for name in _REMEMBERED if name in before}
    lacks_runtime = not told.runtime and told.outcome != Outcome.OWN_RUNNER
    status["reason"] = told.outcome if lacks_runtime else problem.reason
    status["ranking"] = ranking
    if told.ambiguous:
        status["ambiguous"] = True
    if lacks_runtime:
        candidates = told.candidates
        fitting = sum(1 for _ in takewhile(lambda one: one.accepted, candidates))
        if passed_over := len(candidates) - fitting:
            status["nearest"] = [_miss(one) for one in candidates[fitting : fitting + _NEAREST]]
            status["passedOver"] = passed_over
    return status


def _class(decision: ClassDecision) -> JsonObject:
    told: JsonObject = {"acceleratorClass": decision.class_name, "reason": decision.came_by.value}
    if decision.policy:
        told["policy"] = decision.policy
    if decision.ask:
        told["ask"] = decision.ask
    return told


def _fit(found: FitReport) -> JsonObject:
    told: JsonObject = {"verdict": found.verdict.value}
    if found.terms:
        told["needed"] = _quantity(found.required_bytes)
        told["context"] = found.context
    if found.memory_bytes is not None:
        told["memory"] = _quantity(found.memory_bytes)
    if found.largest_context is not None:
        told["largestContext"] = found.largest_context
    if found.largest_concurrency is not None:
        told["largestConcurrency"] = found.largest_concurrency
    return told


def _miss(one: Candidate) -> JsonObject:
    return {"kind": kind_of(one.scope), "name": one.name, "codes": list[JsonValue](one.codes)}


def _quantity(count: int) -> str:
    return f"{count / _GIB:.1f}Gi"
