"""Small reads over HTTP from the event loop: listings, first bytes of files. Bulk bytes go through `transfer`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
from yarl import URL

from omectl.modelagent.backoff import backoff_s
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.transfer.endpoints import Origin, check_origin, follow_redirect, headers_for
from omectl.modelagent.transfer.faults import PassingError, interrupted, unreachable

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read whole."""

    host: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallReadOptions:
    allow_http: bool = False
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    answer_timeout_s: float = 300.0
    """For the whole answer: one that drips would else hold its place for ever."""
    attempts: int = 3
    backoff_base_s: float = 0.5
    retry_after_max_s: float = 30.0


class SmallReads:
    """GET with our rules for credentials and redirects; an async context manager, used on one loop."""

    def __init__(self, options: SmallReadOptions) -> None:
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(
            total=self._options.answer_timeout_s,
            sock_connect=self._options.connect_timeout_s,
            sock_read=self._options.read_timeout_s,
        )
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, url: str, headers: Mapping[str, str], *, limit: int) -> Answer:
        """The answer after redirects, at most `limit` bytes of it; PassingError or ModelError when there is none."""
        home, target = Origin.of(url), url
        for _ in range(_MAX_REDIRECTS + 1):
            origin = Origin.of(target)
            check_origin(origin, allow_http=self._options.allow_http)
            answer = await self._exchange(origin, target, headers_for(home, target, headers), limit)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            target = follow_redirect(target, location, allow_http=self._options.allow_http)
        raise ModelError(
            Reason.RESPONSE_INVALID,
            f"{home.host} redirected more than {_MAX_REDIRECTS} times.",
            "Check that the hub endpoint is a hub, or a mirror of one.",
        )

    async def retried(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Call again after passing faults, with back-off; the last fault's problem is raised."""
        for attempt in range(1, self._options.attempts + 1):
            try:
                return await call()
            except PassingError as fault:
                if attempt == self._options.attempts:
                    raise fault.problem from fault
                delay = backoff_s(attempt, self._options.backoff_base_s, self._options.retry_after_max_s)
                asked = fault.problem.retry_after_s or 0.0
                if asked > self._options.retry_after_max_s:
                    raise fault.problem from fault
                await asyncio.sleep(max(delay, asked))
        raise AssertionError("attempts is at least 1")

    async def _exchange(self, origin: Origin, url: str, headers: Mapping[str, str], limit: int) -> Answer:
        if self._session is None:
            raise RuntimeError("SmallReads is used outside its context")
        try:
            async with self._session.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as response:
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise ModelError(
                            Reason.RESPONSE_INVALID,
                            f"{origin.host} sent more than {limit} bytes where a short answer was wanted.",
                            "Check that the hub endpoint is a hub, or a mirror of one.",
                        )
                return Answer(origin.host, response.status, response.headers, bytes(body))
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError) as error:
            raise unreachable(origin.host, getattr(error, "os_error", error)) from error
        except aiohttp.ConnectionTimeoutError as error:
            late = TimeoutError(f"no answer within {self._options.connect_timeout_s:g} s")
            raise unreachable(origin.host, late) from error
        except aiohttp.SocketTimeoutError:
            raise interrupted(origin.host, f"sent nothing for {self._options.read_timeout_s:g} s") from None
        except TimeoutError:
            raise interrupted(origin.host, f"did not end within {self._options.answer_timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise interrupted(origin.host, f"broke the connection ({type(error).__name__})") from error
