"""The base of the eight kinds: what every object has."""

from typing import ClassVar

from pydantic import Field

from omectl.api.meta import ObjectMeta
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.api.wire import WireType


class Resource(WireType):
    """An object of one of our kinds. Subclasses add `spec` and `status`."""

    resource_kind: ClassVar[ResourceKind]

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return self.metadata.key

    @property
    def name(self) -> str:
        """The object's name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The object's namespace, "" for cluster scope."""
        return self.metadata.namespace
