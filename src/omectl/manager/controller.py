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
from typing import Generic, Protocol

import structlog
from typing_extensions import TypeVar

from omectl.api.resource import ObjectKey, ResourceKind
from omectl.kube.errors import Conflict
from omectl.manager.errors import ControllerFailed, NotLeading
from omectl.manager.feed import Feed, WarmUp, first_of
from omectl.manager.reconcile_context import bind_controller, bind_reconcile
from omectl.manager.reconcile_metrics import ReconcileMetrics, publish
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
from omectl.manager.turn import Turn
from omectl.workqueue import PriorityQueue, QueueShutDown, QueueStatistics, RateLimiter

K = TypeVar("K", bound=Hashable, default=ObjectKey)

_log = structlog.stdlib.get_logger(__name__)

_FENCED_S = 1.0


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


class Gate(Source[K], Protocol[K]):
    """Puts keys off, for example until the cache shows what their last reconcile wrote (`WriteGate`).

    `park` answers for how many seconds at most; 0 lets the key pass. As a source the gate queues the keys that it has
    put off as soon as they may pass.
    """

    def park(self, key: K, priority: int) -> float: ...


class Controller(Generic[K]):
    """Runs `reconcile` for each key that its sources queue, with `workers` at once.

    `reconcile` raises for "try again with back-off", raises TerminalError for "don't", and answers a Result otherwise.
    The key is the whole message: read the object from the cache, it may be gone. `name` labels logs and metrics, `kind`
    stands in the log of each reconcile.

    `recover`: an exception that nobody designed is tried again like any other; False lets it end the controller and
    with it the manager, None leaves that to the manager's options. `warm_up` starts the sources before this process
    leads. `drain` works off what is ready when asked to stop, instead of dropping it. Times are seconds.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[K], Awaitable[Result]],
        sources: Sequence[Source[K]],
        *,
        kind: ResourceKind | None = None,
        workers: int = 1,
        reconcile_timeout_s: float | None = None,
        sync_timeout_s: float = 120.0,
        needs_leader: bool = True,
        recover: bool | None = None,
        warm_up: bool = False,
        drain: bool = False,
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
        self.recover = recover
        self.queue: PriorityQueue[K] = PriorityQueue(name, limiter=limiter, max_starvation_s=max_starvation_s)
        self.may_work: Callable[[], bool] = _always
        self._reconcile = reconcile
        fed_by = sources if gate is None else (*sources, gate)
        self._feed: Feed[K] = Feed(name, self.queue, fed_by, sync_timeout_s=sync_timeout_s)
        self.warm_up = WarmUp(name, self._feed) if warm_up else None
        self._kind = kind
        self._reconcile_timeout_s = reconcile_timeout_s
        self._drain = drain
        self._gate = gate
        self._metrics = ReconcileMetrics(name, workers)
        publish(self._metrics)
        self._turn = Turn()
        self._state = ControllerState.CREATED

    @property
    def sources(self) -> tuple[Source[K], ...]:
        return self._feed.sources

    def watch(self, source: Source[K]) -> None:
        """One more source, also while the controller runs. RuntimeError once its sources have ended."""
        self._feed.add(source)

    async def run(self) -> None:
        """Work until cancelled. ControllerFailed when a source raises, or a reconcile does and may not be recovered."""
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
            self.queue.shut_down(drain=self._drain)
            await work
            raise
        finally:
            self.queue.shut_down()
            self._move(ControllerState.STOPPED)

    def waiting_for(self) -> list[str]:
        """Which sources are not synced, in words; empty when the controller can work."""
        return self._feed.waiting_for()

    def statistics(self) -> ControllerStatistics:
        return ControllerStatistics(
            name=self.name,
            state=self._state.value,
            workers=self.workers,
            active=self._metrics.active,
            reconciles=self._metrics.seconds.count,
            waiting_for=tuple(self.waiting_for()),
            queue=self.queue.statistics(),
        )

    async def _serve(self) -> None:
        try:
            async with asyncio.TaskGroup() as serving:
                feeding = serving.create_task(self._feed.run(), name=f"feed/{self.name}")
                await self._feed.until_synced()
                self._move(ControllerState.RUNNING)
                async with asyncio.TaskGroup() as working:
                    for number in range(self.workers):
                        working.create_task(self._work(), name=f"worker/{self.name}/{number}")
                feeding.cancel()
        except ExceptionGroup as group:
            error = first_of(group)
            if isinstance(error, ControllerFailed):
                raise error from error.__cause__
            raise ControllerFailed(self.name, error) from error

    async def _work(self) -> None:
        queue, turn = self.queue, self._turn
        bind_controller(self.name, self._kind)
        while True:
            try:
                key, priority = await queue.get()
            except QueueShutDown:
                return
            try:
                if not turn.is_on():
                    await turn.wait()
                    if queue.is_shutting_down and not self._drain:
                        return
                put_off_s = self._put_off_s(key, priority)
                if put_off_s > 0:
                    queue.add(key, after_s=put_off_s, priority=priority)
                else:
                    await self._handle(key, priority)
            finally:
                queue.done(key)

    def _put_off_s(self, key: K, priority: int) -> float:
        """How long `key` must wait before it is looked at again; 0 when it may be reconciled."""
        if not self.may_work():
            return _FENCED_S
        # While draining nothing can be put off any more: the queue takes no key back.
        if self._gate is None or self.queue.is_shutting_down:
            return 0.0
        return self._gate.park(key, priority)

    async def _handle(self, key: K, priority: int) -> None:
        """One reconcile and what follows from it. Only cancellation comes out, or a bug that may not be recovered."""
        bind_reconcile(key)
        metrics, time = self._metrics, asyncio.get_running_loop().time
        priority_after: int | None = None
        scope: asyncio.Timeout | None = None
        metrics.active += 1
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
            if self.recover is False and is_bug(error):
                raise
        except asyncio.CancelledError as error:
            # Nobody asked this worker to end: something that the reconcile awaited was cancelled.
            if _is_asked_to_end():
                raise
            outcome = self._failed(error, timed_out=False)
        finally:
            metrics.active -= 1
            metrics.seconds.observe(time() - started)
        metrics.results[outcome.label] += 1
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

    def _failed(self, error: BaseException, *, timed_out: bool) -> Outcome:
        metrics = self._metrics
        if isinstance(error, Conflict) and not error.fields:  # a field that another owns does not pass by itself
            _log.debug("reconcile_conflicted", error=str(error))
            return CONFLICTED
        if isinstance(error, NotLeading):
            _log.debug("reconcile_fenced_off", error=str(error))
            return CONFLICTED
        metrics.errors += 1
        if timed_out:
            metrics.timeouts += 1
            _log.error("reconcile_timed_out", timeout_s=self._reconcile_timeout_s)
            return FAILED
        if isinstance(error, TerminalError):
            metrics.terminal_errors += 1
            _log.error("reconcile_failed_for_good", error=str(error))
            return GAVE_UP
        if is_bug(error):
            metrics.panics += 1
            end = "" if self.recover is False else " [recovered]"
            _log.error("reconcile_crashed", error=f"panic: {type(error).__name__}: {error}{end}", exc_info=error)
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


def _is_asked_to_end() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
