"""What waits for one handler: every event in order, or, for handlers that only need keys, one change per object.

Owned by one event loop. Every method is plain and never yields, so each is one atomic step.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import msgspec

from omectl.api.resource import ObjectKey
from omectl.informers.events import EventType, ObjectEvent
from omectl.informers.record import Record


class Marker(Enum):
    """A place in a buffer that is no event."""

    INITIAL_SET_END = "initial-set-end"


Entry = ObjectEvent | Marker


class Buffer(Protocol):
    """`pending` is how many events `pop` would still give; `high_water` is the most that there ever were."""

    pending: int
    high_water: int

    def put(self, events: Sequence[ObjectEvent]) -> None:
        """Append events."""
        ...

    def put_replay(self, records: Sequence[Record], *, initial: bool) -> None:
        """Append existing objects: as additions of the initial set, or as updates that changed nothing."""
        ...

    def put_marker(self) -> None:
        """Everything appended so far is the initial set."""
        ...

    def pop(self) -> Entry | None:
        """The next entry, or None when there is none."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


@dataclass(slots=True)
class _Replay:
    """Existing objects, made into events one by one as they are delivered."""

    records: Iterator[Record]
    initial: bool


class OrderedBuffer:
    """Every event, in order. Unbounded: a handler that is slower than its events costs memory, and delays nobody."""

    def __init__(self) -> None:
        self._entries: deque[Entry | _Replay] = deque()
        self._replay: _Replay | None = None
        self.pending = 0
        self.high_water = 0

    def put(self, events: Sequence[ObjectEvent]) -> None:
        self._entries.extend(events)
        self._grow(len(events))

    def put_replay(self, records: Sequence[Record], *, initial: bool) -> None:
        self._entries.append(_Replay(iter(records), initial))
        self._grow(len(records))

    def put_marker(self) -> None:
        self._entries.append(Marker.INITIAL_SET_END)

    def pop(self) -> Entry | None:
        while True:
            if self._replay is not None:
                record = next(self._replay.records, None)
                if record is not None:
                    self.pending -= 1
                    return replayed(record, initial=self._replay.initial)
                self._replay = None
            if not self._entries:
                return None
            entry = self._entries.popleft()
            if isinstance(entry, ObjectEvent):
                self.pending -= 1
                return entry
            if isinstance(entry, Marker):
                return entry
            self._replay = entry

    def clear(self) -> None:
        self._entries.clear()
        self._replay = None
        self.pending = 0

    def _grow(self, count: int) -> None:
        self.pending += count
        self.high_water = max(self.high_water, self.pending)


class CoalescingBuffer:
    """At most one change per object, told as `old` of the first and new of the last (D13).

    An object keeps its place in the line. A delete wins over what came before it, and has in `old_record` what the
    handler heard last; an object that came back after a delete is told as that delete and an add, so that a change of
    the UID stays one. What a user changed meanwhile is neither `initial` nor `resync`.
    """

    def __init__(self) -> None:
        # A queue beside the map: the first key of a map that shrinks at its front is found ever more slowly.
        self._line: deque[ObjectKey | Marker] = deque()
        self._waiting: dict[ObjectKey, Record | list[ObjectEvent]] = {}
        self.pending = 0
        self.high_water = 0

    def put(self, events: Sequence[ObjectEvent]) -> None:
        for event in events:
            waiting = self._waiting.get(event.key)
            if waiting is None:
                self._waiting[event.key] = [event]
                self._line.append(event.key)
                self.pending += 1
                continue
            if isinstance(waiting, Record):
                self._waiting[event.key] = waiting = [replayed(waiting, initial=True)]
            before = len(waiting)
            _merge(waiting, event)
            self.pending += len(waiting) - before
        self.high_water = max(self.high_water, self.pending)

    def put_replay(self, records: Sequence[Record], *, initial: bool) -> None:
        if self._waiting or not initial:
            self.put([replayed(record, initial=initial) for record in records])
            return
        # The first list may be long: its events are made as they are delivered.
        self._waiting = {record.key: record for record in records}
        self._line.extend(self._waiting)
        self.pending = len(self._waiting)
        self.high_water = max(self.high_water, self.pending)

    def put_marker(self) -> None:
        self._line.append(Marker.INITIAL_SET_END)

    def pop(self) -> Entry | None:
        if not self._line:
            return None
        place = self._line[0]
        if isinstance(place, Marker):
            self._line.popleft()
            return place
        waiting = self._waiting[place]
        event = replayed(waiting, initial=True) if isinstance(waiting, Record) else waiting.pop(0)
        if isinstance(waiting, Record) or not waiting:
            self._line.popleft()
            del self._waiting[place]
        self.pending -= 1
        return event

    def clear(self) -> None:
        self._line.clear()
        self._waiting.clear()
        self.pending = 0


def _merge(waiting: list[ObjectEvent], event: ObjectEvent) -> None:
    """Fold `event` into what waits of its object: a change, or a delete, or a delete and the add after it."""
    last = waiting[-1]
    if event.type is EventType.DELETED:
        if last.type is EventType.DELETED:
            return
        waiting.pop()
        if not waiting:
            waiting.append(msgspec.structs.replace(event, old_record=last.old_record))
    elif last.type is EventType.DELETED:
        waiting.append(event)
    else:
        waiting[-1] = ObjectEvent(
            last.type,
            event.record,
            last.old_record,
            initial=last.initial and event.resync,
            resync=last.resync and event.resync,
        )


def replayed(record: Record, *, initial: bool) -> ObjectEvent:
    """What tells of an object that exists: an addition to a new handler, else an update that changed nothing."""
    if initial:
        return ObjectEvent(EventType.ADDED, record, initial=True)
    return ObjectEvent(EventType.UPDATED, record, record, resync=True)
