"""Reading a cache. Everything that is handed out is the caller's own, or immutable."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

from omectl.api.codec import decode_as
from omectl.api.json import JsonObject
from omectl.api.object import Resource
from omectl.api.resource import ObjectKey
from omectl.informers.header import Header
from omectl.informers.record import Record
from omectl.informers.store import BY_NAMESPACE, Store

_T = TypeVar("_T", bound=Resource)
_Objects = list[JsonObject]
_NAMESPACE_INDEX = "namespace"


class Lister:
    """Reads one informer's store: no I/O, no waiting, possibly a little behind the server."""

    def __init__(self, store: Store, *, decoded_limit: int = 4096) -> None:
        self._store = store
        self._decoded: OrderedDict[tuple[type[Resource], str, str, ObjectKey], Resource] = OrderedDict()
        self._decoded_limit = decoded_limit

    def __len__(self) -> int:
        return len(self._store)

    @property
    def resource_version(self) -> str:
        """The newest resource version that the cache reflects; "" before the first sync."""
        return self._store.resource_version

    def get(self, key: ObjectKey) -> JsonObject | None:
        """A private copy of the object, or None."""
        record = self._store.get(key)
        return record.decode() if record is not None else None

    def header(self, key: ObjectKey) -> Header | None:
        """The object's header, without decoding anything."""
        record = self._store.get(key)
        return record.header if record is not None else None

    def keys(self) -> list[ObjectKey]:
        """Every key."""
        return self._store.keys()

    def headers(self, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Header]:
        """The headers in a namespace ("" is all) that carry all of `labels`."""
        return [record.header for record in self._select(namespace, labels)]

    def list(self, namespace: str = "", labels: Mapping[str, str] | None = None) -> _Objects:
        """Private copies of the objects in a namespace ("" is all) that carry all of `labels`."""
        return [record.decode() for record in self._select(namespace, labels)]

    def by_index(self, name: str, value: str) -> _Objects:
        """Private copies of the objects under an index value. Raises KeyError for an unknown index."""
        return [record.decode() for record in self._records(self._store.index_keys(name, value))]

    def index_keys(self, name: str, value: str) -> "list[ObjectKey]":
        """The keys under an index value. Raises KeyError for an unknown index."""
        return self._store.index_keys(name, value)

    def decoded(self, wanted: type[_T], key: ObjectKey) -> _T | None:
        """The object as a frozen API type, decoded once per version; None when absent. Raises DecodeError."""
        record = self._store.get(key)
        if record is None:
            return None
        cache_key = (wanted, record.header.uid, record.header.resource_version, key)
        known = self._decoded.get(cache_key)
        if known is not None:
            self._decoded.move_to_end(cache_key)
            return cast("_T", known)
        made = decode_as(wanted, record.decode())
        self._decoded[cache_key] = made
        if len(self._decoded) > self._decoded_limit:
            self._decoded.popitem(last=False)
        return made

    def _select(self, namespace: str, labels: Mapping[str, str] | None) -> Iterable[Record]:
        records: Iterable[Record] = self._store
        if namespace:
            if not self._store.has_index(_NAMESPACE_INDEX):
                self._store.add_indexes({_NAMESPACE_INDEX: BY_NAMESPACE})
            records = self._records(self._store.index_keys(_NAMESPACE_INDEX, namespace))
        if not labels:
            return records
        wanted = labels.items()
        return [record for record in records if wanted <= record.header.labels.items()]

    def _records(self, keys: Iterable[ObjectKey]) -> Iterable[Record]:
        return (record for key in keys if (record := self._store.get(key)) is not None)
