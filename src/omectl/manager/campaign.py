"""A candidate as a runnable: in the manager's loop, or in a thread of its own.

The thread renews the Lease while the manager's loop is held up, so that a slow reconcile costs no leadership. But a
leader that can't act must not keep others from leading: when the manager's loop does not answer for the renew deadline,
the thread ends the process (exit code 70).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from time import monotonic

import structlog

from omectl.manager.elector import LeaderElector
from omectl.manager.pulse import Pulse
from omectl.manager.runnable import Group
from omectl.manager.watchdog import stack_of

_log = structlog.stdlib.get_logger(__name__)

BLOCKED_EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h: the event loop of a leader was blocked for longer than the renew deadline."""

_BEATS_PER_DEADLINE = 20
_LAST_WORDS_S = 2.0


class Campaign:
    """The candidate in the loop that runs it; `lead` is called once when this process leads."""

    name = "leader-election"
    needs_leader = False
    group = Group.ELECTION

    def __init__(self, elector: LeaderElector, lead: Callable[[], None]) -> None:
        self._elector = elector
        self._lead = lead

    async def run(self) -> None:
        """Campaign until cancelled, or until LeadershipLost."""
        await self._elector.campaign(self._lead)


class CampaignThread:
    """The candidate in a thread with a loop of its own; `connection` is opened there and belongs to the elector.

    `lead` is called in the loop that runs this. Errors and cancellation pass between the loops; when `run` ends, the
    thread has ended. `leave` gets the exit code when the process must end.
    """

    name = "leader-election"
    needs_leader = False
    group = Group.ELECTION

    def __init__(
        self,
        elector: LeaderElector,
        connection: AbstractAsyncContextManager[object],
        lead: Callable[[], None],
        *,
        deadline_s: float,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._elector = elector
        self._connection = connection
        self._lead = lead
        self._deadline_s = deadline_s
        self._leave = leave
        self._cancelled = False
        self._inner: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    async def run(self) -> None:
        """Campaign until cancelled, or until LeadershipLost."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        watched = _Watched(asyncio.get_running_loop(), threading.get_ident())
        thread = threading.Thread(target=self._serve, args=(watched, ended), name=self.name, daemon=True)
        thread.start()
        cancellation: asyncio.CancelledError | None = None
        while not ended.done():
            try:
                await asyncio.wait({ended})
            except asyncio.CancelledError as cancelled:
                cancellation = cancelled
                self._cancel()
        thread.join()  # its last act was to end the future
        if error := ended.exception():
            raise error
        if cancellation is not None:
            raise cancellation

    def _cancel(self) -> None:
        # The thread writes `_inner`, then reads `_cancelled`; here it is the other way round: one sees the other.
        self._cancelled = True
        if self._inner is not None:
            loop, task = self._inner
            with suppress(RuntimeError):  # that loop has just ended
                loop.call_soon_threadsafe(task.cancel)

    def _serve(self, watched: _Watched, ended: asyncio.Future[None]) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._campaign(watched))
        except asyncio.CancelledError:
            pass  # as `run` asked, which raises its own
        except BaseException as caught:
            error = caught
        watched.loop.call_soon_threadsafe(_end, ended, error)

    async def _campaign(self, watched: _Watched) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._inner = (asyncio.get_running_loop(), task)
        if self._cancelled:
            return
        guard = _Guard(watched, self._elector, self._deadline_s, self._leave)
        async with self._connection:
            guard.start()
            try:
                await self._elector.campaign(lambda: watched.call(self._lead))
            finally:
                guard.stop()
                self._inner = None


class _Watched:
    """The manager's loop, as seen from the thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        self.loop = loop
        self.thread = thread

    def call(self, callback: Callable[[], None]) -> None:
        self.loop.call_soon_threadsafe(callback)


class _Guard:
    """Ends the process when the watched loop does not answer while this process leads. Lives in the thread's loop."""

    def __init__(
        self, watched: _Watched, elector: LeaderElector, deadline_s: float, leave: Callable[[int], object]
    ) -> None:
        self._watched = watched
        self._elector = elector
        self._deadline_s = deadline_s
        self._leave = leave
        self._interval_s = deadline_s / _BEATS_PER_DEADLINE
        self._pulse = Pulse(self._interval_s)
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._beat()

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _beat(self) -> None:
        if self._pulse.beat(monotonic()):
            self._watched.call(self._pulse.answer)
        if self._pulse.silent_s >= self._deadline_s and self._elector.is_leader:
            self._end_process()
            return
        self._next = asyncio.get_running_loop().call_later(self._interval_s, self._beat)

    def _end_process(self) -> None:
        # The log may be what the loop is blocked on, so it gets its own thread and little time.
        words = threading.Thread(target=self._say_why, name="last-words", daemon=True)
        words.start()
        words.join(_LAST_WORDS_S)
        self._leave(BLOCKED_EXIT_CODE)

    def _say_why(self) -> None:
        _log.critical(
            "leader_blocked",
            seconds=round(self._pulse.silent_s, 1),
            blocked_at=list(stack_of(self._watched.thread)[-12:]),
            exit_code=BLOCKED_EXIT_CODE,
            next_step="ending, so that another may lead; move blocking work to a thread",
        )


def _end(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)
