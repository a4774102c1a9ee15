"""A controller: sources fill a queue, workers empty it by calling one function per key.

It promises: one reconcile per key at a time; none before every needed source has handed over what was there at the
start; a key that fails comes back, later each time. A reconcile that runs when the controller is asked to stop may
finish; the second cancellation ends it.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from random import getrandbits
from time import monotonic
from typing import Generic, Protocol, cast

import structlog
from structlog.contextvars import bind_contextvars
from typing_extensions import TypeVar

from omectl.api.resource import ObjectKey
from omectl.kube.errors import Conflict
from omectl.manager.errors import ManagerError, NotLeading
from omectl.manager.gate import LOOK_AGAIN_S
from omectl.manager.reconcile_metrics import ReconcileMetrics
from omectl.manager.result import (
    CONFLICTED,
    FAILED,
    GAVE_UP,
    Outcome,
    Requeue,
    Result,
    TerminalError,
    is_bug,
    outcome_of,
)
from omectl.manager.source import Source
from omectl.workqueue import PriorityQueue, QueueShutDown, QueueStatistics, RateLimiter

K = TypeVar("K", bound=Hashable, default=ObjectKey)
KContra = TypeVar("KContra", bound=Hashable, contravariant=True)

_log = structlog.stdlib.get_logger(__name__)

_LONGEST_TURN_S = 0.005


class ControllerState(enum.Enum):
    CREATED = "created"
    SYNCING = "syncing"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerStatistics:
    """One moment of a controller; `waiting_for` names the sources that are not synced."""

    name: str
    state: str
    workers: int
    active: int
    reconciles: int
    waiting_for: tuple[str, ...]
    queue: QueueStatistics


class Gate(Protocol[KContra]):
    """Puts a key off, for example until the cache shows what its last reconcile wrote (`WriteGate`)."""

    def is_behind(self, key: KContra) -> bool: ...


class ControllerFailed(ManagerError):
    """A controller ended because of an exception that it may not survive."""

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(f"controller {name} ended: {type(cause).__name__}: {cause}")
        self.name = name


class Controller(Generic[K]):
    """Runs `reconcile` for each key that its sources queue, with `workers` at once.

    `reconcile` raises for "try again with back-off", raises TerminalError for "don't", and answers a Result otherwise.
    The key is the whole message: read the object from the cache, it may be gone. `name` labels logs and metrics.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[K], Awaitable[Result]],
        sources: Sequence[Source[K]],
        *,
        workers: int = 1,
        reconcile_timeout_s: float | None = None,
        sync_timeout_s: float = 120.0,
        needs_leader: bool = True,
        recover: bool = True,
        limiter: RateLimiter[K] | None = None,
        max_starvation_s: float | None = None,
        gate: Gate[K] | None = None,
    ) -> None:
        if not name or not sources or workers < 1:
            raise ValueError(
                f"wanted a name, at least one source and one worker for a controller, found name={name!r}, "
                f"{len(sources)} sources, workers={workers}"
            )
        self.name = name
        self.needs_leader = needs_leader
        self.workers = workers
        self.queue: PriorityQueue[K] = PriorityQueue(name, limiter=limiter, max_starvation_s=max_starvation_s)
        self.may_work: Callable[[], bool] = _always
        self._reconcile = reconcile
        self._sources = tuple(sources)
        self._reconcile_timeout_s = reconcile_timeout_s
        self._sync_timeout_s = sync_timeout_s
        self._recover = recover
        self._gate = gate
        self._metrics = ReconcileMetrics(name, workers)
        self._state = ControllerState.CREATED
        self._synced = [asyncio.Event() for _ in self._sources]
        self._active = 0
        self._reconciles = 0

    @property
    def sources(self) -> tuple[Source[K], ...]:
        return self._sources

    async def run(self) -> None:
        """Work until cancelled. ControllerFailed when a source raises, or a reconcile does and `recover` is off."""
        if self._state is not ControllerState.CREATED:
            raise RuntimeError(f"controller {self.name} was started already; make a new one to run it again")
        self._move(ControllerState.SYNCING)
        work = asyncio.get_running_loop().create_task(self._serve(), name=f"controller/{self.name}")
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            if not self._is_running():
                work.cancel()
            self._move(ControllerState.STOPPING)
            self.queue.shut_down()
            await work
            raise
        finally:
            self.queue.shut_down()
            self._move(ControllerState.STOPPED)

    def waiting_for(self) -> list[str]:
        """Which sources are not synced, in words; empty when the controller can work."""
        return [
            source.waiting_for()
            for source, synced in zip(self._sources, self._synced, strict=True)
            if not synced.is_set()
        ]

    def statistics(self) -> ControllerStatistics:
        return ControllerStatistics(
            name=self.name,
            state=self._state.value,
            workers=self.workers,
            active=self._active,
            reconciles=self._reconciles,
            waiting_for=tuple(self.waiting_for()),
            queue=self.queue.statistics(),
        )

    async def _serve(self) -> None:
        try:
            async with asyncio.TaskGroup() as feeding:
                feeders = [
                    feeding.create_task(source.run(self.queue, synced), name=f"source/{self.name}/{source.name}")
                    for source, synced in zip(self._sources, self._synced, strict=True)
                ]
                await self._until_synced()
                self._move(ControllerState.RUNNING)
                async with asyncio.TaskGroup() as working:
                    for number in range(self.workers):
                        working.create_task(self._work(), name=f"worker/{self.name}/{number}")
                for feeder in feeders:
                    feeder.cancel()
        except ExceptionGroup as group:
            error = _first(group)
            raise ControllerFailed(self.name, error) from error

    async def _until_synced(self) -> None:
        """Wait for the sources; past the time-out, say which are missing and wait on."""
        waiting = asyncio.gather(*(synced.wait() for synced in self._synced))
        try:
            while True:
                try:
                    async with asyncio.timeout(self._sync_timeout_s):
                        await asyncio.shield(waiting)
                except TimeoutError:
                    _log.error(
                        "sources_not_synced",
                        controller=self.name,
                        after_s=self._sync_timeout_s,
                        waiting_for=self.waiting_for(),
                        next_step="the controller starts as soon as they are synced; see their errors",
                    )
                else:
                    return
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    async def _work(self) -> None:
        queue = self.queue
        # Real time, whatever the loop's: it is about how long the processor is kept from others.
        turn_ends = monotonic() + _LONGEST_TURN_S
        while True:
            try:
                key, priority = await queue.get()
            except QueueShutDown:
                return
            try:
                if self._gate is not None and self._gate.is_behind(key):
                    queue.add(key, after_s=LOOK_AGAIN_S, priority=priority)
                elif self.may_work():
                    await self._handle(key, priority)
            finally:
                queue.done(key)
            if monotonic() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = monotonic() + _LONGEST_TURN_S

    async def _handle(self, key: K, priority: int) -> None:
        """One reconcile and what follows from it. Only cancellation comes out, or anything when `recover` is off."""
        bind_contextvars(controller=self.name, key=str(key), reconcile_id=f"{getrandbits(64):016x}")
        metrics, time = self._metrics, asyncio.get_running_loop().time
        priority_after: int | None = None
        scope: asyncio.Timeout | None = None
        self._active += 1
        metrics.active.inc()
        started = time()
        try:
            if self._reconcile_timeout_s is None:
                result = await self._reconcile(key)
            else:
                async with asyncio.timeout(self._reconcile_timeout_s) as scope:
                    result = await self._reconcile(key)
            outcome, priority_after = outcome_of(result), result.priority
        except Exception as error:
            outcome = self._failed(error, timed_out=scope is not None and scope.expired())
            if not self._recover:
                raise
        finally:
            self._active -= 1
            self._reconciles += 1
            metrics.active.dec()
            metrics.seconds.observe(time() - started)
        metrics.results[outcome.label].inc()
        self._requeue(key, outcome, priority if priority_after is None else priority_after)

    def _requeue(self, key: K, outcome: Outcome, priority: int) -> None:
        match outcome.requeue:
            case Requeue.NONE:
                pass
            case Requeue.FORGET:
                self.queue.forget(key)
            case Requeue.AFTER:
                self.queue.forget(key)
                self.queue.add(key, after_s=outcome.after_s, priority=priority)
            case Requeue.RATE_LIMITED:
                self.queue.add(key, rate_limited=True, priority=priority)

    def _failed(self, error: Exception, *, timed_out: bool) -> Outcome:
        metrics = self._metrics
        if isinstance(error, Conflict):
            _log.debug("reconcile_conflicted", error=str(error))
            return CONFLICTED
        if isinstance(error, NotLeading):
            _log.debug("reconcile_fenced_off", error=str(error))
            return CONFLICTED
        metrics.errors.inc()
        if timed_out:
            metrics.timeouts.inc()
            _log.error("reconcile_timed_out", timeout_s=self._reconcile_timeout_s)
            return FAILED
        if isinstance(error, TerminalError):
            metrics.terminal_errors.inc()
            _log.error("reconcile_failed_for_good", error=str(error))
            return GAVE_UP
        if is_bug(error):
            metrics.panics.inc()
            _log.error("reconcile_crashed", error=f"{type(error).__name__}: {error}", exc_info=error)
        else:
            _log.error("reconcile_failed", error=str(error) or type(error).__name__, error_type=type(error).__name__)
        return FAILED

    def _is_running(self) -> bool:
        return self._state is ControllerState.RUNNING

    def _move(self, state: ControllerState) -> None:
        if state is not self._state:
            _log.debug("controller_state", controller=self.name, old=self._state.value, new=state.value)
            self._state = state


def _always() -> bool:
    return True


def _first(error: Exception) -> Exception:
    """The first exception inside nested groups."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error
