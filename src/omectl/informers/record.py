"""From the server's bytes to what the cache keeps: a header and the object's compact JSON without `managedFields`.

An event is decoded once, for its header; the body is cut out of the received line, not built, and `managedFields` is
cut out where it stands. A line that is not laid out as API servers do is taken apart and put together again instead.
"""

from collections.abc import Callable, Mapping
from sys import intern
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec
import structlog
from msgspec import Raw

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.informers.header import Header, Owner
from omectl.informers.repeated import Repeated
from omectl.kube.errors import KubeError

Transform: TypeAlias = Callable[[JsonObject], JsonObject]
"""Changes an object before it is cached; idempotent, and leaves the metadata's identity, labels and owners alone."""

_log = structlog.stdlib.get_logger(__name__)
_MANAGED: Final = b'"managedFields"'
_CHANGES: Final = frozenset(("ADDED", "MODIFIED", "DELETED"))
_ABSENT: Final = Raw()
_INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
_METADATA_KIND: Final = "PartialObjectMetadata"


class MalformedObject(KubeError):
    """Bytes that are no event or no object."""


class Record(msgspec.Struct, gc=False, frozen=True):
    """One cached object. `body` is its compact JSON; `values` are its index values, in the order of the indexes."""

    key: ObjectKey
    header: Header
    body: bytes
    values: tuple[tuple[str, ...], ...] = ()

    def decode(self) -> JsonObject:
        """A private copy of the object."""
        return decode_body(self.body)


class StreamEvent(msgspec.Struct, gc=False, frozen=True):
    """One line of a watch: with a record, or a bookmark, or the Status of an error."""

    type: str
    resource_version: str = ""
    record: Record | None = None
    initial_events_end: bool = False
    status: bytes = b""


class _WireMetadata(msgspec.Struct, gc=False):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    generation: int = 0
    labels: Raw = msgspec.field(default=_ABSENT)
    owners: Raw = msgspec.field(name="ownerReferences", default=_ABSENT)
    deletion_timestamp: str | None = msgspec.field(name="deletionTimestamp", default=None)
    managed_fields: Raw = msgspec.field(name="managedFields", default=_ABSENT)


class _WireObject(msgspec.Struct, gc=False):
    metadata: _WireMetadata | None = None
    kind: str = ""
    api_version: str = msgspec.field(name="apiVersion", default="")


class _WireEvent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    type: str
    object: _WireObject


class _RawEvent(msgspec.Struct):
    type: str
    object: Raw


