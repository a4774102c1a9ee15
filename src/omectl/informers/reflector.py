"""Mirrors one collection of the API server into one sink, for ever.

    Empty -> Streaming | Listing -> Synced -> Watching -> (Watching | Backoff -> Streaming | Listing ...)

A round lists (by a stream, else by pages) and then watches, resuming watches where they ended, until something says
that a new list is needed. Nothing here raises but cancellation: an error ends the round, is kept in `last_error`, and
costs one back-off. A relist replaces the sink's whole content, so that no delete can be lost.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import structlog

from omectl.api.resource import ObjectKey
from omectl.informers import reflector_metrics as counts
from omectl.informers.backoff import Backoff
from omectl.informers.lister_watcher import ListerWatcher
from omectl.informers.pacing import Pacer
from omectl.informers.record import Record, RecordReader, StreamEvent
from omectl.informers.reflector_state import (
    Ending,
    NoMarker,
    ReflectorOptions,
    ReflectorState,
    ReflectorStatistics,
    VeryShortWatch,
)
from omectl.informers.sink import Sink
from omectl.kube.errors import (
    ApiError,
    ConnectionFailed,
    Expired,
    Forbidden,
    Invalid,
    InvalidResponse,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    WatchIdle,
)
from omectl.kube.listing import DEFAULT_PAGE_SIZE, ListOptions, WatchOptions
from omectl.kube.status import error_from_status

_log = structlog.stdlib.get_logger(__name__)

_ABSENT_ROUNDS = 3


class Reflector:
    """One collection's mirror; `run` once. Owned by one event loop."""

    def __init__(
        self,
        name: str,
        lister_watcher: ListerWatcher,
        reader: RecordReader,
        sink: Sink,
        options: ReflectorOptions | None = None,
        *,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.state = ReflectorState.EMPTY
        self.last_error: Exception | None = None
        self.last_sync_resource_version = ""
        self.statistics = ReflectorStatistics()
        self._source = lister_watcher
        self._reader = reader
        self._sink = sink
        self._options = options or ReflectorOptions()
        self._uniform = uniform
        self._streaming = lister_watcher.streaming_list
        self._markerless = 0
        self._resource_version_unavailable = False
        self._paginated = False
        self._listed_once = False
        self._absent_rounds = 0
        self._idle_in_a_row = 0
        self._warned = ""
        self._pacer = Pacer()

    # --- the outer loop ---

    async def run(self) -> None:
        """Mirror until cancelled."""
        now = asyncio.get_running_loop().time
        self._backoff = Backoff(self._options.backoff, now, self._uniform)
        self._absent_backoff = Backoff(self._options.absent_backoff, now, self._uniform)
        try:
            while True:
                await self._round()
        finally:
            self._move(ReflectorState.STOPPED)

    async def _round(self) -> None:
        reason = "ended"
        try:
            await self._list_and_watch()
        except NotFound as error:
            self._note(error)
            await self._wait_for_kind()
            return
        except KubeError as error:
            self._note(error)
            reason = error.reason if isinstance(error, ApiError) and error.reason else type(error).__name__
        except Exception as error:
            self._note(error)
            reason = type(error).__name__
            _log.exception("reflector_bug", reflector=self.name)
        await self._pause()
        counts.RELISTS.labels(self.name, reason).inc()

    async def _list_and_watch(self) -> None:
        if not (self._streaming and await self._stream()):
            await self._list()
        while True:
            await self._watch()

    async def _wait_for_kind(self) -> None:
        self._absent_rounds += 1
        if self._absent_rounds == _ABSENT_ROUNDS and self._listed_once:
            # The kind is really gone, and its objects with it; one 404 alone might be a server that is starting.
            self._sink.replace({}, "")
            self.last_sync_resource_version = ""
        self._move(ReflectorState.ABSENT)
        self._sink.absent()
        await asyncio.sleep(self._absent_backoff.next_delay())

    async def _pause(self, at_least_s: float | None = None) -> None:
        self._move(ReflectorState.BACKOFF)
        await asyncio.sleep(max(self._backoff.next_delay(), at_least_s or 0.0))

    def _note(self, error: Exception) -> None:
        """Remember; warn once per trouble that somebody must mend, as it comes again with every round."""
        text = str(error)
        serious = isinstance(error, InvalidResponse | Unauthorized | Forbidden) and text != self._warned
        if serious:
            self._warned = text
        log = _log.warning if serious else _log.debug
        log("reflector_round_ended", reflector=self.name, error=text)
        self.last_error = error
        self.statistics.errors += 1

    def _move(self, state: ReflectorState) -> None:
        if state is not self.state:
            _log.debug("reflector_state", reflector=self.name, old=self.state.value, new=state.value)
            self.state = state

    # --- listing ---

    async def _list(self) -> None:
        """Read the collection in pages, newest where the server has lost our version, and replace the sink."""
        self._move(ReflectorState.LISTING)
        while True:
            try:
                await self._list_at(self._list_version())
            except ApiError as error:
                if not _version_is_lost(error) or self._resource_version_unavailable:
                    raise
                self._note(error)
                self._resource_version_unavailable = True
            else:
                return

    def _list_version(self) -> str:
        if self._resource_version_unavailable:
            return ""
        return self.last_sync_resource_version or "0"

    def _page_size(self, resource_version: str) -> int:
        if self._options.page_size is not None:
            return self._options.page_size
        if self._paginated or resource_version in {"", "0"}:
            return DEFAULT_PAGE_SIZE
        return 0  # a limit at a concrete version would go past the server's cache to etcd

    async def _list_at(self, resource_version: str) -> None:
        self.statistics.lists += 1
        counts.LISTS.labels(self.name).inc()
        started = time.monotonic()
        options = ListOptions(resource_version=resource_version, page_size=self._page_size(resource_version))
        records: dict[ObjectKey, Record] = {}
        pages = 0
        found = ""
        async for page in self._source.pages(options):
            if page.first:
                records.clear()
                pages = 0
            pages += 1
            found = page.resource_version
            for raw in page.items:
                record = self._reader.item(raw)
                if record is not None:
                    records[record.key] = record
                if self._pacer.step():
                    await asyncio.sleep(0)
        if resource_version == "0" and pages > 1:
            self._paginated = True
        self._replace(records, found, time.monotonic() - started)

    def _replace(self, records: dict[ObjectKey, Record], resource_version: str, seconds: float) -> None:
        self._resource_version_unavailable = False
        self._listed_once = True
        self._absent_rounds = 0
        self.last_sync_resource_version = resource_version
        self.last_error = None
        counts.LIST_SECONDS.labels(self.name).observe(seconds)
        counts.LIST_ITEMS.labels(self.name).observe(len(records))
        self._sink.replace(records, resource_version)
        self._move(ReflectorState.SYNCED)

    # --- streaming ---

    async def _stream(self) -> bool:
        """A list as a stream of events, and the watch that it turns into; False says: read pages this time."""
        while True:
            self._move(ReflectorState.STREAMING)
            try:
                ending = await self._stream_once()
            except NoMarker as error:
                self._note(error)
                if error.waited:
                    self._markerless = self._options.markerless_streams
                if self._markerless >= self._options.markerless_streams:
                    self._give_up_streaming(error)
                    return False
            except NotFound:
                raise
            except Invalid as error:
                self._give_up_streaming(error)
                return False
            except TooManyRequests as error:
                await self._pause(error.retry_after_s)
            except ConnectionFailed as error:
                self._note(error)
                if not error.refused:
                    return False
                await self._pause()
            except ApiError as error:
                self._note(error)
                if not _version_is_lost(error) or self._resource_version_unavailable:
                    return False
                self._resource_version_unavailable = True
            except KubeError as error:
                self._note(error)
                return False
            else:
                await self._after(ending)
                return True

    def _give_up_streaming(self, error: KubeError) -> None:
        self._streaming = False
        self.statistics.fallbacks += 1
        _log.info("reflector_no_streaming_list", reflector=self.name, error=str(error))

    async def _stream_once(self) -> Ending:
        """Open a stream, fill the sink at its marker, then follow it. Raises for anything before the marker only."""
        self.statistics.streaming_lists += 1
        counts.LISTS.labels(self.name).inc()
        started = time.monotonic()
        version = "" if self._resource_version_unavailable else self.last_sync_resource_version
        options = WatchOptions(resource_version=version, timeout_s=self._watch_timeout(), send_initial_events=True)
        async with self._source.watch(options) as batches:
            records: dict[ObjectKey, Record] = {}
            marked, rest = await self._fill(batches, records)
            self._markerless = 0
            self._replace(records, marked, time.monotonic() - started)
            del records
            ending = await self._follow(batches, rest)
            return replace(ending, events=ending.events + 1)  # a stream that brought the list was no empty watch

    async def _fill(
        self, batches: AsyncIterator[list[bytes]], records: dict[ObjectKey, Record]
    ) -> tuple[str, list[bytes]]:
        """Fill `records` up to the marker: its resource version, and the lines that came with it. Raises NoMarker."""
        patience_s = self._options.marker_patience_s
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(patience_s) as patience:
                async for lines in batches:
                    for number, line in enumerate(lines, 1):
                        event = self._reader.event(line)
                        if event.initial_events_end:
                            return event.resource_version, lines[number:]
                        self._fill_one(event, records)
                        if self._pacer.step():
                            await asyncio.sleep(0)
                    if not lines[-1].startswith(b'{"type":"BOOKMARK"'):
                        patience.reschedule(clock() + patience_s)
        except TimeoutError as error:
            raise NoMarker(waited=True) from error
        self._markerless += 1
        raise NoMarker(waited=False)

    def _fill_one(self, event: StreamEvent, records: dict[ObjectKey, Record]) -> None:
        if event.type == "ERROR":
            raise self._refusal(event)
        if event.type != "ADDED" and event.resource_version:
            self.last_sync_resource_version = event.resource_version
        if event.record is None:
            return
        if event.type == "DELETED":
            records.pop(event.record.key, None)
        else:
            records[event.record.key] = event.record

    # --- watching ---

    async def _watch(self) -> None:
        """One watch from where the last one ended. Returns when the next may begin; raises when a list is needed."""
        options = WatchOptions(resource_version=self.last_sync_resource_version, timeout_s=self._watch_timeout())
        try:
            async with self._source.watch(options) as batches:
                ending = await self._follow(batches, [])
        except TooManyRequests as error:
            self._note(error)
            await self._pause(error.retry_after_s)
        except ConnectionFailed as error:
            # Nothing says that our version is lost, so no list: the watch is tried again from the same version.
            self._note(error)
            await self._pause()
        else:
            await self._after(ending)

    async def _follow(self, batches: AsyncIterator[list[bytes]], lines: list[bytes]) -> Ending:
        """Apply events until the watch ends, in whatever way."""
        self._move(ReflectorState.WATCHING)
        self.last_error = None
        self.statistics.watches += 1
        counts.WATCHES.labels(self.name).inc()
        clock = asyncio.get_running_loop().time
        started = clock()
        before = self.statistics.events + self.statistics.bookmarks
        error: KubeError | None = None
        try:
            await self._apply(lines)
            async for batch in batches:
                await self._apply(batch)
        except KubeError as raised:
            error = raised
        events = self.statistics.events + self.statistics.bookmarks - before
        return Ending(error, events, clock() - started)

    async def _apply(self, lines: list[bytes]) -> None:
        for line in lines:
            event = self._reader.event(line)
            if event.record is not None:
                self.statistics.events += 1
                self._sink.change(event.type, event.record)
            elif event.type == "BOOKMARK":
                self.statistics.bookmarks += 1
                self._sink.bookmark(event.resource_version)
            elif event.type == "ERROR":
                raise self._refusal(event)
            if event.resource_version:
                self.last_sync_resource_version = event.resource_version
            if self._pacer.step():
                await asyncio.sleep(0)

    async def _after(self, ending: Ending) -> None:
        """Returns when the next watch may begin at the same version; raises what makes a list necessary."""
        error = ending.error
        if isinstance(error, WatchIdle):
            self._note(error)
            self.statistics.idle_watches += 1
            self._idle_in_a_row = self._idle_in_a_row + 1 if ending.events == 0 else 1
            if self._idle_in_a_row > 1:
                await self._pause()
            return
        self._idle_in_a_row = 0
        if isinstance(error, TooManyRequests):
            self._note(error)
            await self._pause(error.retry_after_s)
        elif error is None or isinstance(error, ConnectionFailed):
            if ending.events == 0 and ending.seconds < 1.0:
                self.statistics.short_watches += 1
                counts.SHORT_WATCHES.labels(self.name).inc()
                raise VeryShortWatch
        else:
            raise error

    def _watch_timeout(self) -> int:
        at_least = max(self._options.watch_timeout_s, 300)
        return int(at_least * (1.0 + self._uniform()))

    def _refusal(self, event: StreamEvent) -> ApiError:
        return error_from_status(event.status, http_status=500, action=f"watch {self.name}", headers={})


def _version_is_lost(error: ApiError) -> bool:
    return isinstance(error, Expired) or error.is_resource_version_too_large
