"""The runtime of a service: the one that it names, or the best of those that fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from omectl.api.inference_service import InferenceService
from omectl.api.references import ServingRuntimeRef
from omectl.api.serving_runtime import ServingRuntime
from omectl.api.settings import SelectionSettings
from omectl.planner.model import ModelView
from omectl.planner.result import Candidate, Problem
from omectl.planner.selection import problems
from omectl.planner.selection.candidates import Assessment, assess
from omectl.planner.selection.difference import OF_THE_MODEL, Difference
from omectl.planner.selection.inquiry import Answers, EntryRules, Inquiry
from omectl.planner.selection.listing import Listing
from omectl.planner.selection.policy import POLICIES, Policy
from omectl.planner.selection.ranking import Ranked, deciding, ranked
from omectl.planner.selection.refused import Refused
from omectl.planner.selection.request import has_complete_runner, request_of
from omectl.planner.selection.sticky import Pick, Turn, input_hash, reselect_asked, turn
from omectl.planner.selection.terms import Runtime, terms_of

_MOST_ASKED: Final = 4
Hindrance: TypeAlias = Callable[[Runtime, int | None], Difference | None]
"""Why the accelerators of a runtime that takes the model by this entry would not do; None when they do."""


class Outcome(StrEnum):
    """How the selection ended, for machines."""

    NAMED = "Named"
    NAMED_DESPITE_MISMATCH = "NamedDespiteMismatch"
    CHOSEN = "Chosen"
    KEPT = "Kept"
    OWN_RUNNER = "OwnRunner"
    RUNTIME_NOT_FOUND = "RuntimeNotFound"
    RUNTIME_UNSUITABLE = "RuntimeUnsuitable"
    MODEL_UNKNOWN = "ModelUnknown"
    NONE_FITS = "NoneFits"
    AMBIGUOUS = "Ambiguous"


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome. Without a problem, `runtime` is None when the service's own runner is all that there is.

    `entry` is the index of the supported format that won, and the only one whose accelerator overrides apply; it is
    None for a named runtime that lists no model like this one. `turn` says whether an earlier pick was kept, and why;
    `inputs` is the mark of what it was made from. Both are there only when the choice was left to us. `tied` are the
    names of the runtimes that fit as well as the best one, that one first. `candidates` are those that fit, by rank,
    then the others, the nearest first; of these, only what is read is put in words.
    """

    outcome: Outcome
    runtime: Runtime | None = None
    reason: str = ""
    entry: int | None = None
    candidates: Sequence[Candidate] = ()
    tied: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: Problem | None = None
    turn: Turn | None = None
    inputs: str = ""

    @property
    def ambiguous(self) -> bool:
        """Whether only the name tells the best runtime from another one."""
        return bool(self.tied)


def select_runtime(
    service: InferenceService,
    model: ModelView,
    runtimes: Sequence[Runtime],
    settings: SelectionSettings | None = None,
    previous: Pick | None = None,
    hindrance: Hindrance | None = None,
) -> Selection:
    """The runtime that serves the model, or why there is none. The order of `runtimes` has no influence.

    `previous` is what was picked before: among all that fit it stays, until the service or the model changes.
    `hindrance` is asked of those that could be chosen, the best first, until one has none; with strict settings the
    others are refused, else they come last. For a service that keeps its runtime no more than a few are asked; when
    none of them would do, none is told to be better.
    """
    wanted = settings or SelectionSettings()
    namespaces = ("", service.namespace)
    usable = [one for one in runtimes if one.namespace in namespaces]
    reference = service.spec.runtime
    runtime = find_runtime(reference, usable) if reference is not None else None
    if reference is not None and runtime is None:
        problem = problems.runtime_unknown(service, reference, usable)
        return Selection(Outcome.RUNTIME_NOT_FOUND, problem=problem)
    if model.format is None:
        problem = problems.model_unknown(model, f"the format of model {model.name} is unknown")
        return Selection(Outcome.MODEL_UNKNOWN, problem=problem)
    if runtime is not None:
        return _named(service, runtime, model, wanted)
    return _automatic(service, model, usable, wanted, previous, hindrance)


def find_runtime(reference: ServingRuntimeRef, runtimes: Sequence[Runtime]) -> Runtime | None:
    """The runtime of that name: the namespace's, else the cluster's.

    The kind cannot decide alone: the API server writes `ClusterServingRuntime` where a user wrote none. Only
    `ServingRuntime`, which somebody wrote, rules the cluster's out.
    """
    named = {isinstance(one, ServingRuntime): one for one in runtimes if one.name == reference.name}
    if reference.kind == ServingRuntime.resource_kind.kind:
        return named.get(True)
    return named.get(True) or named.get(False)


def _named(service: InferenceService, runtime: Runtime, model: ModelView, settings: SelectionSettings) -> Selection:
    policy = POLICIES[settings.ranking]
    rules = EntryRules(merit=policy.merit, automatic=False)
    found = assess(runtime, Answers(Inquiry(model, request_of(service), rules)))
    text = "named by the service (spec.runtime)"
    if found.accepted:
        candidates = (found.candidate(1, text),)
        return Selection(Outcome.NAMED, runtime, text, found.entry, candidates, warnings=found.notes)
    candidates = (found.candidate(),)
    of_the_model = all(difference.code in OF_THE_MODEL for difference in found.differences)
    if of_the_model and model.facts_missing:
        message = f"whether runtime {runtime.name} serves model {model.name} is not known yet"
        problem = problems.model_unknown(model, message)
        return Selection(Outcome.MODEL_UNKNOWN, candidates=candidates, problem=problem)
    if of_the_model and not settings.strict:
        warning = problems.named_despite(found, model)
        return Selection(
            Outcome.NAMED_DESPITE_MISMATCH, runtime, text, None, candidates, warnings=(warning, *found.notes)
        )
    problem = problems.runtime_does_not_fit(found, model)
    return Selection(Outcome.RUNTIME_UNSUITABLE, candidates=candidates, problem=problem)


