"""Which Events to write: repeats become a count, floods are folded or dropped. No input or output.

Equal events (also in their note) form a *series*: one Event object whose count grows. Events that are equal but for
their note are *similar*: past ten of them in ten minutes, further ones join one series with a prefixed note. Each
source and object has a token bucket that stops a flood altogether.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from datetime import datetime

from omectl.api.json import JsonObject, JsonValue
from omectl.clock import format_micro_time, format_time
from omectl.workqueue import BucketLimiter

COMBINED_PREFIX = "(combined from similar events): "
LONGEST_NOTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLimits:
    """Seconds and counts of the recorder's filters."""

    known_series: int = 4096
    pending: int = 1000
    similar_most: int = 10
    similar_window_s: float = 600.0
    spam_burst: int = 25
    spam_refill_s: float = 300.0
    series_refresh_s: float = 300.0
    series_finish_s: float = 360.0
    workers: int = 8
    attempts: int = 12
    retry_s: float = 10.0
    request_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    def reference(self) -> dict[str, JsonValue]:
        """As an ObjectReference; empty parts are left out."""
        parts = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
        }
        return {name: value for name, value in parts.items() if value}


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to tell. `type` is "Normal" or "Warning"."""

    subject: Subject
    type: str
    reason: str
    note: str
    action: str
    related: Subject | None = None


@dataclass(slots=True)
class Series:
    """Equal events so far. `written` is the count that the server knows; `name` is the Event's, `created` or to be."""

    happening: Happening
    first: datetime
    last: datetime
    last_at: float
    count: int = 1
    written: int = 0
    written_at: float = 0.0
    name: str = ""
    created: bool = False
    attempts: int = 0

    @property
    def namespace(self) -> str:
        """Where the Event object lives."""
        return self.happening.subject.namespace or "default"


@dataclass(slots=True)
class _Group:
    """Moments at which similar but different events came."""

    moments: deque[float] = field(default_factory=deque[float])
    combined: Happening | None = None


class EventCorrelator:
    """Finds the series of each happening. Remembers the latest ones only, so memory is bounded."""

    def __init__(self, limits: EventLimits) -> None:
        self._limits = limits
        self._series: OrderedDict[Happening, Series] = OrderedDict()
        self._groups: OrderedDict[Happening, _Group] = OrderedDict()
        self._buckets: OrderedDict[Subject, BucketLimiter[Subject]] = OrderedDict()

    def add(self, happening: Happening, now: float, wall: datetime) -> Series | None:
        """The series that `happening` belongs to after counting it, or None when it is one too many."""
        happening = replace(happening, note=_cut(happening.note))
        if self._is_spam(happening.subject, now):
            return None
        known = self._live(happening, now)
        if known is None:
            happening = self._folded(happening, now)
            known = self._live(happening, now)
        if known is None:
            return self._begin(happening, now, wall)
        known.count += 1
        known.last, known.last_at = wall, now
        self._series.move_to_end(happening)
        return known

    def forget(self, series: Series) -> None:
        """End a series: the next equal event begins a new one."""
        if self._series.get(series.happening) is series:
            del self._series[series.happening]

    def is_finished(self, series: Series, now: float) -> bool:
        """Whether nothing came for so long that the next equal event begins a new series."""
        return now - series.last_at >= self._limits.series_finish_s

    def __len__(self) -> int:
        return len(self._series)

    def _live(self, happening: Happening, now: float) -> Series | None:
        known = self._series.get(happening)
        return None if known is None or self.is_finished(known, now) else known

    def _begin(self, happening: Happening, now: float, wall: datetime) -> Series:
        series = Series(happening, first=wall, last=wall, last_at=now)
        self._series[happening] = series
        self._series.move_to_end(happening)
        if len(self._series) > self._limits.known_series:
            self._series.popitem(last=False)
        return series

    def _folded(self, happening: Happening, now: float) -> Happening:
        similar = replace(happening, note="")
        group = self._groups.setdefault(similar, _Group())
        self._groups.move_to_end(similar)
        if len(self._groups) > self._limits.known_series:
            self._groups.popitem(last=False)
        moments = group.moments
        while moments and now - moments[0] >= self._limits.similar_window_s:
            moments.popleft()
        if len(moments) < self._limits.similar_most:
            moments.append(now)
            return happening
        if group.combined is None or self._live(group.combined, now) is None:
            group.combined = replace(happening, note=_cut(COMBINED_PREFIX + happening.note))
        return group.combined

    def _is_spam(self, subject: Subject, now: float) -> bool:
        bucket = self._buckets.get(subject)
        if bucket is None:
            bucket = BucketLimiter[Subject](rate=1.0 / self._limits.spam_refill_s, burst=self._limits.spam_burst)
            self._buckets[subject] = bucket
            if len(self._buckets) > self._limits.known_series:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(subject)
        return not bucket.take(now)


def event_object(series: Series, component: str, instance: str) -> JsonObject:
    """The `events.k8s.io/v1` Event of a series."""
    happening = series.happening
    event: JsonObject = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": series.name, "namespace": series.namespace},
        "eventTime": format_micro_time(series.first),
        "type": happening.type,
        "reason": happening.reason,
        "action": happening.action,
        "note": happening.note,
        "regarding": happening.subject.reference(),
        "reportingController": component,
        "reportingInstance": instance,
    }
    if happening.related is not None:
        event["related"] = happening.related.reference()
    if series.count > 1:
        event["series"] = series_object(series)
    return event


def series_object(series: Series) -> dict[str, JsonValue]:
    """The `series` of an `events.k8s.io/v1` Event."""
    return {"count": series.count, "lastObservedTime": format_micro_time(series.last)}


def core_event_object(series: Series, component: str, instance: str) -> JsonObject:
    """The core `v1` Event of a series, for servers without `events.k8s.io` or where only this one is granted."""
    happening = series.happening
    event: JsonObject = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": series.name, "namespace": series.namespace},
        "type": happening.type,
        "reason": happening.reason,
        "message": happening.note,
        "involvedObject": happening.subject.reference(),
        "source": {"component": component},
        "reportingComponent": component,
        "reportingInstance": instance,
        "firstTimestamp": format_time(series.first),
        **core_count(series),
    }
    if happening.related is not None:
        event["related"] = happening.related.reference()
    return event


def core_count(series: Series) -> dict[str, JsonValue]:
    """The growing part of a core Event."""
    return {"count": series.count, "lastTimestamp": format_time(series.last)}


def _cut(note: str) -> str:
    """The server takes 1024 bytes at most."""
    encoded = note.encode()
    if len(encoded) <= LONGEST_NOTE:
        return note
    return encoded[: LONGEST_NOTE - 3].decode(errors="ignore") + "…"
