"""Putting the classes that may be used in order, best first.

Classes where a pod finds its accelerators free come before those that are full; among these the policy's number
decides, then the free accelerators, then the name. FirstAvailable goes by the runtime's list alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from omectl.planner.accelerators.constraints import Demand
from omectl.planner.accelerators.decision import ClassCandidate, Code, Objection
from omectl.planner.accelerators.policies import BEST_FIT, CHEAPEST, FIRST_AVAILABLE, best_fit, most_capable, prices
from omectl.planner.accelerators.traits import Capacity, Traits

_Order: TypeAlias = tuple[int, Fraction | int, int, str]


@dataclass(frozen=True, slots=True)
class Assessment:
    """One class with what speaks against it, and its place in the runtime's list, from 0."""

    place: int
    traits: Traits
    against: tuple[Objection, ...] = ()

    @property
    def text(self) -> str:
        """All that speaks against it, in words."""
        return "; ".join(one.text for one in self.against)

    def candidate(self) -> ClassCandidate:
        """A class that is passed over, as data."""
        return candidate_of(self.traits, self.against)


@dataclass(frozen=True, slots=True)
class Ranked:
    """One eligible class with the policy's number for it, None when nothing was compared, and that number in words."""

    traits: Traits
    score: Fraction | None
    told: str

    def candidate(self, rank: int, objection: Objection | None) -> ClassCandidate:
        """An eligible class as data; `objection` says why another one was taken."""
        made = candidate_of(self.traits, () if objection is None else (objection,))
        return ClassCandidate(
            name=made.name,
            rank=rank,
            score=None if self.score is None else float(self.score),
            nodes=made.nodes,
            free=made.free,
            codes=made.codes,
            reasons=made.reasons,
            remedies=made.remedies,
        )


def candidate_of(traits: Traits, against: Sequence[Objection]) -> ClassCandidate:
    """A class with the objections against it, without rank and score."""
    return ClassCandidate(
        name=traits.name,
        nodes=traits.capacity.nodes,
        free=traits.capacity.free,
        codes=tuple(one.code.value for one in against),
        reasons=tuple(one.text for one in against),
        remedies=tuple(one.remedy for one in against),
    )


def rank(
    eligible: Sequence[Assessment], policy: str, demand: Demand, wanted: int
) -> tuple[list[Ranked], list[Assessment]]:
    """The eligible classes, best first, and those that the policy cannot compare. `wanted` is a pod's accelerators."""
    if policy == FIRST_AVAILABLE:
        placed = [(_room(one.traits, wanted), one.place, one) for one in eligible]
        placed.sort(key=lambda found: found[:2])
        return [Ranked(one.traits, None, f"place {one.place + 1} in the runtime's list") for _, _, one in placed], []
    if len(eligible) < 2:
        return [Ranked(one.traits, None, "the only class that may be used") for one in eligible], []
    classes = [one.traits for one in eligible]
    if policy == CHEAPEST:
        return _cheapest(eligible, wanted)
    scores = [best_fit(one, demand) for one in classes] if policy == BEST_FIT else most_capable(classes, demand)
    found = [Ranked(one, score, f"score {float(score):.2f}") for one, score in zip(classes, scores, strict=True)]
    return sorted(found, key=lambda one: _order(one.traits, -(one.score or 0), wanted)), []


def tied(best: Ranked, other: Ranked, wanted: int) -> bool:
    """Whether only the name decides between two classes of one ranking."""
    if best.score is None or other.score is None:
        return False
    return _order(best.traits, best.score, wanted)[:3] == _order(other.traits, other.score, wanted)[:3]


def free_in_words(capacity: Capacity) -> str:
    """How much is free, as far as somebody counted."""
    if capacity.free is None:
        return "free accelerators not counted"
    return f"{capacity.free} of {capacity.total if capacity.total is not None else '?'} accelerators free"


def _cheapest(eligible: Sequence[Assessment], wanted: int) -> tuple[list[Ranked], list[Assessment]]:
    what, values = prices([one.traits for one in eligible])
    priced: list[tuple[Traits, Fraction]] = []
    unpriced: list[Assessment] = []
    for one, value in zip(eligible, values, strict=True):
        if value is not None:
            priced.append((one.traits, value))
            continue
        known = f"states no price {what}, which others do" if what and what != "cost tier" else "states no cost"
        remedy = f"set spec.cost of AcceleratorClass {one.traits.name}"
        unpriced.append(Assessment(one.place, one.traits, (Objection(Code.COST_UNKNOWN, f"cost: {known}", remedy),)))
    priced.sort(key=lambda found: _order(found[0], found[1], wanted))
    return [Ranked(traits, value, _price_in_words(what, value)) for traits, value in priced], unpriced


def _price_in_words(what: str, value: Fraction) -> str:
    return f"{what} {value}" if what == "cost tier" else f"{float(value):g} dollars {what}"


def _room(traits: Traits, wanted: int) -> int:
    return 0 if traits.capacity.room_for(wanted) else 1


def _order(traits: Traits, value: Fraction | int, wanted: int) -> _Order:
    return (_room(traits, wanted), value, -(traits.capacity.free or 0), traits.name)
