"""What a model's facts mean for GPUs: what its cache costs, and over how many GPUs its heads can be split. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omectl.api.facts import ModelFacts
    from omectl.planner.fit.cache import Cache


@dataclass(frozen=True, slots=True)
class ModelFit:
    """`cache` of one sequence on one GPU, None when the facts do not tell; `keeps_cache` False for models that read a
    text at once. `spreads`: numbers of tensor-parallel GPUs, each with the cache bytes of a token on one of them."""

    keeps_cache: bool
    cache: "Cache | None"
    spreads: tuple[tuple[int, int], ...]


def fit_of(facts: "ModelFacts") -> ModelFit:
    """What follows from the facts."""
    from omectl.modelparser import family_of
    from omectl.planner.fit import divisions_of
    from omectl.planner.fit.cache import cache_of
    from omectl.planner.fit.shape import Shape
    from omectl.planner.parallelism import Parallelism, problems_of

    shape = Shape.of(facts)
    keeps = shape.writes_text and not family_of(facts.model_type or "").encoder
    known = keeps and shape.cache_known

    def cache(gpus: int) -> "Cache":
        return cache_of(shape, Parallelism(tensor=gpus, gpus_per_pod=gpus), shape.unit, 0)

    divisions = divisions_of(facts)
    fitting = [
        gpus
        for gpus in _divisors(shape.heads)
        if not problems_of(Parallelism(tensor=gpus, gpus_per_pod=gpus), divisions)
    ]
    spreads = tuple((gpus, cache(gpus).per_token if known else 0) for gpus in fitting)
    return ModelFit(keeps, cache(1) if known else None, spreads)


def _divisors(number: int) -> Iterator[int]:
    """In ascending order; none of 0."""
    small = [one for one in range(1, isqrt(number) + 1) if number % one == 0]
    yield from small
    yield from (number // one for one in reversed(small) if one * one != number)
