"""Whether every entry that may be chosen automatically wins for its own model, and which runtimes overlap."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from omectl.planner.lint.about import About, Read
from omectl.planner.lint.catalogue import Catalogue
from omectl.planner.lint.finding import Finding
from omectl.planner.lint.rules import Code
from omectl.planner.model import ModelView
from omectl.planner.selection.candidates import assess, entries
from omectl.planner.selection.inquiry import Answers, EntryRules, Inquiry
from omectl.planner.selection.overlap import OverlapCode, overlaps
from omectl.planner.selection.policy import DEFAULT, OME, Policy
from omectl.planner.selection.ranking import Ranked, deciding, ranked
from omectl.planner.selection.request import Request
from omectl.planner.selection.sample import common_model, of_size, sizes_in_both
from omectl.planner.selection.size import SizeRange
from omectl.planner.selection.terms import Runtime, terms_of


@dataclass(frozen=True, slots=True)
class Defeat:
    """The runtime that is chosen instead, by which entry, and why."""

    winner: str
    entry: int | None
    why: str


def own_models(runtime: Runtime, index: int, others: Iterable[Runtime]) -> tuple[ModelView, ...]:
    """Models that an entry describes; nothing when there is none.

    One of the middle of the runtime's sizes. Of a range with an open end, which is to take what no narrower one does,
    also those just beyond the sizes of the others.
    """
    entry = entries(runtime)[index]
    sizes = SizeRange.of(runtime.spec.model_size_range)
    tried = sizes_in_both(sizes, sizes)
    model = common_model(entry, entry)
    if model is None or not tried:
        return ()
    beyond: set[int] = set()
    if sizes.open_ends:
        for other in map(SizeRange.of, (one.spec.model_size_range for one in others)):
            beyond |= {other.low - 1} if other.low is not None else set()
            beyond |= {other.high + 1} if other.high is not None else set()
    low, high = max(sizes.low or 1, 1), sizes.high
    inside = (size for size in sorted(beyond) if low <= size and (high is None or size <= high))
    return tuple(of_size(model, size) for size in dict.fromkeys((tried[0], *inside)))


def ranking_findings(catalogue: Catalogue) -> Iterator[Finding]:
    """Entries that lose, entries that take nothing, and overlaps."""
    known = [one for one in catalogue.runtimes if not one.resource.spec.disabled]
    runtimes = [one.resource for one in known]
    for one in known:
        for index, entry in enumerate(entries(one.resource)):
            if entry.auto_select:
                yield from _entry(one, index, runtimes)
    about = {one.resource.key: one.about for one in known}
    for overlap in overlaps(runtimes):
        shadowed = overlap.code is OverlapCode.SHADOWED
        loser, index = (overlap.second, overlap.entries[1]) if shadowed else (overlap.first, overlap.entries[0])
        other, other_index = (overlap.first, overlap.entries[0]) if shadowed else (overlap.second, overlap.entries[1])
        yield about[loser.key].finding(
            Code.NAMESPACE_SHADOWS if shadowed else Code.ONLY_NAME_DECIDES,
            _field(index),
            wanted=f"to take models such as {overlap.sample} better or worse than others do",
            found=f"that runtime {other.key} (format {other_index}) "
            + ("takes them first in its namespace" if shadowed else "takes them equally well"),
            do="give one a higher priority, or narrow its formats or sizes",
        )


def _entry(one: Read[Runtime], index: int, runtimes: list[Runtime]) -> Iterator[Finding]:
    rivals = list(_alike(one.resource, index, runtimes))
    models = own_models(one.resource, index, rivals)
    if not models:
        yield one.about.finding(
            Code.ENTRY_TAKES_NOTHING,
            _field(index),
            wanted="an entry that takes some model",
            found="statements that no model can satisfy together",
            do="correct the versions, lists or sizes",
        )
        return
    model = models[0]
    defeat, in_ome = (_always(one.resource, models, rivals, policy) for policy in (DEFAULT, OME))
    if defeat is not None:
        yield _lost(one.about, Code.ENTRY_LOSES, index, model, defeat)
    if in_ome is not None and (defeat is None or defeat.winner != in_ome.winner):
        yield _lost(one.about, Code.ENTRY_LOSES_IN_OME, index, model, in_ome)


def _alike(runtime: Runtime, index: int, runtimes: list[Runtime]) -> Iterator[Runtime]:
    """Runtimes with an entry of that architecture, or where one of the two has a list of them: no others are rivals."""
    own = entries(runtime)[index]
    wanted = own.model_architecture or None
    for other in runtimes:
        for entry in entries(other):
            listed = own.model_architectures or entry.model_architectures
            if entry.auto_select and (listed or (entry.model_architecture or None) == wanted):
                yield other
                break


def _always(runtime: Runtime, models: tuple[ModelView, ...], rivals: list[Runtime], policy: Policy) -> Defeat | None:
    """Who wins for the first model, when the runtime wins for none of them."""
    defeats: list[Defeat] = []
    for model in models:
        defeat = _defeat(runtime, model, rivals, policy)
        if defeat is None:
            return None
        defeats.append(defeat)
    return defeats[0]


def _defeat(runtime: Runtime, model: ModelView, runtimes: list[Runtime], policy: Policy) -> Defeat | None:
    """Who wins for the model, when it is not the runtime; asked where a service of its scope would ask."""
    request = Request(wants_decoder=runtime.spec.decoder_config is not None)
    rules = EntryRules(merit=policy.merit, automatic=True, needs_score=policy.needs_score)
    answers = Answers(Inquiry(model, request, rules))
    there = (one for one in runtimes if one.namespace in ("", runtime.namespace) and terms_of(one).met(answers))
    order = ranked((assess(one, answers) for one in there), model.size, policy)
    if not order:
        return Defeat("none", None, "its score is not above 0")
    first = order[0]
    if first.assessment.runtime is runtime:
        return None
    own = next((one for one in order if one.assessment.runtime is runtime), None)
    why = deciding(first, own, policy) if own is not None else "its score is not above 0"
    return Defeat(_told(first), first.assessment.entry, why)


def _told(first: Ranked) -> str:
    return str(first.assessment.runtime.key)


def _lost(about: About, code: Code, index: int, model: ModelView, defeat: Defeat) -> Finding:
    ranking = " as OME ranks" if code is Code.ENTRY_LOSES_IN_OME else ""
    return about.finding(
        code,
        _field(index),
        wanted=f"to be chosen for its own model, {model}",
        found=f"that runtime {defeat.winner} is chosen{ranking}: {defeat.why}",
        do="raise the priority, narrow the sizes, or say more of the model",
    )


def _field(index: int) -> str:
    return f"spec.supportedModelFormats[{index}]"
