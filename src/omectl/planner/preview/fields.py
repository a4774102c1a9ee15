"""How two versions of an object differ, field by field. Pure.

Lists whose items have a key are compared by that key, as the API server merges them; other lists item by item while
they are equally long, and as a whole when they are not. What the server keeps for itself and what omectl marks its
objects with are no differences. Values that look like a secret are never told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from omectl.api.document import as_object
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import DESIRED_HASH, OWNED_BY_UID
from omectl.api.quantity import Quantity, QuantityError
from omectl.planner.merge import MERGE_KEYS

HIDDEN: Final = "(hidden)"
_LONGEST: Final = 120
_OF_THE_SERVER: Final = frozenset(
    {"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp"}
)
_MARKS: Final[Mapping[str, str]] = {"labels": OWNED_BY_UID, "annotations": DESIRED_HASH}
_AMOUNTS: Final = frozenset({"limits", "requests"})
_SECRET_VARIABLE: Final = re.compile(
    r".*(TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIALS?|API_?KEY|ACCESS_KEY|PRIVATE_KEY)", re.ASCII | re.IGNORECASE
)
_HIDING_FLAG: Final = r"--?(?:[\w-]*-)?(?:token|password|secret|credentials?|api-key)"
_ALONE: Final = re.compile(_HIDING_FLAG, re.ASCII)
_WITH_VALUE: Final = re.compile(rf"(?<!\S)({_HIDING_FLAG})(=|\s+)(\S+)", re.ASCII)


class Edit(StrEnum):
    """What happens to a field."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    REORDER = "reorder"
    """The same items in another order; `before` and `after` are their keys."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field by its path, such as `spec.containers[main].image`; a value that is not there is None."""

    edit: Edit
    path: str
    before: JsonValue = None
    after: JsonValue = None

    def __str__(self) -> str:
        match self.edit:
            case Edit.ADD:
                return f"{self.path}: {_text(self.after)} added"
            case Edit.REMOVE:
                return f"{self.path}: {_text(self.before)} removed"
            case Edit.CHANGE:
                return f"{self.path}: {_text(self.before)} -> {_text(self.after)}"
            case Edit.REORDER:
                return f"{self.path}: order {_text(self.before)} -> {_text(self.after)}"


def field_changes(before: JsonObject, after: JsonObject, *, known_only: bool = False) -> tuple[FieldChange, ...]:
    """The fields in which `after` differs from `before`, in the order of their paths.

    With `known_only`, `after` is what somebody wants and not what the server makes of it: what only `before` has may be
    a default, and is no difference.
    """
    secret = after.get("kind", before.get("kind")) == "Secret"
    found = _Comparison(secret=secret, known_only=known_only).objects(_own(before), _own(after), "", "")
    return tuple(sorted(found, key=lambda one: one.path))


def _own(obj: JsonObject) -> JsonObject:
    """The object without its status and without what server and omectl keep for themselves."""
    metadata: JsonObject = {
        name: value for name, value in as_object(obj.get("metadata")).items() if name not in _OF_THE_SERVER
    }
    metadata.pop("ownerReferences", None)
    for name, mark in _MARKS.items():
        kept: JsonObject = {key: value for key, value in as_object(metadata.get(name)).items() if key != mark}
        metadata.pop(name, None)
        if kept:
            metadata[name] = kept
    rest: JsonObject = {name: value for name, value in obj.items() if name not in ("status", "metadata")}
    return {**rest, "metadata": metadata}


