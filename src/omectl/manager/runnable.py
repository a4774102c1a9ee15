"""What a manager runs, and the groups in which it starts and stops them."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import structlog

_log = structlog.stdlib.get_logger(__name__)

_LEAST_GRACE_S = 0.05
_HARD_STOP_S = 1.0


class Runnable(Protocol):
    """Something that runs until it is cancelled, or returns early when it has no more to do.

    The first cancellation asks for a clean end within the manager's grace period; a second one ends it at once. An
    exception stops the manager.
    """

    @property
    def name(self) -> str: ...

    @property
    def needs_leader(self) -> bool: ...

    async def run(self) -> None: ...


@runtime_checkable
class Grouped(Protocol):
    """A runnable that names the group it belongs to; others are in ELECTED or OTHERS, by `needs_leader`."""

    @property
    def group(self) -> Group: ...


@runtime_checkable
class Preparing(Protocol):
    """A runnable that needs a while before it is of use: the groups after its own begin when `ready` returns."""

    async def ready(self) -> None: ...


class Group(enum.Enum):
    """Start order, from top. Stop order: ELECTED with OTHERS, CACHES, WEBHOOKS, ELECTION, EVENTS, SERVERS."""

    SERVERS = "servers"
    EVENTS = "events"
    WEBHOOKS = "webhooks"
    CACHES = "caches"
    OTHERS = "others"
    ELECTION = "election"
    ELECTED = "elected"


def group_of(runnable: Runnable) -> Group:
    """The group in which a manager runs this runnable."""
    if isinstance(runnable, Grouped):
        return runnable.group
    return Group.ELECTED if runnable.needs_leader else Group.OTHERS


class RunnableGroup:
    """Runnables that start and stop together. The owner awaits `stop`, which leaves no task behind.

    A runnable's exception is reported to `on_failure` and otherwise kept quiet.
    """

    def __init__(self, group: Group, on_failure: Callable[[Runnable, Exception], None]) -> None:
        self.group = group
        self._on_failure = on_failure
        self._waiting: list[Runnable] = []
        self._tasks: dict[asyncio.Task[None], Runnable] = {}
        self._preparing: set[str] = set()
        self._started = False
        self._stopped = False
        self._hurried = False
        self._hurry: asyncio.Future[None] | None = None

    def add(self, runnable: Runnable) -> None:
        """Keep `runnable` for the start, or start it at once when the group runs already."""
        if self._started:
            self._launch(runnable)
        else:
            self._waiting.append(runnable)

    def start(self) -> None:
        """Start everything added so far; does nothing once stopped."""
        if self._stopped or self._started:
            return
        self._started = True
        waiting, self._waiting = self._waiting, []
        for runnable in waiting:
            self._launch(runnable)

    async def ready(self) -> None:
        """Until every runnable that prepares itself is ready or has ended."""
        async with asyncio.TaskGroup() as waiting:
            for task, runnable in self._tasks.items():
                if isinstance(runnable, Preparing):
                    self._preparing.add(runnable.name)
                    waiting.create_task(self._await_one(runnable, runnable, task))

    async def _await_one(self, runnable: Runnable, preparing: Preparing, task: asyncio.Task[None]) -> None:
        waiter = asyncio.ensure_future(preparing.ready())
        try:
            await asyncio.wait({waiter, task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
            (result,) = await asyncio.gather(waiter, return_exceptions=True)
            self._preparing.discard(runnable.name)
        if isinstance(result, Exception):
            self._on_failure(runnable, result)

    async def stop(self, grace_s: float | None) -> list[str]:
        """Cancel all, wait `grace_s` (None: for ever), then insist; answer the names of those that were late.

        The least grace is the moment that an obedient task needs. Insisting lasts a second; a task that survives even
        that is left to the loop.
        """
        self._stopped = True
        loop = asyncio.get_running_loop()
        self._hurry = hurry = self._hurry or loop.create_future()
        pending = set(self._tasks)
        for task in pending:
            task.cancel()
        try:
            async with asyncio.timeout(None if grace_s is None else max(grace_s, _LEAST_GRACE_S)):
                while pending and not self._hurried:
                    done, _ = await asyncio.wait({*pending, hurry}, return_when=asyncio.FIRST_COMPLETED)
                    pending -= done
        except TimeoutError:
            pending = {task for task in pending if not task.done()}
        finally:
            late = sorted(self._tasks[task].name for task in pending if task in self._tasks)
            await self._insist(pending)
        return late

    def hurry(self) -> None:
        """End the grace of a `stop` that is under way, and of any later one."""
        self._hurried = True
        if self._hurry is not None and not self._hurry.done():
            self._hurry.set_result(None)

    async def _insist(self, pending: set[asyncio.Task[None]]) -> None:
        """Cancel until it works: one cancellation only ends one wait of a nested clean-up."""
        ends = asyncio.get_running_loop().time() + _HARD_STOP_S
        while pending and asyncio.get_running_loop().time() < ends:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=_HARD_STOP_S / 20)

    @property
    def running(self) -> list[str]:
        """Names of the runnables that have not ended."""
        return sorted(runnable.name for runnable in self._tasks.values())

    @property
    def preparing(self) -> list[str]:
        """Names of the runnables that `ready` waits for."""
        return sorted(self._preparing)

    def _launch(self, runnable: Runnable) -> None:
        task = asyncio.get_running_loop().create_task(runnable.run(), name=f"{self.group.value}/{runnable.name}")
        self._tasks[task] = runnable
        task.add_done_callback(self._ended)
        _log.debug("runnable_started", runnable=runnable.name, group=self.group.value)

    def _ended(self, task: asyncio.Task[None]) -> None:
        runnable = self._tasks.pop(task)
        error = None if task.cancelled() else task.exception()
        _log.debug("runnable_ended", runnable=runnable.name, group=self.group.value)
        if isinstance(error, Exception):
            self._on_failure(runnable, error)
