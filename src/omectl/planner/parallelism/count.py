"""How many accelerators a pod is to ask for: never fewer than somebody needs."""

from dataclasses import dataclass

from omectl.planner.parallelism.problems import Code, Problem
from omectl.planner.parallelism.record import Parallelism


@dataclass(frozen=True, slots=True)
class Count:
    """Accelerators for one pod, and what disagrees about it."""

    accelerators: int
    problems: tuple[Problem, ...] = ()


def gpu_count(parallelism: Parallelism, *, requested: int, unit: int = 1, own: int | None = None) -> Count:
    """Accelerators that each pod is to ask for (D 5).

    The most of what the runtime asks for (`requested`) and what the parallelism needs, in the class's `unit` for each
    rank: nothing shrinks. `own` is what the service itself asks for; it wins, and too little is a problem.
    """
    ranks = -(-parallelism.ranks // max(parallelism.pods, 1))
    needed = ranks * max(unit, 1)
    if own is not None:
        small = (Problem(Code.COUNT_TOO_SMALL, str(needed), str(own)),) if own < needed else ()
        return Count(own, small)
    if requested > needed:
        return Count(requested, (Problem(Code.COUNT_RAISED, str(requested), str(needed)),))
    return Count(needed)
