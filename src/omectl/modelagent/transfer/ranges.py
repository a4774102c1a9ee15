"""Which bytes are still to be fetched: interval arithmetic and the order of ranges, without any I/O."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


class IntervalSet:
    """Disjoint half-open intervals over the integers, adjacent ones merged."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, intervals: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in intervals:
            self.add(start, end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IntervalSet) and self._starts == other._starts and self._ends == other._ends

    @property
    def total(self) -> int:
        """How many integers are covered."""
        return sum(self._ends) - sum(self._starts)

    def add(self, start: int, end: int) -> None:
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def remove(self, start: int, end: int) -> None:
        if start >= end:
            return
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end)
        if first >= last:
            return
        kept = [(self._starts[first], start), (end, self._ends[last - 1])]
        kept = [(low, high) for low, high in kept if low < high]
        self._starts[first:last] = [low for low, _ in kept]
        self._ends[first:last] = [high for _, high in kept]

    def missing(self, start: int, end: int) -> list[tuple[int, int]]:
        """The gaps within [start, end)."""
        gaps: list[tuple[int, int]] = []
        for low, high in self:
            if high <= start:
                continue
            if low >= end:
                break
            if low > start:
                gaps.append((start, low))
            start = max(start, high)
        if start < end:
            gaps.append((start, end))
        return gaps

    def reach(self, position: int) -> int:
        """The end of the interval that covers `position`, or `position` itself when none does."""
        index = bisect_right(self._starts, position) - 1
        if index >= 0 and self._ends[index] > position:
            return self._ends[index]
        return position


@dataclass(frozen=True, slots=True)
class FileRange:
    """Bytes `start` to `end` (exclusive) of file number `file`; `failures` in a row so far."""

    file: int
    start: int
    end: int
    failures: int = 0


@dataclass(slots=True)
class _Waiting:
    ready_at: float
    piece: FileRange


class RangePlanner:
    """Hands out the missing ranges in file order, so that a hash can follow close behind; not thread-safe.

    A range is given once and comes back only by `put_back`, which may delay it. Times are on the caller's clock.
    """

    def __init__(self, missing: Sequence[Sequence[tuple[int, int]]], range_bytes: int) -> None:
        self._range_bytes = range_bytes
        self._spans = [(file, start, end) for file, gaps in enumerate(missing) for start, end in gaps]
        self._spans.reverse()
        self._waiting: list[_Waiting] = []

    def take(self, now: float) -> FileRange | None:
        """The next range that may be fetched now."""
        for index, waiting in enumerate(self._waiting):
            if waiting.ready_at <= now:
                del self._waiting[index]
                return waiting.piece
        if not self._spans:
            return None
        file, start, end = self._spans.pop()
        # Cut on multiples of the range size, so that a resumed file has the same cuts as before.
        cut = min(end, start - start % self._range_bytes + self._range_bytes)
        if cut < end:
            self._spans.append((file, cut, end))
        return FileRange(file, start, cut)

    def put_back(self, piece: FileRange, ready_at: float = 0.0) -> None:
        self._waiting.append(_Waiting(ready_at, piece))
        self._waiting.sort(key=lambda waiting: (waiting.ready_at, waiting.piece.file, waiting.piece.start))

    def drop_file(self, file: int) -> None:
        """Forget what is still to be handed out of `file`."""
        self._spans = [span for span in self._spans if span[0] != file]
        self._waiting = [waiting for waiting in self._waiting if waiting.piece.file != file]

    def next_ready_at(self) -> float | None:
        """When the first delayed range may be taken; None when none is delayed."""
        return self._waiting[0].ready_at if self._waiting else None

    @property
    def empty(self) -> bool:
        return not self._spans and not self._waiting
