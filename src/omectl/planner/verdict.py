"""A condition as the planner tells it."""

from dataclasses import dataclass
from typing import Self

from omectl.api.conditions import INFO
from omectl.api.json import JsonObject

_LONGEST = 1500


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition's status with its reason and message.

    `informs` follows Knative's rule: what `Ready` does not rest on has the severity `Info`.
    """

    status: str
    reason: str = ""
    message: str = ""
    informs: bool = False

    @classmethod
    def informing(cls, status: str, reason: str, message: str) -> Self:
        """One that `Ready` does not rest on, with a message of bounded length."""
        return cls(status, reason, message if len(message) <= _LONGEST else f"{message[:_LONGEST]}...", informs=True)

    def as_condition(self, kind: str) -> JsonObject:
        """The condition of that type, without a time."""
        written: JsonObject = {"type": kind, "status": self.status}
        if self.informs:
            written["severity"] = INFO
        if self.reason:
            written["reason"] = self.reason
        if self.message:
            written["message"] = self.message
        return written
