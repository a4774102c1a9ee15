"""Yielding to the loop."""

import pytest

from omectl.informers import pacing
from omectl.informers.pacing import Pacer


class Time:
    """A clock that a test moves; counts how often it is read."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reads = 0

    def perf_counter(self) -> float:
        self.reads += 1
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(pacing, "time", made)
    return made


def steps(pacer: Pacer, count: int) -> list[int]:
    """The numbers of the steps at which a yield is due."""
    return [number for number in range(1, count + 1) if pacer.step()]


def test_a_yield_is_due_after_two_hundred_steps_in_no_time(clock: Time) -> None:
    pacer = Pacer()
    assert steps(pacer, 700) == [208, 416, 624]  # as the clock is read at every sixteenth step only
    assert clock.reads == 1 + 700 // 16


@pytest.mark.parametrize("steps_a_time", [200, 192])
def test_two_hundred_is_where_it_is_due(clock: Time, monkeypatch: pytest.MonkeyPatch, steps_a_time: int) -> None:
    monkeypatch.setattr(pacing, "_CLOCK_EVERY", steps_a_time)
    assert steps(Pacer(), 400) == ([200, 400] if steps_a_time == 200 else [384])


def test_a_yield_is_due_after_five_milliseconds(clock: Time) -> None:
    pacer = Pacer()
    clock.now = 0.0049
    assert steps(pacer, 31) == []
    clock.now = 0.005
    assert steps(pacer, 1) == [1]
    clock.now = 0.0099
    assert steps(pacer, 16) == []
    clock.now = 0.010
    assert steps(pacer, 16) == [16]
    assert steps(pacer, 208) == [208]
