"""What one reconcile may answer."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """Success. With `requeue_after_s` the key comes back after that time; `priority` overrides the key's own then."""

    requeue_after_s: float | None = None
    priority: int | None = None


class TerminalError(Exception):
    """Trying again can't help before something changes: the key is not requeued, its failures are kept.

    Raise it `from` the cause, or with a message of its own.
    """

    def __str__(self) -> str:
        if self.args:
            return super().__str__()
        return str(self.__cause__) if self.__cause__ is not None else "terminal error"


class Requeue(enum.Enum):
    """What becomes of a key's place in the queue after a reconcile."""

    NONE = "none"
    """Not queued again, failures kept."""
    FORGET = "forget"
    """Not queued again, failures forgotten."""
    AFTER = "after"
    """Failures forgotten, queued again after a time."""
    RATE_LIMITED = "rate_limited"
    """One more failure, queued again when the limiter says."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reconcile's end: what to do with the key and how the metrics call it."""

    requeue: Requeue
    label: str
    after_s: float = 0.0


SUCCEEDED = Outcome(Requeue.FORGET, "success")
CONFLICTED = Outcome(Requeue.RATE_LIMITED, "requeue")
FAILED = Outcome(Requeue.RATE_LIMITED, "error")
GAVE_UP = Outcome(Requeue.NONE, "error")

RESULT_LABELS = ("error", "requeue", "requeue_after", "success")


def outcome_of(result: Result) -> Outcome:
    """The outcome of a reconcile that returned."""
    if result.requeue_after_s is not None and result.requeue_after_s > 0:
        return Outcome(Requeue.AFTER, "requeue_after", result.requeue_after_s)
    return SUCCEEDED


def is_bug(error: BaseException) -> bool:
    """Whether nobody designed this exception: the class is one of Python's own and does not come from the system."""
    return type(error).__module__ == "builtins" and not isinstance(error, (OSError, ExceptionGroup))
