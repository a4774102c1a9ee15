"""How long an old workload stays beside the one that serves in its place: until those who send requests know that one.

A Service is told first, its EndpointSlices follow it, and proxies and clients follow these. Nobody tells when the last
of them has; they are given a moment. What was written in a pass is not believed before that moment either: a status
that its controller wrote before may still speak of what was there (LeaderWorkerSet has no observedGeneration).
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from omectl.api.resource import ObjectKey
from omectl.clock import Clock

LEARNED_WITHIN_S: Final = 1.0
"""How long the endpoints have to stand before what they led to goes: kube-proxy takes up to a second for its rules."""
FOLLOWED_WITHIN_S: Final = 60.0
"""How long endpoints are waited for. Two workloads at once are many accelerators, and something else is wrong then."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether the old one may go, else after how long to look again; `until` is when it goes in any case.

    `overdue`: it goes although the endpoints have not followed.
    """

    over: bool
    again_s: float
    until: datetime
    overdue: bool = False


@dataclass(slots=True)
class _Wait:
    """When it ends in any case, by the calendar and the loop, and since when nothing has changed by the loop."""

    until: datetime
    ends: float
    since: float


class Handovers:
    """Remembers since when services wait. What a restart forgets is waited for once more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waits: dict[ObjectKey, _Wait] = {}

    def look(self, key: ObjectKey, *, settled: bool) -> Turn:
        """One look at a service whose new workload serves. `settled`: nothing was written, and endpoints followed."""
        now = asyncio.get_running_loop().time()
        wait = self._waits.get(key)
        if wait is None:
            until = self._clock.now() + timedelta(seconds=FOLLOWED_WITHIN_S)
            wait = self._waits[key] = _Wait(until, now + FOLLOWED_WITHIN_S, now)
        overdue = now >= wait.ends
        if not settled:
            wait.since = now
        left = wait.since + LEARNED_WITHIN_S - now
        if left > 0 and not overdue:
            return Turn(False, min(left, wait.ends - now), wait.until)
        del self._waits[key]
        return Turn(True, 0.0, wait.until, overdue=overdue and not settled)

    def forget(self, key: ObjectKey) -> None:
        """Nothing of that service waits any more, or again for something else."""
        self._waits.pop(key, None)
