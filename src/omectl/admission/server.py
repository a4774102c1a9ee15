"""The webhook server: one TLS listener, a handler for each path, as a runnable of a manager.

It listens as soon as there is a certificate and says in `problem` (a readiness check) why it does not. Every replica
serves; none needs to lead.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from omectl import metrics
from omectl.admission.conversion import (
    ConversionRequest,
    HubAndSpokes,
    conversion_failure,
    convert_all,
    decode_conversion,
)
from omectl.admission.handlers import AdmissionHandler
from omectl.admission.review import (
    BODY_LIMIT,
    Review,
    ReviewInvalid,
    decode_admission,
    encode_admission,
    errored,
)
from omectl.manager import Group, HttpServer, ServingCertificate
from omectl.manager.result import is_bug

if TYPE_CHECKING:
    from aiohttp import web

_log = structlog.stdlib.get_logger(__name__)

_REQUESTS = metrics.counter(metrics.WEBHOOK_REQUESTS, "Webhook requests, by HTTP answer.", ("webhook", "code"))
_LATENCY = metrics.histogram(
    metrics.WEBHOOK_LATENCY,
    "Seconds from a webhook request to its answer.",
    ("webhook",),
    metrics.exponential_buckets(1e-8, 10, 12),
)
_IN_FLIGHT = metrics.gauge(metrics.WEBHOOK_IN_FLIGHT, "Webhook requests being answered.", ("webhook",))
_PANICS = metrics.counter(metrics.WEBHOOK_PANICS, "Exceptions of admission handlers that nobody designed.")
_CONVERSION_PANICS = metrics.counter(metrics.CONVERSION_PANICS, "Exceptions of conversions that nobody designed.")

_LONGEST_S = 30.0
"""The API server waits this long at most for a webhook."""
_CONVERSION_LIMIT = 64 * 1024 * 1024
"""Bytes: a whole page of objects is converted at once, unlike the one object of an admission."""
_DRAINED = 4
"""Times the limit that is read at most of what is too large."""
_TIMEOUT = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """Where to listen (`host:port` or `:port`, port 0 takes a free one) and seconds.

    `idle_s` ends a connection on which no whole request comes; `shutdown_s` is what running requests get at the stop;
    `dial_s` limits the server's call of itself, made every `dial_every_s`; without a certificate it looks for one every
    `certificate_retry_s`.
    """

    address: str = ":9443"
    flag: str = "--webhook-bind-address"
    idle_s: float = 90.0
    shutdown_s: float = 60.0
    dial_s: float = 10.0
    dial_every_s: float = 10.0
    certificate_retry_s: float = 1.0


class WebhookServer:
    """Register handlers, then run it as a task, or let a manager do so."""

    name = "webhooks"
    needs_leader = False
    group = Group.WEBHOOKS

    def __init__(self, certificate: ServingCertificate, options: WebhookOptions | None = None) -> None:
        self._options = options = options or WebhookOptions()
        self._certificate = certificate
        self._server = HttpServer(
            self.name,
            options.address,
            options.flag,
            certificate=certificate,
            idle_s=options.idle_s,
            shutdown_s=options.shutdown_s,
        )
        self._problem: str | None = "the webhook server has not been started"

    @property
    def url(self) -> str:
        """`https://host:port` while listening, else ""."""
        return self._server.url

    def problem(self) -> str | None:
        """Why webhooks can't be called, None when they can; for a readiness check."""
        return self._problem

    def register(self, path: str, handler: AdmissionHandler) -> None:
        """Let `handler` judge what is posted to `path`. ValueError when something is registered there."""

        async def answer(request: web.Request) -> web.Response:
            return await _measured(path, request, lambda posted: _admission_body(path, handler, posted))

        self._server.serve(path, answer, method="POST")

    def register_conversion(self, path: str, versions: HubAndSpokes) -> None:
        """Convert what is posted to `path`. ValueError when something is registered there."""

        async def answer(request: web.Request) -> web.Response:
            return await _measured(path, request, lambda posted: _conversion_body(path, versions, posted))

        self._server.serve(path, answer, method="POST")

    async def run(self) -> None:
        """Wait for a certificate, then serve until cancelled; running requests are answered before the end."""
        try:
            await self._first_certificate()
            await self._server.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._certificate.run(), name=self._certificate.name)
                await self._keep_dialling()
        finally:
            self._problem = "the webhook server has been stopped"
            await self._server.stop()

    async def _first_certificate(self) -> None:
        while self._certificate.pair is None and not await self._certificate.check():
            self._problem = f"waiting for a certificate: {self._certificate.problem}"
            await asyncio.sleep(self._options.certificate_retry_s)

    async def _keep_dialling(self) -> None:
        while True:
            self._problem = await self._dial()
            await asyncio.sleep(self._options.dial_every_s)

    async def _dial(self) -> str | None:
        """What is wrong when this process calls its own server, None when nothing is."""
        assert self._server.address is not None
        host, port = self._server.address
        # An address for all interfaces is none to call.
        target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
        anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        try:
            async with asyncio.timeout(self._options.dial_s):
                _, writer = await asyncio.open_connection(target, port, ssl=anyone)
                writer.transport.abort()
        except (OSError, TimeoutError) as error:
            found = str(error) or f"nothing within {self._options.dial_s:g} s"
            return f"the webhook server does not answer at {target}:{port}: {found}"
        return None


