"""Answers HTTP: reads a request, lets happen what was scripted, and otherwise asks the storage."""

import asyncio
import gzip
from typing import Final

import msgspec
from aiohttp import web

from omectl.api.resource import ResourceKind
from omectl.local.embedded import discovery, statuses
from omectl.local.embedded.faults import Action, Delay, DoThenReset, FaultScript, HalfOpen, Refuse, Reset, Say, Stream
from omectl.local.embedded.lifecycle import Lifecycle
from omectl.local.embedded.options import EmbeddedOptions
from omectl.local.embedded.reading import Answer, Reader
from omectl.local.embedded.requests import Place, RecordedRequest, find_place, verb_of
from omectl.local.embedded.served_kind import KindRegistry
from omectl.local.embedded.statuses import Refusal, VersionTooNew
from omectl.local.embedded.storage import Change, Storage
from omectl.local.embedded.streams import WatchStream
from omectl.local.embedded.watchers import Closing, Watcher
from omectl.local.embedded.writing import Editor
from omectl.local.sockets import reset

_HEALTH: Final = frozenset({"/healthz", "/livez", "/readyz"})


class Handler:
    """One server's requests, open watches and connections. Belongs to one event loop.

    Before `ready_at` (the loop's time) every request is put off, as by a server whose caches are filling.
    """

    def __init__(
        self, storage: Storage, registry: KindRegistry, lifecycle: Lifecycle, options: EmbeddedOptions
    ) -> None:
        self.faults = FaultScript()
        self.requests: list[RecordedRequest] = []
        self.watchers: dict[Watcher, None] = {}
        self.ready_at = 0.0
        self._options = options
        self._storage = storage
        self._registry = registry
        self._lifecycle = lifecycle
        self._reader = Reader(storage, options)
        self._editor = Editor(storage, options)
        self._connections: set[asyncio.Transport] = set()
        self._moved = asyncio.Event()
        storage.listen(self._on_change)
        lifecycle.listen(self.end_watches)

    def end_watches(self, kind: ResourceKind | None = None, closing: Closing = Closing.CLEAN) -> int:
        """End the open watches of a kind, or all; returns how many."""
        watchers = self.open_watches(kind)
        for watcher in watchers:
            watcher.close(closing)
        return len(watchers)

    def open_watches(self, kind: ResourceKind | None = None) -> list[Watcher]:
        """The watches of a kind, or all, that nobody has ended."""
        return [
            watcher
            for watcher in self.watchers
            if watcher.closing is None and kind in {None, watcher.representation.served.kind}
        ]

    def reset_all(self) -> None:
        """Reset every connection on which something is being answered."""
        for watcher in list(self.watchers):
            watcher.close(Closing.RESET)
        for connection in self._connections.copy():
            reset(connection)

    def _on_change(self, change: Change) -> None:
        for watcher in self.watchers:
            watcher.offer(change)
        self._moved.set()
        self._moved = asyncio.Event()

    async def answer(self, incoming: web.Request) -> web.StreamResponse:
        connection = incoming.transport
        assert connection is not None, "a client that has left cancels the handler"
        self._connections.add(connection)
        try:
            return await self._respond(incoming)
        except Refusal as refusal:
            return _refused(refusal)
        finally:
            self._connections.discard(connection)

    async def _respond(self, incoming: web.Request) -> web.StreamResponse:
        body = await self._read(incoming)
        place, refusal = self._place(incoming)
        request = _recorded(incoming, place, body)
        self.requests.append(request)
        if asyncio.get_running_loop().time() < self.ready_at:
            raise statuses.initializing()
        action = self.faults.take(request)
        response = await self._misbehave(incoming, action)
        if response is not None:
            return response
        if refusal is not None:
            raise refusal
        if place is None:
            return self._document(request)
        if not request.verb:
            raise statuses.method_not_allowed()
        if request.verb == "watch":
            return await self._watch(incoming, request, place, action)
        if request.verb in {"get", "list"}:
            answer = await self._read_when_reached(request, place)
        else:
            answer = self._write(request, place)
        if isinstance(action, DoThenReset):
            await self._reset(incoming)
        return self._sent(request, answer)

    async def _read(self, incoming: web.Request) -> bytes:
        try:
            return await incoming.read()
        except web.HTTPRequestEntityTooLarge as error:
            limit = self._options.max_body_bytes
            raise Refusal(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}") from error

    def _place(self, incoming: web.Request) -> tuple[Place | None, Refusal | None]:
        try:
            return find_place(self._registry, incoming.rel_url.raw_path), None
        except Refusal as refusal:
            return None, refusal

    async def _misbehave(self, incoming: web.Request, action: Action | None) -> web.StreamResponse | None:
        """Act on a fault that comes instead of the answer; None when the answer is to come after all."""
        match action:
            case Refuse():
                raise action.refusal()
            case Say(body, status, content_type):
                return web.Response(status=status, body=body, content_type=content_type)
            case Delay(seconds):
                await asyncio.sleep(seconds)
            case Reset():
                await self._reset(incoming)
            case HalfOpen(after_head):
                if after_head:
                    response = web.StreamResponse(headers={"Content-Type": "application/json"})
                    response.enable_chunked_encoding()
                    await response.prepare(incoming)
                await self._until_gone()
            case DoThenReset() | Stream() | None:
                pass
        return None

    async def _reset(self, incoming: web.Request) -> None:
        reset(incoming.transport)
        await self._until_gone()

    async def _until_gone(self) -> None:
        """Until the connection is lost, which cancels the handler."""
        await asyncio.get_running_loop().create_future()

    def _document(self, request: RecordedRequest) -> web.StreamResponse:
        if request.path in _HEALTH:
            return web.Response(text="ok")
        found = discovery.document(self._registry, request.path, request.header("accept"))
        if found is None:
            raise statuses.page_not_found()
        if request.method != "GET":
            raise statuses.method_not_allowed()
        return self._sent(request, Answer(200, msgspec.json.encode(found)))

    def _write(self, request: RecordedRequest, place: Place) -> Answer:
        act = {
            "create": self._editor.create,
            "update": self._editor.update,
            "patch": self._editor.patch,
            "delete": self._editor.delete,
            "deletecollection": self._editor.delete_collection,
        }[request.verb]
        try:
            return act(request, place)
        finally:
            self._lifecycle.settle()

    async def _read_when_reached(self, request: RecordedRequest, place: Place) -> Answer:
        read = self._reader.get if request.verb == "get" else self._reader.page
        try:
            return read(request, place)
        except VersionTooNew as error:
            await self._reach(error.wanted)
        try:
            return read(request, place)
        except VersionTooNew as error:
            raise statuses.version_too_large(error.wanted, error.current) from error

    async def _reach(self, version: int) -> None:
        """Wait for a version, but not for long."""
        try:
            async with asyncio.timeout(self._options.future_version_wait_s):
                while self._storage.version < version:
                    await self._moved.wait()
        except TimeoutError:
            return

    async def _watch(
        self, incoming: web.Request, request: RecordedRequest, place: Place, action: Action | None
    ) -> web.StreamResponse:
        wake = asyncio.Event()
        fault = action if isinstance(action, Stream) else None
        opened = self._reader.watch(request, place, wake.set)
        if opened.too_new is not None:
            await self._reach(opened.too_new.wanted)
            opened = self._reader.watch(request, place, wake.set)
        watcher = opened.watcher
        self.watchers[watcher] = None
        try:
            if opened.too_new is not None:
                watcher.fail(statuses.version_too_large(opened.too_new.wanted, opened.too_new.current).body)
            elif opened.marker_due and (fault is None or fault.marker is not None):
                watcher.bookmark(self._storage.version, fault.marker if fault is not None else "true")
            return await WatchStream(opened, wake, self._storage, self._options, fault).send(incoming)
        finally:
            self.watchers.pop(watcher, None)

    def _sent(self, request: RecordedRequest, answer: Answer) -> web.StreamResponse:
        response = web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)
        if len(answer.body) > self._options.compress_above_bytes and "gzip" in request.header("accept-encoding"):
            response.body = gzip.compress(answer.body, 1)
            response.headers["Content-Encoding"] = "gzip"
            response.enable_chunked_encoding()
        return response


def _recorded(incoming: web.Request, place: Place | None, body: bytes) -> RecordedRequest:
    query = dict(incoming.query)
    return RecordedRequest(
        method=incoming.method,
        path=incoming.path,
        verb=verb_of(place, incoming.method, query) if place is not None else incoming.method,
        kind=place.served.kind if place is not None else None,
        namespace=place.namespace if place is not None else "",
        name=place.name if place is not None else "",
        subresource=place.subresource if place is not None else "",
        query=query,
        headers={name.lower(): value for name, value in incoming.headers.items()},
        body=body,
    )


def _refused(refusal: Refusal) -> web.Response:
    if refusal.text is not None:
        response = web.Response(status=refusal.code, text=refusal.text)
    else:
        body = msgspec.json.encode(refusal.body)
        response = web.Response(status=refusal.code, body=body, content_type="application/json")
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response
