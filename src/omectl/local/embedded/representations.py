"""The forms in which objects leave the server: whole, metadata only, or as a Table. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from omectl.api.document import as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.clock import parse_time
from omectl.kube.owners import metadata_of
from omectl.local.embedded import statuses
from omectl.local.embedded.served_kind import Column, ServedKind
from omectl.local.embedded.storage import Stored

_encode = msgspec.json.Encoder().encode
_META: Final = "meta.k8s.io/v1"
_NAME: Final = Column("Name", "string")
_AGE: Final = Column("Age", "date")
_PLAIN: Final = frozenset({"application/json", "application/*", "*/*", ""})


class Form(Enum):
    """Whole objects, their metadata, or rows of a table."""

    OBJECT = "Object"
    METADATA = "PartialObjectMetadata"
    TABLE = "Table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """How one answer is written: the form, the kind and version asked for, and what rows of a table carry."""

    served: ServedKind
    form: Form = Form.OBJECT
    include: str = "Metadata"
    now: datetime

    def one(self, stored: Stored) -> bytes:
        """One object."""
        if self.form is Form.OBJECT and stored.obj.get("apiVersion") == self.served.kind.api_version:
            return stored.raw
        return self.document(stored.obj)

    def document(self, obj: JsonObject) -> bytes:
        """An object that is not stored in this state, such as a deleted one."""
        if self.form is Form.OBJECT:
            return _encode({**obj, "apiVersion": self.served.kind.api_version})  # in its place, behind the kind
        if self.form is Form.METADATA:
            return _encode(_partial(obj))
        version = as_text(metadata_of(obj).get("resourceVersion"))
        return _encode(self._table([obj], {"resourceVersion": version}))

    def many(self, objects: Sequence[Stored], metadata: JsonObject) -> bytes:
        """A list with this metadata."""
        if self.form is Form.TABLE:
            return _encode(self._table([stored.obj for stored in objects], metadata))
        kind = self.served.list_kind if self.form is Form.OBJECT else "PartialObjectMetadataList"
        api_version = self.served.kind.api_version if self.form is Form.OBJECT else _META
        items = b",".join(self._item(stored) for stored in objects)
        head = _encode({"kind": kind, "apiVersion": api_version, "metadata": metadata})
        return head[:-1] + b',"items":[' + items + b"]}"

    def _item(self, stored: Stored) -> bytes:
        """An object in a list; those of built-in kinds do not say what they are there."""
        raw = self.one(stored)
        if self.form is not Form.OBJECT or self.served.custom:
            return raw
        return b"{" + raw.removeprefix(self.served.type_prefix)

    def bookmark(self, version: int, marker: str | None) -> bytes:
        """The object of a BOOKMARK event; `marker` is the value of the annotation that ends a streaming list."""
        metadata: JsonObject = {"resourceVersion": str(version)}
        if marker is not None:
            metadata["annotations"] = {"k8s.io/initial-events-end": marker}
        if self.form is Form.TABLE:
            obj: JsonObject = {"kind": self.served.kind.kind, "metadata": metadata}
            return _encode(self._table([obj], {"resourceVersion": str(version)}))
        kind: JsonObject = {"kind": self.served.kind.kind, "apiVersion": self.served.kind.api_version}
        if self.form is Form.METADATA:
            kind = {"kind": Form.METADATA.value, "apiVersion": _META}
        return _encode({**kind, "metadata": metadata})

    def _table(self, objects: Sequence[JsonObject], metadata: JsonObject) -> JsonObject:
        columns = (_NAME, *(self.served.columns or (_AGE,)))
        definitions: list[JsonValue] = [
            {
                "name": column.name,
                "type": column.type,
                "format": "name" if column is _NAME else "",
                "description": "",
                "priority": 0,
            }
            for column in columns
        ]
        rows: list[JsonValue] = [self._row(obj, columns) for obj in objects]
        return {
            "kind": "Table",
            "apiVersion": _META,
            "metadata": metadata,
            "columnDefinitions": definitions,
            "rows": rows,
        }

    def _row(self, obj: JsonObject, columns: Sequence[Column]) -> JsonObject:
        row: JsonObject = {"cells": [self._cell(obj, column) for column in columns]}
        if self.include == "Metadata":
            row["object"] = _partial(obj)
        else:
            row["object"] = obj if self.include == "Object" else None
        return row

    def _cell(self, obj: JsonObject, column: Column) -> JsonValue:
        if column is _NAME:
            return as_text(metadata_of(obj).get("name"))
        if column is _AGE:
            return self._age(metadata_of(obj).get("creationTimestamp"))
        found = at(obj, *column.path.split("."))
        return self._age(found) if column.type == "date" else found

    def _age(self, moment: JsonValue) -> str:
        """How long ago, in the largest unit that fits."""
        try:
            seconds = int((self.now - parse_time(as_text(moment))).total_seconds())
        except ValueError:
            return "<unknown>"
        for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
            if seconds >= 2 * length:
                return f"{seconds // length}{unit}"
        return f"{max(0, seconds)}s"


def parse_accept(accept: str, *, of_list: bool, custom: bool) -> Form:
    """The first form of an `Accept` header that the server has. Raises Refusal (406, 500) when there is none."""
    for clause in accept.split(","):
        media_type, *parameters = (part.strip() for part in clause.split(";"))
        if media_type not in _PLAIN:
            continue
        wanted: dict[str, str] = {}
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            wanted[name] = value
        kind = wanted.get("as")
        if kind is None:
            return Form.OBJECT
        if wanted.get("g") != "meta.k8s.io" or wanted.get("v") not in {"v1", "v1beta1"}:
            continue
        if kind == "Table":
            return Form.TABLE
        if kind == "PartialObjectMetadata":
            if of_list:
                raise statuses.not_acceptable(f"you requested {kind}, but the requested object is a list")
            return Form.METADATA
        if kind == "PartialObjectMetadataList":
            if not of_list:
                if custom:
                    raise statuses.plain_error("content is not a list")
                raise statuses.not_acceptable(f"you requested {kind}, but the requested object is not a list")
            return Form.METADATA
    raise statuses.not_acceptable()


def _partial(obj: JsonObject) -> JsonObject:
    return {"kind": Form.METADATA.value, "apiVersion": _META, "metadata": metadata_of(obj)}
