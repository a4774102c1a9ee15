"""One registered handler: its own buffer, its own task, so that a slow or broken one delays nobody else."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

import structlog

from omectl.api.json import JsonObject
from omectl.informers.buffers import Buffer, CoalescingBuffer, Marker, OrderedBuffer
from omectl.informers.events import ObjectEvent
from omectl.informers.pacing import Pacer
from omectl.informers.record import Record
from omectl.informers.threads import RUNNING_IN_THREAD, InThread

_log = structlog.stdlib.get_logger(__name__)

Handler: TypeAlias = Callable[[ObjectEvent], None]
"""Told of every change, in order per object; quick and synchronous: usually it puts a key into a queue."""

_PAUSE_AFTER_ERROR_S = 1.0
_MANY_PENDING = 1024
_SLOW_CALL_S = 0.1
_PRECISION_S = 0.001


class RegistrationEnded(RuntimeError):
    """The handler was removed, or its informer stopped, before it had heard of everything."""


class Registration:
    """A handler's place at an informer, and the handle to wait for it and to remove it.

    `has_synced`: the handler has finished with every object that existed at the start. `resync_s` is how often it has
    everything replayed, 0 for never. `degraded`: the handler raised for an
    object of its initial set, which it is still synced without.
    """

    def __init__(
        self,
        name: str,
        handler: Handler | InThread,
        on_remove: "Callable[[Registration], None]",
        *,
        resync_s: float = 0.0,
        coalesce: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name = name
        self.resync_s = resync_s
        self.coalesce = coalesce
        self._handler = handler
        self._on_remove = on_remove
        self._clock = clock
        self._buffer: Buffer = CoalescingBuffer() if coalesce else OrderedBuffer()
        self._due_at = math.inf
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.has_synced = False
        self.degraded = False
        self.handled = 0
        self.errors = 0

    async def wait_synced(self) -> None:
        """Until `has_synced`; put a deadline around it. Raises RegistrationEnded when it will never be."""
        await self._settled.wait()
        if not self.has_synced:
            raise RegistrationEnded(f"handler {self.name} was removed, or its informer stopped, before it had synced")

    @property
    def pending(self) -> int:
        """How many events the handler has not heard yet, those of a replay included."""
        return self._buffer.pending

    def remove(self) -> None:
        """Deliver nothing more, also from within the handler; removing twice is harmless.

        A handler that runs in a thread may still be at its last event: `wait_removed` waits for that.
        """
        self.end()
        self._on_remove(self)

    async def wait_removed(self) -> None:
        """Until the handler will not be called any more and is not running. Raises RuntimeError in its own thread."""
        if isinstance(self._handler, InThread) and RUNNING_IN_THREAD.get() is self._handler:
            raise RuntimeError(
                f"handler {self.name} waits for its own end, which would never come; call remove() and return"
            )
        await self._ended.wait()
        await self._idle.wait()

    def statistics(self) -> JsonObject:
        """Counts and state, as JSON."""
        return {
            "name": self.name,
            "pending": self.pending,
            "high_water": self._buffer.high_water,
            "handled": self.handled,
            "errors": self.errors,
            "synced": self.has_synced,
            "degraded": self.degraded,
            "coalesce": self.coalesce,
            "resync_s": self.resync_s,
        }

    # --- called by the informer ---

    def put(self, events: Sequence[ObjectEvent]) -> None:
        """Buffer events."""
        self._buffer.put(events)
        self._wake.set()

    def put_replay(self, records: Sequence[Record], *, initial: bool) -> None:
        """Buffer what exists: as additions of the initial set, or as updates that changed nothing."""
        self._buffer.put_replay(records, initial=initial)
        self._wake.set()

    def end_initial_set(self) -> None:
        """Everything buffered so far is the initial set."""
        self._buffer.put_marker()
        self._wake.set()

    def schedule(self, now: float) -> None:
        """The first replay is due a period from now."""
        self._due_at = now + self.resync_s

    def is_due(self, now: float) -> bool:
        """Whether a replay is due, to the millisecond (times are sums); if so, the next is due a period from now."""
        if self.resync_s == 0 or now < self._due_at - _PRECISION_S:
            return False
        self.schedule(now)
        return True

    def end(self) -> None:
        """Deliver nothing more."""
        self._buffer.clear()
        self._ended.set()
        self._settled.set()
        self._wake.set()

    async def deliver(self) -> None:
        """Hand events to the handler until the registration ends or the task is cancelled."""
        self._idle.clear()
        try:
            await self._deliver()
        finally:
            self._idle.set()

    async def _deliver(self) -> None:
        pacer, buffer, handler = Pacer(), self._buffer, self._handler
        ended = self._ended.is_set
        while not ended():
            event = buffer.pop()
            if event is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            if isinstance(event, Marker):
                self.has_synced = True
                self._settled.set()
                continue
            crowded = buffer.pending > _MANY_PENDING
            began = self._clock() if crowded else 0.0
            try:
                if isinstance(handler, InThread):
                    await handler.call(event)
                else:
                    handler(event)
            except Exception as error:
                await self._pause(event, error)
            else:
                if crowded and (seconds := self._clock() - began) > _SLOW_CALL_S:
                    self._warn_of_slowness(event, seconds)
            self.handled += 1
            if pacer.step():
                await asyncio.sleep(0)

    def _warn_of_slowness(self, event: ObjectEvent, seconds: float) -> None:
        _log.warning(
            "informer_handler_slow",
            handler=self.name,
            object=str(event.key),
            seconds=round(seconds, 3),
            pending=self.pending,
        )

    async def _pause(self, event: ObjectEvent, error: Exception) -> None:
        """Skip the event; the pause keeps a handler that always fails from spinning."""
        self.errors += 1
        self.degraded = self.degraded or not self.has_synced
        _log.error(
            "informer_handler_failed",
            handler=self.name,
            event_type=event.type.value,
            object=str(event.key),
            exc_info=error,
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE_AFTER_ERROR_S):
                await self._ended.wait()
