"""Counting how long an answer is out."""

from omectl.manager.pulse import Pulse


def test_the_first_beat_asks() -> None:
    pulse = Pulse(0.5)
    assert pulse.silent_s == 0.0
    assert pulse.beat(100.0)
    assert pulse.silent_s == 0.0


def test_an_answer_that_is_out_is_not_asked_for_again_and_its_time_is_counted() -> None:
    pulse = Pulse(0.5)
    pulse.beat(100.0)
    assert not pulse.beat(100.5)
    assert not pulse.beat(101.25)
    assert pulse.silent_s == 1.25


def test_an_answer_ends_the_silence() -> None:
    pulse = Pulse(0.5)
    pulse.beat(100.0)
    pulse.beat(100.5)
    pulse.answer()
    assert pulse.beat(101.0)
    assert pulse.silent_s == 0.0
    pulse.beat(101.5)
    assert pulse.silent_s == 0.5


def test_while_the_process_was_suspended_nothing_counts() -> None:
    pulse = Pulse(0.5)
    pulse.beat(100.0)
    pulse.beat(3700.0)
    assert pulse.silent_s == 1.0
