"""Code that blocks the loop is found and named. Real time: threads know no other."""

import asyncio
import threading
import time

from structlog.testing import capture_logs

from omectl.manager.watchdog import LoopWatchdog


def block_the_loop(seconds: float) -> None:
    time.sleep(seconds)


async def test_a_blocking_call_is_named_with_its_length() -> None:
    watchdog = LoopWatchdog(0.05)
    with capture_logs() as logs:
        task = asyncio.ensure_future(watchdog.run())
        await asyncio.sleep(0.05)
        block_the_loop(0.6)
        async with asyncio.timeout(5.0):
            while watchdog.last_stall is None:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
    assert 0.1 < watchdog.last_stall.seconds < 5.0
    assert any("block_the_loop" in line for line in watchdog.last_stall.stack)
    assert logs[0]["event"] == "event_loop_stalled"


async def test_the_thread_ends_with_the_task() -> None:
    watchdog = LoopWatchdog(0.05)
    task = asyncio.ensure_future(watchdog.run())
    await asyncio.sleep(0.01)
    assert any(thread.name == "loop-watchdog" for thread in threading.enumerate())
    task.cancel()
    await asyncio.wait({task})
    assert not any(thread.name == "loop-watchdog" for thread in threading.enumerate())


async def test_an_end_that_comes_as_the_thread_asks_is_noticed() -> None:
    watchdog = LoopWatchdog(0.05)
    forget = watchdog._alive.clear

    def forget_late() -> None:
        watchdog._stop.wait(5.0)
        while not watchdog._alive.is_set():
            time.sleep(0.001)
        forget()

    watchdog._alive.clear = forget_late  # type: ignore[method-assign]
    task = asyncio.ensure_future(watchdog.run())
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait({task})
    assert not any(thread.name == "loop-watchdog" for thread in threading.enumerate())
