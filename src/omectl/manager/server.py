"""HTTP servers of a manager: probes, metrics, statistics, and what others put on them.

With a `ServingCertificate` a server speaks TLS (HTTP/1.1), with an `AccessFilter` it answers only who may read.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import structlog

from omectl import metrics
from omectl.api.json import JsonObject
from omectl.listening import parting, stop_listening
from omectl.manager.access import AccessFilter
from omectl.manager.errors import ManagerError
from omectl.manager.probes import Answer, Checks
from omectl.manager.serving_certificate import ServingCertificate

if TYPE_CHECKING:
    import socket
    import ssl

    from aiohttp import web
    from aiohttp.typedefs import Handler, Middleware

_log = structlog.stdlib.get_logger(__name__)

SHUTDOWN_S = 2.0
IDLE_S = 90.0

RequestHandler: TypeAlias = "Callable[[web.Request], Awaitable[web.Response]]"


class BadAddress(ManagerError, ValueError):
    """An address to listen on that is not `host:port` or `:port`."""

    def __init__(self, address: str, flag: str) -> None:
        super().__init__(f'{flag}: wanted host:port, :port or "0" for off, found {address!r}')


class AddressUnavailable(ManagerError, OSError):
    """The address can't be listened on."""

    def __init__(self, address: str, flag: str, cause: OSError) -> None:
        if cause.errno == errno.EADDRINUSE:
            found, hint = "another process listens there already", f"stop it or choose another address with {flag}"
        elif cause.errno == errno.EACCES:
            found, hint = "this user may not listen there", f"choose a port above 1023 with {flag}"
        else:
            found, hint = cause.strerror or str(cause), f"choose an address of this machine with {flag}"
        super().__init__(cause.errno, f"wanted to listen on {address} ({flag}), found that {found}; {hint}")
        self.address = address
        self.flag = flag

    def __str__(self) -> str:
        return str(self.args[1])


def parse_address(address: str, flag: str) -> tuple[str | None, int] | None:
    """Host (None for all) and port of `host:port`, `[v6]:port` or `:port`; None when off ("0" or empty)."""
    if address in ("", "0"):
        return None
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise BadAddress(address, flag)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise BadAddress(address, flag)
    return host or None, int(port)


