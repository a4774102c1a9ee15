"""What a queue tells about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """One moment of a queue.

    `adds` counts keys that became ready, `retries` adds with a delay. `wakeups` counts how often a waiting getter was
    woken, `alarms` how often the timer of the delayed keys rang: both stand still while there is nothing to do.
    `tracked` is the number of keys whose failures the limiter remembers.
    """

    name: str
    phase: str
    ready: int
    waiting: int
    processing: int
    depth: Mapping[int, int]
    adds: int
    retries: int
    getters: int
    wakeups: int
    alarms: int
    tracked: int
    unfinished_work_s: float
    longest_running_s: float
