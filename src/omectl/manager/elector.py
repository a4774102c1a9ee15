"""A candidate for leadership: acquire the Lease, hold it, give it up.

`valid_until` is the soft fence: a moment of the monotonic clock after which this process must not act as leader,
whatever it believes. It is the start of the last renewal that succeeded plus the renew deadline, and so always earlier
than the moment at which another candidate may take over.
"""

from __future__ import annotations

import asyncio
import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import random

import structlog

from omectl import metrics
from omectl.clock import Clock, SystemClock, format_micro_time
from omectl.kube.errors import KubeError
from omectl.manager.election import Create, Observation, Update, Wait, decide, observe, released
from omectl.manager.errors import ManagerError, NotLeading
from omectl.manager.lease import LeaseLock, LostRace
from omectl.manager.options import JITTER_FACTOR, ElectionOptions

_log = structlog.stdlib.get_logger(__name__)

_STATUS = metrics.gauge(metrics.LEADER_ELECTION_STATUS, "1 while this process leads.", ("name",))
_SLOWPATH = metrics.counter(metrics.LEADER_ELECTION_SLOWPATH, "Renewals that had to read the Lease.", ("name",))
_RENEWAL = metrics.histogram(metrics.LEADER_ELECTION_RENEW_DURATION, "Length of renewals that succeeded.", ("name",))

_HEALTH_GRACE_S = 20.0
_TOO_LATE_S = 0.001


class LeadershipLost(ManagerError):
    """The Lease could not be renewed in time, or somebody else holds it."""

    def __init__(self, identity: str, lease: str, why: str) -> None:
        super().__init__(f"{identity} lost leadership of Lease {lease}: {why}; the process should end and start again")
        self.identity = identity
        self.lease = lease
        self.why = why


class ElectionState(enum.Enum):
    CANDIDATE = "candidate"
    LEADER = "leader"
    LOST = "lost"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionStatistics:
    """One moment of an election, as this candidate sees it. `epoch` is the number of changes of leader so far."""

    identity: str
    lease: str
    state: str
    holder: str
    epoch: int
    valid_for_s: float
    last_error: str


