"""The queue that controllers work from.

`PriorityQueue` belongs to one event loop and is not thread-safe; every method that changes it is a plain function and
therefore atomic. It promises: a key is never handed to two workers at once; any number of adds between two runs give
one run; an add during a run gives exactly one more; the highest priority is served first, and within a priority the key
that became ready first. It does not promise fairness between priorities unless `max_starvation_s` is set.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from omectl.metrics import Tally
from omectl.workqueue.collector import publish
from omectl.workqueue.rate_limit import ExponentialLimiter, RateLimiter
from omectl.workqueue.schedule import Schedule
from omectl.workqueue.statistics import QueueStatistics

K = TypeVar("K", bound=Hashable)

LOW_PRIORITY = -100
"""For work that nobody waits for: the initial list, resyncs, changed settings."""

LONGEST_NAP_S = 10.0
"""How long the timer of the delayed keys sleeps at most: a clock that jumps (suspend) delays nothing for longer."""


class QueueShutDown(Exception):
    """`get` was called on, or was waiting in, a queue that hands out nothing any more."""

    def __init__(self, name: str) -> None:
        super().__init__(f"work queue {name or '(unnamed)'} is shut down; the worker should end")
        self.name = name


class _Phase(enum.Enum):
    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"


_OPEN = _Phase.OPEN


class PriorityQueue(Generic[K]):
    """Deduplicating priority queue with delays; see the module for its promises.

    `name` labels the metrics (none are published without a name). Times are the running loop's.
    """

    def __init__(
        self,
        name: str = "",
        *,
        limiter: RateLimiter[K] | None = None,
        max_starvation_s: float | None = None,
    ) -> None:
        self.name = name
        self._limiter: RateLimiter[K] = ExponentialLimiter[K]() if limiter is None else limiter
        self._schedule: Schedule[K] = Schedule(max_starvation_s)
        self._phase = _OPEN
        self._getters: deque[asyncio.Future[None]] = deque()
        self._drainers: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._time = self._first_time
        self._wakeups = 0
        self._alarms = 0
        if name:
            publish(self)

    def add(self, key: K, *, after_s: float = 0.0, rate_limited: bool = False, priority: int = 0) -> None:
        """Queue `key`; the smaller of `after_s` and the limiter's delay counts when both are asked for.

        A key that is queued already keeps its earlier moment and its higher priority. Ignored once shutting down.
        """
        if self._phase is not _OPEN:
            return
        now = self._time()
        if rate_limited:
            limited_s = self._limiter.when(key, now)
            after_s = limited_s if after_s <= 0 else min(after_s, limited_s)
        if self._schedule.add(key, now, after_s, priority):
            if self._getters:
                self._wake()
        elif after_s > 0:
            self._arm()

    async def get(self) -> tuple[K, int]:
        """Wait for the next key; answer it with its priority. QueueShutDown when there will be none.

        Cancellation loses nothing: a key is taken only by a getter that is running.
        """
        while True:
            now = self._time()
            if self._getters:
                # Before the timer rings: keys that this getter finds due are keys for those who sleep, too.
                self._release(now)
            entry = self._schedule.pop(now)
            if entry is not None:
                return entry.key, entry.priority
            if self._phase is not _OPEN and not self._schedule.ready:
                raise QueueShutDown(self.name)
            await self._turn()

    def done(self, key: K) -> None:
        """End the run of a key that `get` handed out; NotProcessingError for any other."""
        if self._schedule.done(key, self._time()):
            self._wake()
        if self._phase is not _OPEN:
            self._settle()

    def forget(self, key: K) -> None:
        """Forget the failures of `key`: its next rate-limited add waits the shortest delay again."""
        self._limiter.forget(key)

    def num_requeues(self, key: K) -> int:
        """Failures of `key` since it was last forgotten."""
        return self._limiter.num_requeues(key)

    def shut_down(self, drain: bool = False) -> None:
        """Accept no more adds and drop the delayed keys.

        Ready keys are dropped too and getters end at once, unless `drain`: then ready keys are still handed out, and
        `drained()` tells the end. A later call without `drain` aborts the draining.
        """
        self._schedule.clear_waiting()
        if drain and self._phase is not _Phase.CLOSED:
            self._phase = _Phase.DRAINING
        else:
            self._phase = _Phase.CLOSED
            self._schedule.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._settle()

    async def drained(self) -> None:
        """Wait until a drain (see `shut_down`) has left nothing ready or in processing, or was aborted."""
        if self._phase is not _Phase.DRAINING or self._is_idle():
            return
        waiter = asyncio.get_running_loop().create_future()
        self._drainers.append(waiter)
        try:
            await waiter
        finally:
            self._drainers.remove(waiter)

    def __len__(self) -> int:
        """Number of ready keys."""
        return self._schedule.ready

    @property
    def is_shutting_down(self) -> bool:
        return self._phase is not _OPEN

    def statistics(self) -> QueueStatistics:
        schedule = self._schedule
        ages_s = [self._time() - started for started in schedule.started()]
        return QueueStatistics(
            name=self.name,
            phase=self._phase.value,
            ready=schedule.ready,
            waiting=schedule.waiting,
            processing=schedule.processing,
            depth=schedule.depth(),
            adds=schedule.adds,
            retries=schedule.retries,
            getters=len(self._getters),
            wakeups=self._wakeups,
            alarms=self._alarms,
            tracked=len(self._limiter),
            unfinished_work_s=sum(ages_s),
            longest_running_s=max(ages_s, default=0.0),
        )

    def durations(self) -> tuple[Tally, Tally]:
        """Seconds from ready to handed out, and from handed out to done."""
        return self._schedule.queue_duration, self._schedule.work_duration

    def _first_time(self) -> float:
        loop = asyncio.get_running_loop()
        # The stock loops' `time` only calls `monotonic`; asked three times per key, the detour would show.
        self._time = time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
        return self._time()

    async def _turn(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._getters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self._wake()
            elif waiter in self._getters:
                self._getters.remove(waiter)
            raise

    def _wake(self) -> None:
        while self._getters:
            waiter = self._getters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._wakeups += 1
                return

    def _arm(self) -> None:
        """Let the timer ring when the first waiting key is due, or after the longest nap."""
        due = self._schedule.next_due()
        if due is None:
            return
        moment = min(due, self._time() + LONGEST_NAP_S)
        if self._timer is not None:
            if self._timer.when() <= moment:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(moment, self._on_timer, moment)

    def _on_timer(self, moment: float) -> None:
        # A loop may ring a little early: what was due at that moment is due now.
        self._timer = None
        self._alarms += 1
        self._release(max(self._time(), moment))
        self._arm()

    def _release(self, now: float) -> None:
        """Make what is due ready, and wake a getter for each such key."""
        for _ in range(min(self._schedule.release(now), len(self._getters))):
            self._wake()

    def _is_idle(self) -> bool:
        return not self._schedule.processing and not self._schedule.ready

    def _settle(self) -> None:
        """While shutting down: let getters see the end, and drainers the end of draining."""
        if not self._schedule.ready:
            while self._getters:
                self._wake()
        if self._phase is _Phase.CLOSED or self._is_idle():
            for waiter in self._drainers:
                if not waiter.done():
                    waiter.set_result(None)
