"""The base of the eight kinds: what every object has."""

from typing import ClassVar, Self

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

    def placed(self, namespace: str) -> Self:
        """The object in that namespace, when it belongs into one and names none."""
        if self.namespace or not self.resource_kind.namespaced:
            return self
        return self.model_copy(update={"metadata": self.metadata.model_copy(update={"namespace": namespace})})
