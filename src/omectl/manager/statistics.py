"""What a manager tells about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omectl.manager.controller import ControllerStatistics
from omectl.manager.elector import ElectionStatistics
from omectl.manager.recorder import RecorderStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerStatistics:
    """One moment of a manager. `unsynced` says in words which needed informers are not complete."""

    state: str
    leader: bool
    runnables: Mapping[str, Sequence[str]]
    unsynced: Sequence[str]
    controllers: Mapping[str, ControllerStatistics]
    election: ElectionStatistics | None
    events: RecorderStatistics
