"""Ways to write a reconcile function: one that blocks, and one that is given its object."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeAlias, TypeVar

from anyio import CapacityLimiter, to_thread

from omectl.api.resource import ObjectKey
from omectl.manager.result import Result

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

Reconcile: TypeAlias = Callable[[K], Awaitable[Result]]


def blocking(reconcile: Callable[[K], Result], *, threads: int) -> Reconcile[K]:
    """A plain function that may block, as a reconciler: it runs in one of `threads` threads.

    A thread can't be stopped. A time-out or a stop therefore waits for the function to return, so that no key is ever
    worked on twice at once, and takes effect then; give the function's own waits deadlines. A second cancellation, at
    the end of the grace period, leaves the thread to itself. What has not begun yet is cancelled at once.
    """
    limiter = CapacityLimiter(threads)

    async def call(key: K) -> Result:
        begun = False

        def run() -> Result:
            nonlocal begun
            begun = True
            return reconcile(key)

        work = asyncio.ensure_future(to_thread.run_sync(run, limiter=limiter))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if begun:
                await asyncio.wait({work})
            raise
        finally:
            # Also keeps the loop from complaining that nobody looked at what the function raised after all.
            work.cancel()

    return call


def with_object(
    read: Callable[[ObjectKey], T | None], reconcile: Callable[[ObjectKey, T], Awaitable[Result]]
) -> Reconcile[ObjectKey]:
    """A reconciler that is given its object, as `read` finds it; a key whose object is gone is a success.

    `read` is `lister.get` for JSON, or `partial(lister.decoded, Model)` for a type.
    """

    async def call(key: ObjectKey) -> Result:
        found = read(key)
        return Result() if found is None else await reconcile(key, found)

    return call


def with_fresh_object(
    read: Callable[[ObjectKey], Awaitable[T | None]], reconcile: Callable[[ObjectKey, T], Awaitable[Result]]
) -> Reconcile[ObjectKey]:
    """`with_object` for a reader that may have to ask the server, such as `FreshReader.get`."""

    async def call(key: ObjectKey) -> Result:
        found = await read(key)
        return Result() if found is None else await reconcile(key, found)

    return call
