"""Which key is next: the queue's state without any waiting.

`Schedule` is pure and synchronous; every call is told the time. A key that is known has one entry. It is queued, either
*waiting* (for a moment) or *ready* (in a level of its priority, in order of admission), or *processing* (handed out),
or both: a key that is queued while it is processed counts as ready, but is not handed out before `done`.

Rules that callers may rely on:
* a key that is added again keeps the highest priority and the earliest moment it was ever given, never less;
* a ready key whose priority rises goes to the end of its new level; added without change it keeps its place;
* becoming ready puts a key at the end of its level, whatever order the waiting ones were added in.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Hashable
from itertools import count, takewhile
from operator import neg
from typing import Generic, TypeVar

import msgspec

from omectl.metrics import QUEUE_BUCKETS, Tally

K = TypeVar("K", bound=Hashable)

_KEPT_LEVELS = 8
_COMPACT_AT = 64

_READY = -1.0
_PROCESSING = -2.0
_NOT_STARTED = -1.0


class NotProcessingError(ValueError):
    """`done` was called for a key that is not handed out."""

    def __init__(self, key: Hashable) -> None:
        super().__init__(f"wanted a key that get() has handed out, found {key!r}; call done() once per get()")
        self.key = key


class Entry(msgspec.Struct, Generic[K], gc=False, eq=False):
    """What is known of one key.

    `due` is the moment it waits for, _READY, or _PROCESSING when it is handed out and not queued again. `since` is when
    it became ready, or was handed out. `started` is when it was handed out if it is queued again, else _NOT_STARTED.
    `order` is renewed whenever the key is queued or moved.

    A struct outside the garbage collector's sight: a queue of 100,000 keys makes no collection slower.
    """

    key: K
    priority: int
    since: float
    order: int
    due: float = _READY
    started: float = _NOT_STARTED


class Schedule(Generic[K]):
    """State of one queue; see the module's rules. Times are seconds of one monotonic clock, never negative."""

    def __init__(self, max_starvation_s: float | None = None) -> None:
        self._max_starvation_s = max_starvation_s
        self._entries: dict[K, Entry[K]] = {}
        self._levels: dict[int, OrderedDict[int, Entry[K]]] = {}
        self._priorities: list[int] = []
        self._parked: dict[int, Entry[K]] = {}
        self._heap: list[tuple[float, int, Entry[K]]] = []
        self._stale = 0
        self._orders = count()
        self.ready = 0
        """Number of ready keys, also those that are being processed at the same time."""
        self.processing = 0
        """Number of keys handed out."""
        self.adds = 0
        self.retries = 0
        self.queue_duration = Tally(QUEUE_BUCKETS)
        self.work_duration = Tally(QUEUE_BUCKETS)

    def add(self, key: K, now: float, delay_s: float, priority: int) -> bool:
        """Queue `key`; answer whether a key that can be handed out has appeared."""
        if delay_s > 0:
            self.retries += 1
        entry = self._entries.get(key)
        if entry is not None:
            return self._add_again(entry, now, delay_s, priority)
        order = next(self._orders)
        self._entries[key] = entry = Entry(key, priority, now, order)
        if delay_s > 0:
            self._wait(entry, now + delay_s)
            return False
        self.adds += 1
        self.ready += 1
        level = self._levels.get(priority)
        if level is None:
            level = self._open_level(priority)
        level[order] = entry
        return True

    def pop(self, now: float) -> Entry[K] | None:
        """Hand out the next key, or None when every ready key is being processed or none is ready."""
        heap = self._heap
        if heap and heap[0][0] <= now:
            self.release(now)
        if self._max_starvation_s is not None:
            self._promote(now, self._max_starvation_s)
        for priority in self._priorities:
            level = self._levels[priority]
            while level:
                order, entry = level.popitem(last=False)
                if entry.started >= 0:
                    self._parked[order] = entry
                    continue
                # Tally.observe, written out: this and the one in `done` are the hottest lines of a controller.
                queued_s = now - entry.since
                tally = self.queue_duration
                tally.counts[bisect_left(QUEUE_BUCKETS, queued_s)] += 1
                tally.total += queued_s
                entry.since = now
                entry.due = _PROCESSING
                self.ready -= 1
                self.processing += 1
                return entry
        return None

    def done(self, key: K, now: float) -> bool:
        """Take `key` back; answer whether it was queued meanwhile and can be handed out now."""
        # Taken out at once, as nearly every key leaves here: hashing it again to delete it would show.
        entry = self._entries.pop(key, None)
        if entry is None:
            raise NotProcessingError(key)
        if entry.due == _PROCESSING:
            self.processing -= 1
            worked_s = now - entry.since
            tally = self.work_duration
            tally.counts[bisect_left(QUEUE_BUCKETS, worked_s)] += 1
            tally.total += worked_s
            return False
        self._entries[key] = entry
        if entry.started < 0:
            raise NotProcessingError(key)
        self.processing -= 1
        self.work_duration.observe(now - entry.started)
        entry.started = _NOT_STARTED
        if self._parked.pop(entry.order, None) is not None:
            self._unpark(entry)
        return entry.due == _READY

    def release(self, now: float) -> int:
        """Make every waiting key whose moment has come ready; answer how many of them can be handed out."""
        free = 0
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, order, entry = heapq.heappop(heap)
            if entry.order != order:
                self._stale -= 1
                continue
            self._admit(entry, now)
            free += entry.started < 0
        return free

    def next_due(self) -> float | None:
        """The moment of the first waiting key (or an earlier one: withdrawn moments stay in the heap for a while)."""
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Drop every ready and waiting key; those in processing stay."""
        self._heap.clear()
        self._stale = 0
        self._levels.clear()
        self._priorities.clear()
        self._parked.clear()
        self.ready = 0
        self._unqueue(list(self._entries.values()))

    def clear_waiting(self) -> None:
        """Drop every key that waits for a moment."""
        self._unqueue([entry for _, order, entry in self._heap if entry.order == order])
        self._heap.clear()
        self._stale = 0

    @property
    def waiting(self) -> int:
        """Number of keys that wait for a moment."""
        return len(self._heap) - self._stale

    def started(self) -> list[float]:
        """When each key that is being processed was handed out."""
        return [
            entry.since if entry.due == _PROCESSING else entry.started
            for entry in self._entries.values()
            if entry.due == _PROCESSING or entry.started >= 0
        ]

    def depth(self) -> dict[int, int]:
        """Ready keys by priority."""
        depth = {priority: len(level) for priority, level in self._levels.items()}
        for entry in self._parked.values():
            depth[entry.priority] = depth.get(entry.priority, 0) + 1
        return depth

    def _add_again(self, entry: Entry[K], now: float, delay_s: float, priority: int) -> bool:
        if entry.due == _READY:
            if priority > entry.priority:
                self._raise(entry, priority)
            return False
        if entry.due == _PROCESSING:
            entry.started = entry.since
            entry.priority = priority
            if delay_s > 0:
                self._wait(entry, now + delay_s)
                return False
            self._admit(entry, now)
            return False
        entry.priority = max(entry.priority, priority)
        if delay_s <= 0:
            self._admit(entry, now)
        elif now + delay_s < entry.due:
            self._wait(entry, now + delay_s)
        else:
            return False
        self._stale += 1
        self._compact()
        return delay_s <= 0 and entry.started < 0

    def _unqueue(self, entries: list[Entry[K]]) -> None:
        """Take the queued ones of `entries` back, wherever they are; the caller empties those places."""
        for entry in entries:
            if entry.started >= 0:
                entry.since, entry.started = entry.started, _NOT_STARTED
                entry.due = _PROCESSING
            elif entry.due != _PROCESSING:
                del self._entries[entry.key]

    def _wait(self, entry: Entry[K], due: float) -> None:
        entry.due = due
        entry.order = next(self._orders)
        heapq.heappush(self._heap, (due, entry.order, entry))

    def _admit(self, entry: Entry[K], now: float) -> None:
        entry.due = _READY
        entry.since = now
        self.adds += 1
        self.ready += 1
        self._append(entry)

    def _append(self, entry: Entry[K]) -> None:
        entry.order = next(self._orders)
        level = self._levels.get(entry.priority)
        if level is None:
            level = self._open_level(entry.priority)
        level[entry.order] = entry

    def _raise(self, entry: Entry[K], priority: int) -> None:
        if self._parked.pop(entry.order, None) is None:
            del self._levels[entry.priority][entry.order]
        entry.priority = priority
        self._append(entry)

    def _unpark(self, entry: Entry[K]) -> None:
        """Give a key back its place: only keys that were parked like it can stand before it."""
        level = self._levels.get(entry.priority)
        if level is None:
            level = self._open_level(entry.priority)
        ahead = list(takewhile(lambda order: order < entry.order, level))
        level[entry.order] = entry
        for order in (entry.order, *reversed(ahead)):
            level.move_to_end(order, last=False)

    def _promote(self, now: float, max_starvation_s: float) -> None:
        """Treat keys that were ready for too long as if they had priority 0."""
        for priority in [each for each in self._priorities if each < 0 and self._levels[each]]:
            level = self._levels[priority]
            while level:
                oldest = next(iter(level.values()))
                if now - oldest.since < max_starvation_s:
                    break
                self._raise(oldest, 0)

    def _open_level(self, priority: int) -> OrderedDict[int, Entry[K]]:
        if len(self._priorities) >= _KEPT_LEVELS:
            self._priorities = [each for each in self._priorities if self._levels[each]]
            self._levels = {each: self._levels[each] for each in self._priorities}
        level = self._levels[priority] = OrderedDict[int, Entry[K]]()
        insort(self._priorities, priority, key=neg)
        return level

    def _compact(self) -> None:
        if self._stale > _COMPACT_AT and self._stale * 2 > len(self._heap):
            self._heap = [item for item in self._heap if item[2].order == item[1]]
            heapq.heapify(self._heap)
            self._stale = 0
