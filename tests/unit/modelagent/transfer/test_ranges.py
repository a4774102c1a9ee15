"""Interval arithmetic and the order in which ranges are handed out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from omectl.modelagent.transfer.ranges import FileRange, IntervalSet, RangePlanner

_BOUND = 60
_interval = st.tuples(st.integers(0, _BOUND), st.integers(0, _BOUND))


@given(st.lists(st.tuples(st.booleans(), _interval)))
def test_an_interval_set_agrees_with_a_set_of_integers(steps: list[tuple[bool, tuple[int, int]]]) -> None:
    intervals, model = IntervalSet(), set[int]()
    for adding, (start, end) in steps:
        if adding:
            intervals.add(start, end)
            model |= set(range(start, end))
        else:
            intervals.remove(start, end)
            model -= set(range(start, end))
    covered = [number for start, end in intervals for number in range(start, end)]
    assert covered == sorted(model)
    assert intervals.total == len(model)
    ends = list(intervals)
    assert all(first[1] < second[0] for first, second in pairwise(ends))
    gaps = [number for start, end in intervals.missing(0, _BOUND) for number in range(start, end)]
    assert gaps == [number for number in range(_BOUND) if number not in model]
    for position in range(_BOUND):
        reach = intervals.reach(position)
        assert set(range(position, reach)) <= model
        assert reach not in model


@given(st.lists(st.lists(st.integers(0, 50), max_size=6, unique=True), min_size=1, max_size=4), st.integers(1, 20))
def test_every_missing_byte_is_handed_out_once_and_in_order(cuts: list[list[int]], size: int) -> None:
    missing = [list(pairwise(s))[::2] for s in map(sorted, cuts)]
    planner = RangePlanner(missing, size)
    handed: list[FileRange] = []
    while (piece := planner.take(0.0)) is not None:
        handed.append(piece)
        assert 0 < piece.end - piece.start <= size
    assert handed == sorted(handed, key=lambda piece: (piece.file, piece.start))
    bytes_of = [(piece.file, number) for piece in handed for number in range(piece.start, piece.end)]
    assert bytes_of == [
        (file, number) for file, gaps in enumerate(missing) for low, high in gaps for number in range(low, high)
    ]


def test_a_range_that_was_put_back_waits_and_then_goes_first() -> None:
    planner = RangePlanner([[(0, 100)]], 10)
    first = planner.take(0.0)
    assert first is not None
    planner.put_back(FileRange(0, 4, 10, 1), ready_at=5.0)
    assert planner.take(1.0) == FileRange(0, 10, 20)
    assert planner.next_ready_at() == 5.0
    assert planner.take(5.0) == FileRange(0, 4, 10, 1)


def test_a_dropped_file_is_not_handed_out() -> None:
    planner = RangePlanner([[(0, 30)], [(0, 10)]], 10)
    planner.put_back(FileRange(0, 0, 10))
    planner.drop_file(0)
    assert planner.take(0.0) == FileRange(1, 0, 10)
    assert planner.empty
