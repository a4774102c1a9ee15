"""Whether another event loop still answers. No threads, no clock: the owner brings both."""

from __future__ import annotations


class Pulse:
    """Counts for how long an answer is out. `beat` is called every `interval_s`; `answer` by the loop that is watched.

    Only the time in which `beat` was called counts: when the whole process was suspended, both loops were, and the
    watched one deserves its chance to answer.
    """

    def __init__(self, interval_s: float) -> None:
        self.silent_s = 0.0
        self._interval_s = interval_s
        self._beat_at = 0.0
        self._is_out = False

    def beat(self, now: float) -> bool:
        """Count the time since the last beat if its answer is out; answer whether to ask again."""
        if self._is_out:
            self.silent_s += min(now - self._beat_at, 2 * self._interval_s)
            self._beat_at = now
            return False
        self.silent_s, self._beat_at, self._is_out = 0.0, now, True
        return True

    def answer(self) -> None:
        """The other loop is alive. May be called from its thread."""
        self._is_out = False
