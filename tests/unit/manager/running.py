"""A manager that runs for as long as a test looks at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from omectl.manager import Manager


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator["asyncio.Task[None]"]:
    """Its task, begun; at the end it is stopped, and what it raised is the test's to ask for."""
    task = asyncio.ensure_future(manager.run())
    await asyncio.sleep(0.01)
    try:
        yield task
    finally:
        manager.stop()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
