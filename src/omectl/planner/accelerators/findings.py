"""What in an object cannot be used as it was written: told by object and field, and never in the way of the rest."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class FindingCode(StrEnum):
    """What is wrong with a field, for machines. A class's condition has the first of these as its reason."""

    NOTHING_TO_RECOGNISE = "NothingToRecognise"
    MEMORY_UNREADABLE = "MemoryUnreadable"
    MEMORY_UNIT_ASSUMED = "MemoryUnitAssumed"
    QUANTITY_UNREADABLE = "QuantityUnreadable"
    VERSION_UNREADABLE = "VersionUnreadable"
    DEVICE_CLASS_UNREADABLE = "DeviceClassUnreadable"
    NODE_UNREADABLE = "NodeUnreadable"
    OVERCOMMITTED = "Overcommitted"


class Wrong(NamedTuple):
    """What was wanted, what was found, and what is done instead, "" where that is nothing."""

    wanted: str
    found: str
    instead: str = ""

    def __str__(self) -> str:
        return f"wanted {self.wanted}, found {self.found}" + (f"; {self.instead}" if self.instead else "")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One field of one object, and what is wrong with it."""

    object: str
    field: str
    code: FindingCode
    wrong: Wrong

    @property
    def text(self) -> str:
        """What is wrong, in words."""
        return str(self.wrong)

    def __str__(self) -> str:
        return f"{self.object}: {self.field}: {self.text}"
