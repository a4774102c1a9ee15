"""The first signal asks, the second ends."""

import asyncio
import os
import signal
from typing import Any

import pytest

from omectl.manager import Manager, ManagerOptions, stop_on_signals


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


async def test_each_signal_is_told(told_logs: list[dict[str, Any]]) -> None:
    with stop_on_signals(lambda: None, leave=lambda code: None):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
    assert [(entry["event"], entry["log_level"], entry["signal"]) for entry in told_logs] == [
        ("signal_received", "info", "SIGTERM"),
        ("signal_received_again", "error", "SIGTERM"),
    ]


async def test_an_interrupt_after_a_term_counts_as_the_second() -> None:
    left: list[int] = []
    with stop_on_signals(lambda: None, leave=left.append):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.01)
    assert left == [1]


async def test_a_manager_stops_at_a_signal(api: Any, make_factory: Any) -> None:
    manager = Manager(api, ManagerOptions(), informers=make_factory())
    task = asyncio.ensure_future(manager.run_until_signal())
    await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5.0):
        await task
    assert manager.statistics().state == "stopped"
