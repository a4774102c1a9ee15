"""What fills a controller's queue: its sources, each a task of its own, started once."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar, cast

import structlog

from omectl.manager.errors import ControllerFailed
from omectl.manager.source import Source
from omectl.workqueue import PriorityQueue

K = TypeVar("K", bound=Hashable)

_log = structlog.stdlib.get_logger(__name__)


class FeedState(enum.Enum):
    CREATED = "created"
    RUNNING = "running"
    ENDED = "ended"


class Feed(Generic[K]):
    """The sources of one controller.

    Whoever calls `run` first owns them: a warm-up, while another process leads, or the controller itself. Who comes
    second starts nothing, and only waits for the same end. A source that raises ends them all; one that returns counts
    as synced. Past the time-out the missing sources are named in the log and waited for.
    """

    def __init__(
        self, controller: str, queue: PriorityQueue[K], sources: Iterable[Source[K]], *, sync_timeout_s: float
    ) -> None:
        self._controller = controller
        self._queue = queue
        self._sources = list(sources)
        self._synced = [asyncio.Event() for _ in self._sources]
        self._sync_timeout_s = sync_timeout_s
        self._state = FeedState.CREATED
        self._group: asyncio.TaskGroup | None = None
        self._ended = asyncio.Event()
        self._failure: Exception | None = None

    @property
    def sources(self) -> tuple[Source[K], ...]:
        return tuple(self._sources)

    def add(self, source: Source[K]) -> None:
        """One more source; it starts at once when the others run. RuntimeError when they have ended."""
        if self._state is FeedState.ENDED:
            raise RuntimeError(
                f"wanted to add source {source.name} to controller {self._controller}, found its sources ended; "
                f"add it before the stop"
            )
        synced = asyncio.Event()
        self._sources.append(source)
        self._synced.append(synced)
        if self._group is not None:
            self._start(self._group, source, synced)

    async def run(self) -> None:
        """Feed the queue until cancelled. ControllerFailed when a source raises, whoever waits for it."""
        if self._state is not FeedState.CREATED:
            await self._ended.wait()
            if self._failure is not None:
                raise ControllerFailed(self._controller, self._failure) from self._failure
            return
        self._state = FeedState.RUNNING
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for source, synced in zip(self._sources, self._synced, strict=True):
                    self._start(group, source, synced)
                await asyncio.get_running_loop().create_future()
        except ExceptionGroup as errors:
            self._failure = first_of(errors)
            raise ControllerFailed(self._controller, self._failure) from self._failure
        finally:
            self._state = FeedState.ENDED
            self._ended.set()

    async def until_synced(self) -> None:
        """Wait for the sources that are there now; past the time-out, say which are missing and wait on."""
        waiting = asyncio.gather(*(synced.wait() for synced in self._synced))
        try:
            while True:
                try:
                    async with asyncio.timeout(self._sync_timeout_s):
                        await asyncio.shield(waiting)
                except TimeoutError:
                    _log.error(
                        "sources_not_synced",
                        controller=self._controller,
                        after_s=self._sync_timeout_s,
                        waiting_for=self.waiting_for(),
                        next_step="the controller starts as soon as they are synced; see their errors",
                    )
                else:
                    return
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    def waiting_for(self) -> list[str]:
        """Which sources are not synced, in words."""
        return [
            source.waiting_for()
            for source, synced in zip(self._sources, self._synced, strict=True)
            if not synced.is_set()
        ]

    def _start(self, group: asyncio.TaskGroup, source: Source[K], synced: asyncio.Event) -> None:
        group.create_task(self._run_one(source, synced), name=f"source/{self._controller}/{source.name}")

    async def _run_one(self, source: Source[K], synced: asyncio.Event) -> None:
        await source.run(self._queue, synced)
        synced.set()


class WarmUp:
    """Starts the sources of a controller before this process leads: a runnable of every candidate.

    A new leader then begins with complete caches and a filled queue.
    """

    needs_leader = False

    def __init__(self, controller: str, feed: Feed[K]) -> None:
        self.name = f"{controller}/warm-up"
        self._run = feed.run

    async def run(self) -> None:
        await self._run()


def first_of(error: Exception) -> Exception:
    """The first exception inside nested groups."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error
