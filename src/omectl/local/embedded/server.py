"""The embedded API server: a scripted one in this process, for trying out, for fault tests and for simulation.

It is no cluster: nothing schedules, admits, validates by schema or authorises. What it does not have it answers as a
server without it does (404, 405, 406, 415).
"""

import asyncio
import copy
import gzip
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

import msgspec
from aiohttp import web

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.kube.credentials import ClientConfig
from omectl.local.embedded import discovery, objects, statuses
from omectl.local.embedded.faults import Action, Delay, DoThenReset, FaultScript, HalfOpen, Refuse, Reset, Say, Stream
from omectl.local.embedded.lifecycle import Lifecycle
from omectl.local.embedded.objects import in_order
from omectl.local.embedded.options import EmbeddedOptions
from omectl.local.embedded.reading import Answer, Reader
from omectl.local.embedded.requests import Place, RecordedRequest, find_place, verb_of
from omectl.local.embedded.served_kind import KindRegistry, ServedKind, built_in_kinds, served_kind
from omectl.local.embedded.statuses import Refusal, VersionTooNew
from omectl.local.embedded.storage import Change, Storage
from omectl.local.embedded.streams import WatchStream, reset
from omectl.local.embedded.watchers import Closing, Watcher
from omectl.local.embedded.writing import Editor

_HOST: Final = "127.0.0.1"
_FIRST_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
_HEALTH: Final = frozenset({"/healthz", "/livez", "/readyz"})


