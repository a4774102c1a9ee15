"""Wall time for tests under virtual time."""

import asyncio
from datetime import UTC, datetime, timedelta


class LoopClock:
    """A `Clock` that starts at a fixed moment and moves as the running loop's time does."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._loop_start: float | None = None

    def now(self) -> datetime:
        """The start, plus the loop's seconds since the first call."""
        elapsed = asyncio.get_running_loop().time()
        if self._loop_start is None:
            self._loop_start = elapsed
        return self._start + timedelta(seconds=elapsed - self._loop_start)
