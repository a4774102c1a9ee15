"""Trying a write again after a conflict, a few times and soon.

For what can't wait for the next pass: a reconciler that meets a conflict rather raises it, and the queue brings the key
back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from random import random
from typing import Final, TypeVar

from omectl.kube.errors import Conflict

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBackoff:
    """Up to `steps` tries; the pause after try n is `first_s` · `factor`^(n-1) and up to `jitter` of that more."""

    steps: int = 5
    first_s: float = 0.01
    factor: float = 1.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"wanted at least one step, found {self.steps}; set steps to 1 for a single try")

    def pauses(self, uniform: Callable[[], float] = random) -> Iterator[float]:
        """Seconds between the tries: one fewer than the steps. `uniform` gives [0, 1)."""
        for number in range(self.steps - 1):
            yield self.first_s * self.factor**number * (1.0 + self.jitter * uniform())


SOON: Final = RetryBackoff()
"""Five tries within some 40 ms: for conflicts with one or two others."""

PATIENT: Final = RetryBackoff(steps=4, first_s=0.01, factor=5.0, jitter=0.1)
"""Four tries within some 310 ms: for objects that several others write."""


async def on_error(
    backoff: RetryBackoff,
    worth_it: Callable[[Exception], bool],
    attempt: Callable[[], Awaitable[_T]],
    *,
    uniform: Callable[[], float] = random,
) -> _T:
    """The result of `attempt`, tried again after errors that are `worth_it`; the last error when the steps are used up.

    There is no deadline of its own: bound it with `asyncio.timeout` around the call, as each request has one too.
    """
    for pause_s in backoff.pauses(uniform):
        try:
            return await attempt()
        except Exception as error:
            if not worth_it(error):
                raise
        await asyncio.sleep(pause_s)
    return await attempt()


async def retry_on_conflict(
    attempt: Callable[[], Awaitable[_T]],
    *,
    backoff: RetryBackoff = SOON,
    uniform: Callable[[], float] = random,
) -> _T:
    """`attempt` again after each Conflict. It must read the object anew itself, or it meets the same conflict."""
    return await on_error(backoff, lambda error: isinstance(error, Conflict), attempt, uniform=uniform)
