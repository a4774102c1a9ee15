"""Pairs of runtimes that take the same model, so that the name decides, or the scope in silence.

Whether two entries overlap is not read off their fields: a model is made up that both take, and the ranking is asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from omectl.api.resource import ObjectKey
from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.model import ModelView
from omectl.planner.selection.candidates import assess, entries
from omectl.planner.selection.inquiry import Answers, EntryRules, Inquiry
from omectl.planner.selection.policy import DEFAULT, Policy
from omectl.planner.selection.ranking import ranked
from omectl.planner.selection.request import Request
from omectl.planner.selection.sample import common_model, of_size, sizes_in_both
from omectl.planner.selection.size import SizeRange
from omectl.planner.selection.terms import Runtime, terms_of


class OverlapCode(StrEnum):
    """What two runtimes do to each other."""

    AMBIGUOUS = "Ambiguous"
    """Both rank first for the sample, and only the name decides."""
    SHADOWED = "Shadowed"
    """The first is a namespace's, and takes the sample there from the second, which is the cluster's."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two runtimes, the indexes of their entries, and a model that both take."""

    code: OverlapCode
    first: Runtime
    second: Runtime
    entries: tuple[int, int]
    sample: ModelView

    @property
    def text(self) -> str:
        """In words, with what to do."""
        pair = f"{self.first.key} (format {self.entries[0]}) and {self.second.key} (format {self.entries[1]})"
        if self.code is OverlapCode.SHADOWED:
            return f"{pair}: in namespace {self.first.namespace} the first takes models such as {self.sample}"
        step = "give one a higher priority, or narrow its formats or sizes"
        return f"{pair}: only the name decides for models such as {self.sample}; {step}"


@dataclass(frozen=True, slots=True)
class _Side:
    """One auto-selectable entry of an enabled runtime."""

    runtime: Runtime
    index: int
    entry: SupportedModelFormat
    text: str
    """Equal for equal entries."""


def overlaps(runtimes: Iterable[Runtime], policy: Policy = DEFAULT) -> tuple[Overlap, ...]:
    """Every pair that overlaps, once, by scope and name. The order of `runtimes` has no influence."""
    enabled = sorted((one for one in runtimes if not one.spec.disabled), key=lambda one: one.key)
    alike: dict[tuple[str, str], list[_Side]] = {}
    for one in enabled:
        for index, entry in enumerate(entries(one)):
            if entry.auto_select:
                framework = entry.model_framework.name if entry.model_framework is not None else ""
                alike.setdefault((entry.model_format.name, framework), []).append(_Side(one, index, entry, repr(entry)))
    found: dict[tuple[ObjectKey, ObjectKey], Overlap] = {}
    samples = _Samples(enabled, policy)
    for sides in alike.values():
        for left, right in combinations(sides, 2):
            pair = (left.runtime.key, right.runtime.key)
            if pair[0] == pair[1] or pair in found or not _could_meet(left, right):
                continue
            overlap = samples.overlap(left, right)
            if overlap is not None:
                found[pair] = overlap
    return tuple(found[pair] for pair in sorted(found))


def _could_meet(left: _Side, right: _Side) -> bool:
    """Whether some service could be offered both: cheap tests before a model is made up."""
    if left.runtime.namespace and right.runtime.namespace and left.runtime.namespace != right.runtime.namespace:
        return False
    one, other = left.runtime.spec, right.runtime.spec
    if (one.decoder_config is None) is not (other.decoder_config is None):
        return False
    ours, theirs = left.entry, right.entry
    listed = ours.model_architectures or theirs.model_architectures
    return bool(listed) or (ours.model_architecture or None) == (theirs.model_architecture or None)


class _Samples:
    """Models made up for two entries, and who ranks first for one: each worked out once, as many entries are alike."""

    def __init__(self, enabled: Sequence[Runtime], policy: Policy) -> None:
        self._enabled, self._policy = enabled, policy
        self._rules = EntryRules(merit=policy.merit, automatic=True, needs_score=policy.needs_score)
        self._models: dict[tuple[str, str], ModelView | None] = {}
        self._first: dict[tuple[tuple[str, str], int, str, bool], frozenset[tuple[ObjectKey, int | None]]] = {}

    def overlap(self, left: _Side, right: _Side) -> Overlap | None:
        """What the two do to each other; None when the ranking tells them apart."""
        if right.runtime.namespace and not left.runtime.namespace:
            left, right = right, left
        pair = (left.text, right.text)
        if pair not in self._models:
            self._models[pair] = common_model(left.entry, right.entry)
        shared = self._models[pair]
        if shared is None:
            return None
        own, other = left.runtime.namespace, right.runtime.namespace
        request = Request(wants_decoder=left.runtime.spec.decoder_config is not None)
        ranges = (SizeRange.of(side.runtime.spec.model_size_range) for side in (left, right))
        indexes = (left.index, right.index)
        for size in sizes_in_both(*ranges):
            sample = of_size(shared, size)
            if own != other:
                answers = Answers(Inquiry(sample, request, self._rules))
                if all(terms_of(side.runtime).met(answers) for side in (left, right)):
                    return Overlap(OverlapCode.SHADOWED, left.runtime, right.runtime, indexes, sample)
                continue
            question = (pair, size, own, request.wants_decoder)
            if question not in self._first:
                self._first[question] = self._ranked_first(sample, request, own)
            if {(left.runtime.key, left.index), (right.runtime.key, right.index)} <= self._first[question]:
                return Overlap(OverlapCode.AMBIGUOUS, left.runtime, right.runtime, indexes, sample)
        return None

    def _ranked_first(
        self, sample: ModelView, request: Request, namespace: str
    ) -> frozenset[tuple[ObjectKey, int | None]]:
        """Those of the namespace's runtimes between which only the name decides, with their entries."""
        answers = Answers(Inquiry(sample, request, self._rules))
        there = (one for one in self._enabled if one.namespace == namespace and terms_of(one).met(answers))
        order = ranked((assess(one, answers) for one in there), sample.size, self._policy)
        return frozenset((one.assessment.runtime.key, one.assessment.entry) for one in order if one.ties(order[0]))
