"""How long the workers of one controller may keep the event loop to themselves."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

LONGEST_TURN_S = 0.005


class Turn:
    """The share of the loop that all workers of a controller have together: `LONGEST_TURN_S`, then it is others' turn.

    Owned by one event loop. A turn begins with the first worker that asks, and ends when the loop has come round.
    Whoever asks once its time is up waits in line; each further round of the loop lets one of them go on, who has a
    whole turn again and always gets to do one piece of work. What a piece of work takes is not in our hands. The
    clock is real time, whatever the loop's: it is about how long the processor is kept from others.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ends_at: float | None = None
        self._line: deque[asyncio.Future[None]] = deque()

    def is_on(self) -> bool:
        """Whether a piece of work may begin now; else `wait`."""
        if self._ends_at is None:
            self._begin()
            return True
        return self._clock() < self._ends_at

    async def wait(self) -> None:
        """Until others had the loop and it is this worker's turn; only for one who was just told that none is on."""
        waiter = asyncio.get_running_loop().create_future()
        self._line.append(waiter)
        await waiter

    def _begin(self) -> None:
        self._ends_at = self._clock() + LONGEST_TURN_S
        asyncio.get_running_loop().call_soon(self._come_round)

    def _come_round(self) -> None:
        self._ends_at = None
        while self._line and self._ends_at is None:
            waiter = self._line.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._begin()
