"""What a queue tells about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """One moment of a queue. `tracked` counts keys whose failures the limiter remembers."""

    name: str
    phase: str
    ready: int
    waiting: int
    processing: int
    depth: Mapping[int, int]
    adds: int
    retries: int
    getters: int
    tracked: int
    unfinished_work_s: float
    longest_running_s: float
