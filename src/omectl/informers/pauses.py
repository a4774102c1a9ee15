"""How long a reflector waits after what went wrong: each sort of trouble has delays that grow by themselves.

A server that is away, one that answers "not now" and one that has forgotten a version are different things: what the
one has cost must not make the answer to the next late.
"""

from collections.abc import Callable

from omectl.informers.backoff import Backoff
from omectl.informers.position import is_lost
from omectl.informers.reflector_state import ReflectorOptions
from omectl.kube.errors import ApiError, ConnectionFailed, Expired, TooManyRequests

_ADVICE_JITTER = 0.25


class Pauses:
    """Gives the seconds to wait; `now` is the loop's time."""

    def __init__(self, options: ReflectorOptions, now: Callable[[], float], uniform: Callable[[], float]) -> None:
        self._uniform = uniform
        self._other = Backoff(options.backoff, now, uniform)
        self._refused = Backoff(options.refused_backoff, now, uniform)
        self._expired = Backoff(options.expired_backoff, now, uniform)
        self._absent = Backoff(options.absent_backoff, now, uniform)

    def after(self, error: Exception) -> float:
        """Seconds to wait before the next request; the next such error will be met by more, but for advice."""
        advice = advised_s(error)
        if advice is not None:
            return advice * (1.0 + _ADVICE_JITTER * self._uniform())
        if isinstance(error, ConnectionFailed) and error.refused:
            return self._refused.next_delay()
        if isinstance(error, Expired):
            return self._expired.next_delay()
        return self._other.next_delay()

    def while_absent(self) -> float:
        """Seconds until a kind that the server does not serve is asked for again."""
        return self._absent.next_delay()


def advised_s(error: Exception) -> float | None:
    """For how long a server asks to be left alone before the same request; None where it does not ask that."""
    if not isinstance(error, ApiError) or is_lost(error):
        return None
    if isinstance(error, TooManyRequests) or error.status >= 500:
        return error.retry_after_s or None
    return None
