"""When a long run of synchronous work should let the loop do something else."""

import time

_STEPS = 200
_SECONDS = 0.005
_CLOCK_EVERY = 16


class Pacer:
    """Counts steps; says after 200 of them or 5 ms (of real time, looked at now and then) that it is time to yield."""

    __slots__ = ("_began", "_steps")

    def __init__(self) -> None:
        self._steps = 0
        self._began = time.perf_counter()

    def step(self) -> bool:
        """One more step is done; true means: await asyncio.sleep(0) now."""
        self._steps += 1
        if self._steps % _CLOCK_EVERY:
            return False
        now = time.perf_counter()
        if self._steps < _STEPS and now - self._began < _SECONDS:
            return False
        self._steps = 0
        self._began = now
        return True