class _Comparison:
    """Of one object. `secret`: its data are hidden."""

    def __init__(self, *, secret: bool, known_only: bool) -> None:
        self._secret = secret
        self._known_only = known_only

    def objects(self, before: JsonObject, after: JsonObject, path: str, parent: str) -> Iterator[FieldChange]:
        for name in (*before, *(name for name in after if name not in before)):
            where = _joined(path, name)
            old, new = before.get(name), after.get(name)
            if self._are_nothing(old, new):
                continue
            if new is None:
                if not self._known_only:
                    yield FieldChange(Edit.REMOVE, where, self._shown(before, name, path))
            elif old is None:
                yield FieldChange(Edit.ADD, where, None, self._shown(after, name, path))
            elif isinstance(old, dict) and isinstance(new, dict):
                yield from self.objects(old, new, where, name)
            elif isinstance(old, list) and isinstance(new, list):
                yield from self._lists(before, after, name, path)
            elif not _equal(old, new, parent):
                yield FieldChange(Edit.CHANGE, where, self._shown(before, name, path), self._shown(after, name, path))

    def _are_nothing(self, old: JsonValue, new: JsonValue) -> bool:
        if self._known_only:
            return _is_nothing(old) and _is_nothing(new)
        # Both as the server has them: an empty map such as `emptyDir` says something.
        return old in (None, []) and new in (None, [])

    def _lists(self, before: JsonObject, after: JsonObject, name: str, path: str) -> Iterator[FieldChange]:
        old, new, where = _items(before[name]), _items(after[name]), _joined(path, name)
        keys = keys_of(name, [*old, *new])
        if keys is not None:
            yield from self._keyed(_by_key(old, keys), _by_key(new, keys), where)
        elif len(old) == len(new) and all(isinstance(item, dict) for item in (*old, *new)):
            for number, (one, other) in enumerate(zip(old, new, strict=True)):
                yield from self.objects(as_object(one), as_object(other), f"{where}[{number}]", "")
        elif not _alike(before[name], after[name]):
            yield FieldChange(Edit.CHANGE, where, self._shown(before, name, path), self._shown(after, name, path))

    def _keyed(
        self, before: Mapping[str, JsonObject], after: Mapping[str, JsonObject], path: str
    ) -> Iterator[FieldChange]:
        for key, item in before.items():
            where = f"{path}[{key}]"
            if key in after:
                yield from self.objects(item, after[key], where, "")
            elif not self._known_only:
                yield FieldChange(Edit.REMOVE, where, masked(item))
        for key, item in after.items():
            if key not in before:
                yield FieldChange(Edit.ADD, f"{path}[{key}]", None, masked(item))
        old, new = [key for key in before if key in after], [key for key in after if key in before]
        if old != new:
            yield FieldChange(Edit.REORDER, path, list[JsonValue](old), list[JsonValue](new))

    def _shown(self, holder: JsonObject, name: str, path: str) -> JsonValue:
        """The value of a field as it may be told."""
        in_data = not path and name in ("data", "stringData")
        if self._secret and (in_data or path in ("data", "stringData")):
            return HIDDEN
        return as_object(masked({"name": holder.get("name"), name: holder[name]})).get(name)


def masked(value: JsonValue) -> JsonValue:
    """The value with what looks like a secret replaced: variables by their name, arguments by their flag."""
    if isinstance(value, dict):
        named = value.get("name")
        hides = isinstance(named, str) and _SECRET_VARIABLE.fullmatch(named) is not None
        return {key: HIDDEN if hides and key == "value" else masked(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    shown: list[JsonValue] = []
    hides = False
    for item in value:
        if not isinstance(item, str):
            shown.append(masked(item))
        else:
            shown.append(HIDDEN if hides else _WITH_VALUE.sub(rf"\1\2{HIDDEN}", item))
        hides = isinstance(item, str) and _ALONE.fullmatch(item) is not None
    return shown


def keys_of(name: str, items: Sequence[JsonValue]) -> tuple[str, ...] | None:
    """The fields that tell the items of the list `name` apart; None when they have no such fields."""
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) < len(items):
        return None
    wanted = MERGE_KEYS.get(name, ())
    if name == "ports" and not any("containerPort" in item for item in objects):
        wanted = ("port", "protocol")
    return wanted if wanted and all(any(key in item for key in wanted) for item in objects) else None


def _by_key(items: Sequence[JsonValue], keys: tuple[str, ...]) -> dict[str, JsonObject]:
    """Items by what tells them apart; a second one of the same key gets a number, so that none is lost."""
    found: dict[str, JsonObject] = {}
    for item in items:
        fields = as_object(item)
        key = ",".join(str(fields[one]) for one in keys if one in fields)
        number, unique = 1, key
        while unique in found:
            number += 1
            unique = f"{key}#{number}"
        found[unique] = fields
    return found


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _joined(path: str, name: str) -> str:
    simple = "." not in name and "/" not in name
    if not path:
        return name
    return f"{path}.{name}" if simple else f"{path}[{name}]"


def _is_nothing(value: JsonValue) -> bool:
    """Absent, or what a typed serialisation leaves out, also when nested: null, or an empty list or map."""
    if isinstance(value, dict):
        return all(_is_nothing(inner) for inner in value.values())
    return value is None or value == []


def _alike(old: JsonValue, new: JsonValue) -> bool:
    """Whether they are written alike: in Python False equals 0, also deep in a list."""
    return old == new and msgspec.json.encode(old, order="sorted") == msgspec.json.encode(new, order="sorted")


def _equal(old: JsonValue, new: JsonValue, parent: str) -> bool:
    if _alike(old, new):
        return True
    if parent not in _AMOUNTS or not isinstance(old, str | int) or not isinstance(new, str | int):
        return False
    if isinstance(old, bool) or isinstance(new, bool):
        return False
    try:
        return Quantity.parse(old) == Quantity.parse(new)
    except QuantityError:
        return False


def _text(value: JsonValue) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
