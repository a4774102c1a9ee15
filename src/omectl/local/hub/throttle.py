"""Limits that all connections share."""

import asyncio
from collections import deque


class TokenBucket:
    """Bytes per second over all who take; first come, first served.

    Belongs to one event loop and uses its time. A cancelled `take` keeps what it reserved.
    """

    def __init__(self, rate: int, burst_s: float = 0.05) -> None:
        self._rate = rate
        self._burst_s = burst_s
        self._free_at = 0.0

    @property
    def chunk(self) -> int:
        """A sensible number of bytes to take at once: a twentieth of a second's worth, within 1 KiB to 256 KiB."""
        return max(1 << 10, min(256 << 10, self._rate // 20))

    async def take(self, count: int) -> None:
        """Wait until `count` bytes may be sent."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now - self._burst_s) + count / self._rate
        if (wait := self._free_at - now) > 0:
            await asyncio.sleep(wait)


class RequestWindow:
    """At most so many requests in any window of time, by the loop's time."""

    def __init__(self, requests: int, window_s: float) -> None:
        self._limit = requests
        self._window_s = window_s
        self._times: deque[float] = deque()

    def admit(self) -> float:
        """0 when a request may come in now, else the seconds until one may."""
        now = asyncio.get_running_loop().time()
        while self._times and now - self._times[0] >= self._window_s:
            self._times.popleft()
        if len(self._times) < self._limit:
            self._times.append(now)
            return 0.0
        return self._times[0] + self._window_s - now
