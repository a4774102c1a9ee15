"""How the policies order classes that may be used: the numbers of the reference, on exact fractions.

| policy | a class's number |
|---|---|
| BestFit | 0.7 x memory asked / memory + 0.3 x speed / speed asked, at most 1 each |
| Cheapest | dollars an hour, of spot before on demand; else dollars per million tokens; else the tier; less is better |
| MostCapable | 0.5 x memory + 0.3 x bandwidth + 0.2 x speed, each relative to the largest of the classes compared |
| FirstAvailable | its place in the runtime's list |
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from omectl.planner.accelerators.constraints import Demand
from omectl.planner.accelerators.memory import GIB
from omectl.planner.accelerators.traits import PRECISIONS, Traits

BEST_FIT: Final = "BestFit"
CHEAPEST: Final = "Cheapest"
MOST_CAPABLE: Final = "MostCapable"
FIRST_AVAILABLE: Final = "FirstAvailable"
POLICIES: Final = (BEST_FIT, CHEAPEST, MOST_CAPABLE, FIRST_AVAILABLE)

_FP16: Final = "fp16"
_MEMORY_SHARE: Final = Fraction(7, 10)
_COMPUTE_SHARE: Final = Fraction(3, 10)
_CAPABLE_SHARES: Final = (Fraction(5, 10), Fraction(3, 10), Fraction(2, 10))
_NONE: Final = Fraction(0)


def best_fit(traits: Traits, demand: Demand) -> Fraction:
    """From 0 to 1: as much memory as is asked and not more, and speed enough."""
    return _MEMORY_SHARE * _memory_fit(traits, demand) + _COMPUTE_SHARE * _compute_fit(traits, demand)


def most_capable(classes: Sequence[Traits], demand: Demand) -> tuple[Fraction, ...]:
    """From 0 to 1, for each of the classes compared."""
    columns = (
        [one.memory or _NONE for one in classes],
        [one.bandwidth or _NONE for one in classes],
        [Fraction(_first_speed(one, demand)) for one in classes],
    )
    shares = [_relative(column) for column in columns]
    return tuple(
        sum((weight * share[index] for weight, share in zip(_CAPABLE_SHARES, shares, strict=True)), _NONE)
        for index in range(len(classes))
    )


def prices(classes: Sequence[Traits]) -> tuple[str, tuple[Fraction | None, ...]]:
    """What decides between these classes, and each one's value, less being better; None takes a class out.

    An hourly price of any class decides among those that have one; without any the price per million tokens does, then
    the tier. "" when no class says what it costs.
    """
    hourly = tuple(one.hourly for one in classes)
    per_token = tuple(one.per_million_tokens for one in classes)
    tiers = tuple(Fraction(one.tier) if one.tier is not None else None for one in classes)
    for what, values in (("an hour", hourly), ("per million tokens", per_token), ("cost tier", tiers)):
        if any(value is not None for value in values):
            return what, values
    return "", tuple(None for _ in classes)


def _memory_fit(traits: Traits, demand: Demand) -> Fraction:
    if demand.min_memory <= 0:
        return Fraction(1)
    memory = (traits.memory or _NONE) / GIB
    return demand.min_memory / memory if memory >= demand.min_memory else _NONE


def _compute_fit(traits: Traits, demand: Demand) -> Fraction:
    if not traits.has_performance:
        return _NONE
    if not demand.precisions:
        return _enough(max((traits.speed(precision) for precision in PRECISIONS), default=0), demand)
    penalty = Fraction(1)
    for precision in demand.precisions:
        if speed := traits.speed(precision):
            return _enough(speed, demand) * penalty
        penalty /= 2
    if _FP16 in (precision.strip().lower() for precision in demand.precisions):
        return _NONE
    return _enough(traits.speed(_FP16), demand) * penalty


def _enough(speed: int, demand: Demand) -> Fraction:
    if speed <= 0:
        return _NONE
    return min(Fraction(1), Fraction(speed, demand.min_tflops)) if demand.min_tflops > 0 else Fraction(1)


def _first_speed(traits: Traits, demand: Demand) -> int:
    """The first preferred precision that the class has a number for."""
    return next((speed for one in demand.precisions or (_FP16,) if (speed := traits.speed(one))), 0)


def _relative(values: Sequence[Fraction]) -> list[Fraction]:
    largest = max(values, default=_NONE)
    return [value / largest if largest > 0 else _NONE for value in values]
