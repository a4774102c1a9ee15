"""A TCP proxy that fails on command, to stand before a real API server. TLS goes through it untouched."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from omectl.kube.credentials import ClientConfig
from omectl.local.ports import free_port
from omectl.local.sockets import reset

_HOST: Final = "127.0.0.1"
_CHUNK: Final = 64 * 1024
_PIECES_PER_S: Final = 20
_CONNECT_S: Final = 10.0
_START_ATTEMPTS: Final = 5
_BACKLOG: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class _Link:
    """One connection of a client, the one to the server that belongs to it, and the task that serves both."""

    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    task: asyncio.Task[None] | None

    def end(self, *, by_reset: bool) -> None:
        """End both connections."""
        for writer in self.writers:
            if by_reset:
                reset(writer.transport)
            else:
                writer.close()

    def cut(self, *, by_reset: bool) -> None:
        """End both connections and what is still to be passed on."""
        self.end(by_reset=by_reset)
        if self.task is not None:
            self.task.cancel()


class FaultProxy:
    """Stands on loopback before the server of a `ClientConfig`; `config` is the same, by way of the proxy.

        async with FaultProxy(control_plane.admin_config) as proxy, Client(proxy.config) as client:
            proxy.cut()

    `delay_s` is added before each piece of data in either direction, `bytes_per_s` slows the answers down (None: as
    fast as can be), `lifetime_s` cuts each connection so long after it was made (None: never). They may be set at any
    time; a lifetime counts for connections made from then on. Belongs to one event loop; leaving the context cuts
    everything.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self.lifetime_s: float | None = None
        self._upstream = config.validated()
        address = urlsplit(self._upstream.server)
        self._scheme = address.scheme
        self._target_host = address.hostname or _HOST
        self._target_port = address.port or (443 if address.scheme == "https" else 80)
        self._port = 0
        self._listening: socket.socket | None = None
        self._links: dict[_Link, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._accepted = 0

    async def __aenter__(self) -> Self:
        for attempt in range(1, _START_ATTEMPTS + 1):
            self._port = free_port()
            try:
                self._listen()
            except OSError:
                if attempt == _START_ATTEMPTS:
                    raise
            else:
                break
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_listening()
        # A turn of the loop, so that the task of each connection has begun: then it ends what it has when cancelled.
        await asyncio.sleep(0)
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def config(self) -> ClientConfig:
        """Where a client finds the server by way of the proxy; its certificate is still checked for its own name."""
        address = f"{self._scheme}://{_HOST}:{self._port}"
        name = self._upstream.tls_server_name or self._target_host
        return replace(self._upstream, server=address, tls_server_name=name if self._scheme == "https" else None)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._links)

    @property
    def accepted(self) -> int:
        """How many connections were made so far."""
        return self._accepted

    def cut(self, *, by_reset: bool = True) -> int:
        """End every open connection, by a reset or in good order; returns how many there were."""
        links = list(self._links)
        for link in links:
            link.cut(by_reset=by_reset)
        return len(links)

    def freeze(self) -> None:
        """Pass nothing on any more and keep every connection, new ones too: each is half open."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Go on, with what was held back first."""
        self._flowing.set()

    @asynccontextmanager
    async def refusing(self) -> AsyncGenerator[None]:
        """New connections are refused inside; open ones go on."""
        self._stop_listening()
        try:
            yield
        finally:
            self._listen()

    def _listen(self) -> None:
        # Not a server of asyncio's: that loses the connections which it is just accepting when it is closed.
        self._listening = socket.create_server((_HOST, self._port), backlog=_BACKLOG)
        self._listening.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listening, self._accept, self._listening)

    def _stop_listening(self) -> None:
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def _accept(self, listening: socket.socket) -> None:
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        connection.setblocking(False)
        self._accepted += 1
        task = asyncio.create_task(self._serve(connection), name="fault-proxy-connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        lifetime_s = self.lifetime_s
        try:
            reader, writer = await asyncio.open_connection(sock=connection)
        except BaseException:
            connection.close()
            raise
        try:
            async with asyncio.timeout(_CONNECT_S):
                server_reader, server_writer = await asyncio.open_connection(self._target_host, self._target_port)
        except OSError:
            reset(writer.transport)
            return
        except BaseException:
            reset(writer.transport)
            raise
        link = _Link((writer, server_writer), asyncio.current_task())
        self._links[link] = None
        try:
            async with asyncio.timeout(lifetime_s), asyncio.TaskGroup() as group:
                group.create_task(self._pump(link, reader, server_writer, throttled=False))
                group.create_task(self._pump(link, server_reader, writer, throttled=True))
        except TimeoutError:
            link.end(by_reset=True)
        finally:
            del self._links[link]
            link.end(by_reset=False)

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, throttled: bool
    ) -> None:
        """Pass on until the sender ends, then tell the receiver; where one is lost, so is the other."""
        try:
            while data := await reader.read(_CHUNK):
                await self._pass_on(data, writer, throttled=throttled)
            await self._flowing.wait()
            writer.write_eof()
        except OSError:
            link.end(by_reset=True)

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter, *, throttled: bool) -> None:
        rate = self.bytes_per_s if throttled else None
        size = max(1, int(rate / _PIECES_PER_S)) if rate else len(data)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._flowing.wait()
            writer.write(piece)
            await writer.drain()
            if rate:
                await asyncio.sleep(len(piece) / rate)
