"""Fields of children that somebody else sets too: ours hold, and nobody is fought without a pause."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from omectl.api.resource import ResourceKind, key_of
from omectl.clock import Clock
from omectl.kube.apply import Applied, Undone
from omectl.kube.owners import uid_of

FIELD_CONFLICT: Final = "FieldConflict"
"""Reason of the Event that tells of a field that was set back."""
MOST: Final = 5
"""So many times within a minute it is set back at once: a person's mistakes, and no other controller's rule."""
_WINDOW: Final = timedelta(minutes=1)


class Contests:
    """How often each child was set back lately."""

    def __init__(self, clock: Clock, pause_s: float) -> None:
        self._clock = clock
        self._pause = timedelta(seconds=pause_s)
        self._times: dict[str, deque[datetime]] = {}

    def note(self, kind: ResourceKind, applied: Applied, undone: Undone) -> str:
        """The child was set back: what is to be told of it."""
        now = self._clock.now()
        for uid in [uid for uid, times in self._times.items() if now - times[-1] > _WINDOW]:
            del self._times[uid]
        self._times.setdefault(uid_of(applied.live), deque(maxlen=MOST)).append(now)
        who = f"{undone.manager} changed" if undone.manager else "somebody changed"
        name = f"{kind.kind} {key_of(applied.live)}"
        step = "change it in the service, its runtime or the settings"
        leave = f", or have {undone.manager} leave it" if undone.manager else ""
        return f"{who} {undone.field} of {name}, which was set back; next: {step}{leave}"

    def pauses(self, uid: str) -> bool:
        """Whether the child is left as it is for a while, for it was set back again and again."""
        times = self._times.get(uid)
        if times is None or len(times) < MOST:
            return False
        now = self._clock.now()
        return now - times[0] <= _WINDOW and now - times[-1] < self._pause