class LeaderElector:
    """One candidate; used once: `campaign`, or its steps `acquire`, `hold` and `release`.

    The steps run in one loop, any loop. The properties, `guard`, `problem` and `statistics` only read, and may be asked
    from other threads when `time` may (the default, the running loop's clock, may not). While `may_release` is false a
    cancelled campaign keeps the Lease: set it when nobody acts as leader any more.
    """

    def __init__(
        self,
        lock: LeaseLock,
        options: ElectionOptions,
        clock: Clock | None = None,
        *,
        time: Callable[[], float] | None = None,
    ) -> None:
        self.may_release = False
        self._options = options.validated()
        self._lock = lock
        self._clock = clock or SystemClock()
        self._time = time or _loop_time
        self._may_hold = False
        self._seen: Observation | None = None
        self._state = ElectionState.CANDIDATE
        self._renewed_at = -math.inf
        self._last_error = ""
        self._status = _STATUS.labels(options.lease_name)
        self._status.set(0)
        self._slowpath = _SLOWPATH.labels(options.lease_name)
        self._renewal = _RENEWAL.labels(options.lease_name)

    @property
    def is_leader(self) -> bool:
        """Whether this process may act as leader at this moment."""
        return self._state is ElectionState.LEADER and self._time() < self.valid_until

    @property
    def valid_until(self) -> float:
        return self._renewed_at + self._options.renew_deadline_s

    @property
    def epoch(self) -> int:
        """Changes of leader so far; grows with every new leader, so it can fence writes to other systems.

        It begins again at 0 when somebody deletes the Lease.
        """
        return self._seen.record.transitions if self._seen is not None else 0

    @property
    def holder(self) -> str:
        """Who leads, as far as is known; "" for nobody."""
        return self._seen.record.holder if self._seen is not None else ""

    def guard(self, action: str) -> None:
        """For `Client.view`: raises NotLeading when this process may not write as leader at this moment."""
        if not self.is_leader:
            raise NotLeading(action, self._why_not())

    async def campaign(self, lead: Callable[[], None]) -> None:
        """Acquire, tell `lead` once, and hold until cancelled, or until LeadershipLost."""
        try:
            await self.acquire()
            lead()
            await self.hold()
        except asyncio.CancelledError:
            if self.may_release:
                await self.release()
            raise

    async def acquire(self) -> None:
        """Return as soon as this process leads; tries for ever."""
        options = self._options
        _log.info("leader_election_started", lease=self._lease, identity=options.identity)
        last_holder: str | None = None
        while not await self._attempt():
            if self.holder != last_holder:
                last_holder = self.holder
                _log.info("leader_seen", lease=self._lease, leader=last_holder or "(nobody)")
            await asyncio.sleep(options.retry_period_s * (1.0 + random() * JITTER_FACTOR))  # noqa: S311 - jitter
        self._move(ElectionState.LEADER)
        _log.info("leader_elected", lease=self._lease, identity=options.identity, epoch=self.epoch)

    async def hold(self) -> None:
        """Renew until cancelled; LeadershipLost when that failed for the renew deadline."""
        options, time = self._options, self._time
        while True:
            await asyncio.sleep(min(options.retry_period_s, self.valid_until - time()))
            try:
                async with asyncio.timeout(self.valid_until - time()):
                    await self._attempt()
            except TimeoutError:
                self._last_error = self._last_error or f"no answer for {options.renew_deadline_s:g} s"
            held_by_other = self.holder not in ("", options.identity)
            if held_by_other or time() > self.valid_until - _TOO_LATE_S:
                self._move(ElectionState.LOST)
                why = f"{self.holder} holds it" if held_by_other else self._last_error or "renewals were too late"
                raise LeadershipLost(options.identity, self._lease, why)

    async def release(self) -> None:
        """Give the Lease up if it is ours, so that another candidate takes over at once; gives up quietly in time.

        A candidate that was cancelled while it wrote may hold it without knowing, so it looks too.
        """
        leads = self._state is ElectionState.LEADER
        unsure = self._state is ElectionState.CANDIDATE and self._may_hold
        if not (leads or unsure) or not self._options.release_on_stop:
            return
        self._move(ElectionState.RELEASED)
        try:
            async with asyncio.timeout(self._options.renew_deadline_s):
                while True:
                    if await self._try_release():
                        return
                    await asyncio.sleep(self._options.retry_period_s / 10)
        except (KubeError, TimeoutError) as error:
            _log.warning("lease_not_released", lease=self._lease, error=str(error) or "timed out")

    def problem(self) -> str | None:
        """For a liveness check: what is wrong when a leader has not renewed for longer than its lease."""
        late_s = self._time() - self._renewed_at
        if self._state is ElectionState.LEADER and late_s > self._options.lease_duration_s + _HEALTH_GRACE_S:
            return f"lease {self._lease} was not renewed for {late_s:.0f} s"
        return None

    def statistics(self) -> ElectionStatistics:
        remaining_s = self.valid_until - self._time()
        return ElectionStatistics(
            identity=self._options.identity,
            lease=self._lease,
            state=self._state.value,
            holder=self.holder,
            epoch=self.epoch,
            valid_for_s=max(0.0, remaining_s) if self._state is ElectionState.LEADER else 0.0,
            last_error=self._last_error,
        )

    @property
    def _lease(self) -> str:
        return f"{self._lock.namespace}/{self._lock.name}"

    async def _attempt(self) -> bool:
        """One try to become or stay leader; no error of the API server comes out."""
        started = self._time()
        try:
            async with asyncio.timeout(self._options.request_timeout_s):
                won = await self._renew_unread() or await self._take()
        except (KubeError, LostRace, TimeoutError) as error:
            text = str(error) or "the API server did not answer in time"
            if text != self._last_error:
                _log.warning("lease_attempt_failed", lease=self._lease, error=text)
            self._last_error = text
            return False
        self._last_error = ""
        if won:
            self._renewed_at = started
            self._renewal.observe(self._time() - started)
        return won

    async def _renew_unread(self) -> bool:
        """As leader, write over what we wrote last without reading it."""
        if self._state is not ElectionState.LEADER or not self._lock.is_known or self._seen is None:
            return False
        try:
            return await self._write()
        except (KubeError, LostRace):
            self._slowpath.inc()
            return False

    async def _take(self) -> bool:
        found = await self._lock.read()
        self._seen = observe(self._seen, found, self._time()) if found is not None else None
        return await self._write()

    async def _write(self) -> bool:
        wall = format_micro_time(self._clock.now())
        decision = decide(self._options.identity, self._seen, self._time(), wall, self._options.lease_duration_s)
        match decision:
            case Wait():
                return False
            case Create(record):
                self._may_hold = True
                await self._lock.create(record)
            case Update(record):
                self._may_hold = True
                await self._lock.write(record)
        self._seen = Observation(record, self._time())
        return True

    async def _try_release(self) -> bool:
        found = await self._lock.read()
        empty = None if found is None else released(found, self._options.identity, format_micro_time(self._clock.now()))
        if empty is None:
            return True
        try:
            await self._lock.write(empty)
        except LostRace:
            return False
        _log.info("lease_released", lease=self._lease, identity=self._options.identity)
        return True

    def _why_not(self) -> str:
        if self._state is not ElectionState.LEADER:
            return f"Lease {self._lease} is held by {self.holder or 'nobody'}"
        late_s, allowed_s = self._time() - self._renewed_at, self._options.renew_deadline_s
        return f"Lease {self._lease} was last renewed {late_s:.1f} s ago, and {allowed_s:g} s are allowed"

    def _move(self, state: ElectionState) -> None:
        _log.debug("election_state", lease=self._lease, old=self._state.value, new=state.value)
        self._state = state
        self._status.set(1 if state is ElectionState.LEADER else 0)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
