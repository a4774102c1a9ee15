"""Wall time, and how Kubernetes spells it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.clock import FakeClock, SystemClock, format_micro_time, format_time, parse_time

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_the_system_clock_is_in_utc_and_near_now() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


def test_a_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock(MOMENT)
    assert clock.now() == clock.now() == MOMENT
    assert clock.advance(1.5) == MOMENT + timedelta(seconds=1.5)
    clock.set(MOMENT)
    assert clock.now() == MOMENT


def test_times_are_written_as_the_server_wants_them() -> None:
    assert format_time(MOMENT) == "2026-01-02T03:04:05Z"
    assert format_micro_time(MOMENT) == "2026-01-02T03:04:05.000006Z"
    assert format_micro_time(MOMENT.replace(microsecond=0)) == "2026-01-02T03:04:05.000000Z"


def test_other_zones_are_written_in_utc() -> None:
    assert format_time(MOMENT.astimezone(timezone(timedelta(hours=5)))) == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-01-02T03:04:05Z", 0),
        ("2026-01-02t03:04:05z", 0),
        ("2026-01-02T03:04:05.000006Z", 6),
        ("2026-01-02T03:04:05.123456789Z", 123456),
        ("2026-01-02T03:04:05.5+00:00", 500000),
        ("2026-01-02T05:34:05+02:30", 0),
    ],
)
def test_all_spellings_of_a_time_are_read(text: str, microsecond: int) -> None:
    assert parse_time(text) == MOMENT.replace(microsecond=microsecond)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z"])
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted an RFC 3339 time|month"):
        parse_time(text)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="with a zone"):
        format_time(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_micro_times_survive_the_round_trip(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert parse_time(format_micro_time(aware)) == aware
