"""What a manager tells about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omectl.api.json import JsonObject
from omectl.manager.controller import ControllerStatistics
from omectl.manager.elector import ElectionStatistics
from omectl.manager.recorder import RecorderStatistics
from omectl.manager.watchdog import LoopStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerStatistics:
    """One moment of a manager. `unsynced` says in words which needed informers are not complete.

    `runnables` names what has not ended, by group; `election` and `event_loop` are None where they are switched off.
    """

    state: str
    leader: bool
    runnables: Mapping[str, Sequence[str]]
    unsynced: Sequence[str]
    controllers: Mapping[str, ControllerStatistics]
    election: ElectionStatistics | None
    events: RecorderStatistics
    informers: Sequence[JsonObject]
    event_loop: LoopStatistics | None
