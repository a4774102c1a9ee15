"""Delays between rounds."""

import pytest

from omectl.informers.backoff import Backoff, BackoffOptions, RetryWindow


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


def test_defaults_are_those_of_the_field() -> None:
    options = BackoffOptions()
    assert (options.first_s, options.cap_s, options.factor, options.jitter, options.reset_s) == (0.8, 30, 2, 1, 120)


def test_forty_delays_flatten_at_the_cap() -> None:
    now = 0.0
    backoff = Backoff(BackoffOptions(reset_s=1e9), lambda: now, lambda: 0.5)
    delays = [backoff.next_delay() for _ in range(40)]
    assert delays[:5] == pytest.approx([1.2, 2.4, 4.8, 9.6, 19.2])
    assert delays[6:] == [45.0] * 34


def test_jitter_may_be_narrower() -> None:
    backoff = Backoff(BackoffOptions(first_s=10, jitter=0.1), lambda: 0.0, lambda: 0.5)
    assert backoff.next_delay() == pytest.approx(10.5)


def test_a_retry_window_is_shut_unless_it_has_a_limit() -> None:
    window = RetryWindow(0.0, lambda: 0.0)
    assert [window.allows() for _ in range(3)] == [False, False, False]


def test_a_retry_window_lasts_from_the_first_trouble_to_its_limit_inclusive() -> None:
    now = 100.0
    window = RetryWindow(30.0, lambda: now)
    assert window.allows()
    now = 130.0
    assert window.allows()
    now = 130.1
    assert not window.allows()
    now = 130.2  # a first trouble again
    assert window.allows()
    now = 160.2
    assert window.allows()
    now = 160.3
    assert not window.allows()


@pytest.mark.parametrize(("calm_s", "allowed"), [(59.9, False), (60.0, True)])
def test_a_minute_without_trouble_opens_the_window_anew(calm_s: float, allowed: bool) -> None:
    now = 0.0
    window = RetryWindow(50.0, lambda: now)
    assert window.allows()
    now = calm_s
    assert window.allows() is allowed


def test_the_calm_counts_from_the_last_trouble() -> None:
    now = 0.0
    window = RetryWindow(100.0, lambda: now)
    assert window.allows()
    now = 50.0
    assert window.allows()
    now = 105.0  # 55 s after the last one: still the window that began at 0
    assert not window.allows()


def test_a_window_of_less_than_a_second_is_one_too() -> None:
    now = 100.0
    window = RetryWindow(0.5, lambda: now)
    assert window.allows()
    now = 100.5
    assert window.allows()
    now = 100.6
    assert not window.allows()


def test_a_trouble_at_the_clocks_zero_counts_as_first() -> None:
    now = 0.0
    window = RetryWindow(10.0, lambda: now)
    assert window.allows()
    now = 10.5
    assert not window.allows()
