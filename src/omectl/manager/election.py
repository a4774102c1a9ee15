"""Who leads: the rules of leader election by a Lease, without any input or output.

Times are this process's monotonic seconds. What the Lease says about times is never compared with a local clock: a
candidate watches for how long a record has not changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """What leaders write. `holder` "" means released; the two times are text and only compared for equality."""

    holder: str
    lease_duration_s: int
    acquired: str
    renewed: str
    transitions: int


@dataclass(frozen=True, slots=True)
class Observation:
    """A record, and when this process first saw it exactly so."""

    record: LeaseRecord
    at: float

    def expires(self) -> float:
        """When the holder's claim has run out, if nobody renews it."""
        return self.at + self.record.lease_duration_s


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody else leads, at most until `until` unless they renew."""

    holder: str
    until: float


@dataclass(frozen=True, slots=True)
class Create:
    """There is no Lease: create it with this record."""

    record: LeaseRecord


@dataclass(frozen=True, slots=True)
class Update:
    """Write this record over the one that was observed, if it is still that one."""

    record: LeaseRecord


Decision: TypeAlias = Wait | Create | Update


def observe(last: Observation | None, found: LeaseRecord, now: float) -> Observation:
    """The observation after a read: its moment stays while the record is the same."""
    return last if last is not None and last.record == found else Observation(found, now)


def decide(identity: str, seen: Observation | None, now: float, wall: str, lease_duration_s: float) -> Decision:
    """What a candidate, or the leader, does now. `wall` is the time to write; without a Lease `seen` is None."""
    ours = LeaseRecord(
        holder=identity, lease_duration_s=ceil(lease_duration_s), acquired=wall, renewed=wall, transitions=0
    )
    if seen is None:
        return Create(ours)
    record = seen.record
    if record.holder == identity:
        return Update(replace(ours, acquired=record.acquired, transitions=record.transitions))
    if record.holder and seen.expires() > now:
        return Wait(record.holder, seen.expires())
    return Update(replace(ours, transitions=record.transitions + 1))


def released(record: LeaseRecord, identity: str, wall: str) -> LeaseRecord | None:
    """The record that gives the Lease up, or None when it is not ours to give."""
    if record.holder != identity:
        return None
    return LeaseRecord(
        holder="", lease_duration_s=1, acquired=record.acquired, renewed=wall, transitions=record.transitions
    )