class _BookmarkMetadata(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMetadata


decode_body: Callable[[bytes | Raw], JsonObject] = msgspec.json.Decoder(dict[str, Any]).decode
_decode_event = msgspec.json.Decoder(_WireEvent).decode
_decode_object = msgspec.json.Decoder(_WireObject).decode
_decode_raw_event = msgspec.json.Decoder(_RawEvent).decode
_decode_bookmark = msgspec.json.Decoder(_Bookmark).decode
_decode_labels = msgspec.json.Decoder(dict[str, str] | None).decode
_decode_owners = msgspec.json.Decoder(tuple[Owner, ...] | None).decode
_decode_parts = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode
_NO_LABELS: Final[Mapping[str, str]] = MappingProxyType({})


def _read_labels(written: bytes) -> Mapping[str, str]:
    return MappingProxyType(_decode_labels(written) or {})


def _read_owners(written: bytes) -> tuple[Owner, ...]:
    return _decode_owners(written) or ()


class RecordReader:
    """Reads the records of one kind. Counts what it had to skip or leave untransformed, and warns of the first.

    With `metadata_only` a record holds type and metadata alone, under the real kind: the server then names another, or
    did not narrow the object.
    """

    def __init__(self, kind: ResourceKind, transform: Transform | None = None, *, metadata_only: bool = False) -> None:
        self._kind = kind
        self._transform = transform
        self._metadata_only = metadata_only
        self._accepted = frozenset((kind.kind, _METADATA_KIND) if metadata_only else (kind.kind,))
        self._type_of_items = f'{{"apiVersion":"{kind.api_version}","kind":"{kind.kind}",'.encode()
        self._labels = Repeated(_read_labels)
        self._owners = Repeated(_read_owners)
        self.skipped = 0
        self.transform_errors = 0

    def event(self, line: bytes) -> StreamEvent:
        """One line of a watch. A record is None where the object is not of this kind or has no name.

        Raises MalformedObject for bytes that are no event.
        """
        try:
            wire = _decode_event(line)
            event_type = wire.type
            if event_type in _CHANGES:
                # If the object begins here, nothing but the type stands before it.
                start = len(event_type) + 20
                if line.startswith(b'","object":{', start - 11) and line.endswith(b"}}"):
                    return self._change(event_type, wire.object, line[start:-1])
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        return self._unusual(line)

    def _unusual(self, line: bytes) -> StreamEvent:
        """Any event in any layout."""
        try:
            event = _decode_raw_event(line)
            body = bytes(event.object)
            if event.type == "BOOKMARK":
                metadata = _decode_bookmark(body).metadata
                ended = (metadata.annotations or {}).get(_INITIAL_EVENTS_END) == "true"
                return StreamEvent(event.type, metadata.resource_version, initial_events_end=ended)
            if event.type == "ERROR":
                return StreamEvent(event.type, status=body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            start_of_line = line[:80].decode(errors="replace")
            raise MalformedObject(f"wanted a watch event, found {start_of_line!r} ({error})") from error
        if event.type not in _CHANGES:
            self._skip(f"an event of the unknown type {event.type!r}")
            return StreamEvent(event.type)
        try:
            return self._change(event.type, _decode_object(body), body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._skip(f"no object ({error})")
            return StreamEvent(event.type)

    def _change(self, event_type: str, wire: _WireObject, body: bytes) -> StreamEvent:
        metadata = wire.metadata
        if wire.kind not in self._accepted:
            self._skip(f"the kind {wire.kind!r}")
            return StreamEvent(event_type)
        if metadata is None or not metadata.name:
            self._skip("an object without a name")
            return StreamEvent(event_type)
        return StreamEvent(event_type, metadata.resource_version, self._record(metadata, body))

    def item(self, raw: Raw) -> Record | None:
        """One item of a list; None (and counted) where it is no object with a name. Items may lack kind and version."""
        try:
            return self._item(_decode_object(raw), bytes(raw))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._skip(f"no object ({error})")
            return None

    def _item(self, wire: _WireObject, body: bytes) -> Record | None:
        metadata = wire.metadata
        if wire.kind and wire.kind not in self._accepted:
            self._skip(f"the kind {wire.kind!r}")
            return None
        if metadata is None or not metadata.name:
            self._skip("an object without a name")
            return None
        if not wire.kind or not wire.api_version:
            if wire.kind or wire.api_version:
                parts = _decode_parts(body)
                parts.pop("kind", None)
                parts.pop("apiVersion", None)
                body = _encode(parts)
            body = self._type_of_items + body[1:].lstrip()
        return self._record(metadata, body)

    def _skip(self, found: str) -> None:
        self.skipped += 1
        if self.skipped == 1:
            _log.warning("informer_object_skipped", kind=self._kind.kind, found=found)

    def _record(self, metadata: _WireMetadata, body: bytes) -> Record:
        if self._metadata_only:
            body = self._type_of_items + b'"metadata":' + bytes(_decode_parts(body)["metadata"]) + b"}"
        if metadata.managed_fields is not _ABSENT:
            body = _without_managed_fields(body, bytes(metadata.managed_fields))
        if self._transform is not None:
            body = self._transformed(body)
        namespace = intern(metadata.namespace)
        header = Header(
            namespace,
            metadata.name,
            metadata.uid,
            metadata.resource_version,
            metadata.generation,
            _NO_LABELS if metadata.labels is _ABSENT else self._labels.of(metadata.labels),
            () if metadata.owners is _ABSENT else self._owners.of(metadata.owners),
            metadata.deletion_timestamp is not None,
        )
        return Record(ObjectKey(namespace, metadata.name), header, body)

    def _transformed(self, body: bytes) -> bytes:
        assert self._transform is not None
        try:
            return bytes(_encode(self._transform(decode_body(body))))
        except Exception as error:
            self.transform_errors += 1
            if self.transform_errors == 1:
                _log.warning("informer_transform_failed", kind=self._kind.kind, error=repr(error))
            return body


def _without_managed_fields(body: bytes, value: bytes) -> bytes:
    """The body less `metadata.managedFields`, whose bytes are `value`."""
    at = body.find(_MANAGED)
    colon = at + len(_MANAGED)
    end = colon + 1 + len(value)
    # One that stands there once is metadata's; another field of that name, or one with blanks, takes the long way.
    if body.count(_MANAGED) == 1 and body.startswith(b":" + value, colon):
        if body.startswith(b",", end):
            return body[:at] + body[end + 1 :]
        if body.endswith(b",", 0, at):
            return body[: at - 1] + body[end:]
    parts = _decode_parts(body)
    metadata = _decode_parts(parts["metadata"])
    del metadata["managedFields"]
    parts["metadata"] = Raw(_encode(metadata))
    return _encode(parts)
