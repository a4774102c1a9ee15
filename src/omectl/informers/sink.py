"""What a reflector fills."""

from typing import Protocol

from omectl.api.resource import ObjectKey
from omectl.informers.record import Record


class Sink(Protocol):
    """What a reflector fills; plain methods, called on the loop, which never raise."""

    def replace(self, records: dict[ObjectKey, Record], resource_version: str) -> None:
        """The whole collection at a resource version."""
        ...

    def change(self, event_type: str, record: Record) -> None:
        """ADDED, MODIFIED or DELETED."""
        ...

    def bookmark(self, resource_version: str) -> None:
        """Nothing changed up to this version."""
        ...

    def absent(self) -> None:
        """The server does not serve the kind, now."""
        ...
