"""The embedded API server: a scripted one in this process, for trying out, for fault tests and for simulation.

It is no cluster: nothing schedules, admits, validates by schema or authorises. What it does not have it answers as a
server without it does (404, 405, 406, 415).
"""

import asyncio
import copy
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.kube.credentials import ClientConfig
from omectl.listening import stop_listening
from omectl.local.embedded import objects
from omectl.local.embedded.faults import FaultScript, Refuse
from omectl.local.embedded.handler import Handler
from omectl.local.embedded.lifecycle import Lifecycle
from omectl.local.embedded.objects import in_order
from omectl.local.embedded.options import EmbeddedOptions
from omectl.local.embedded.requests import RecordedRequest
from omectl.local.embedded.served_kind import KindRegistry, ServedKind, built_in_kinds, served_kind
from omectl.local.embedded.storage import Storage
from omectl.local.embedded.watchers import Closing
from omectl.local.ports import free_port

_HOST: Final = "127.0.0.1"
_FIRST_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")


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
        self._options = options or EmbeddedOptions()
        self._registry = KindRegistry(built_in_kinds())
        self._storage = Storage(self._options.history_length)
        self._lifecycle = Lifecycle(self._storage, self._registry, self._options)
        self._handler = Handler(self._storage, self._registry, self._lifecycle, self._options)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._port = self._options.port
        for kind in kinds:
            self.serve(kind)
        for name in _FIRST_NAMESPACES:
            self.put(_namespace(name))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def faults(self) -> FaultScript:
        """What is to go wrong."""
        return self._handler.faults

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request, in the order in which they came."""
        return self._handler.requests

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
        # Not a port that the kernel chose: a client that retries while nobody listens could connect to itself there.
        self._port = self._port or free_port()
        application = web.Application(client_max_size=self._options.max_body_bytes)
        application.router.add_route("*", "/{path:.*}", self._handler.answer)
        runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        assert runner.server is not None
        try:
            self._server = await asyncio.get_running_loop().create_server(runner.server, _HOST, self._port)
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Listen no more and reset every connection; connecting is refused until the next `start`. Objects stay."""
        runner, self._runner = self._runner, None
        server, self._server = self._server, None
        if runner is None or server is None:
            return
        try:
            await stop_listening(server)
        finally:
            self._handler.reset_all()
            await runner.cleanup()

    async def restart(self, initializing_s: float = 0.0) -> None:
        """As a real server restarts: connections end, every version expires, requests are put off for a while."""
        await self.stop()
        self._storage.forget()
        self._handler.ready_at = asyncio.get_running_loop().time() + initializing_s
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
        return len(self._handler.open_watches(kind))

    def drop_watches(self, kind: ResourceKind | None = None, *, reset: bool = False) -> int:
        """End open watches, cleanly or by a reset; returns how many. They see nothing of what comes later."""
        return self._handler.end_watches(kind, Closing.RESET if reset else Closing.CLEAN)

    def send_bookmarks(self, kind: ResourceKind | None = None) -> None:
        """Send a bookmark on open watches, whether they asked for bookmarks or not."""
        for watcher in self._handler.open_watches(kind):
            watcher.bookmark(self._storage.version)

    def send_line(self, line: bytes, kind: ResourceKind | None = None) -> None:
        """Send any bytes on open watches; a newline makes them a line."""
        for watcher in self._handler.open_watches(kind):
            watcher.inject(line)

    def fail_watches(self, refuse: Refuse, kind: ResourceKind | None = None) -> None:
        """End open watches with an ERROR event that carries this Status."""
        body = refuse.refusal().body
        for watcher in self._handler.open_watches(kind):
            watcher.fail(body)

    def requests_for(self, kind: ResourceKind, verb: str | None = None) -> list[RecordedRequest]:
        """The requests about a kind so far."""
        return [request for request in self.requests if request.kind == kind and verb in {None, request.verb}]


def _namespace(name: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }
