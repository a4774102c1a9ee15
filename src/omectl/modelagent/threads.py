"""Blocking calls from the event loop that are never left running behind the caller's back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread

_T = TypeVar("_T")


async def in_thread(
    call: Callable[[], _T], limiter: anyio.CapacityLimiter, *, dispose: Callable[[_T], None] | None = None
) -> _T:
    """Run `call` in a thread. When cancelled, still wait for it to end (it is short, or told to stop by other means),
    give what it made to `dispose`, and only then raise the cancellation."""
    task = asyncio.ensure_future(to_thread.run_sync(call, limiter=limiter))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if task.exception() is None and dispose is not None:
        dispose(task.result())
    raise cancelled
