"""What names a kind and what names an object."""

from dataclasses import dataclass
from typing import NamedTuple

from omectl.api.json import JsonObject


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind as the API server serves it: group "" is the core group."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """What `apiVersion` says: "v1" or "group/version"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> str:
        """ "Deployment.apps", or "Pod" for the core group."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


class ObjectKey(NamedTuple):
    """Namespace ("" for cluster scope) and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(obj: JsonObject) -> ObjectKey:
    """The key in an object's metadata; empty where the object does not say."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return ObjectKey("", "")
    return ObjectKey(str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
