"""How often each handler has the cache replayed. Pure."""

import structlog

_log = structlog.stdlib.get_logger(__name__)

LEAST_S = 1.0


class ResyncPeriods:
    """One informer's periods: `check_s` is how often it looks who is due, 0 for never.

    Before the start the check period is the smallest that was asked for; from then on it stands, and whoever asks for
    less gets it.
    """

    def __init__(self, informer: str, default_s: float) -> None:
        self._informer = informer
        self._started = False
        self.check_s = 0.0
        self.default_s = self.admit(default_s)

    def start(self) -> None:
        """The check period stands now."""
        self._started = True

    def admit(self, asked_s: float) -> float:
        """The period that a handler gets; 0 is never. Raises ValueError for a negative one."""
        if asked_s < 0:
            raise ValueError(f"wanted a resync period of 0 s (never) or more, found {asked_s:g} s")
        if asked_s == 0:
            return 0.0
        granted = max(asked_s, LEAST_S)
        if not self._started:
            self.check_s = min(granted, self.check_s or granted)
        elif self.check_s == 0:
            granted = 0.0
        else:
            granted = max(granted, self.check_s)
        if granted != asked_s:
            _log.warning(
                "informer_resync_period_changed",
                informer=self._informer,
                asked_s=asked_s,
                granted_s=granted,
                next_step="ask before the informer starts, and for 1 s or more",
            )
        return granted
