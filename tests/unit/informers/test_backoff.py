"""Delays between rounds."""

import pytest

from omectl.informers.backoff import Backoff, BackoffOptions


def test_delays_double_to_the_cap_and_start_again_two_minutes_after_the_last_reset() -> None:
    now = 0.0
    backoff = Backoff(BackoffOptions(), lambda: now, lambda: 0.0)
    assert [backoff.next_delay() for _ in range(7)] == pytest.approx([0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0])
    now = 120.0
    assert backoff.next_delay() == 30.0
    now = 120.5
    assert backoff.next_delay() == 0.8
    now = 200.0
    assert backoff.next_delay() == 1.6


def test_jitter_at_most_doubles_a_delay() -> None:
    backoff = Backoff(BackoffOptions(), lambda: 0.0, lambda: 0.999)
    assert backoff.next_delay() == pytest.approx(1.6, abs=0.01)


def test_other_limits_are_taken() -> None:
    backoff = Backoff(BackoffOptions(first_s=0.01, cap_s=0.1), lambda: 0.0, lambda: 0.0)
    assert [backoff.next_delay() for _ in range(5)] == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.1])
