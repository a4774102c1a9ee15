"""Adding and removing a finalizer, each by one patch that holds only for the version that was read."""

from omectl.api.document import as_texts, at
from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.client import Client


def finalizers_of(obj: JsonObject) -> list[str]:
    """The object's finalizers, in order."""
    return as_texts(at(obj, "metadata", "finalizers"))


async def add_finalizer(client: Client, kind: ResourceKind, obj: JsonObject, finalizer: str) -> JsonObject:
    """The object with the finalizer on it. Raises: `Conflict` when it changed since it was read."""
    present = finalizers_of(obj)
    return obj if finalizer in present else await _put(client, kind, obj, [*present, finalizer])


async def remove_finalizer(client: Client, kind: ResourceKind, obj: JsonObject, finalizer: str) -> JsonObject:
    """The object without the finalizer. Raises: `Conflict` when it changed since it was read."""
    present = finalizers_of(obj)
    if finalizer not in present:
        return obj
    return await _put(client, kind, obj, [name for name in present if name != finalizer])


async def _put(client: Client, kind: ResourceKind, obj: JsonObject, finalizers: list[str]) -> JsonObject:
    key = key_of(obj)
    patch: JsonObject = {
        "metadata": {"resourceVersion": at(obj, "metadata", "resourceVersion"), "finalizers": list(finalizers) or None}
    }
    return await client.merge_patch(kind, key.name, patch, key.namespace)
