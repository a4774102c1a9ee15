"""The runtimes that were looked at, as data, which nobody pays for who does not read it."""

from collections.abc import Sequence
from typing import overload

from omectl.planner.result import Candidate
from omectl.planner.selection.refused import Refused


class Listing(Sequence[Candidate]):
    """Those that fit, the best first, then the refused, the nearest first. Equal to a tuple of the same candidates.

    A refused one is put in words when it, or one after it, is read: whoever wants the nearest three reads these.
    """

    def __init__(self, fitting: Sequence[Candidate], refused: Refused) -> None:
        self._refused = refused
        self._fitting = len(fitting)
        self._told = [*fitting]

    def __len__(self) -> int:
        return self._fitting + len(self._refused)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, index: int | slice) -> Candidate | tuple[Candidate, ...]:
        places = range(len(self))[index]
        if isinstance(places, int):
            return self._up_to(places + 1)[places]
        told = self._up_to(max(places, default=-1) + 1)
        return tuple([told[place] for place in places])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Listing):
            return tuple(self) == tuple(other)
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def _up_to(self, count: int) -> list[Candidate]:
        """At least so many, from the first one."""
        missing = count - len(self._told)
        if missing > 0:
            found = self._refused.nearest(missing, after=len(self._told) - self._fitting)
            self._told += [one.candidate() for one in found]
        return self._told
