"""How a resource is named: its kind on the wire and its key inside a cluster."""

from dataclasses import dataclass
from typing import NamedTuple

from omectl.api.json import JsonObject


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind as the API server serves it. `group` is "" for the core group."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """`v1` for the core group, else `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> str:
        """`Pod` or `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def group_resource(self) -> str:
        """`pods` or `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class ObjectKey(NamedTuple):
    """Namespace ("" for cluster scope) and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(obj: JsonObject) -> ObjectKey:
    """Key of a raw object; missing or odd metadata gives empty strings."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return ObjectKey("", "")
    namespace, name = metadata.get("namespace"), metadata.get("name")
    return ObjectKey(namespace if isinstance(namespace, str) else "", name if isinstance(name, str) else "")
