"""Which caches are not complete, and where they are."""

from __future__ import annotations

import asyncio

import structlog

from omectl.informers import Informer, InformerFactory

_log = structlog.stdlib.get_logger(__name__)


class Needs:
    """What a manager's caches must reach.

    A *required* informer must hold its objects; of any other it is enough to know that the server does not serve the
    kind.
    """

    def __init__(self, factory: InformerFactory) -> None:
        self._factory = factory
        self._required: set[Informer] = set()

    def require(self, informer: Informer) -> None:
        """An absent kind is not good enough for `informer`."""
        self._required.add(informer)

    def missing(self) -> list[str]:
        """The informers that are not there yet, in words."""
        return [informer.describe() for informer in self._factory.informers if not self._is_met(informer)]

    async def met(self) -> None:
        """Wait until nothing is missing; the caller brings the deadline."""
        for informer in self._factory.informers:
            await (informer.wait_synced() if informer in self._required else informer.wait_settled())

    def _is_met(self, informer: Informer) -> bool:
        return informer.has_synced if informer in self._required else informer.is_settled


class SyncReport:
    """Says in the log when all needed caches are complete, or which are not past the time-out; then it ends."""

    name = "sync-report"
    needs_leader = False

    def __init__(self, needs: Needs, timeout_s: float) -> None:
        self._needs = needs
        self._timeout_s = timeout_s

    async def run(self) -> None:
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._needs.met()
        except TimeoutError:
            _log.error(
                "caches_not_synced",
                after_s=self._timeout_s,
                waiting_for=self._needs.missing(),
                next_step="everything that does not need these caches goes on; readiness stays false",
            )
            await self._needs.met()
        _log.info("caches_synced", took_s=round(asyncio.get_running_loop().time() - started, 3))
