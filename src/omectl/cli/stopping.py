"""Running something until it is done or the user stops it."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from omectl.manager import stop_on_signals

_T = TypeVar("_T")


async def run_until_stopped(work: Coroutine[object, object, _T], *, timeout_s: float | None = None) -> _T | None:
    """The result of the work; None when Ctrl-C, SIGTERM or the time ended it first (then it is cancelled)."""
    stop = asyncio.Event()
    with stop_on_signals(stop.set):
        working = asyncio.create_task(work, name="work")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({working, stopping}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.wait({working, stopping})
        return None if working.cancelled() else working.result()
