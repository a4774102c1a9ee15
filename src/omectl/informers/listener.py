"""One registered handler: its own buffer, its own task, so that a slow or broken one delays nobody else."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import structlog

from omectl.informers.events import EventType, ObjectEvent
from omectl.informers.pacing import Pacer
from omectl.informers.record import Record

_log = structlog.stdlib.get_logger(__name__)

Handler: TypeAlias = Callable[[ObjectEvent], None]
"""Told of every change, in order per object; quick and synchronous: usually it puts a key into a queue."""

_PAUSE_AFTER_ERROR_S = 1.0


class _InitialSetEnd:
    """Marks the place in the buffer where everything that existed at the start has been delivered."""


_INITIAL_SET_END = _InitialSetEnd()


class Registration:
    """A handler's place at an informer."""

    def __init__(self, name: str, handler: Handler, on_remove: "Callable[[Registration], None]") -> None:
        self.name = name
        self._handler = handler
        self._on_remove = on_remove
        self._buffer: deque[ObjectEvent | Iterator[ObjectEvent] | _InitialSetEnd] = deque()
        self._wake = asyncio.Event()
        self._synced = asyncio.Event()
        self._removed = False
        self.handled = 0
        self.errors = 0

    @property
    def has_synced(self) -> bool:
        """The handler has finished with every object that existed at the start."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Until `has_synced`; put a deadline around it."""
        await self._synced.wait()

    @property
    def pending(self) -> int:
        """Buffered entries; a whole replay counts as one."""
        return len(self._buffer)

    def remove(self) -> None:
        """Deliver nothing more; removing twice is harmless."""
        self._removed = True
        self._buffer.clear()
        self._wake.set()
        self._on_remove(self)

    # --- called by the informer ---

    def put(self, events: Iterable[ObjectEvent]) -> None:
        """Buffer events."""
        self._buffer.extend(events)
        self._wake.set()

    def put_batch(self, events: Iterable[ObjectEvent]) -> None:
        """Buffer a whole replay, which is made event by event as it is delivered."""
        self._buffer.append(iter(events))
        self._wake.set()

    def end_initial_set(self) -> None:
        """Everything buffered so far is the initial set."""
        self._buffer.append(_INITIAL_SET_END)
        self._wake.set()

    async def deliver(self) -> None:
        """Hand events to the handler until the registration is removed or the task cancelled."""
        pacer = Pacer()
        while not self._removed:
            if not self._buffer:
                self._wake.clear()
                await self._wake.wait()
                continue
            entry = self._buffer.popleft()
            if isinstance(entry, _InitialSetEnd):
                self._synced.set()
                continue
            for event in (entry,) if isinstance(entry, ObjectEvent) else entry:
                try:
                    self._handler(event)
                except Exception as error:
                    await self._pause(event, error)
                self.handled += 1
                if pacer.step():
                    await asyncio.sleep(0)
                if self._removed:
                    return

    async def _pause(self, event: ObjectEvent, error: Exception) -> None:
        """Skip the event; the pause keeps a handler that always fails from spinning."""
        self.errors += 1
        _log.error(
            "informer_handler_failed",
            handler=self.name,
            event_type=event.type.value,
            object=str(event.key),
            exc_info=error,
        )
        await asyncio.sleep(_PAUSE_AFTER_ERROR_S)


def replay(records: list[Record], *, initial: bool) -> Iterator[ObjectEvent]:
    """The events that tell of existing objects: as additions to a new handler, else as updates that changed nothing."""
    for record in records:
        if initial:
            yield ObjectEvent(EventType.ADDED, record, initial=True)
        else:
            yield ObjectEvent(EventType.UPDATED, record, record, resync=True)
