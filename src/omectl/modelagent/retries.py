"""When a model that failed is tried again. Pure but for the jitter of its waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from omectl.api.labels import ModelKey
from omectl.modelagent.backoff import backoff_s
from omectl.modelagent.problems import ModelError, Reason

_PATIENCE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions:
    """Seconds; each wait doubles from its base to its maximum and is shortened by up to a third at random."""

    passing_base_s: float = 5.0
    passing_max_s: float = 120.0
    """For faults that go away by themselves: a hub that is down, a cut connection."""
    lasting_base_s: float = 30.0
    lasting_max_s: float = 1800.0
    """For faults that need somebody."""
    disk_s: float = 15.0
    """How often a model that did not fit looks for space; this looks at the disk only."""


@dataclass(slots=True)
class Retries:
    """Failures in a row, by model."""

    options: RetryOptions
    _failures: dict[ModelKey, int] = field(default_factory=dict[ModelKey, int])

    def failed(self, key: ModelKey, problem: ModelError) -> float:
        """Count a failure; answers the seconds to wait."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if problem.reason is Reason.DISK_FULL:
            return self.options.disk_s
        if problem.passing:
            base, most = self.options.passing_base_s, self.options.passing_max_s
        else:
            base, most = self.options.lasting_base_s, self.options.lasting_max_s
        # However long the other side asks for: nobody waits longer than for a fault that needs somebody.
        asked = min(problem.retry_after_s or 0.0, self.options.lasting_max_s)
        return max(backoff_s(failures + 1, base, most), asked)

    def lasting(self, key: ModelKey, problem: ModelError) -> bool:
        """Whether the model counts as failed: a fault that needs somebody, or a passing one that doesn't pass."""
        return not problem.passing or self._failures.get(key, 0) >= _PATIENCE

    def forget(self, key: ModelKey) -> None:
        self._failures.pop(key, None)
