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
from omectl.planner.selection.candidates import EntryRules, Runtime, assess, entries
from omectl.planner.selection.policy import DEFAULT, Policy
from omectl.planner.selection.ranking import ranked
from omectl.planner.selection.request import Request
from omectl.planner.selection.sample import common_model, of_size, sizes_in_both
from omectl.planner.selection.size import SizeRange


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


def overlaps(runtimes: Iterable[Runtime], policy: Policy = DEFAULT) -> tuple[Overlap, ...]:
    """Every pair that overlaps, once, by scope and name. The order of `runtimes` has no influence."""
    enabled = sorted((one for one in runtimes if not one.spec.disabled), key=lambda one: one.key)
    alike: dict[tuple[str, str], list[_Side]] = {}
    for one in enabled:
        for index, entry in enumerate(entries(one)):
            if entry.auto_select:
                framework = entry.model_framework.name if entry.model_framework is not None else ""
                alike.setdefault((entry.model_format.name, framework), []).append(_Side(one, index, entry))
    found: dict[tuple[ObjectKey, ObjectKey], Overlap] = {}
    for sides in alike.values():
        for left, right in combinations(sides, 2):
            pair = (left.runtime.key, right.runtime.key)
            if pair[0] == pair[1] or pair in found or not _could_meet(left, right):
                continue
            overlap = _overlap(left, right, enabled, policy)
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


def _overlap(left: _Side, right: _Side, enabled: Sequence[Runtime], policy: Policy) -> Overlap | None:
    if right.runtime.namespace and not left.runtime.namespace:
        left, right = right, left
    shared = common_model(left.entry, right.entry)
    if shared is None:
        return None
    own, other = left.runtime.namespace, right.runtime.namespace
    request = Request(wants_decoder=left.runtime.spec.decoder_config is not None)
    rules = EntryRules(merit=policy.merit, automatic=True, needs_score=policy.needs_score)
    ranges = (SizeRange.of(side.runtime.spec.model_size_range) for side in (left, right))
    indexes = (left.index, right.index)
    for size in sizes_in_both(*ranges):
        sample = of_size(shared, size)
        if own != other:
            if all(assess(side.runtime, sample, request, rules).accepted for side in (left, right)):
                return Overlap(OverlapCode.SHADOWED, left.runtime, right.runtime, indexes, sample)
            continue
        order = ranked(
            (assess(one, sample, request, rules) for one in enabled if one.namespace == own), sample.size, policy
        )
        first = {(one.assessment.runtime.key, one.assessment.entry) for one in order if one.ties(order[0])}
        if {(left.runtime.key, left.index), (right.runtime.key, right.index)} <= first:
            return Overlap(OverlapCode.AMBIGUOUS, left.runtime, right.runtime, indexes, sample)
    return None
