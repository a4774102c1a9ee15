"""One open watch on its connection: lines, bookmarks, the end, and what was scripted to go wrong with it."""

import asyncio
import math
from collections.abc import Iterator

from aiohttp import web

from omectl.local.embedded.faults import Stream
from omectl.local.embedded.options import EmbeddedOptions
from omectl.local.embedded.reading import OpenWatch
from omectl.local.embedded.storage import Storage
from omectl.local.embedded.watchers import Closing
from omectl.local.sockets import reset

_AS_USUAL = Stream()
_PIECES_PER_S = 20


class WatchStream:
    """Sends what a watcher has to say until it is closed or its time is over."""

    def __init__(
        self, opened: OpenWatch, wake: asyncio.Event, storage: Storage, options: EmbeddedOptions, fault: Stream | None
    ) -> None:
        self._opened = opened
        self._watcher = opened.watcher
        self._wake = wake
        self._storage = storage
        self._options = options
        self._fault = fault or _AS_USUAL
        self._sent = 0

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Serve the whole watch."""
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        response.enable_chunked_encoding()
        await response.prepare(request)
        for line in self._fault.inject:
            await self._write(response, line)
        started = asyncio.get_running_loop().time()
        ends = started + self._opened.timeout_s
        bookmarks = self._bookmark_times(started)
        next_bookmark = next(bookmarks)
        quiet_since = self._storage.moved(self._watcher.resource)
        first = True
        while True:
            self._wake.clear()
            taken = self._watcher.take()
            for line in taken:
                if self._sent == self._fault.end_after:
                    return await self._end_early(request, response, line)
                await self._write(response, line)
                self._sent += 1
            if self._watcher.closing is not None:
                if taken:
                    continue  # more may have come while these were written
                if self._watcher.closing is Closing.RESET:
                    reset(request.transport)
                return await self._end(response)
            if self._sent == self._fault.end_after and not self._fault.cut:
                return await self._end_early(request, response, b"")
            now = asyncio.get_running_loop().time()
            if now >= next_bookmark:
                # Before the end, which a process that was held up may find due as well.
                moved = self._storage.moved(self._watcher.resource)
                # As the real server does: the first one is left out when there is nothing new to say.
                if not (first and moved == quiet_since):
                    self._watcher.bookmark(self._storage.version)
                first = False
                next_bookmark = next(bookmarks)
                continue
            if now >= ends:
                return await self._end(response)
            try:
                async with asyncio.timeout_at(min(ends, next_bookmark)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _bookmark_times(self, started: float) -> Iterator[float]:
        """When bookmarks are due: regularly, once shortly before the end, never without having been asked for."""
        ends = started + self._opened.timeout_s
        last = ends - self._options.bookmark_before_timeout_s
        if self._opened.bookmarks:
            interval_s = self._options.bookmark_interval_s
            number = 1
            while (due := started + number * interval_s) < last:
                yield due
                number += 1
            if last > started:
                yield last
        while True:
            yield math.inf

    async def _end(self, response: web.StreamResponse) -> web.StreamResponse:
        await response.write_eof()
        return response

    async def _end_early(self, request: web.Request, response: web.StreamResponse, line: bytes) -> web.StreamResponse:
        self._watcher.close(Closing.CLEAN)
        if self._fault.reset:
            reset(request.transport)
        elif self._fault.cut and request.transport is not None:
            request.transport.write(b"%x\r\n" % len(line) + line[: len(line) // 2])
            request.transport.close()
        else:
            await response.write_eof()
        return response

    async def _write(self, response: web.StreamResponse, line: bytes) -> None:
        rate = self._fault.bytes_per_s
        size = self._fault.chunk_bytes or (max(1, int(rate / _PIECES_PER_S)) if rate else len(line))
        for start in range(0, len(line), size):
            piece = line[start : start + size]
            await response.write(piece)
            if rate:
                await asyncio.sleep(len(piece) / rate)
