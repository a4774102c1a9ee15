"""What handlers are told."""

from enum import Enum

import msgspec

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers.header import Header
from omectl.informers.record import Record


class EventType(Enum):
    """What happened to an object in the cache."""

    ADDED = "added"
    UPDATED = "updated"
    DELETED = "deleted"


class ObjectEvent(msgspec.Struct, gc=False, frozen=True):
    """One change of the cache; decoding happens only when asked for, and gives a private copy.

    `initial`: part of what existed when the handler began. `resync`: nothing changed, the store was replayed or
    relisted.
    `tombstone`: the delete was not seen, only that the object is gone; the object is the last one known. A handler that
    coalesces also has in the `old_record` of a delete what it had heard before, where a change was swallowed by it.
    """

    type: EventType
    record: Record
    old_record: Record | None = None
    initial: bool = False
    resync: bool = False
    tombstone: bool = False

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return self.record.key

    @property
    def header(self) -> Header:
        """The new header; for a delete the last one."""
        return self.record.header

    @property
    def old_header(self) -> Header | None:
        """The header before an update (or a coalesced delete); None for anything else."""
        return self.old_record.header if self.old_record is not None else None

    def object(self) -> JsonObject:
        """The new object; for a delete the last one."""
        return self.record.decode()

    def old_object(self) -> JsonObject | None:
        """The object before an update (or a coalesced delete); None for anything else."""
        return self.old_record.decode() if self.old_record is not None else None
