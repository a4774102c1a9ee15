"""How long to wait between rounds: doubling with jitter, back to the start when the last reset is long ago.

And for how long not to wait at all: a `RetryWindow` allows a trouble to be met by trying again at once.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffOptions:
    """A delay is `d + U[0, jitter)·d`, where d doubles from `first_s` to `cap_s`."""

    first_s: float = 0.8
    cap_s: float = 30.0
    factor: float = 2.0
    jitter: float = 1.0
    reset_s: float = 120.0


class Backoff:
    """Gives delays. A success resets nothing: a server that ends every watch at once must meet growing delays."""

    def __init__(
        self,
        options: BackoffOptions,
        now: Callable[[], float],
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._options = options
        self._now = now
        self._uniform = uniform
        self._next_s = options.first_s
        self._reset_at = now()

    def next_delay(self) -> float:
        """Seconds to wait now; the next one will be longer."""
        now = self._now()
        if now - self._reset_at > self._options.reset_s:
            self._next_s = self._options.first_s
            self._reset_at = now
        delay = self._next_s
        self._next_s = min(delay * self._options.factor, self._options.cap_s)
        return delay * (1.0 + self._options.jitter * self._uniform())


class RetryWindow:
    """Allows retries for `limit_s` from the first trouble on; 0 allows none. A minute without trouble begins anew."""

    _CALM_S = 60.0

    def __init__(self, limit_s: float, now: Callable[[], float]) -> None:
        self._limit_s = limit_s
        self._now = now
        self._first_at: float | None = None

    def allows(self) -> bool:
        """Called at each trouble: may it be tried again at once? After a no the next trouble counts as a first one."""
        now = self._now()
        if self._first_at is None or now - self._last_at >= self._CALM_S:
            self._first_at = now
        self._last_at = now
        if self._limit_s > 0 and now - self._first_at <= self._limit_s:
            return True
        self._first_at = None
        return False