class EmbeddedServer:
    """An API server on loopback, in plain HTTP, that can misbehave.

        async with EmbeddedServer([WIDGETS]) as server, Client(server.config) as client:
            server.faults.next(Refuse(429, "TooManyRequests", retry_after_s=1), verb="watch")

    Serves the built-in kinds, those given (a `ResourceKind` gets the rules of a custom resource), and those of
    CustomResourceDefinitions that are created. Belongs to one event loop. Methods without `async` take effect before
    they return, and what they change is seen by every open watch: `drop_watches()` and then `put(...)` is a change that
    no watch saw. Leaving the context closes every connection.
    """

    def __init__(self, kinds: Iterable[ResourceKind | ServedKind] = (), options: EmbeddedOptions | None = None) -> None:
        self.faults = FaultScript()
        self.requests: list[RecordedRequest] = []
        """Every request, in the order in which they came."""
        self._options = options or EmbeddedOptions()
        self._registry = KindRegistry(built_in_kinds())
        self._storage = Storage(self._options.history_length)
        self._lifecycle = Lifecycle(self._storage, self._registry, self._options)
        self._reader = Reader(self._storage, self._options)
        self._editor = Editor(self._storage, self._options)
        self._watchers: dict[Watcher, None] = {}
        self._connections: set[asyncio.Transport] = set()
        self._runner: web.AppRunner | None = None
        self._port = self._options.port
        self._ready_at = 0.0
        self._moved = asyncio.Event()
        self._storage.listen(self._on_change)
        for kind in kinds:
            self.serve(kind)
        for name in _FIRST_NAMESPACES:
            self.put(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "status": {"phase": "Active"}}
            )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # --- where it is ---

    @property
    def address(self) -> str:
        """`http://127.0.0.1:<port>`; the port stays the same over a restart."""
        return f"http://{_HOST}:{self._port}"

    @property
    def config(self) -> ClientConfig:
        """How a client reaches it."""
        return ClientConfig(server=self.address)

    @property
    def resource_version(self) -> str:
        """The newest resource version."""
        return str(self._storage.version)

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        application = web.Application(client_max_size=self._options.max_body_bytes)
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, _HOST, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Listen no more and reset every connection; connecting is refused until the next `start`. Objects stay."""
        for watcher in list(self._watchers):
            watcher.close(Closing.RESET)
        for connection in self._connections.copy():
            reset(connection)
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def restart(self, initializing_s: float = 0.0) -> None:
        """As a real server restarts: connections end, every version expires, requests are put off for a while."""
        await self.stop()
        self._storage.forget()
        self._ready_at = asyncio.get_running_loop().time() + initializing_s
        await self.start()

    @asynccontextmanager
    async def down(self) -> AsyncGenerator[None]:
        """Nobody listens inside; versions stay valid."""
        await self.stop()
        try:
            yield
        finally:
            await self.start()

    # --- what it serves and stores ---

    def serve(self, kind: ResourceKind | ServedKind) -> None:
        """Serve a kind from now on."""
        self._registry.add(kind if isinstance(kind, ServedKind) else served_kind(kind))

    def withdraw(self, kind: ResourceKind) -> None:
        """Serve a kind no longer: 404, and its watches end. Its objects stay, for when it is served again."""
        self._registry.remove(kind)
        self.drop_watches(kind)

    def put(self, obj: JsonObject) -> JsonObject:
        """Create or replace an object, status included, as somebody else would; returns what is stored.

        The server's fields are made up, kept or counted where the object does not say them. Raises ValueError for a
        kind that is not served.
        """
        served = self._registry.of_object(obj)
        if served is None:
            wanted = f"{obj.get('kind')} of {obj.get('apiVersion')}"
            raise ValueError(f"wanted an object of a served kind, found {wanted}; name the kind in `kinds`")
        key = key_of(obj)
        old = self._storage.get(served.shelf, key)
        made = objects.placed(served, old, copy.deepcopy(obj), self._options.clock.now())
        self._storage.commit(served.shelf, key, made)
        self._lifecycle.settle()
        return copy.deepcopy(made)

    def delete(self, kind: ResourceKind, name: str, namespace: str = "") -> None:
        """Take an object away at once, whatever finalizers it has. Raises KeyError."""
        shelf, key = (kind.group, kind.plural), ObjectKey(namespace, name)
        if self._storage.get(shelf, key) is None:
            raise KeyError(f"no {kind.kind} {key}")
        self._storage.commit(shelf, key, None)
        self._lifecycle.settle()

    def get(self, kind: ResourceKind, name: str, namespace: str = "") -> JsonObject | None:
        """A copy of an object, None where there is none."""
        stored = self._storage.get((kind.group, kind.plural), ObjectKey(namespace, name))
        return copy.deepcopy(stored.obj) if stored is not None else None

    def objects(self, kind: ResourceKind, namespace: str = "") -> list[JsonObject]:
        """Copies of all objects of a kind, in the order of a list."""
        state = self._storage.state((kind.group, kind.plural)).values()
        return [
            copy.deepcopy(stored.obj)
            for stored in in_order(state)
            if not namespace or stored.key.namespace == namespace
        ]

    def forget_history(self) -> None:
        """Whoever resumes a watch, or goes on with a list, from now or before is answered 410. Open watches go on."""
        self._storage.forget()

    def compact(self) -> None:
        """Lists at old versions and their next pages are answered 410; watches can still be resumed."""
        self._storage.compact()

    # --- its watches ---

    def watches(self, kind: ResourceKind | None = None) -> int:
        """How many watches are open."""
        return len(self._watchers_of(kind))

    def drop_watches(self, kind: ResourceKind | None = None, *, reset: bool = False) -> int:
        """End open watches, cleanly or by a reset; returns how many. They see nothing of what comes later."""
        watchers = self._watchers_of(kind)
        for watcher in watchers:
            watcher.close(Closing.RESET if reset else Closing.CLEAN)
        return len(watchers)

    def send_bookmarks(self, kind: ResourceKind | None = None) -> None:
        """Send a bookmark on open watches, whether they asked for bookmarks or not."""
        for watcher in self._watchers_of(kind):
            watcher.bookmark(self._storage.version)

    def send_line(self, line: bytes, kind: ResourceKind | None = None) -> None:
        """Send any bytes on open watches; a newline makes them a line."""
        for watcher in self._watchers_of(kind):
            watcher.inject(line)

    def fail_watches(self, refuse: Refuse, kind: ResourceKind | None = None) -> None:
        """End open watches with an ERROR event that carries this Status."""
        body = refuse.refusal().body
        for watcher in self._watchers_of(kind):
            watcher.fail(body)

    def requests_for(self, kind: ResourceKind, verb: str | None = None) -> list[RecordedRequest]:
        """The requests about a kind so far."""
        return [request for request in self.requests if request.kind == kind and verb in {None, request.verb}]

    def _watchers_of(self, kind: ResourceKind | None) -> list[Watcher]:
        return [
            watcher
            for watcher in self._watchers
            if watcher.closing is None and (kind is None or watcher.representation.served.kind == kind)
        ]

    def _on_change(self, change: Change) -> None:
        for watcher in self._watchers:
            watcher.offer(change)
        self._moved.set()
        self._moved = asyncio.Event()

    # --- answering ---

    async def _answer(self, incoming: web.Request) -> web.StreamResponse:
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
        if asyncio.get_running_loop().time() < self._ready_at:
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
        self._watchers[watcher] = None
        try:
            if opened.too_new is not None:
                watcher.fail(statuses.version_too_large(opened.too_new.wanted, opened.too_new.current).body)
            elif opened.marker_due and (fault is None or fault.marker is not None):
                watcher.bookmark(self._storage.version, fault.marker if fault is not None else "true")
            return await WatchStream(opened, wake, self._storage, self._options, fault).send(incoming)
        finally:
            self._watchers.pop(watcher, None)

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
