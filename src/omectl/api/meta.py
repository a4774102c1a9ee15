"""The parts of `metadata` that code reads; everything else is kept among the extra fields."""

from pydantic import Field

from omectl.api.resource import ObjectKey
from omectl.api.wire import Flag, Int, Time, WireType


class OwnerReference(WireType):
    """One owner of an object."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: Flag | None = None
    block_owner_deletion: Flag | None = None


class ObjectMeta(WireType, defer_build=False):
    """Name, identity and bookkeeping of an object. Absent maps and lists read as empty ones."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: Int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return ObjectKey(self.namespace, self.name)

    @property
    def deleting(self) -> bool:
        """Whether the object waits for its finalizers."""
        return self.deletion_timestamp is not None
