"""Mirrors one collection of the API server into one sink, for ever.

    Empty -> Streaming | Listing -> Synced -> Watching -> (Watching | Backoff -> Streaming | Listing ...)

A round lists (by a stream, else by pages) and then watches, resuming watches where they ended, until something says
that a new list is needed. Nothing here raises but cancellation: an error ends the round, is kept in `last_error`, and
costs one pause. A relist replaces the sink's whole content, so that no delete can be lost.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import NoReturn

import structlog

from omectl import metrics
from omectl.informers import reflector_metrics as counts
from omectl.informers.backoff import RetryWindow
from omectl.informers.initial_list import Listed, StreamingList, read_pages, refusal
from omectl.informers.lister_watcher import ListerWatcher
from omectl.informers.pacing import Pacer
from omectl.informers.pauses import Pauses, advised_s
from omectl.informers.position import ANY_VERSION, Position
from omectl.informers.record import RecordReader
from omectl.informers.reflector_state import (
    Ending,
    InconsistentStream,
    NoMarker,
    ReflectorOptions,
    ReflectorState,
    ReflectorStatistics,
    StreamCut,
    VeryShortWatch,
)
from omectl.informers.sink import Sink
from omectl.informers.troubles import Troubles
from omectl.kube.errors import (
    ApiError,
    ConnectionFailed,
    InternalError,
    KubeError,
    NotFound,
    TooManyRequests,
    WatchIdle,
)
from omectl.kube.listing import ListOptions, WatchOptions

_log = structlog.stdlib.get_logger(__name__)

_ABSENT_ROUNDS = 3
_SLOW_LIST_S = 10.0
_SHORT_WATCH_S = 1.0
_LEAST_WATCH_S = 300
_OVERDUE_S = 60.0
_TROUBLE_OVER_S = 60.0


class Reflector:
    """One collection's mirror; `run` once. Owned by one event loop.

    `processing` has the seconds that each batch of events took from its arrival until the sink had all of it.
    """

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
        self.statistics = ReflectorStatistics()
        self.processing = metrics.Tally(counts.PROCESSING_BUCKETS)
        self._source = lister_watcher
        self._reader = reader
        self._sink = sink
        self._options = options or ReflectorOptions()
        self._uniform = uniform
        self._position = Position()
        self._streaming = lister_watcher.streaming_list
        self._markerless = 0
        self._listed_once = False
        self._absent_rounds = 0
        self._idle_in_a_row = 0
        self._troubles = Troubles(name)
        self._pacer = Pacer()

    @property
    def where(self) -> str:
        """The state in words, with how far it is: for errors and logs."""
        if self.state is ReflectorState.LISTING:
            return f"listing page {self._listing.pages + 1}"
        if self.state in (ReflectorState.BACKOFF, ReflectorState.ABSENT):
            left_s = max(self._asleep_until - asyncio.get_running_loop().time(), 0.0)
            return f"{self.state.value}, next try in {left_s:.1f} s"
        return self.state.value

    @property
    def last_error(self) -> Exception | None:
        """What went wrong last; None as soon as the server answers well."""
        return self._troubles.last

    @property
    def last_sync_resource_version(self) -> str:
        """The newest version that is mirrored; "" before the first list."""
        return self._position.resource_version

    # --- the outer loop ---

    async def run(self) -> None:
        """Mirror until cancelled."""
        now = asyncio.get_running_loop().time
        self._pauses = Pauses(self._options, now, self._uniform)
        self._internal_errors = RetryWindow(self._options.internal_error_retry_s, now)
        try:
            while True:
                await self._round()
        finally:
            self._move(ReflectorState.STOPPED)

    async def _round(self) -> None:
        try:
            await self._list_and_watch()
        except KubeError as error:
            self._note(error)
            if isinstance(error, NotFound) and await self._is_absent():
                await self._wait_for_kind()
                return
            reason = error.reason if isinstance(error, ApiError) and error.reason else type(error).__name__
            await self._pause(error)
        except Exception as error:
            self._note(error)
            reason = type(error).__name__
            _log.exception("reflector_bug", reflector=self.name)
            await self._pause(error)
        counts.RELISTS.labels(self.name, reason).inc()

    async def _list_and_watch(self) -> NoReturn:
        if not (self._streaming and await self._stream()):
            await self._list()
        while True:
            await self._watch()

    async def _is_absent(self) -> bool:
        """A 404 alone may be a proxy's, or a server's that is starting: the server's own discovery must confirm it."""
        try:
            return not await self._source.is_served()
        except KubeError as error:
            _log.debug("reflector_discovery_failed", reflector=self.name, error=str(error))
        except Exception:
            _log.exception("reflector_bug", reflector=self.name)
        return False

    async def _wait_for_kind(self) -> None:
        self._absent_rounds += 1
        if self._absent_rounds == _ABSENT_ROUNDS and self._listed_once:
            # The kind is really gone, and its objects with it.
            self._sink.replace({}, "")
            self._position = Position()
        self._troubles.end_row()  # it is no trouble that a kind is not installed
        self._move(ReflectorState.ABSENT)
        self._sink.absent()
        await self._sleep(self._pauses.while_absent())

    async def _pause(self, error: Exception) -> None:
        self._move(ReflectorState.BACKOFF)
        await self._sleep(self._pauses.after(error))

    async def _sleep(self, seconds: float) -> None:
        self._asleep_until = asyncio.get_running_loop().time() + seconds
        await asyncio.sleep(seconds)

    def _note(self, error: Exception) -> None:
        if not isinstance(error, TooManyRequests):  # it is no failure to be asked to come later
            self.statistics.errors += 1
        self._troubles.note(error, asyncio.get_running_loop().time())

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
                await self._list_once()
            except ApiError as error:
                if not self._position.lose(error):
                    raise
                self._note(error)
            else:
                return

    async def _list_once(self) -> None:
        self.statistics.lists += 1
        counts.LISTS.labels(self.name).inc()
        started = asyncio.get_running_loop().time()
        version = self._position.list_version()
        options = ListOptions(resource_version=version, page_size=self._position.page_size(self._options.page_size))
        self._listing = Listed()
        try:
            listed = await read_pages(self._source.pages(options), self._reader, self._pacer, self._listing)
        finally:
            self._listing = Listed()  # what was read is not held beyond the list
        if version == ANY_VERSION and listed.pages > 1:
            self._position.uncached = True
        self._replace(listed, started)

    def _replace(self, listed: Listed, started: float) -> None:
        seconds = asyncio.get_running_loop().time() - started
        objects = len(listed.records)
        counts.LIST_SECONDS.labels(self.name).observe(seconds)
        counts.LIST_ITEMS.labels(self.name).observe(objects)
        if seconds > _SLOW_LIST_S:
            _log.warning(
                "reflector_slow_list",
                reflector=self.name,
                seconds=round(seconds, 1),
                objects=objects,
                pages=listed.pages,
            )
        self._position.listed(listed.resource_version)
        self._listed_once = True
        self._absent_rounds = 0
        self._troubles.end()
        arrived = time.perf_counter()
        self._sink.replace(listed.records, listed.resource_version)
        self.processing.observe(time.perf_counter() - arrived)
        self._move(ReflectorState.SYNCED)

    # --- streaming ---

    async def _stream(self) -> bool:
        """A list as a stream of events, and the watch that it turns into; False says: read pages this time."""
        cut = False
        while True:
            self._move(ReflectorState.STREAMING)
            try:
                ending = await self._stream_once()
            except NoMarker as error:
                self._note(error)
                self._markerless = self._options.markerless_streams if error.waited else self._markerless + 1
                if self._markerless >= self._options.markerless_streams:
                    self._give_up_streaming(error)
                    return False
            except StreamCut as error:
                self._note(error)
                if cut:
                    return False
                cut = True
            except NotFound:
                raise
            except TooManyRequests as error:
                self._note(error)
                await self._pause(error)
            except ConnectionFailed as error:
                self._note(error)
                if not error.refused:
                    return False
                await self._pause(error)
            except ApiError as error:
                self._note(error)
                if not self._position.lose(error):
                    return False
            except KubeError as error:
                self._note(error)
                return False
            else:
                await self._after(ending)
                return True

    def _give_up_streaming(self, error: NoMarker) -> None:
        self._streaming = False
        self.statistics.fallbacks = 1  # it happens once: nothing asks for a stream again
        counts.STREAMING_FALLBACKS.labels(self.name).inc()
        _log.warning("reflector_gives_up_streaming", reflector=self.name, error=str(error))

    async def _stream_once(self) -> Ending:
        """Open a stream, fill the sink at its marker, then follow it. Raises for anything before the marker only."""
        self.statistics.streaming_lists += 1
        counts.LISTS.labels(self.name).inc()
        started = asyncio.get_running_loop().time()
        options = WatchOptions(
            resource_version=self._position.stream_version(), timeout_s=self._watch_timeout(), send_initial_events=True
        )
        async with self._source.watch(options) as batches:
            list_part = StreamingList(
                self.name, self._reader, self._position, self._pacer, self._options.marker_patience_s
            )
            listed, rest = await list_part.read(batches)
            if self._options.check_streaming_list:
                await self._check(listed)
            self._markerless = 0
            self._replace(listed, started)
            del list_part, listed  # the sink has it now, and lets go of each object in its own time
            self._in_order = True
            ending = await self._follow(batches, rest, options.timeout_s)
            return replace(ending, events=ending.events + 1)  # a stream that brought the list was no empty watch

    async def _check(self, listed: Listed) -> None:
        """Raise InconsistentStream unless a plain list at the same version says the same, or can't be had."""
        version = listed.resource_version
        options = ListOptions(resource_version=version, resource_version_match="Exact")
        try:
            plain = (await read_pages(self._source.pages(options), self._reader, self._pacer)).records
        except KubeError as error:
            _log.warning("reflector_stream_not_checked", reflector=self.name, error=str(error))
            return
        streamed = listed.records
        differing = [
            key
            for key in streamed.keys() | plain.keys()
            if key not in streamed or key not in plain or streamed[key].decode() != plain[key].decode()
        ]
        if differing:
            raise InconsistentStream(self.name, version, tuple(sorted(map(str, differing))))

    # --- watching ---

    async def _watch(self) -> None:
        """One watch from where the last one ended. Returns when the next may begin; raises when a list is needed."""
        version = self._position.resource_version
        options = WatchOptions(resource_version=version, timeout_s=self._watch_timeout())
        # Without a version the server first tells of what exists, in the order of keys.
        self._in_order = version not in {"", ANY_VERSION}
        try:
            async with self._source.watch(options) as batches:
                ending = await self._follow(batches, [], options.timeout_s)
        except ConnectionFailed as error:
            # Nothing says that our version is lost, so no list: the watch is tried again from the same version.
            self._note(error)
            await self._pause(error)
        except ApiError as error:
            if not isinstance(error, TooManyRequests) and advised_s(error) is None:
                raise
            self._note(error)
            await self._pause(error)
        else:
            await self._after(ending)

    async def _follow(self, batches: AsyncIterator[list[bytes]], lines: list[bytes], timeout_s: int) -> Ending:
        """Apply events until the watch ends, in whatever way; a minute after the server should have, we end it."""
        self._move(ReflectorState.WATCHING)
        self._troubles.end()
        self.statistics.watches += 1
        counts.WATCHES.labels(self.name).inc()
        clock = asyncio.get_running_loop().time
        started = clock()
        before = self.statistics.events + self.statistics.bookmarks
        error: KubeError | None = None
        try:
            async with asyncio.timeout(timeout_s + _OVERDUE_S):
                await self._apply(lines)
                async for batch in batches:
                    arrived = time.perf_counter()
                    await self._apply(batch)
                    self.processing.observe(time.perf_counter() - arrived)
        except TimeoutError:
            # What is applied has moved the version, so nothing is lost: the next watch goes on from there.
            _log.warning("reflector_watch_overdue", reflector=self.name, seconds=round(clock() - started))
        except KubeError as raised:
            error = raised
        events = self.statistics.events + self.statistics.bookmarks - before
        seconds = clock() - started
        if seconds >= _TROUBLE_OVER_S:
            self._troubles.tell_again()
        counts.WATCH_SECONDS.labels(self.name).observe(seconds)
        counts.WATCH_ITEMS.labels(self.name).observe(events)
        return Ending(error, events, seconds)

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
                raise refusal(event, self.name)
            if event.resource_version and (self._in_order or event.type != "ADDED"):
                self._in_order = True
                self._position.resource_version = event.resource_version
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
                await self._pause(error)
            return
        self._idle_in_a_row = 0
        if isinstance(error, TooManyRequests):
            self._note(error)
            await self._pause(error)
        elif isinstance(error, InternalError) and self._internal_errors.allows():
            self._note(error)
        elif error is None or isinstance(error, ConnectionFailed):
            if ending.events == 0 and ending.seconds < _SHORT_WATCH_S:
                self.statistics.short_watches += 1
                counts.SHORT_WATCHES.labels(self.name).inc()
                raise VeryShortWatch
        else:
            raise error

    def _watch_timeout(self) -> int:
        at_least = max(self._options.watch_timeout_s, _LEAST_WATCH_S)
        return int(at_least * (1.0 + self._uniform()))