def _automatic(
    service: InferenceService,
    model: ModelView,
    runtimes: Sequence[Runtime],
    settings: SelectionSettings,
    previous: Pick | None,
    hindrance: Hindrance | None,
) -> Selection:
    policy = POLICIES[settings.ranking]
    rules = EntryRules(merit=policy.merit, automatic=True, needs_score=policy.needs_score)
    answers = Answers(Inquiry(model, request_of(service), rules))
    fitting: list[Runtime] = []
    unfit: list[Runtime] = []
    for one in runtimes:
        (fitting if terms_of(one).met(answers) else unfit).append(one)
    assessments = [assess(one, answers) for one in fitting]
    order = ranked(assessments, model.size, policy)
    inputs, own_runner = input_hash(service, model), has_complete_runner(service)
    before = previous if previous is not None and (previous.runtime or own_runner) else None
    reselect = reselect_asked(service)
    matters = settings.strict or (policy.heeds_accelerators and len(order) > 1)
    found_out = True
    if order and hindrance is not None and matters:
        kept = turn(before, inputs, order, reselect)
        knowing = _hindered(assessments, order, kept, hindrance, strict=settings.strict)
        found_out = knowing is not None
        assessments = knowing or assessments
        order = ranked(assessments, model.size, policy)
    refused = Refused(unfit, answers, known=[one for one in assessments if not one.accepted])
    if order:
        taken = turn(before, inputs, order, reselect)
        if not found_out:
            taken = replace(taken, better=None)
        chosen = replace(_chosen(order, refused, policy, taken), inputs=inputs)
        if chosen.ambiguous and settings.strict and not taken.kept:
            problem = problems.ambiguous(model, chosen.tied)
            return replace(chosen, outcome=Outcome.AMBIGUOUS, runtime=None, entry=None, reason="", problem=problem)
        return chosen
    rejected = Listing((), refused)
    if own_runner:
        reason = "no runtime fits, and the engine's own runner is complete"
        return Selection(Outcome.OWN_RUNNER, reason=reason, candidates=rejected, inputs=inputs)
    if model.facts_missing:
        problem = problems.model_unknown(model, f"no runtime is known to serve model {model.name}")
        return Selection(Outcome.MODEL_UNKNOWN, candidates=rejected, problem=problem)
    problem = problems.none_fits(service, model, refused)
    return Selection(Outcome.NONE_FITS, candidates=rejected, problem=problem)


def _hindered(
    assessments: list[Assessment], order: list[Ranked], kept: Turn, hindrance: Hindrance, *, strict: bool
) -> list[Assessment] | None:
    """The assessments, knowing of the best ones whether their accelerators would do.

    As many are asked as it takes to find one, and those that do as well. What was picked before is never refused: it
    runs, and this is an estimate. None when it is kept, and too many would have to be asked to tell of a better one.
    """
    against: dict[tuple[str, str], Difference] = {}
    best: Ranked | None = None
    for one in order:
        if best is not None and not one.ties(best):
            break
        if best is None and kept.kept and len(against) == _MOST_ASKED:
            return None
        found = hindrance(one.assessment.runtime, one.assessment.entry)
        if found is not None:
            against[one.key] = found
        else:
            best = best or one
    if not against:
        return assessments
    knowing: list[Assessment] = []
    for one in assessments:
        key = (one.scope, one.runtime.name)
        found = against.get(key)
        if found is not None:
            refused = strict and not (kept.kept and key == kept.key)
            one = one._replace(differences=(found,)) if refused else one._replace(hindrance=found)
        knowing.append(one)
    return knowing


def _chosen(order: list[Ranked], refused: Refused, policy: Policy, taken: Turn) -> Selection:
    best = order[0]
    order = sorted(order, key=lambda one: taken.first and one.key != taken.key)
    first, others = order[0], order[1:]
    chosen = next((one for one in order if one.key == taken.key), None)
    equals = [one.name for one in others if one.ties(first)] if taken.first else []
    tied = (first.name, *equals) if equals else ()
    reason = deciding(first, others[0], policy) if others else "the only one that fits"
    if taken.kept and (tied or first is not best):
        reason = taken.text
    accepted: list[Candidate] = []
    for rank, one in enumerate(order, start=1):
        if one is first:
            standing = f"chosen: {reason}" if taken.first else f"fits best: {reason}"
        else:
            standing = f"fits, but comes after {first.name}: {deciding(first, one, policy)}"
        if one is chosen and not taken.first:
            standing = f"kept: {taken.text}; {standing}"
        accepted.append(one.assessment.candidate(rank, standing))
    candidates = Listing(accepted, refused)
    name = chosen.name if chosen is not None else "the service's own runner"
    warnings = [] if taken.first else [f"runtime {first.name} would be chosen today, {name} is kept: {taken.text}"]
    if chosen is None:
        return Selection(Outcome.OWN_RUNNER, None, taken.text, None, candidates, warnings=tuple(warnings), turn=taken)
    if tied:
        warnings.insert(0, problems.only_the_name(tied))
    if chosen.assessment.hindrance is not None:
        warnings.insert(0, f"runtime {name}: {chosen.assessment.hindrance.text}")
    return Selection(
        Outcome.KEPT if taken.kept else Outcome.CHOSEN,
        chosen.assessment.runtime,
        reason if taken.first else taken.text,
        chosen.assessment.entry,
        candidates,
        tied,
        (*chosen.assessment.notes, *warnings),
        turn=taken,
    )