class HttpServer:
    """One listener with a few fixed paths. `start` raises AddressUnavailable, and CertificateUnavailable with a
    certificate that has none; `url` is readable after it.

    `idle_s` ends connections on which no request comes; `shutdown_s` is what running requests get at the stop.
    The owner of the server runs `certificate`. `guard` protects every path, also those that do not exist.
    """

    def __init__(
        self,
        name: str,
        address: str,
        flag: str,
        *,
        certificate: ServingCertificate | None = None,
        guard: AccessFilter | None = None,
        idle_s: float = IDLE_S,
        shutdown_s: float = SHUTDOWN_S,
    ) -> None:
        self.name = name
        self.certificate = certificate
        self._guard = guard
        self._idle_s = idle_s
        self._shutdown_s = shutdown_s
        self._wanted = address
        self._flag = flag
        self._routes: dict[tuple[str, str], RequestHandler] = {}
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._bound: tuple[str, int] | None = None
        self._listens_at = parse_address(address, flag)
        self._listener: socket.socket | None = None

    def listen_on(self, listener: socket.socket) -> None:
        """Use this bound TCP socket instead of the address; it belongs to the server then. Call it before `start`."""
        self._listener = listener

    @property
    def is_off(self) -> bool:
        return self._listens_at is None and self._listener is None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port while listening."""
        return self._bound

    @property
    def url(self) -> str:
        """`http://host:port` (`https` with a certificate) while listening, else ""."""
        if self._bound is None:
            return ""
        host, port = self._bound
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def serve(self, path: str, handler: RequestHandler, method: str = "GET") -> None:
        """Answer `path` by `handler`; call it before the start. ValueError for a path that is served already."""
        if (method, path) in self._routes:
            raise ValueError(f"{self.name}: wanted a path that nothing serves yet, found {method} {path} twice")
        self._routes[method, path] = handler

    def serve_probe(self, path: str, checks: Checks) -> None:
        """Answer `path` and `path/<check>`."""
        from aiohttp import web

        async def all_of(request: web.Request) -> web.Response:
            query = request.query
            return _plain(checks.answer(verbose="verbose" in query, exclude=query.getall("exclude", [])))

        async def one_of(request: web.Request) -> web.Response:
            answer = checks.answer_one(request.match_info["check"])
            if answer is None:
                raise web.HTTPNotFound
            return _plain(answer)

        self.serve(path, all_of)
        self.serve(path + "/", all_of)
        self.serve(path + "/{check}", one_of)

    def serve_metrics(self, path: str = "/metrics") -> None:
        """Answer `path` with the process's metrics."""
        from aiohttp import web

        async def answer(request: web.Request) -> web.Response:
            body, content_type = metrics.exposition(request.headers.get("Accept", ""))
            return web.Response(body=body, headers={"Content-Type": content_type})

        self.serve(path, answer)

    def serve_json(self, path: str, read: Callable[[], JsonObject]) -> None:
        """Answer `path` with what `read` gives at that moment."""
        import msgspec
        from aiohttp import web

        async def answer(request: web.Request) -> web.Response:
            del request
            body = msgspec.json.format(msgspec.json.encode(read()), indent=2)
            return web.Response(body=body, content_type="application/json")

        self.serve(path, answer)

    async def start(self) -> None:
        """Listen; does nothing when the address is off."""
        if self.is_off:
            return
        from aiohttp import web

        context = None
        if self.certificate is not None:
            await self.certificate.require()
            context = self.certificate.context
        app = web.Application(middlewares=[_guarded(self._guard)] if self._guard is not None else ())
        for (method, path), handler in self._routes.items():
            app.router.add_route(method, path, handler)
            if method == "GET":
                app.router.add_head(path, handler)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=self._shutdown_s,
            keepalive_timeout=self._idle_s,
            # Reading on after the answer would outlive a stop; who wants a body reads it.
            lingering_time=0.0,
        )
        await self._runner.setup()
        try:
            self._server = await self._listen(self._runner, context)
        except OSError as error:
            await self.stop()
            raise AddressUnavailable(self._wanted, self._flag, error) from error
        bound = self._server.sockets[0].getsockname()
        self._bound = (str(bound[0]), int(bound[1]))
        _log.info("listening", server=self.name, url=self.url)

    async def _listen(self, runner: web.AppRunner, context: ssl.SSLContext | None) -> asyncio.Server:
        loop, answers = asyncio.get_running_loop(), runner.server
        assert answers is not None  # the runner is set up
        if self._listener is not None:
            return await loop.create_server(answers, sock=self._listener, ssl=context)
        assert self._listens_at is not None  # else it is off
        host, port = self._listens_at
        return await loop.create_server(answers, host, port, ssl=context)

    async def stop(self) -> None:
        """Stop listening and end the open connections."""
        runner, self._runner, self._bound = self._runner, None, None
        server, self._server = self._server, None
        try:
            if server is not None:
                await stop_listening(server)
        finally:
            if runner is not None:
                answers = runner.server
                connections = answers.connections if answers is not None else []
                async with parting(one.transport for one in connections):
                    await runner.cleanup()


def _guarded(guard: AccessFilter) -> Middleware:
    """A middleware, so that what is not there needs the same right to be found missing."""
    from aiohttp import web

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = await guard.refusal(request.headers.get("Authorization", ""), request.method.lower(), request.path)
        if refusal is None:
            return await handler(request)
        headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
        return web.Response(text=refusal.text, status=refusal.status, headers=headers)

    return check


def _plain(answer: Answer) -> web.Response:
    from aiohttp import web

    return web.Response(
        text=answer.text,
        status=answer.status,
        content_type="text/plain",
        charset="utf-8",
        headers={"X-Content-Type-Options": "nosniff"},
    )
