"""Where a controller's keys come from.

A source runs as a task of its controller. It fills the queue, says once that it has handed over everything that was
there at the start, and goes on until it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from omectl import metrics
from omectl.informers import Informer, ObjectEvent
from omectl.manager.handler import Handler, KeyOnly
from omectl.manager.predicate import WITHOUT_MEMORY, Predicate
from omectl.workqueue import LOW_PRIORITY, ExponentialLimiter, PriorityQueue

K = TypeVar("K", bound=Hashable)

_log = structlog.stdlib.get_logger(__name__)

_ERRORS = metrics.counter(
    metrics.SOURCE_ERRORS, "Events on which a handler or a predicate failed.", ("controller", "source")
)


class Source(Protocol[K]):
    """`waiting_for` says in words why `synced` is not set yet."""

    @property
    def name(self) -> str: ...

    async def run(self, queue: PriorityQueue[K], synced: asyncio.Event) -> None: ...

    def waiting_for(self) -> str: ...


class KindSource(Generic[K]):
    """Events of an informer.

    What nobody waits for (the initial list, replays of unchanged objects) is queued at LOW_PRIORITY, whatever the
    handler. An `optional` kind may be absent from the cluster: the controller starts without it, and hears of its
    objects when the kind appears.

    A predicate that raises keeps the event, a handler that raises loses it, and the next event is handled all the same.
    Each such function is logged with its stack once for each type of exception, and counted always.

    `coalesce`: hear one change per object instead of all that came meanwhile. By default for handlers that are KeyOnly
    and predicates that do not look at how many changes there were.
    """

    def __init__(
        self,
        informer: Informer,
        handler: Handler[K],
        predicates: Sequence[Predicate] = (),
        *,
        optional: bool = False,
        coalesce: bool | None = None,
    ) -> None:
        self.informer = informer
        self.optional = optional
        self.errors = 0
        self._handler = handler
        self._predicates = tuple(predicates)
        if coalesce is None:
            coalesce = isinstance(handler, KeyOnly) and WITHOUT_MEMORY.issuperset(self._predicates)
        self._coalesce = coalesce
        self._told: set[tuple[str, str]] = set()

    @property
    def name(self) -> str:
        return self.informer.kind.group_kind

    async def run(self, queue: PriorityQueue[K], synced: asyncio.Event) -> None:
        handler, predicates = self._handler, self._predicates
        called: object = getattr(handler, "handle", handler)

        def handle(event: ObjectEvent) -> None:
            for predicate in predicates:
                try:
                    if not predicate(event):
                        return
                except Exception as error:
                    self._failed("predicate", predicate, event, error, queue.name)
            priority = LOW_PRIORITY if event.initial or event.resync else 0
            try:
                for key in handler(event):
                    queue.add(key, priority=priority)
            except Exception as error:
                self._failed("handler", called, event, error, queue.name)

        registration = self.informer.add_handler(handle, name=queue.name, coalesce=self._coalesce)
        try:
            await self.informer.wait_settled()
            if not (self.optional and self.informer.is_absent):
                await registration.wait_synced()
            synced.set()
            await asyncio.get_running_loop().create_future()
        finally:
            registration.remove()

    def _failed(self, part: str, function: object, event: ObjectEvent, error: Exception, controller: str) -> None:
        self.errors += 1
        _ERRORS.labels(controller, self.name).inc()
        named = str(getattr(function, "__qualname__", type(function).__name__))
        if (named, type(error).__name__) in self._told:
            return
        self._told.add((named, type(error).__name__))
        _log.error(
            f"{part}_failed",
            controller=controller,
            source=self.name,
            function=named,
            event_type=event.type.value,
            object=str(event.key),
            error=f"{type(error).__name__}: {error}",
            exc_info=error,
            next_step="later failures of this kind are only counted",
        )

    def waiting_for(self) -> str:
        return self.informer.describe()


class ChannelSource(Generic[K]):
    """Keys that other parts of the process put; those put before the controller runs wait for it.

    A put never waits and loses nothing: what waits is one entry per key, so the number of keys is the bound.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._queues: list[PriorityQueue[K]] = []
        self._early: dict[K, int] = {}

    def put(self, key: K, *, priority: int = 0) -> None:
        """Queue `key` in every controller that has this source."""
        if not self._queues:
            self._early[key] = max(priority, self._early.get(key, priority))
        for queue in self._queues:
            queue.add(key, priority=priority)

    async def run(self, queue: PriorityQueue[K], synced: asyncio.Event) -> None:
        self._queues.append(queue)
        early, self._early = self._early, {}
        for key, priority in early.items():
            queue.add(key, priority=priority)
        synced.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._queues.remove(queue)

    def waiting_for(self) -> str:
        return f"{self.name} (not started)"


class FunctionSource(Generic[K]):
    """Keys that a function of yours queues: `await feed(queue, synced)`.

    It calls `synced()` once everything that was there at the start is queued, and goes on until it is cancelled. It may
    also return, when there is nothing more to come.
    """

    def __init__(self, name: str, feed: Callable[[PriorityQueue[K], Callable[[], None]], Awaitable[None]]) -> None:
        self.name = name
        self._feed = feed

    async def run(self, queue: PriorityQueue[K], synced: asyncio.Event) -> None:
        await self._feed(queue, synced.set)
        synced.set()

    def waiting_for(self) -> str:
        return f"{self.name} (not synced)"


class PollingSource(Generic[K]):
    """Keys that `poll` answers, asked every `interval_s`; a poll that fails is logged and asked again with back-off."""

    def __init__(
        self,
        name: str,
        interval_s: float,
        poll: Callable[[], Awaitable[Iterable[K]]],
        *,
        priority: int = LOW_PRIORITY,
        timeout_s: float | None = None,
    ) -> None:
        self.name = name
        self._interval_s = interval_s
        self._poll = poll
        self._priority = priority
        self._timeout_s = interval_s if timeout_s is None else timeout_s
        self._last_error: Exception | None = None

    async def run(self, queue: PriorityQueue[K], synced: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        back_off = ExponentialLimiter[str](base_s=min(1.0, self._interval_s), max_s=self._interval_s)
        while True:
            try:
                async with asyncio.timeout(self._timeout_s):
                    keys = await self._poll()
            except Exception as error:
                self._last_error = error
                _log.warning("poll_failed", source=self.name, error=str(error) or type(error).__name__)
                await asyncio.sleep(back_off.when(self.name, loop.time()))
                continue
            back_off.forget(self.name)
            self._last_error = None
            for key in keys:
                queue.add(key, priority=self._priority)
            synced.set()
            await asyncio.sleep(self._interval_s)

    def waiting_for(self) -> str:
        return f"{self.name} ({self._last_error or 'first poll not done'})"