async def _measured(
    path: str, request: web.Request, body_of: Callable[[web.Request], Awaitable[tuple[int, bytes]]]
) -> web.Response:
    """Answer by status and body of `body_of`, and count."""
    from aiohttp import web

    began = monotonic()
    _IN_FLIGHT.labels(path).inc()
    code = 500
    try:
        code, body = await body_of(request)
        return web.Response(status=code, body=body, content_type="application/json")
    finally:
        _IN_FLIGHT.labels(path).dec()
        _LATENCY.labels(path).observe(monotonic() - began)
        _REQUESTS.labels(path, str(code)).inc()


async def _admission_body(path: str, handler: AdmissionHandler, request: web.Request) -> tuple[int, bytes]:
    """Always 200: what went wrong stands in the response object."""
    try:
        review = decode_admission(await _read(request, BODY_LIMIT), request.headers.get("Content-Type", ""))
    except ReviewInvalid as error:
        _log.error("admission_unreadable", path=path, error=str(error))
        return 200, encode_admission(error.api_version, error.uid, errored(error.code, str(error)))
    return 200, await _judge(path, handler, review, _patience_s(request.query.get("timeout", "")))


async def _judge(path: str, handler: AdmissionHandler, review: Review, limit_s: float) -> bytes:
    """The body of the answer: what the handler says, or what went wrong with it."""
    asked = review.request
    answer = partial(encode_admission, review.api_version, asked.uid)
    deadline = asyncio.timeout(limit_s)
    try:
        async with deadline:
            return answer(await handler(asked))
    except Exception as error:
        if isinstance(error, TimeoutError) and deadline.expired():
            return answer(errored(504, f"{path}: wanted a judgement within {limit_s:g} s, found none; try again"))
        text = f"{type(error).__name__}: {error}"
        if is_bug(error):
            _PANICS.inc()
        _log.error("admission_failed", path=path, object=f"{asked.namespace}/{asked.name}", error=text, exc_info=error)
        return answer(errored(500, f"{path}: the webhook failed: {text}; look at the manager's log"))


async def _conversion_body(path: str, versions: HubAndSpokes, request: web.Request) -> tuple[int, bytes]:
    try:
        asked = decode_conversion(await _read(request, _CONVERSION_LIMIT), request.headers.get("Content-Type", ""))
    except ReviewInvalid as error:
        _log.error("conversion_unreadable", path=path, error=str(error))
        return error.code, conversion_failure(error.api_version, error.uid, str(error))
    try:
        return 200, convert_all(asked, versions.convert)
    except Exception as error:
        return 200, _crashed(path, asked, error)


def _crashed(path: str, asked: ConversionRequest, error: Exception) -> bytes:
    _CONVERSION_PANICS.inc()
    text = f"{type(error).__name__}: {error}"
    _log.error("conversion_failed", path=path, error=text, exc_info=error)
    return conversion_failure(asked.api_version, asked.uid, f"{path}: the conversion failed: {text}")


async def _read(request: web.Request, limit: int) -> bytes:
    """The whole body. Raises ReviewInvalid: with code 413 above `limit` bytes, with 400 when it does not come.

    What is too large is read on and thrown away, within bounds: who still writes would not read the answer.
    """
    from aiohttp import web

    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_LONGEST_S):
            async for piece in request.content.iter_any():
                size += len(piece)
                if size <= limit:
                    pieces.append(piece)
                elif size > _DRAINED * limit:
                    break
    except TimeoutError as error:
        raise ReviewInvalid(400, f"wanted the whole body within {_LONGEST_S:g} s, found {size} bytes") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise ReviewInvalid(400, f"wanted a whole body, found after {size} bytes: {error}") from error
    if size > limit:
        raise ReviewInvalid(413, f"wanted a review of at most {limit} bytes, found a larger one")
    return b"".join(pieces)


def _patience_s(timeout: str) -> float:
    """Seconds of the query parameter by which the API server says how long it waits, as in `10s`."""
    match = _TIMEOUT.fullmatch(timeout)
    if match is None:
        return _LONGEST_S
    return min(float(match[1]) * _UNITS_S[match[2]], _LONGEST_S)
