"""HTTP to one API server: connections, deadlines, retries, metrics. Knows nothing of kinds.

Owned by one event loop. Two pools: calls are limited, so that a burst can't open thousands of connections; watches are
not, as each holds its connection for ever and would starve the calls. There is no client-side rate limit: the server's
priority and fairness does that better, and answers 429 with `Retry-After`, which is honoured here.
"""

import asyncio
import io
import re
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import aiohttp
import structlog
from yarl import URL

from omectl import metrics
from omectl.kube.credentials import ClientConfig
from omectl.kube.errors import (
    ApiError,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidResponse,
    ServerTimeout,
    TooManyRequests,
    Unauthorized,
    WatchIdle,
)
from omectl.kube.identity import Identity
from omectl.kube.requests import Request
from omectl.kube.status import error_from_status

_log = structlog.stdlib.get_logger(__name__)
_READ_SIZE = 256 * 1024
_CLOSING_TURNS = 100

_requests = metrics.counter(
    metrics.REST_CLIENT_REQUESTS, "Requests to the API server, by answer.", ("code", "method", "host")
)
_durations = metrics.histogram(
    metrics.REST_CLIENT_REQUEST_DURATION,
    "Seconds from sending a request to the end of its answer (of a watch: to its start).",
    ("verb", "host"),
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0),
)
_request_sizes = metrics.histogram(
    metrics.REST_CLIENT_REQUEST_SIZE,
    "Bytes of request bodies.",
    ("verb", "host"),
    buckets=metrics.exponential_buckets(64, 4, 10),
)
_response_sizes = metrics.histogram(
    metrics.REST_CLIENT_RESPONSE_SIZE,
    "Bytes of answers' bodies.",
    ("verb", "host"),
    buckets=metrics.exponential_buckets(64, 4, 10),
)
_retries = metrics.counter(
    metrics.REST_CLIENT_REQUEST_RETRIES, "Requests sent again, by the answer before.", ("code", "verb", "host")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """Limits in seconds. `call_s` bounds a call with all its retries; `list_s` bounds a page of a list."""

    connect_s: float = 10.0
    call_s: float = 30.0
    list_s: float = 120.0
    watch_idle_s: float = 150.0
    retries: int = 10
    retry_after_cap_s: float = 15.0
    connections: int = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer with its whole body."""

    status: int
    content_type: str
    body: bytes


class Transport:
    """Sends requests; raises `ApiError`, `ConnectionFailed` and `InvalidResponse`, never an error of aiohttp."""

    def __init__(self, config: ClientConfig, options: TransportOptions) -> None:
        self.config = config.validated()
        self.options = options
        self._identity = Identity(self.config)
        self._calls: aiohttp.ClientSession | None = None
        self._watches: aiohttp.ClientSession | None = None
        self._host = URL(self.config.server).authority
        self._warnings: set[str] = set()
        self._sockets: WeakSet[socket.socket] = WeakSet()

    async def open(self) -> None:
        """Make the pools; no connection is opened yet. Raises ConfigError for unusable certificates."""
        self._identity.tls_context()
        self._calls = self._session(limit=self.options.connections)
        self._watches = self._session(limit=0)

    async def close(self) -> None:
        """Close every connection, open watches too."""
        for session in (self._calls, self._watches):
            if session is not None:
                await session.close()
        self._calls = self._watches = None
        # A TLS farewell waits for the server's, and would outlive the client; what is shut down closes in a few turns.
        for opened in self._sockets:
            if opened.fileno() >= 0:
                with suppress(OSError):
                    opened.shutdown(socket.SHUT_RDWR)
        for _ in range(_CLOSING_TURNS):
            await asyncio.sleep(0)
            if all(opened.fileno() < 0 for opened in self._sockets):
                return

    def _session(self, *, limit: int) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=limit, keepalive_timeout=75.0, ttl_dns_cache=30, socket_factory=self._socket
        )
        return aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            raise_for_status=False,
            read_bufsize=_READ_SIZE,
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        made = _keep_alive_socket(address)
        self._sockets.add(made)
        return made

    async def call(
        self, request: Request, *, deadline_s: float | None = None, accept: str = "application/json"
    ) -> Reply:
        """Send and read the whole answer; retries where the server says when, within the deadline."""
        limit_s = self.options.call_s if deadline_s is None else deadline_s
        loop = asyncio.get_running_loop()
        ends = loop.time() + limit_s
        try:
            async with asyncio.timeout_at(ends):
                return await self._call_until(request, accept, ends)
        except TimeoutError as error:
            raise DeadlineExceeded(self.config.server, limit_s, action=request.action) from error

    async def _call_until(self, request: Request, accept: str, ends: float) -> Reply:
        loop = asyncio.get_running_loop()
        refreshed = False
        for attempt in range(self.options.retries + 1):
            try:
                return await self._once(request, accept, rejected=refreshed and attempt == 1)
            except Unauthorized:
                if refreshed or attempt > 0 or not self._identity.may_refresh:
                    raise
                refreshed = True
            except ApiError as error:
                delay = self.retry_delay(error)
                if delay is None or attempt == self.options.retries or loop.time() + delay >= ends:
                    raise
                _retries.labels(error.status, request.verb, self._host).inc()
                await asyncio.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    def retry_delay(self, error: ApiError) -> float | None:
        """Seconds after which the same request is worth sending again; None when it is not."""
        if error.retry_after_s is None or not (isinstance(error, TooManyRequests) or error.status >= 500):
            return None
        if isinstance(error, ServerTimeout) and error.is_resource_version_too_large:
            return None
        if any(cause.type == "DisruptionBudget" for cause in error.details.causes):
            return None
        return min(error.retry_after_s, self.options.retry_after_cap_s)

    async def _once(self, request: Request, accept: str, *, rejected: bool) -> Reply:
        started = time.monotonic()
        async with self._send(self._calls, request, accept, read_s=None, rejected=rejected) as response:
            with self._translated(request):
                body = await response.read()
        _durations.labels(request.verb, self._host).observe(time.monotonic() - started)
        _response_sizes.labels(request.verb, self._host).observe(len(body))
        if request.body is not None:
            _request_sizes.labels(request.verb, self._host).observe(len(request.body))
        return Reply(response.status, response.content_type, body)

    @asynccontextmanager
    async def stream(
        self, request: Request, *, accept: str = "application/json"
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        """Open a stream of chunks, for as long as the server sends.

        The answer must start within the call's deadline; afterwards iterating raises WatchIdle when nothing came for
        the idle limit. There is no retry: the reflector decides.
        """
        started = time.monotonic()
        idle_s = self.options.watch_idle_s
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self.options.call_s):
                    opened = self._send(self._watches, request, accept, read_s=idle_s)
                    response = await stack.enter_async_context(opened)
            except TimeoutError as error:
                raise DeadlineExceeded(self.config.server, self.options.call_s, action=request.action) from error
            _durations.labels(request.verb, self._host).observe(time.monotonic() - started)
            yield await stack.enter_async_context(aclosing(self._chunks(response, request)))

    async def _chunks(self, response: aiohttp.ClientResponse, request: Request) -> AsyncGenerator[bytes]:
        while True:
            with self._translated(request):
                chunk = await response.content.readany()
            if not chunk:
                return
            yield chunk

    @asynccontextmanager
    async def _send(
        self,
        session: aiohttp.ClientSession | None,
        request: Request,
        accept: str,
        *,
        read_s: float | None,
        rejected: bool = False,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        if session is None:
            raise RuntimeError("the client is not open; use it as `async with Client(config) as client`")
        headers = await self._identity.headers(rejected=rejected)
        headers["Accept"] = accept
        headers["Accept-Encoding"] = "identity"
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        code = "<error>"
        try:
            with self._translated(request):
                response = await session.request(
                    request.method,
                    URL(self.config.server + request.target, encoded=True),
                    headers=_with_groups(headers, self.config.impersonate_groups),
                    data=_payload(request.body),
                    allow_redirects=False,
                    ssl=self._identity.tls_context(),
                    server_hostname=self.config.tls_server_name,
                    proxy=self.config.proxy_url,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.options.connect_s, sock_read=read_s),
                )
            code = str(response.status)
        finally:
            _requests.labels(code, request.method, self._host).inc()
        try:
            self._note_warnings(response)
            if response.status >= 400:
                raise await self._refusal(response, request)
            if response.status >= 300:
                where = f"a redirect to {response.headers.get('Location', 'nowhere')}"
                raise InvalidResponse(self.config.server, "an answer", where, action=request.action)
            yield response
        finally:
            _abort(response)

    @contextmanager
    def _translated(self, request: Request) -> Generator[None]:
        """Turn aiohttp's errors into ours; a TimeoutError stays, as only the caller knows which deadline it was."""
        server = self.config.server
        try:
            yield
        except aiohttp.ConnectionTimeoutError as error:
            raise ConnectionFailed(server, error, action=request.action) from error
        except aiohttp.SocketTimeoutError as error:
            silence = f"silent for {self.options.watch_idle_s:g} s"
            raise WatchIdle(server, silence, action=request.action) from error
        except TimeoutError:
            raise
        except aiohttp.ClientResponseError as error:
            raise InvalidResponse(server, "HTTP", f"{error.message!r}", action=request.action) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionFailed(server, error, action=request.action) from error

    async def _refusal(self, response: aiohttp.ClientResponse, request: Request) -> ApiError:
        with self._translated(request):
            body = await response.read()
        return error_from_status(body, http_status=response.status, action=request.action, headers=response.headers)

    def _note_warnings(self, response: aiohttp.ClientResponse) -> None:
        """Log each distinct `Warning` of the server once; the memory for that is bounded."""
        for value in response.headers.getall("Warning", ()):
            text = _WARNING_TEXT.sub(r"\1", value).replace('\\"', '"')
            if text not in self._warnings and len(self._warnings) < 1000:
                self._warnings.add(text)
                _log.warning("api_server_warning", text=text)


_WARNING_TEXT = re.compile(r'\d{3} \S+ "(.*)"')
"""The form of a `Warning` header's value (RFC 7234 5.5); quotes inside are escaped."""


def _with_groups(headers: dict[str, str], groups: tuple[str, ...]) -> list[tuple[str, str]]:
    return [*headers.items(), *(("Impersonate-Group", group) for group in groups)]


def _abort(response: aiohttp.ClientResponse) -> None:
    """Drop the connection of an answer that was not read to its end; a TLS farewell would outlive the client."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body is written piece by piece, so that it does not hold up the loop."""
    return io.BytesIO(body) if body is not None and len(body) > 1024 * 1024 else body


def _keep_alive_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket on which a dead peer shows within a minute, also while nothing is sent."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 30),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 60_000),
    ):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
