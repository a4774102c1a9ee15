"""Repeats, similar events and floods."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omectl.manager import EventLimits, Subject
from omectl.manager.events import (
    COMBINED_PREFIX,
    LONGEST_NOTE,
    EventCorrelator,
    Happening,
    Series,
    core_event_object,
    event_object,
)

WALL = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
MODEL = Subject("ome.io/v1beta1", "BaseModel", "ns", "m", "uid-m")
NO_SPAM_FILTER = EventLimits(spam_burst=10_000)


def happening(note: str = "it failed", **changes: Any) -> Happening:
    given: dict[str, Any] = {
        "subject": MODEL,
        "type": "Warning",
        "reason": "DownloadFailed",
        "note": note,
        "action": "Reconcile",
        **changes,
    }
    return Happening(**given)


class Teller:
    """A correlator, and the time."""

    def __init__(self, limits: EventLimits = NO_SPAM_FILTER) -> None:
        self.correlator = EventCorrelator(limits)
        self.now = 0.0

    def tell(self, note: str = "it failed", **changes: Any) -> Series | None:
        return self.correlator.add(happening(note, **changes), self.now, WALL)


def test_equal_events_are_one_series_that_counts() -> None:
    teller = Teller()
    first, second = teller.tell(), teller.tell()
    assert first is second
    assert first is not None
    assert first.count == 2


@pytest.mark.parametrize(
    "other",
    [
        {"note": "it failed otherwise"},
        {"reason": "Other"},
        {"type": "Normal"},
        {"action": "Download"},
        {"subject": Subject("ome.io/v1beta1", "BaseModel", "ns", "other", "uid-o")},
        {"related": MODEL},
    ],
    ids=lambda other: next(iter(other)),
)
def test_events_that_differ_in_anything_are_different_series(other: dict[str, Any]) -> None:
    teller = Teller()
    assert teller.tell() is not teller.tell(**other)


def test_a_series_ends_when_nothing_came_for_six_minutes() -> None:
    teller = Teller()
    first = teller.tell()
    teller.now = 359.0
    assert teller.tell() is first
    teller.now += 360.0
    again = teller.tell()
    assert again is not first
    assert again is not None
    assert again.count == 1


def test_the_eleventh_similar_event_in_ten_minutes_is_folded() -> None:
    teller = Teller()
    for number in range(10):
        series = teller.tell(f"attempt {number}")
        assert series is not None
        assert not series.happening.note.startswith(COMBINED_PREFIX)
    folded = teller.tell("attempt 10")
    assert folded is not None
    assert folded.happening.note == COMBINED_PREFIX + "attempt 10"
    assert teller.tell("attempt 11") is folded
    assert folded.count == 2


def test_similar_events_are_told_apart_again_after_the_window() -> None:
    teller = Teller()
    for number in range(11):
        teller.tell(f"attempt {number}")
    teller.now = 600.0
    series = teller.tell("attempt 12")
    assert series is not None
    assert series.happening.note == "attempt 12"


def test_repeats_do_not_count_as_similar() -> None:
    teller = Teller()
    for _ in range(100):
        teller.tell("the same")
    series = teller.tell("another")
    assert series is not None
    assert series.happening.note == "another"


def test_events_of_other_objects_are_not_similar() -> None:
    teller = Teller()
    for number in range(11):
        subject = Subject("v1", "Pod", "ns", f"pod-{number}", "")
        series = teller.tell(f"attempt {number}", subject=subject)
        assert series is not None
        assert not series.happening.note.startswith(COMBINED_PREFIX)


def test_the_26th_event_of_one_object_is_dropped_until_the_bucket_refills() -> None:
    teller = Teller(EventLimits())
    assert all(teller.tell() is not None for _ in range(25))
    assert teller.tell() is None
    assert teller.tell(subject=Subject("v1", "Pod", "ns", "p", "")) is not None
    teller.now = 300.0
    assert teller.tell() is not None
    assert teller.tell() is None


def test_memory_is_bounded() -> None:
    teller = Teller(EventLimits(known_series=50))
    for number in range(1000):
        teller.tell(subject=Subject("v1", "Pod", "ns", f"pod-{number}", ""))
    correlator = teller.correlator
    assert len(correlator) == len(correlator._groups) == len(correlator._buckets) == 50


def test_the_oldest_is_forgotten_first() -> None:
    teller = Teller(EventLimits(known_series=2))

    def tell(name: str) -> Series | None:
        return teller.tell(subject=Subject("v1", "Pod", "ns", name, ""))

    first, second = tell("a"), tell("b")
    assert tell("a") is first
    tell("c")
    assert tell("a") is first
    assert tell("b") is not second


def test_a_folded_series_counts_on_under_its_first_note_and_ends_like_any_other() -> None:
    teller = Teller()
    for number in range(10):
        teller.tell(f"attempt {number}")
    folded = teller.tell("attempt 10")
    assert folded is not None
    assert teller.tell("attempt 11") is folded
    assert (folded.happening.note, folded.count) == (COMBINED_PREFIX + "attempt 10", 2)
    teller.now = 360.0
    later = teller.tell("attempt 12")
    assert later is not None
    assert later is not folded
    assert later.happening.note == COMBINED_PREFIX + "attempt 12"


def test_forgetting_ends_a_series_but_not_the_one_that_took_its_place() -> None:
    teller = Teller()
    first = teller.tell()
    assert first is not None
    teller.now = 360.0
    second = teller.tell()
    assert second is not None
    teller.correlator.forget(first)
    assert teller.tell() is second
    teller.correlator.forget(second)
    assert teller.tell() is not second


def test_a_repeat_takes_the_moment_and_the_time_of_day_of_the_latest() -> None:
    teller = Teller()
    series = teller.tell()
    assert series is not None
    teller.now = 7.0
    later = WALL + timedelta(seconds=7)
    assert teller.correlator.add(happening(), 7.0, later) is series
    assert (series.first, series.last, series.last_at, series.count) == (WALL, later, 7.0, 2)


def test_the_limits_are_those_of_the_field() -> None:
    limits = EventLimits()
    assert (limits.known_series, limits.pending, limits.workers) == (4096, 1000, 8)
    assert (limits.similar_most, limits.similar_window_s) == (10, 600.0)
    assert (limits.spam_burst, limits.spam_refill_s) == (25, 300.0)
    assert (limits.series_refresh_s, limits.series_finish_s) == (300.0, 360.0)
    assert (limits.attempts, limits.retry_s, limits.request_timeout_s) == (12, 10.0, 10.0)


def test_a_note_of_just_the_longest_length_is_not_cut() -> None:
    teller = Teller()
    series, longer = teller.tell("x" * LONGEST_NOTE), teller.tell("x" * (LONGEST_NOTE + 1))
    assert series is not None
    assert longer is not None
    assert series.happening.note == "x" * LONGEST_NOTE
    assert longer.happening.note == "x" * (LONGEST_NOTE - 3) + "…"


def test_a_core_event_names_what_it_is_related_to() -> None:
    series = Teller().tell(related=Subject("v1", "Node", "", "n", ""))
    assert series is not None
    assert core_event_object(series, "tester", "host")["related"] == {"apiVersion": "v1", "kind": "Node", "name": "n"}


def test_a_long_note_is_cut_to_what_the_server_takes() -> None:
    teller = Teller()
    series = teller.tell("ü" * 1000)
    assert series is not None
    assert len(series.happening.note.encode()) <= LONGEST_NOTE
    assert series.happening.note.endswith("ü…")


def test_a_single_event_is_written_without_a_series() -> None:
    series = Teller().tell(related=Subject("v1", "Node", "", "n", ""))
    assert series is not None
    series.name = "m.1"
    assert event_object(series, "v1beta1Controllers", "v1beta1Controllers-host") == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "m.1", "namespace": "ns"},
        "eventTime": "2026-01-02T03:04:05.000678Z",
        "type": "Warning",
        "reason": "DownloadFailed",
        "action": "Reconcile",
        "note": "it failed",
        "regarding": {
            "apiVersion": "ome.io/v1beta1",
            "kind": "BaseModel",
            "namespace": "ns",
            "name": "m",
            "uid": "uid-m",
        },
        "related": {"apiVersion": "v1", "kind": "Node", "name": "n"},
        "reportingController": "v1beta1Controllers",
        "reportingInstance": "v1beta1Controllers-host",
    }


def test_a_repeated_event_is_written_with_its_count() -> None:
    teller = Teller()
    teller.tell()
    series = teller.tell()
    assert series is not None
    assert event_object(series, "c", "i")["series"] == {
        "count": 2,
        "lastObservedTime": "2026-01-02T03:04:05.000678Z",
    }


def test_a_core_event_says_the_same_in_the_old_words() -> None:
    teller = Teller()
    teller.tell()
    series = teller.tell(related=None)
    assert series is not None
    event = core_event_object(series, "c", "i")
    assert event["involvedObject"] == series.happening.subject.reference()
    assert event["message"] == "it failed"
    assert event["source"] == {"component": "c"}
    assert (event["count"], event["firstTimestamp"], event["lastTimestamp"]) == (
        2,
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z",
    )


def test_events_of_cluster_scoped_objects_live_in_default() -> None:
    series = Teller().tell(subject=Subject("ome.io/v1beta1", "ClusterBaseModel", "", "m", ""))
    assert series is not None
    assert series.namespace == "default"
