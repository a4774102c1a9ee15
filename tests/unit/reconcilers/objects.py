"""Events of objects, as an informer would hand them over."""

from __future__ import annotations

import msgspec

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind, key_of
from omectl.informers import EventType, Header, Lister, ObjectEvent
from omectl.informers.record import Record
from omectl.informers.store import Store


def record(obj: JsonObject) -> Record:
    key = key_of(obj)
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    labels = metadata.get("labels") or {}
    header = Header(
        namespace=key.namespace,
        name=key.name,
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "1")),
        generation=1,
        labels={name: str(value) for name, value in labels.items()} if isinstance(labels, dict) else {},
        owners=(),
        deleting=False,
    )
    return Record(key, header, msgspec.json.encode(obj))


def added(obj: JsonObject, *, initial: bool = False) -> ObjectEvent:
    return ObjectEvent(EventType.ADDED, record(obj), initial=initial)


def updated(old: JsonObject, new: JsonObject) -> ObjectEvent:
    return ObjectEvent(EventType.UPDATED, record(new), record(old))


def deleted(obj: JsonObject) -> ObjectEvent:
    return ObjectEvent(EventType.DELETED, record(obj))


def lister(kind: ResourceKind, *objects: JsonObject) -> tuple[Lister, Store]:
    """A cache with these objects, and the store behind it."""
    store = Store(kind.plural)
    for obj in objects:
        store.put(record(obj))
    return Lister(store), store


def config_map(name: str, namespace: str = "ome", **data: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": dict(data),
    }


def node(name: str, **labels: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": dict(labels)}}
