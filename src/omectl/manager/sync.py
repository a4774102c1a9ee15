"""Waiting until caches are complete, and saying which are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from omectl.informers import Informer

_log = structlog.stdlib.get_logger(__name__)

_LOOK_AGAIN_S = 0.02


class Syncing(Protocol):
    """An informer or a registration."""

    @property
    def has_synced(self) -> bool: ...


async def wait_synced(*parts: Syncing) -> None:
    """Return when all parts are complete; the caller brings the deadline."""
    for part in parts:
        while not part.has_synced:  # noqa: ASYNC110 - the informers say it by a flag
            await asyncio.sleep(_LOOK_AGAIN_S)


def unsynced(informers: Iterable[Informer]) -> list[str]:
    """The informers that are not complete, each with its last error if it has one."""
    return [describe(informer) for informer in informers if not informer.has_synced]


def describe(informer: Informer) -> str:
    """An informer that is not complete, in words."""
    error = informer.last_error
    return f"{informer.kind.group_kind} ({error or 'still listing'})"


class SyncReport:
    """Says in the log when all needed informers are complete, or which are not past the time-out; then it ends."""

    name = "sync-report"
    needs_leader = False

    def __init__(self, informers: Callable[[], Iterable[Informer]], timeout_s: float) -> None:
        self._informers = informers
        self._timeout_s = timeout_s

    async def run(self) -> None:
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._timeout_s):
                await wait_synced(*self._informers())
        except TimeoutError:
            _log.error(
                "caches_not_synced",
                after_s=self._timeout_s,
                waiting_for=unsynced(self._informers()),
                next_step="everything that does not need these caches goes on; readiness stays false",
            )
            await wait_synced(*self._informers())
        _log.info("caches_synced", took_s=round(asyncio.get_running_loop().time() - started, 3))
