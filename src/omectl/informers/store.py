"""The cache itself: records by key, indexes over them, and the resource version they reflect.

Owned by one event loop. Every method is plain and never yields, so each is one atomic step; nothing outside ever gets
hold of a mutable part of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers.events import EventType, ObjectEvent
from omectl.informers.header import Header
from omectl.informers.record import Record

_log = structlog.stdlib.get_logger(__name__)

IndexFunction: TypeAlias = "Callable[[JsonObject], Iterable[str]] | HeaderIndex"
"""An object's values in an index, maybe none. A `HeaderIndex` needs no decoding and is cheaper by far."""


@dataclass(frozen=True, slots=True)
class HeaderIndex:
    """An index over the header alone."""

    function: Callable[[Header], Iterable[str]]


BY_NAMESPACE = HeaderIndex(lambda header: (header.namespace,))
BY_OWNER_UID = HeaderIndex(lambda header: (owner.uid for owner in header.owners))

_Buckets = dict[str, dict[ObjectKey, None]]


class Store:
    """Records by key. `resource_version` is what the content reflects, "" before the first replace."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._records: dict[ObjectKey, Record] = {}
        self._functions: dict[str, IndexFunction] = {}
        self._buckets: dict[str, _Buckets] = {}
        self._broken_functions: set[str] = set()
        self.index_errors = 0
        self.resource_version = ""

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def keys(self) -> list[ObjectKey]:
        """Every key, oldest entry first."""
        return list(self._records)

    def get(self, key: ObjectKey) -> Record | None:
        """The record, or None."""
        return self._records.get(key)

    # --- indexes ---

    def add_indexes(self, indexes: Mapping[str, IndexFunction]) -> None:
        """Add indexes, over what is stored already too. Raises ValueError for a name that has another function."""
        for name, function in indexes.items():
            if name in self._functions and self._functions[name] != function:
                raise ValueError(f"index {name!r} of {self._name} exists with another function; choose another name")
        new = {name: function for name, function in indexes.items() if name not in self._functions}
        if not new:
            return
        self._functions.update(new)
        self._rebuild()

    def has_index(self, name: str) -> bool:
        """An index of this name exists."""
        return name in self._functions

    def index_keys(self, name: str, value: str) -> list[ObjectKey]:
        """The keys under a value, in order of arrival. Raises KeyError for an unknown index."""
        if name not in self._functions:
            known = ", ".join(self._functions) or "none"
            raise KeyError(f"{self._name} has no index {name!r}; it has: {known}")
        return list(self._buckets[name].get(value, ()))

    def index_values(self, name: str) -> list[str]:
        """Every value that an index holds."""
        return list(self._buckets[name])

    def _values(self, record: Record) -> tuple[tuple[str, ...], ...]:
        decoded: JsonObject | None = None
        values: list[tuple[str, ...]] = []
        for name, function in self._functions.items():
            try:
                if isinstance(function, HeaderIndex):
                    found = function.function(record.header)
                else:
                    if decoded is None:
                        decoded = record.decode()
                    found = function(decoded)
                if isinstance(found, str):
                    raise TypeError(f"wanted several values, found the text {found!r}; return [{found!r}]")
                values.append(tuple(dict.fromkeys(found)))
            except Exception as error:
                values.append(())
                self.index_errors += 1
                if name not in self._broken_functions:
                    self._broken_functions.add(name)
                    _log.warning("informer_index_failed", informer=self._name, index=name, error=repr(error))
        return tuple(values)

    def _indexed(self, record: Record) -> Record:
        if not self._functions:
            return record
        values = self._values(record)
        for buckets, found in zip(self._buckets.values(), values, strict=True):
            for value in found:
                buckets.setdefault(value, {})[record.key] = None
        return Record(record.key, record.header, record.body, values)

    def _unindex(self, record: Record) -> None:
        for buckets, found in zip(self._buckets.values(), record.values, strict=True):
            for value in found:
                bucket = buckets[value]
                del bucket[record.key]
                if not bucket:
                    del buckets[value]

    def _rebuild(self) -> None:
        self._buckets = {name: {} for name in self._functions}
        for key, record in self._records.items():
            self._records[key] = self._indexed(record)

    # --- changes ---

    def put(self, record: Record) -> tuple[ObjectEvent, ...]:
        """Add or update. The same name with another UID is a delete of the old and an add of the new object."""
        old = self._records.get(record.key)
        if old is not None:
            self._unindex(old)
        record = self._indexed(record)
        self._records[record.key] = record
        self._move(record.header.resource_version)
        if old is None:
            return (ObjectEvent(EventType.ADDED, record),)
        if old.header.uid != record.header.uid:
            return (
                ObjectEvent(EventType.DELETED, old, tombstone=True),
                ObjectEvent(EventType.ADDED, record),
            )
        unchanged = old.header.resource_version == record.header.resource_version
        return (ObjectEvent(EventType.UPDATED, record, old, resync=unchanged),)

    def remove(self, record: Record) -> tuple[ObjectEvent, ...]:
        """Delete; `record` is the last state. Deleting what is not stored is no change."""
        old = self._records.pop(record.key, None)
        self._move(record.header.resource_version)
        if old is None:
            return ()
        self._unindex(old)
        if old.header.uid != record.header.uid:
            return (ObjectEvent(EventType.DELETED, old, tombstone=True),)
        return (ObjectEvent(EventType.DELETED, record),)

    def fill(self, records: Mapping[ObjectKey, Record], resource_version: str) -> None:
        """Make `records` the whole content, when nobody has heard of what was there before."""
        self._buckets = {name: {} for name in self._functions}
        self._records = {key: self._indexed(listed) for key, listed in records.items()}
        self.resource_version = resource_version

    def replace(self, records: Mapping[ObjectKey, Record], resource_version: str) -> list[ObjectEvent]:
        """Make `records` the whole content; what is missing in them becomes tombstones, which come first."""
        old = self._records
        self.fill(records, resource_version)
        events = [
            ObjectEvent(EventType.DELETED, gone, tombstone=True) for key, gone in old.items() if key not in records
        ]
        for key, record in self._records.items():
            before = old.get(key)
            if before is None:
                events.append(ObjectEvent(EventType.ADDED, record))
            elif before.header.uid != record.header.uid:
                events.append(ObjectEvent(EventType.DELETED, before, tombstone=True))
                events.append(ObjectEvent(EventType.ADDED, record))
            else:
                unchanged = before.header.resource_version == record.header.resource_version
                events.append(ObjectEvent(EventType.UPDATED, record, before, resync=unchanged))
        return events

    def bookmark(self, resource_version: str) -> None:
        """The content reflects this version too, as nothing changed."""
        self._move(resource_version)

    def _move(self, resource_version: str) -> None:
        if resource_version:
            self.resource_version = resource_version
