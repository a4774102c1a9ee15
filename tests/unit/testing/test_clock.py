"""Wall time that goes with the loop's."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from omectl.testing.clock import LoopClock

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.looptime
async def test_clock_jumps_as_the_loop_does(virtual_clock: LoopClock) -> None:
    assert virtual_clock.now() == START
    await asyncio.sleep(3600)
    assert virtual_clock.now() == START + timedelta(hours=1)
