"""How long a failing key waits before it is tried again.

A limiter is pure: it is told the time (seconds of any monotonic clock) and answers a delay in seconds. None of them is
thread-safe; one queue owns one limiter.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
KContra = TypeVar("KContra", bound=Hashable, contravariant=True)

_MOST_DOUBLINGS = 1000


class RateLimiter(Protocol[KContra]):
    """One call of `when` is one failure; `forget` is success; `len` is the number of keys remembered."""

    def when(self, key: KContra, now: float) -> float: ...

    def forget(self, key: KContra) -> None: ...

    def num_requeues(self, key: KContra) -> int: ...

    def __len__(self) -> int: ...


class _Failures(Generic[K]):
    """Failures per key until they are forgotten."""

    def __init__(self) -> None:
        self._failures: dict[K, int] = {}

    def forget(self, key: K) -> None:
        # Most keys never failed, and a key that is forgotten after each run would be hashed for nothing.
        if self._failures:
            self._failures.pop(key, None)

    def num_requeues(self, key: K) -> int:
        return self._failures.get(key, 0)

    def __len__(self) -> int:
        return len(self._failures)

    def _fail(self, key: K) -> int:
        """Count one failure; answer how many there were before it."""
        before = self._failures.get(key, 0)
        self._failures[key] = before + 1
        return before


class ExponentialLimiter(_Failures[K]):
    """`min(base·2^failures, max)` for each key by itself."""

    def __init__(self, base_s: float = 0.005, max_s: float = 1000.0) -> None:
        super().__init__()
        self._base_s = base_s
        self._max_s = max_s

    def when(self, key: K, now: float) -> float:
        return min(self._base_s * 2.0 ** min(self._fail(key), _MOST_DOUBLINGS), self._max_s)


class FastSlowLimiter(_Failures[K]):
    """The first `fast_attempts` failures of a key wait `fast_s`, all later ones `slow_s`."""

    def __init__(self, fast_s: float, slow_s: float, fast_attempts: int) -> None:
        super().__init__()
        self._fast_s = fast_s
        self._slow_s = slow_s
        self._fast_attempts = fast_attempts

    def when(self, key: K, now: float) -> float:
        return self._fast_s if self._fail(key) < self._fast_attempts else self._slow_s


class BucketLimiter(Generic[K]):
    """One token bucket over all keys: `rate` tokens per second, `burst` at most; the delay is a reservation."""

    def __init__(self, rate: float = 10.0, burst: int = 100) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"wanted rate > 0 and burst >= 1, found rate={rate} and burst={burst}")
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._filled_at: float | None = None

    def when(self, key: K, now: float) -> float:
        self._fill(now)
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._rate)

    def take(self, now: float) -> bool:
        """Take a token if there is one; nothing is reserved otherwise."""
        self._fill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def forget(self, key: K) -> None:
        """A bucket knows no keys."""

    def num_requeues(self, key: K) -> int:
        return 0

    def __len__(self) -> int:
        return 0

    def _fill(self, now: float) -> None:
        if self._filled_at is not None:
            elapsed = max(0.0, now - self._filled_at)
            self._tokens = min(self._burst, self._tokens + elapsed * self._rate)
        self._filled_at = now


class MaxOfLimiter(Generic[K]):
    """The longest delay of several limiters; each of them counts every failure."""

    def __init__(self, limiters: Sequence[RateLimiter[K]]) -> None:
        if not limiters:
            raise ValueError("wanted at least one limiter, found none")
        self._limiters = tuple(limiters)

    def when(self, key: K, now: float) -> float:
        return max([limiter.when(key, now) for limiter in self._limiters])

    def forget(self, key: K) -> None:
        for limiter in self._limiters:
            limiter.forget(key)

    def num_requeues(self, key: K) -> int:
        return max(limiter.num_requeues(key) for limiter in self._limiters)

    def __len__(self) -> int:
        return max(len(limiter) for limiter in self._limiters)


class MaxWaitLimiter(Generic[K]):
    """Another limiter, cut at `max_s`."""

    def __init__(self, limiter: RateLimiter[K], max_s: float) -> None:
        self._limiter = limiter
        self._max_s = max_s

    def when(self, key: K, now: float) -> float:
        return min(self._limiter.when(key, now), self._max_s)

    def forget(self, key: K) -> None:
        self._limiter.forget(key)

    def num_requeues(self, key: K) -> int:
        return self._limiter.num_requeues(key)

    def __len__(self) -> int:
        return len(self._limiter)


def classic_limiter() -> MaxOfLimiter[Hashable]:
    """Client-go's default for controllers: exponential 5 ms … 1000 s, and at most 10/s over all keys after 100."""
    return MaxOfLimiter[Hashable]((ExponentialLimiter[Hashable](), BucketLimiter[Hashable]()))
