"""Ranking policies: by what the runtimes that fit are ordered. Data only; one evaluator reads it.

`default` goes by whether the accelerators do, scope, priority, how closely the entry describes the model, nodes and
size range. `ome` orders as OME does: by scope, by priority times weights, and by the width of the size range, where a
runtime without one comes first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

from omectl.api.serving_runtime import SupportedModelFormat
from omectl.planner.selection.candidates import NAMESPACE, Assessment
from omectl.planner.selection.entry import priority, score
from omectl.planner.selection.inquiry import EntryMerit
from omectl.planner.selection.specificity import specificity

Measure: TypeAlias = int | Fraction


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that puts a runtime before another: the smaller measure comes first. `size` is None when unknown."""

    text: str
    measure: Callable[[Assessment, int | None], Measure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How entries of one runtime compare, and how runtimes do; the name decides what nothing else does."""

    name: str
    merit: EntryMerit
    criteria: tuple[Criterion, ...]
    needs_score: bool = False
    """Whether an entry whose score is not above 0 is passed over."""

    @property
    def heeds_accelerators(self) -> bool:
        """Whether what a runtime's accelerators hold makes a difference."""
        return _ACCELERATORS in self.criteria


_NAMESPACE: Final = Criterion(
    "a runtime of the namespace comes before one of the cluster", lambda one, size: one.scope != NAMESPACE
)


_ACCELERATORS: Final = Criterion(
    "a runtime whose accelerators hold the model before one whose do not",
    lambda one, size: one.hindrance is not None,
)


def _several_nodes(one: Assessment, size: int | None) -> Measure:
    engine = one.runtime.spec.engine_config
    return engine is not None and (engine.leader is not None or engine.worker is not None)


def _by_priority(entry: SupportedModelFormat) -> tuple[int, ...]:
    pinned, narrowed = specificity(entry)
    return -priority(entry), -pinned, -narrowed


DEFAULT: Final = Policy(
    name="default",
    merit=_by_priority,
    criteria=(
        _ACCELERATORS,
        _NAMESPACE,
        Criterion("the higher priority", lambda one, size: -priority(one.supported)),
        Criterion("more attributes of the model pinned", lambda one, size: -specificity(one.supported).pinned),
        Criterion("more attributes of the model narrowed", lambda one, size: -specificity(one.supported).narrowed),
        Criterion("one node before several", _several_nodes),
        Criterion(
            "a bounded size range before an open one",
            lambda one, size: one.sizes.open_ends if size is not None else 0,
        ),
        Criterion("the narrower size range", lambda one, size: one.sizes.width if size is not None else 0),
        Criterion(
            "the size nearer to the middle of the range",
            lambda one, size: one.sizes.distance(size) if size is not None else 0,
        ),
    ),
)

OME: Final = Policy(
    name="ome",
    merit=lambda entry: (-score(entry),),
    criteria=(
        _NAMESPACE,
        Criterion("the higher score (priority times weights)", lambda one, size: -score(one.supported)),
        Criterion(
            "the narrower size range, none counting as the narrowest",
            lambda one, size: one.sizes.width if size is not None else 0,
        ),
    ),
    needs_score=True,
)

POLICIES: Final[Mapping[str, Policy]] = {policy.name: policy for policy in (DEFAULT, OME)}
