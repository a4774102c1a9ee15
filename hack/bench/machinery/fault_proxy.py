"""A plain HTTP proxy in front of the API server that misbehaves when told."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from omectl.kube.credentials import ClientConfig
from omectl.kube.identity import Identity
from omectl.local.control_plane import ControlPlane
from omectl.local.kubeconfig import kubeconfig_text

_CHUNK = 64 * 1024
_KEPT = ("Content-Type", "Accept")


class _Watch:
    """An open watch."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.silent = False


class FaultProxy:
    """Forwards as the administrator. `counts` are the requests for ConfigMaps by what they ask for.

    `refusing`: everything is answered 429. `bytes_per_s`: how fast bodies are passed on; None for at once.
    """

    def __init__(self, control_plane: ControlPlane) -> None:
        self._config = control_plane.admin_config
        self._watches: set[_Watch] = set()
        self._folder = TemporaryDirectory(prefix="omectl-bench-")
        self.counts: Counter[str] = Counter()
        self.refusing = False
        self.bytes_per_s: int | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=Identity(self._config).tls_context(), limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        app = web.Application(client_max_size=1024**3)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.kubeconfig.write_text(kubeconfig_text(ClientConfig(server=f"http://127.0.0.1:{port}"), user="bench"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_watches()
        await self._runner.cleanup()
        await self._session.close()
        self._folder.cleanup()

    @property
    def kubeconfig(self) -> Path:
        """How subjects reach the proxy."""
        return Path(self._folder.name) / "kubeconfig"

    def end_watches(self) -> None:
        """End every open watch as a server does whose time for it is over."""
        for watch in self._watches:
            watch.over.set()

    def silence_watches(self) -> None:
        """Pass nothing more on to any watch that is open now, and leave its connection open."""
        for watch in self._watches:
            watch.silent = True

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        watching = request.query.get("watch") in ("true", "1")
        if "configmaps" in request.path and request.method == "GET":
            listing = "streaming_list" if "sendInitialEvents" in request.query else "watch"
            self.counts[listing if watching else "list"] += 1
        if self.refusing:
            self.counts["refused"] += 1
            return web.Response(status=429, headers={"Retry-After": "1"}, text="refused by the benchmark")
        headers = {name: value for name, value in request.headers.items() if name in _KEPT}
        headers["Accept-Encoding"] = "identity"
        url = f"{self._config.server}{request.path_qs}"
        async with self._session.request(
            request.method, url, data=await request.read() or None, headers=headers
        ) as upstream:
            answer = web.StreamResponse(status=upstream.status, headers={"Content-Type": upstream.content_type})
            with contextlib.suppress(ConnectionError):
                await answer.prepare(request)
                await self._pass_on(upstream, answer, watching=watching)
                await answer.write_eof()
        return answer

    async def _pass_on(self, upstream: aiohttp.ClientResponse, answer: web.StreamResponse, *, watching: bool) -> None:
        """The body, until its end, or until watches are ended; an ended watch ends after a whole line."""
        content, watch = upstream.content, _Watch()
        if watching:
            self._watches.add(watch)
        ending = asyncio.create_task(watch.over.wait())
        try:
            while True:
                reading = asyncio.create_task(content.readline() if watching else content.read(_CHUNK))
                await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    reading.cancel()
                    return
                if not (chunk := reading.result()):
                    return
                if watch.silent:
                    await watch.over.wait()
                    return
                await self._drip(answer, chunk)
        except aiohttp.ClientPayloadError:
            return
        finally:
            ending.cancel()
            self._watches.discard(watch)

    async def _drip(self, answer: web.StreamResponse, chunk: bytes) -> None:
        while chunk and self.bytes_per_s is not None:
            piece, chunk = chunk[: self.bytes_per_s // 10], chunk[self.bytes_per_s // 10 :]
            await answer.write(piece)
            await asyncio.sleep(0.1)
        if chunk:
            await answer.write(chunk)
