"""A whole collection as records: read in pages, or from a stream of events up to its marker."""

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from omectl.api.resource import ObjectKey
from omectl.informers.pacing import Pacer
from omectl.informers.position import Position
from omectl.informers.record import Record, RecordReader, StreamEvent
from omectl.informers.reflector_state import NoMarker, StreamCut
from omectl.kube.errors import ApiError, ConnectionFailed, WatchIdle
from omectl.kube.listing import RawPage
from omectl.kube.status import error_from_status

_log = structlog.stdlib.get_logger(__name__)
_REMIND_EVERY_S = 10.0


@dataclass(slots=True)
class Listed:
    """The records of a list in the server's order, the version that they stand at, and how many pages it took."""

    records: dict[ObjectKey, Record] = field(default_factory=dict[ObjectKey, Record])
    resource_version: str = ""
    pages: int = 0


async def read_pages(
    pages: AsyncIterator[RawPage], reader: RecordReader, pacer: Pacer, into: Listed | None = None
) -> Listed:
    """Read every page; none is held while the next one is awaited. Raises KubeError. `into` shows how far it is."""
    listed = into or Listed()
    async for page in pages:
        if page.first:
            listed.records.clear()
            listed.pages = 0
        await _add(page, listed, reader, pacer)
        del page
    return listed


async def _add(page: RawPage, listed: Listed, reader: RecordReader, pacer: Pacer) -> None:
    """A function of its own, as each item holds the whole page's buffer and so must go out of sight with the page."""
    listed.pages += 1
    listed.resource_version = page.resource_version
    for raw in page.items:
        record = reader.item(raw)
        if record is not None:
            listed.records[record.key] = record
        if pacer.step():
            await asyncio.sleep(0)


class StreamingList:
    """The part of a watch up to the marker, which says that the whole collection has come. Used once."""

    def __init__(self, name: str, reader: RecordReader, position: Position, pacer: Pacer, patience_s: float) -> None:
        self._name = name
        self._reader = reader
        self._position = position
        self._pacer = pacer
        self._patience_s = patience_s
        self._listed = Listed()

    async def read(self, batches: AsyncIterator[list[bytes]]) -> tuple[Listed, list[bytes]]:
        """The collection, and the lines that came in one batch with the marker.

        Raises NoMarker, StreamCut, or what the server refused with.
        """
        loop = asyncio.get_running_loop()
        self._last_event_at = loop.time()
        try:
            async with asyncio.timeout(self._patience_s) as patience:
                with self._reminders(loop):
                    async for lines in batches:
                        self._last_event_at = loop.time()
                        progress = False
                        for number, line in enumerate(lines, 1):
                            event = self._reader.event(line)
                            if event.initial_events_end:
                                self._listed.resource_version = event.resource_version
                                return self._listed, lines[number:]
                            self._take(event)
                            progress = progress or event.type == "ADDED"
                            if self._pacer.step():
                                await asyncio.sleep(0)
                        if progress:  # a server that only watches sends the rest, for ever
                            patience.reschedule(loop.time() + self._patience_s)
        except (TimeoutError, WatchIdle) as error:
            raise NoMarker(waited=True) from error
        except ConnectionFailed as error:
            raise StreamCut(error) from error
        raise NoMarker(waited=False)

    def _take(self, event: StreamEvent) -> None:
        if event.type == "ERROR":
            raise refusal(event, self._name)
        if event.type != "ADDED" and event.resource_version:
            # The initial ADDED events come in the order of keys, so their versions say nothing.
            self._position.resource_version = event.resource_version
        if event.record is None:
            return
        if event.type == "DELETED":
            self._listed.records.pop(event.record.key, None)
        else:
            self._listed.records[event.record.key] = event.record

    @contextmanager
    def _reminders(self, loop: asyncio.AbstractEventLoop) -> Generator[None]:
        def remind() -> None:
            nonlocal timer
            _log.warning(
                "reflector_waits_for_marker",
                reflector=self._name,
                objects=len(self._listed.records),
                last_event_s_ago=round(loop.time() - self._last_event_at, 1),
            )
            timer = loop.call_later(_REMIND_EVERY_S, remind)

        timer = loop.call_later(_REMIND_EVERY_S, remind)
        try:
            yield
        finally:
            timer.cancel()


def refusal(event: StreamEvent, name: str) -> ApiError:
    """The error that an ERROR event of a watch carries."""
    return error_from_status(event.status, http_status=500, action=f"watch {name}", headers={})
