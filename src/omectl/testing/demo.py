"""The demo of `omectl up` for tests: a running session, and waiting for what it becomes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from omectl.cli.overview import Snapshot
from omectl.cli.up.session import Session

READY_TIMEOUT_S = 120.0


@dataclass(slots=True)
class Demo:
    """A running session."""

    session: Session

    async def until(self, condition: Callable[[Snapshot], bool], timeout_s: float = READY_TIMEOUT_S) -> Snapshot:
        """The first snapshot that meets the condition. Raises AssertionError with the last state and the logs."""
        seen: Snapshot | None = None
        try:
            async with asyncio.timeout(timeout_s):
                async for seen in self.session.snapshots(most_often_s=0.1):
                    if condition(seen):
                        return seen
        except TimeoutError:
            logs = "\n".join(f"{child.name}:\n{child.log_tail()}" for child in self.session.processes)
            raise AssertionError(f"not within {timeout_s:.0f} s; the last state was {seen}\n{logs}") from None
        raise AssertionError("snapshots do not end")

    async def until_ready(self) -> Snapshot:
        """The first snapshot in which everything is Ready."""
        return await self.until(lambda snapshot: snapshot.all_ready)
