"""Between the loop and threads: handlers that block run in a thread, and threads reach what the loop owns.

A cache, its handlers and a work queue belong to one event loop and hold no locks. `InThread` takes a handler out of the
loop; `on_loop` is the way back in.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from threading import get_ident
from typing import ParamSpec

from anyio import CapacityLimiter, to_thread

from omectl.informers.events import ObjectEvent

_P = ParamSpec("_P")

RUNNING_IN_THREAD: ContextVar[object] = ContextVar("RUNNING_IN_THREAD", default=None)
"""The `InThread` whose handler is being called, seen from its thread and from what that starts."""


class InThread:
    """A handler that may block: called in a worker thread, one event at a time and in order.

    Events are immutable and decode private copies, so they may be read in the thread. `limiter` bounds the threads that
    several handlers share. A stop waits for the call that runs, as a thread can't be ended from outside.
    """

    def __init__(self, handler: Callable[[ObjectEvent], None], limiter: CapacityLimiter | None = None) -> None:
        self._handler = handler
        self._limiter = limiter
        self.__qualname__ = getattr(handler, "__qualname__", "handler")

    async def call(self, event: ObjectEvent) -> None:
        """Call the handler in a thread and wait for its end, when cancelled too. Raises what it raises."""
        call = asyncio.ensure_future(to_thread.run_sync(self._enter, event, limiter=self._limiter))
        try:
            await asyncio.shield(call)
        except asyncio.CancelledError as cancelled:
            await asyncio.wait([call])
            raise cancelled from call.exception()

    def _enter(self, event: ObjectEvent) -> None:
        RUNNING_IN_THREAD.set(self)  # each call has a copy of the context, so nothing has to be set back
        self._handler(event)


def on_loop(function: Callable[_P, object]) -> Callable[_P, None]:
    """`function` of the running loop, callable from any thread: it is called soon, in the loop; its answer is lost."""
    loop = asyncio.get_running_loop()

    def call(*args: _P.args, **kwargs: _P.kwargs) -> None:
        loop.call_soon_threadsafe(lambda: function(*args, **kwargs))

    return call


class WrongThread(RuntimeError):
    """Something that one event loop owns was called from another thread than the loop's."""


class LoopOwner:
    """Remembers in which thread the loop runs that owns something, and holds callers against it."""

    __slots__ = ("_name", "_thread")

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: int | None = None

    def claim(self) -> None:
        """The loop of this thread is the owner from now on."""
        self._thread = get_ident()

    def check(self) -> None:
        """Raises WrongThread in any other thread. Called for every event: it compares two numbers."""
        if self._thread is not None and get_ident() != self._thread:
            raise WrongThread(
                f"{self._name} belongs to the event loop that runs it and was called from another thread;"
                " wrap what a thread calls by on_loop(...)"
            )
