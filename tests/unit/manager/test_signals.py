"""The first signal asks, the second ends."""

import asyncio
import os
import signal

import pytest

from omectl.manager import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_stops_and_the_second_leaves(number: int) -> None:
    stops: list[bool] = []
    left: list[int] = []
    with stop_on_signals(lambda: stops.append(True), leave=left.append):
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.01)
        assert (stops, left) == ([True], [])
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.01)
        assert (stops, left) == ([True], [1])


async def test_afterwards_signals_are_what_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals(lambda: None):
        pass
    assert signal.getsignal(signal.SIGTERM) == before
