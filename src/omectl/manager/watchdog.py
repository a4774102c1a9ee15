"""Finds code that keeps the event loop from everybody else: the most common fault of an asynchronous program.

A thread asks the loop for a sign of life again and again. When none comes in time it notes what the loop's thread is
doing at that moment; the stall is logged, with that stack, once it is over.
"""

from __future__ import annotations

import asyncio
import sys
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
_INNERMOST = 8


@dataclass(frozen=True, slots=True)
class Stall:
    """One time that the loop was held up: for how long, and where it was found, innermost last."""

    seconds: float
    stack: tuple[str, ...]


class LoopWatchdog:
    """Watches the loop that runs it; `last_stall` is the latest one. Thread and loop share one future at a time."""

    name = "loop-watchdog"
    needs_leader = False

    def __init__(self, stall_s: float) -> None:
        self.last_stall: Stall | None = None
        self._stall_s = stall_s
        self._stop = threading.Event()
        self._alive = threading.Event()

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

    def _watch(self, loop: asyncio.AbstractEventLoop, watched: int) -> None:
        while not self._stop.wait(_INTERVAL_S):
            self._alive.clear()
            if self._stop.is_set():
                return  # else the end's sign of life, just cleared, would be waited for while the loop waits for us
            asked_at = time.perf_counter()
            loop.call_soon_threadsafe(self._alive.set)
            stack: tuple[str, ...] = ()
            if not self._alive.wait(self._stall_s):
                stack = _stack_of(watched)
                while not self._alive.wait(_STILL_S):
                    _log.error("event_loop_still_stalled", blocked_at=list(_stack_of(watched)))
            if self._stop.is_set():
                return
            lag_s = time.perf_counter() - asked_at
            _LAG.observe(lag_s)
            if stack:
                self.last_stall = Stall(lag_s, stack)
                _STALLS.inc()
                _log.warning(
                    "event_loop_stalled",
                    seconds=round(lag_s, 3),
                    blocked_at=list(stack),
                    next_step="move blocking work to a thread, or let long work pause",
                )


def _stack_of(thread: int) -> tuple[str, ...]:
    frame = sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage] - documented, only oddly named
    if frame is None:
        return ("(unknown)",)
    summary = traceback.extract_stack(frame)[-_INNERMOST:]
    return tuple(f"{entry.filename}:{entry.lineno} {entry.name}" for entry in summary)
