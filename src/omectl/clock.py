"""Wall time as a dependency, and Kubernetes' two spellings of it.

Intervals and deadlines are the event loop's time (tests run them under a virtual loop); a `Clock` answers only
"what does the calendar say", for timestamps that people and other programs read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


class Clock(Protocol):
    """Wall time; `now()` is always aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> datetime:
        return datetime.now(UTC)


class FakeClock:
    """A clock that moves only when told to."""

    __slots__ = ("_now",)

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = _aware(start)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move by `seconds` (may be negative, as real clocks do) and return the new time."""
        self._now += timedelta(seconds=seconds)
        return self._now

    def set(self, moment: datetime) -> None:
        self._now = _aware(moment)


def format_time(moment: datetime) -> str:
    """`metav1.Time`: UTC, whole seconds, as in `2026-01-02T03:04:05Z`."""
    return _aware(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(moment: datetime) -> str:
    """`metav1.MicroTime`: UTC, exactly six digits, as in `2026-01-02T03:04:05.000006Z`."""
    return _aware(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """Read RFC 3339 with any offset and any number of fraction digits (cut to microseconds); ValueError otherwise."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"wanted an RFC 3339 time such as 2026-01-02T03:04:05Z, found {text!r}")
    date, time, fraction, zone = match.groups()
    offset = "+00:00" if zone in "Zz" else zone
    return datetime.fromisoformat(f"{date}T{time}{(fraction or '')[:7]}{offset}").astimezone(UTC)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"wanted a time with a zone, found the naive {moment.isoformat()}; pass tzinfo=UTC")
    return moment.astimezone(UTC)
