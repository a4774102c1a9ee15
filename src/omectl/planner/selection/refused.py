"""The runtimes that do not take the model, and why: told only of those that somebody asks for."""

from collections.abc import Sequence
from functools import cached_property
from operator import itemgetter

from omectl.api.serving_runtime import ServingRuntime
from omectl.planner.selection.candidates import Assessment, assess, scope_of
from omectl.planner.selection.inquiry import Answers
from omectl.planner.selection.terms import Runtime, terms_of


class Refused:
    """Runtimes that something speaks against. Nothing is counted, sorted or put in words before somebody asks for it.

    Of those that are `known` it is known already what. The order in which they are given has no influence.
    """

    def __init__(self, runtimes: Sequence[Runtime], answers: Answers, known: Sequence[Assessment] = ()) -> None:
        self._runtimes = runtimes
        self._answers = answers
        self._known = known

    def __len__(self) -> int:
        return len(self._runtimes) + len(self._known)

    @property
    def own(self) -> int:
        """How many of them are of a namespace."""
        runtimes = [*self._runtimes, *[one.runtime for one in self._known]]
        return sum([isinstance(one, ServingRuntime) for one in runtimes])

    def nearest(self, most: int, after: int = 0) -> list[Assessment]:
        """So many of them, after so many that come nearer: those with the fewest reasons first, then by name."""
        return [
            known if known is not None else assess(runtime, self._answers)
            for *_, runtime, known in self._by_distance[after : after + most]
        ]

    @cached_property
    def _by_distance(self) -> list[tuple[int, str, str, Runtime, Assessment | None]]:
        """With how much speaks against each, its name and scope."""
        answers = self._answers
        found: list[tuple[int, str, str, Runtime, Assessment | None]] = [
            (terms_of(one).misses(answers), one.name, scope_of(one), one, None) for one in self._runtimes
        ]
        found += [(len(one.differences), one.runtime.name, one.scope, one.runtime, one) for one in self._known]
        return sorted(found, key=itemgetter(0, 1, 2))
