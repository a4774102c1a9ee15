"""SIGTERM and SIGINT: the first asks for a clean stop, the second ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager

import structlog

_log = structlog.stdlib.get_logger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(stop: Callable[[], None], *, leave: Callable[[int], object] = os._exit) -> Generator[None]:
    """While inside, the first signal calls `stop` and a second one `leave(1)`. Use it in the main thread's loop."""
    loop = asyncio.get_running_loop()
    seen: list[signal.Signals] = []

    def handle(received: signal.Signals) -> None:
        seen.append(received)
        if len(seen) > 1:
            _log.error("signal_received_again", signal=received.name, next_step="ending at once")
            leave(1)
            return
        _log.info("signal_received", signal=received.name, next_step="stopping; signal again to end at once")
        stop()

    for number in _SIGNALS:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
