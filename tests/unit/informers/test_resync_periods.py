"""Which resync period a handler gets."""

import pytest
from structlog.testing import capture_logs

from omectl.informers.resync import ResyncPeriods


def test_nobody_who_does_not_ask_is_replayed_to() -> None:
    periods = ResyncPeriods("i", 0)
    assert (periods.default_s, periods.admit(0), periods.check_s) == (0, 0, 0)


def test_before_the_start_the_check_period_sinks_to_the_smallest_asked() -> None:
    periods = ResyncPeriods("i", 12 * 3600)
    with capture_logs() as logs:
        seen = [(periods.admit(asked), periods.check_s) for asked in (60, 3600, 55, 5, 1, 0)]
    assert periods.default_s == 12 * 3600
    assert seen == [(60, 60), (3600, 60), (55, 55), (5, 5), (1, 1), (0, 1)]
    assert logs == []


def test_a_period_below_a_second_is_raised_with_a_warning() -> None:
    periods = ResyncPeriods("i", 0)
    with capture_logs() as logs:
        assert periods.admit(0.25) == 1.0
    assert periods.check_s == 1.0
    assert logs == [
        {
            "event": "informer_resync_period_changed",
            "log_level": "warning",
            "informer": "i",
            "asked_s": 0.25,
            "granted_s": 1.0,
            "next_step": "ask before the informer starts, and for 1 s or more",
        }
    ]


def test_after_the_start_a_smaller_period_is_raised_to_the_running_one_with_a_warning() -> None:
    periods = ResyncPeriods("i", 10)
    periods.start()
    with capture_logs() as logs:
        assert periods.admit(9) == 10
        assert periods.admit(10) == 10
        assert periods.admit(11) == 11
        assert periods.admit(0) == 0
    assert periods.check_s == 10
    assert [(log["asked_s"], log["granted_s"]) for log in logs] == [(9, 10)]


def test_an_informer_that_started_without_resync_has_none_for_late_handlers() -> None:
    periods = ResyncPeriods("i", 0)
    periods.start()
    with capture_logs() as logs:
        assert periods.admit(5) == 0
    assert periods.check_s == 0
    assert [(log["asked_s"], log["granted_s"]) for log in logs] == [(5, 0)]


def test_a_negative_period_is_refused() -> None:
    with pytest.raises(ValueError, match=r"wanted a resync period of 0 s \(never\) or more, found -1 s"):
        ResyncPeriods("i", -1)
