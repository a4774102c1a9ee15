"""Which key is next: the queue's state without any waiting.

`Schedule` is pure and synchronous; every call is told the time. Each queued key has one entry, either *waiting* (for a
moment) or *ready* (in a level of its priority, in order of admission). A key that was handed out is *processing*; it
may be queued again meanwhile, counts as ready, but is not handed out before `done`.

Rules that callers may rely on:
* a key that is added again keeps the highest priority and the earliest moment it was ever given, never less;
* a ready key whose priority rises goes to the end of its new level; added without change it keeps its place;
* becoming ready puts a key at the end of its level, whatever order the waiting ones were added in.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from operator import neg
from typing import Generic, TypeVar

from omectl.metrics import QUEUE_BUCKETS, Tally

K = TypeVar("K", bound=Hashable)

_KEPT_LEVELS = 8
_COMPACT_AT = 64
_IS_READY = -1.0


class NotProcessingError(ValueError):
    """`done` was called for a key that is not handed out."""

    def __init__(self, key: Hashable) -> None:
        super().__init__(f"wanted a key that get() has handed out, found {key!r}; call done() once per get()")
        self.key = key


class Entry(Generic[K]):
    """One queued key. `due` is the moment it waits for, or a negative number once it is ready."""

    __slots__ = ("due", "key", "order", "priority", "since")

    def __init__(self, key: K, priority: int) -> None:
        self.key = key
        self.priority = priority
        self.due = _IS_READY
        self.order = 0
        self.since = 0.0


class Schedule(Generic[K]):
    """State of one queue; see the module's rules. Times are seconds of one monotonic clock, never negative."""

    def __init__(self, max_starvation_s: float | None = None) -> None:
        self._max_starvation_s = max_starvation_s
        self._entries: dict[K, Entry[K]] = {}
        self._levels: dict[int, OrderedDict[K, Entry[K]]] = {}
        self._priorities: list[int] = []
        self._parked: dict[K, Entry[K]] = {}
        self._heap: list[tuple[float, int, Entry[K]]] = []
        self._stale = 0
        self._processing: dict[K, float] = {}
        self._admissions = 0
        self.adds = 0
        self.retries = 0
        self.queue_duration = Tally(QUEUE_BUCKETS)
        self.work_duration = Tally(QUEUE_BUCKETS)

    def add(self, key: K, now: float, delay_s: float, priority: int) -> bool:
        """Queue `key`; answer whether a key that can be handed out has appeared."""
        if delay_s > 0:
            self.retries += 1
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = entry = Entry(key, priority)
            if delay_s > 0:
                self._wait(entry, now + delay_s)
                return False
            self._admit(entry, now)
            return key not in self._processing
        if entry.due < 0:
            if priority > entry.priority:
                self._raise(entry, priority)
            return False
        entry.priority = max(entry.priority, priority)
        if delay_s <= 0:
            self._stale += 1
            self._admit(entry, now)
            self._compact()
            return key not in self._processing
        if now + delay_s < entry.due:
            self._stale += 1
            self._wait(entry, now + delay_s)
            self._compact()
        return False

    def pop(self, now: float) -> Entry[K] | None:
        """Hand out the next key, or None when every ready key is being processed or none is ready."""
        heap = self._heap
        if heap and heap[0][0] <= now:
            self.release(now)
        if self._max_starvation_s is not None:
            self._promote(now, self._max_starvation_s)
        processing = self._processing
        for priority in self._priorities:
            level = self._levels[priority]
            while level:
                key, entry = level.popitem(last=False)
                if key in processing:
                    self._parked[key] = entry
                    continue
                del self._entries[key]
                processing[key] = now
                self.queue_duration.observe(now - entry.since)
                return entry
        return None

    def done(self, key: K, now: float) -> bool:
        """Take `key` back; answer whether it was queued meanwhile and can be handed out now."""
        started = self._processing.pop(key, None)
        if started is None:
            raise NotProcessingError(key)
        self.work_duration.observe(now - started)
        parked = self._parked.pop(key, None)
        if parked is not None:
            self._unpark(parked)
            return True
        entry = self._entries.get(key)
        return entry is not None and entry.due < 0

    def release(self, now: float) -> int:
        """Make every waiting key whose moment has come ready; answer how many of them can be handed out."""
        free = 0
        heap = self._heap
        while heap and heap[0][0] <= now:
            due, _, entry = heapq.heappop(heap)
            if entry.due != due:
                self._stale -= 1
                continue
            self._admit(entry, now)
            free += entry.key not in self._processing
        return free

    def next_due(self) -> float | None:
        """The moment of the first waiting key (or an earlier one: withdrawn moments stay in the heap for a while)."""
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Drop every ready and waiting key; those in processing stay."""
        self.clear_waiting()
        self._entries.clear()
        self._levels.clear()
        self._priorities.clear()
        self._parked.clear()

    def clear_waiting(self) -> None:
        """Drop every key that waits for a moment."""
        for due, _, entry in self._heap:
            if entry.due == due:
                del self._entries[entry.key]
        self._heap.clear()
        self._stale = 0

    @property
    def ready(self) -> int:
        """Number of ready keys, also those that are being processed at the same time."""
        return len(self._entries) - self.waiting

    @property
    def waiting(self) -> int:
        return len(self._heap) - self._stale

    @property
    def processing(self) -> Mapping[K, float]:
        """Keys handed out, with the moment of handing out."""
        return self._processing

    def depth(self) -> dict[int, int]:
        """Ready keys by priority."""
        depth = {priority: len(level) for priority, level in self._levels.items()}
        for entry in self._parked.values():
            depth[entry.priority] = depth.get(entry.priority, 0) + 1
        return depth

    def _wait(self, entry: Entry[K], due: float) -> None:
        entry.due = due
        self._admissions += 1
        heapq.heappush(self._heap, (due, self._admissions, entry))

    def _admit(self, entry: Entry[K], now: float) -> None:
        entry.due = _IS_READY
        entry.since = now
        self.adds += 1
        self._append(entry)

    def _append(self, entry: Entry[K]) -> None:
        self._admissions = entry.order = self._admissions + 1
        level = self._levels.get(entry.priority)
        if level is None:
            level = self._open_level(entry.priority)
        level[entry.key] = entry

    def _raise(self, entry: Entry[K], priority: int) -> None:
        if self._parked.pop(entry.key, None) is None:
            del self._levels[entry.priority][entry.key]
        entry.priority = priority
        self._append(entry)

    def _unpark(self, entry: Entry[K]) -> None:
        """Give a key back its place: only keys that were parked like it can stand before it."""
        level = self._levels.get(entry.priority)
        if level is None:
            level = self._open_level(entry.priority)
        ahead: list[Entry[K]] = []
        while level and next(iter(level.values())).order < entry.order:
            ahead.append(level.popitem(last=False)[1])
        for each in (entry, *reversed(ahead)):
            level[each.key] = each
            level.move_to_end(each.key, last=False)

    def _promote(self, now: float, max_starvation_s: float) -> None:
        for priority in [each for each in self._priorities if each < 0 and self._levels[each]]:
            level = self._levels[priority]
            while level:
                oldest = next(iter(level.values()))
                if now - oldest.since < max_starvation_s:
                    break
                self._raise(oldest, 0)

    def _open_level(self, priority: int) -> OrderedDict[K, Entry[K]]:
        if len(self._priorities) >= _KEPT_LEVELS:
            self._priorities = [each for each in self._priorities if self._levels[each]]
            self._levels = {each: self._levels[each] for each in self._priorities}
        level = self._levels[priority] = OrderedDict[K, Entry[K]]()
        insort(self._priorities, priority, key=neg)
        return level

    def _compact(self) -> None:
        if self._stale > _COMPACT_AT and self._stale * 2 > len(self._heap):
            self._heap = [item for item in self._heap if item[2].due == item[0]]
            heapq.heapify(self._heap)
            self._stale = 0
