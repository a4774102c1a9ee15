"""Blocking HTTP for a transfer thread: kept-alive connections, ranges, redirects, and a way to be stopped from outside.

The body is read straight into the caller's buffer, which is what makes `http.client` fast. A `Connections` belongs to
one thread; the `SocketRegistry` and the `Redirects` are shared by all threads of a transfer.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Generator
from urllib.parse import urlsplit

from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.source import HttpRequest
from omectl.modelagent.transfer.endpoints import Origin, check_origin, follow_redirect, headers_for
from omectl.modelagent.transfer.faults import PassingError, TransferCancelledError, interrupted, refused, unreachable
from omectl.modelagent.transfer.options import TransferOptions

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ADDRESS_REFUSED = frozenset({400, 401, 403, 404, 410})
_MAX_REDIRECTS = 5
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_DRAINED_BYTES = 64 * 1024


class SocketRegistry:
    """The open sockets of a transfer. `shut_down` ends every read in every thread; later sockets are refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._closed = False

    def add(self, sock: socket.socket) -> None:
        with self._lock:
            if self._closed:
                raise TransferCancelledError
            self._sockets.add(sock)

    def discard(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(sock)

    def replace(self, old: socket.socket, new: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(old)
            self._sockets.add(new)
            if self._closed:
                raise TransferCancelledError

    @property
    def closed(self) -> bool:
        return self._closed

    def shut_down(self) -> None:
        with self._lock:
            self._closed = True
            for sock in self._sockets:
                # The plain method also for TLS sockets: theirs would drop state that the reading thread uses.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Redirects:
    """Where a URL leads at the moment, so that not every range asks again; dropped when the target refuses."""

    def __init__(self) -> None:
        self._targets: dict[str, str] = {}

    def get(self, url: str) -> str:
        return self._targets.get(url, url)

    def remember(self, url: str, target: str) -> None:
        self._targets[url] = target

    def forget(self, url: str) -> None:
        self._targets.pop(url, None)


class Body:
    """The bytes of one answered range; `length` of them are promised."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        sock: socket.socket,
        host: str,
        length: int,
        options: TransferOptions,
    ) -> None:
        self._read = response.readinto if response.chunked else response.fp.readinto1
        self._sock = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._host = host
        self._left = length
        self._options = options
        self._fault: PassingError | None = None
        self._window_start = time.monotonic()
        self._window_bytes = 0

    @property
    def drained(self) -> bool:
        return self._left == 0

    def read_into(self, view: memoryview, seconds: float) -> int:
        """Fill `view` as far as bytes come within `seconds`, at least one; PassingError on a cut or a stall.

        Bytes that came before a fault are handed out first, the fault with the next call.
        """
        if self._fault is not None:
            raise self._fault
        deadline = time.monotonic() + seconds
        filled = 0
        wanted = min(len(view), self._left)
        try:
            while filled < wanted and (not filled or self._is_readable(deadline)):
                filled += self._read_some(view[filled:wanted])
        except PassingError as fault:
            if not filled:
                raise
            self._fault = fault
        self._left -= filled
        return filled

    def _is_readable(self, deadline: float) -> bool:
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return True
        wait_s = deadline - time.monotonic()
        return wait_s > 0 and bool(self._poll.poll(wait_s * 1000))

    def _read_some(self, view: memoryview) -> int:
        try:
            count = self._read(view)
        except TimeoutError:
            raise interrupted(self._host, f"sent nothing for {self._options.stall_timeout_s:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise interrupted(self._host, f"broke the connection ({type(error).__name__})") from error
        if not count:
            raise interrupted(self._host, "closed the connection before the range was complete")
        self._notice_stall(count)
        return count

    def _notice_stall(self, count: int) -> None:
        self._window_bytes += count
        now = time.monotonic()
        if now - self._window_start >= self._options.stall_timeout_s:
            if self._window_bytes < self._options.stall_bytes and self._window_bytes < self._left:
                raise interrupted(self._host, f"sent hardly anything for {self._options.stall_timeout_s:g} s")
            self._window_start, self._window_bytes = now, 0


class Connections:
    """A thread's kept-alive connections, one per origin."""

    def __init__(self, options: TransferOptions, sockets: SocketRegistry, redirects: Redirects) -> None:
        self._options = options
        self._sockets = sockets
        self._redirects = redirects
        self._open: dict[Origin, http.client.HTTPConnection] = {}
        # Kept beside the connection, which forgets its socket when the server asks to close.
        self._open_sockets: dict[Origin, socket.socket] = {}

    def close(self) -> None:
        for origin in list(self._open):
            self._drop(origin)

    @contextlib.contextmanager
    def get(
        self, request: HttpRequest, start: int, end: int, size: int | None, what: str
    ) -> Generator[Body, None, None]:
        """Ask for bytes `start` to `end` of a file of `size` bytes; the connection is kept when all were read.

        Raises PassingError, ModelError or TransferCancelledError.
        """
        target = self._redirects.get(request.url)
        try:
            origin, response, length = self._ask(target, request, start, end, size, what)
        except (ModelError, PassingError):
            if target == request.url:
                raise
            # A signed address that has expired, or storage that moved: the hub knows better.
            self._redirects.forget(request.url)
            origin, response, length = self._ask(request.url, request, start, end, size, what)
        body = Body(response, self._open_sockets[origin], origin.host, length, self._options)
        finished = False
        try:
            yield body
            finished = body.drained and length == end - start
        finally:
            keep = finished and not response.chunked and not response.will_close
            response.close()
            if not keep:
                self._drop(origin)

    def _ask(
        self, url: str, request: HttpRequest, start: int, end: int, size: int | None, what: str
    ) -> tuple[Origin, http.client.HTTPResponse, int]:
        """The response with the range, after redirects, and how many bytes it promises."""
        home = Origin.of(request.url)
        for _ in range(_MAX_REDIRECTS + 1):
            origin = Origin.of(url)
            headers = headers_for(home, url, request.headers)
            headers |= {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
            response = self._exchange(origin, url, headers)
            if response.status in _REDIRECTS:
                location = response.headers.get("Location")
                self._finish_small(origin, response)
                if not location:
                    raise _invalid(origin.host, f"redirected {what} to nowhere")
                url = follow_redirect(url, location, allow_http=self._options.allow_http)
                continue
            try:
                length = self._check(origin, response, start, end, size, what)
            except (ModelError, PassingError) as fault:
                self._finish_small(origin, response)
                if url != request.url and response.status in _ADDRESS_REFUSED:
                    # Only the hub's own refusal says something of the model.
                    refusal = f"refused the address that the hub gave ({response.status})"
                    raise interrupted(origin.host, refusal) from fault
                raise
            if url != request.url:
                self._redirects.remember(request.url, url)
            return origin, response, length
        raise _invalid(home.host, f"redirected {what} more than {_MAX_REDIRECTS} times")

    def _check(
        self, origin: Origin, response: http.client.HTTPResponse, start: int, end: int, size: int | None, what: str
    ) -> int:
        """How many bytes the response promises; a fault when it isn't what was asked for."""
        if response.status not in {200, 206}:
            raise refused(origin.host, response.status, what, response.headers.get("Retry-After"))
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _invalid(origin.host, f"sent {what} encoded, though identity was asked for")
        if response.status == 200:
            if start != 0 or (size is not None and response.length not in {size, None}):
                raise _invalid(origin.host, f"ignored the range of {what}, or its size is not the listed {size}")
            return end - start
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None:
            raise _invalid(origin.host, f"sent {what} without a valid Content-Range")
        first, last, total = map(int, match.groups())
        if first != start or last + 1 > end or (size is not None and (last + 1 != end or total != size)):
            raise _invalid(
                origin.host,
                f"sent bytes {first}-{last}/{total} of {what}; wanted {start}-{end - 1}/{size or '*'}",
            )
        return last + 1 - first

    def _exchange(self, origin: Origin, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send on a kept connection, or on a new one when there is none or it turns out to be dead."""
        kept = self._open.get(origin)
        if kept is not None:
            try:
                return self._send(kept, url, headers)
            except (OSError, http.client.HTTPException):
                self._drop(origin)
                if self._sockets.closed:
                    raise TransferCancelledError from None
        try:
            connection = self._connect(origin)
            return self._send(connection, url, headers)
        except TransferCancelledError:
            self._drop(origin)
            raise
        except (OSError, http.client.HTTPException) as error:
            self._drop(origin)
            if self._sockets.closed:
                raise TransferCancelledError from error
            raise unreachable(origin.host, error) from error

    def _send(
        self, connection: http.client.HTTPConnection, url: str, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers)
        return connection.getresponse()

    def _connect(self, origin: Origin) -> http.client.HTTPConnection:
        check_origin(origin, allow_http=self._options.allow_http)
        timeout = self._options.stall_timeout_s
        if origin.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                origin.host, origin.port, timeout=timeout, context=_tls_context()
            )
        else:
            connection = http.client.HTTPConnection(origin.host, origin.port, timeout=timeout)
        self._open[origin] = connection
        sock = connect(origin.host, origin.port, self._options, self._sockets)
        self._open_sockets[origin] = sock
        if origin.scheme == "https":
            secure = _tls_context().wrap_socket(sock, server_hostname=origin.host, do_handshake_on_connect=False)
            self._open_sockets[origin] = secure
            self._sockets.replace(sock, secure)
            secure.do_handshake()
            sock = secure
        connection.sock = sock
        return connection

    def _finish_small(self, origin: Origin, response: http.client.HTTPResponse) -> None:
        """Read away the short body of a redirect or refusal so that the connection can be kept; drop it otherwise."""
        try:
            response.read(_DRAINED_BYTES)
            if response.isclosed() and not response.will_close:
                return
        except (OSError, http.client.HTTPException):
            pass
        self._drop(origin)

    def _drop(self, origin: Origin) -> None:
        connection, sock = self._open.pop(origin, None), self._open_sockets.pop(origin, None)
        if connection is not None:
            connection.close()
        if sock is not None:
            self._sockets.discard(sock)
            sock.close()


def connect(host: str, port: int, options: TransferOptions, sockets: SocketRegistry) -> socket.socket:
    """A TCP connection to the first address that answers; registered before it connects, so that it can be stopped."""
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sockets.add(sock)
            sock.settimeout(options.connect_timeout_s)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(options.stall_timeout_s)
        except OSError as error:
            failure = error
            sockets.discard(sock)
            sock.close()
        except TransferCancelledError:
            sock.close()
            raise
        else:
            return sock
    raise failure or OSError(f"{host} has no address")


_context: ssl.SSLContext | None = None


def _tls_context() -> ssl.SSLContext:
    global _context
    if _context is None:
        _context = ssl.create_default_context()
    return _context


def _invalid(host: str, what: str) -> ModelError:
    return ModelError(
        Reason.RESPONSE_INVALID,
        f"{host} {what}.",
        "Check that the hub endpoint is a hub, or a mirror that serves byte ranges and unchanged files.",
    )
