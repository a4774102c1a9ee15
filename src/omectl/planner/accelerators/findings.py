"""What in an object cannot be used as it was written: told by object and field, and never in the way of the rest."""

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One field of one object. `text` says what was wanted, what was found and what is done instead."""

    object: str
    field: str
    code: FindingCode
    text: str

    def __str__(self) -> str:
        return f"{self.object}: {self.field}: {self.text}"
