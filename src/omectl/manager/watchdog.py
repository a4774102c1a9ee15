"""Finds code that keeps the event loop from everybody else: the most common fault of an asynchronous program.

A thread asks the loop for a sign of life again and again. When none comes in time it notes which task the loop runs and
what its thread is doing at that moment; the stall is logged once it is over. Tasks are named for what they do
(`worker/<controller>/<number>`, `reflector:<name>`, `<informer>:<handler>`), so the guilty one is known by name.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
import time
import traceback
from dataclasses import dataclass

import structlog

from omectl import metrics

_log = structlog.stdlib.get_logger(__name__)

_LAG = metrics.histogram(
    metrics.EVENT_LOOP_LAG,
    "How long the event loop took to answer.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
_STALLS = metrics.counter(metrics.EVENT_LOOP_STALLS, "Times when the event loop was held up too long.")

_INTERVAL_S = 0.1
_STILL_S = 5.0
_INNERMOST = 12
_UNREADY_S = 5.0
_UNREADY_FOR_S = 30.0
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Stall:
    """One time that the loop was held up: for how long, in which task, by which code, and the stack, innermost last.

    `code` is the innermost line that is not the standard library's.
    """

    seconds: float
    task: str
    code: str
    stack: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatistics:
    """One moment of a watched loop: how often it was held up too long, and the latest time."""

    stalls: int
    last_stall: Stall | None


class LoopWatchdog:
    """Watches the loop that runs it; `last_stall` is the latest one. Thread and loop share one future at a time."""

    name = "loop-watchdog"
    needs_leader = False

    def __init__(self, stall_s: float) -> None:
        self._stalls = 0
        self._last: tuple[Stall, float] | None = None  # and when it was noted
        self._stall_s = stall_s
        self._stop = threading.Event()
        self._alive = threading.Event()

    @property
    def last_stall(self) -> Stall | None:
        return None if self._last is None else self._last[0]

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        watched = threading.get_ident()
        thread = threading.Thread(target=self._watch, args=(loop, watched), name=self.name, daemon=True)
        thread.start()
        try:
            await loop.create_future()
        finally:
            self._stop.set()
            self._alive.set()
            thread.join()

    def statistics(self) -> LoopStatistics:
        return LoopStatistics(stalls=self._stalls, last_stall=self.last_stall)

    def problem(self) -> str | None:
        """For a readiness check: who held up the loop for 5 s or more, for half a minute after."""
        if self._last is None:
            return None
        stall, noted_at = self._last
        if stall.seconds < _UNREADY_S or time.perf_counter() - noted_at > _UNREADY_FOR_S:
            return None
        return f"{stall.task} held up the event loop for {stall.seconds:.1f} s at {stall.code}"

    def _watch(self, loop: asyncio.AbstractEventLoop, watched: int) -> None:
        while not self._stop.wait(_INTERVAL_S):
            self._alive.clear()
            if self._stop.is_set():
                return  # else the end's sign of life, just cleared, would be waited for while the loop waits for us
            asked_at = time.perf_counter()
            loop.call_soon_threadsafe(self._alive.set)
            found: tuple[str, tuple[str, ...]] | None = None
            if not self._alive.wait(self._stall_s):
                found = task_of(loop), stack_of(watched)
                while not self._alive.wait(_STILL_S):
                    _log.error(
                        "event_loop_still_stalled",
                        seconds=round(time.perf_counter() - asked_at, 1),
                        task=task_of(loop),
                        blocked_at=list(stack_of(watched)),
                    )
            if self._stop.is_set():
                return
            lag_s = time.perf_counter() - asked_at
            _LAG.observe(lag_s)
            if found is not None:
                self._note(Stall(lag_s, found[0], guilty(found[1]), found[1][-_INNERMOST:]))

    def _note(self, stall: Stall) -> None:
        self._last = stall, time.perf_counter()
        self._stalls += 1
        _STALLS.inc()
        _log.warning(
            "event_loop_stalled",
            seconds=round(stall.seconds, 3),
            task=stall.task,
            code=stall.code,
            blocked_at=list(stall.stack),
            next_step="move blocking work to a thread, or let long work pause",
        )


def task_of(loop: asyncio.AbstractEventLoop) -> str:
    """The name of the task that a loop runs at this moment; a callback of the loop has none."""
    task = asyncio.current_task(loop)
    return "(no task)" if task is None else task.get_name()


def stack_of(thread: int) -> tuple[str, ...]:
    """What a thread does at this moment: `file:line function`, innermost last."""
    frame = sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage] - documented, only oddly named
    if frame is None:
        return ("(unknown)",)
    return tuple(f"{entry.filename}:{entry.lineno} {entry.name}" for entry in traceback.extract_stack(frame))


def guilty(stack: tuple[str, ...]) -> str:
    """The innermost line that is not the standard library's, or the innermost of all."""
    return next((line for line in reversed(stack) if not _is_standard(line)), stack[-1])


def _is_standard(line: str) -> bool:
    return line.startswith(("<frozen", f"{_STANDARD_LIBRARY}/")) and not any(name in line for name in _INSTALLED)
