"""Who owns which field: `managedFields`, and server-side apply on top of it. Pure.

Coarser than the real server, which knows each kind's schema: here objects are followed key by key, and a list is one
field, owned and replaced as a whole; but for finalizers (a set of texts) and owner references (by `uid`), which every
kind has. So two managers can't each own some containers of one pod template.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from omectl.api.document import as_list, as_object, as_objects, as_text
from omectl.api.json import JsonObject, JsonValue
from omectl.clock import format_time
from omectl.kube.owners import metadata_of
from omectl.local.embedded import statuses

Path: TypeAlias = tuple[str, ...]
"""Steps in the form of FieldsV1 (`f:spec`, `v:"x"`, `k:{"uid":"1"}`). An object is a field beside those in it."""

_FINALIZERS: Final = ("f:metadata", "f:finalizers")
_OWNERS: Final = ("f:metadata", "f:ownerReferences")
_SERVERS: Final = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "name",
        "namespace",
        "selfLink",
    }
)


@dataclass(slots=True)
class Manager:
    """One entry of `managedFields`."""

    name: str
    operation: str
    api_version: str
    subresource: str
    time: str
    paths: set[Path] = field(default_factory=set[Path])

    @property
    def who(self) -> str:
        """As a conflict names it."""
        by = f' with subresource "{self.subresource}"' if self.subresource else ""
        return f'"{self.name}"{by}' if self.operation == "Apply" else f'"{self.name}"{by} using {self.api_version}'

    def is_same(self, name: str, operation: str, api_version: str, subresource: str) -> bool:
        """Whether a write by this manager goes to this entry."""
        mine = (self.name, self.operation, self.api_version, self.subresource)
        return mine == (name, operation, api_version, subresource)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: manager, and the subresource by which."""

    name: str
    api_version: str
    now: datetime
    subresource: str = ""


def tracked(old: JsonObject | None, new: JsonObject, writer: Writer) -> None:
    """Record in `new` that the writer changed what differs from `old`, and that who owned it owns it no longer."""
    asked = metadata_of(new).get("managedFields")
    if isinstance(asked, list) and asked == [{}]:
        metadata_of(new)["managedFields"] = []
        return
    managers = _read(asked or metadata_of(old or {}).get("managedFields"))
    before, after = _leaves(old or {}), _leaves(new)
    changed = _changed(before, after)
    for manager in managers:
        if not manager.is_same(writer.name, "Update", writer.api_version, writer.subresource):
            manager.paths -= changed
        manager.paths &= after.keys()
    if changed & after.keys():
        _entry(managers, writer, "Update").paths |= changed & after.keys()
    _write(new, managers, writer, operation="Update" if changed else None)


def applied(old: JsonObject | None, wanted: JsonObject, writer: Writer, *, force: bool) -> JsonObject:
    """What an apply makes of an object. Raises Refusal (409) with every field that another manager owns."""
    base: JsonObject = copy.deepcopy(old) if old is not None else {}
    managers = _read(metadata_of(base).get("managedFields"))
    mine = _entry(managers, writer, "Apply")
    others = [manager for manager in managers if manager is not mine]
    intended = {path for path, value in _leaves(wanted).items() if not _is_shared(path, value)}
    live = _leaves(base)
    result = as_object(_laid_over(base, wanted))
    kept = intended.union(*(manager.paths for manager in others))
    for path in sorted(mine.paths - kept, key=len, reverse=True):
        _remove(result, path)
    metadata = metadata_of(result)
    for name in [name for name, value in metadata.items() if value in (None, {}, [])]:
        del metadata[name]
    after = _leaves(result)
    changed = _changed(live, after)
    if not force:
        conflicts = [
            (manager.who, _dotted(path))
            for manager in others
            for path in sorted(manager.paths & changed & after.keys(), key=_members_first)
        ]
        if conflicts:
            raise statuses.manager_conflicts(conflicts)
    mine.paths = intended
    for manager in others:
        manager.paths -= changed
    for manager in managers:
        manager.paths &= after.keys()
    _write(result, managers, writer, operation="Apply")
    return result


def _members_first(path: Path) -> tuple[tuple[bool, str], ...]:
    """The order in which the server names fields: those of an object before those of the objects in it."""
    last = len(path) - 1
    return tuple((depth < last, step) for depth, step in enumerate(path))


def _changed(before: dict[Path, JsonValue], after: dict[Path, JsonValue]) -> set[Path]:
    """The fields that came, went or have another value."""
    return {
        path
        for path in before.keys() | after.keys()
        if path not in before or path not in after or before[path] != after[path]
    }


def _entry(managers: list[Manager], writer: Writer, operation: str) -> Manager:
    for manager in managers:
        if manager.is_same(writer.name, operation, writer.api_version, writer.subresource):
            return manager
    made = Manager(writer.name, operation, writer.api_version, writer.subresource, "")
    managers.append(made)
    return made


def _read(value: JsonValue) -> list[Manager]:
    return [
        Manager(
            as_text(entry.get("manager")),
            as_text(entry.get("operation")),
            as_text(entry.get("apiVersion")),
            as_text(entry.get("subresource")),
            as_text(entry.get("time")),
            _paths(as_object(entry.get("fieldsV1"))),
        )
        for entry in as_objects(value)
    ]


def _write(obj: JsonObject, managers: list[Manager], writer: Writer, *, operation: str | None) -> None:
    """Put the managers into the object; the writer's entry for the operation gets the time."""
    if operation is not None:
        for manager in managers:
            if manager.is_same(writer.name, operation, writer.api_version, writer.subresource):
                manager.time = format_time(writer.now)
    listed: list[JsonValue] = []
    for manager in sorted(managers, key=lambda found: (found.operation, found.time, found.name)):
        if not manager.paths:
            continue
        entry: JsonObject = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": manager.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(manager.paths),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        listed.append(entry)
    if listed:
        metadata_of(obj)["managedFields"] = listed
    else:
        metadata_of(obj).pop("managedFields", None)


def _leaves(obj: JsonObject) -> dict[Path, JsonValue]:
    """Every field that somebody can own, and what is in it: `{}` for what has fields of its own."""
    found: dict[Path, JsonValue] = {}
    for name, value in obj.items():
        if name == "metadata":
            for part, inner in as_object(value).items():
                if part not in _SERVERS:
                    _collect(("f:metadata", f"f:{part}"), inner, found)
        elif name not in {"apiVersion", "kind"}:
            _collect((f"f:{name}",), value, found)
    return found


def _collect(path: Path, value: JsonValue, found: dict[Path, JsonValue]) -> None:
    if value is None:
        found[path] = {}  # null is an object without fields as well as any other value that is not there
    elif isinstance(value, dict):
        found[path] = {}
        for name, inner in value.items():
            _collect((*path, f"f:{name}"), inner, found)
    elif path == _FINALIZERS:
        found[path] = {}
        for item in as_list(value):
            found[*path, f"v:{_json(item)}"] = item
    elif path == _OWNERS:
        found[path] = {}
        for item in as_objects(value):
            found[*path, f"k:{_json({'uid': item.get('uid')})}"] = item
    else:
        found[path] = value


def _is_shared(path: Path, value: JsonValue) -> bool:
    """Whether a path is one of the metadata's maps and lists themselves, which nobody owns by applying."""
    return path[0] == "f:metadata" and len(path) == 2 and value == {}


def _json(value: JsonValue) -> str:
    return msgspec.json.encode(value).decode()


def _laid_over(base: JsonValue, wanted: JsonValue, path: Path = ()) -> JsonValue:
    if isinstance(wanted, dict) and isinstance(base, dict):
        result = dict(base)
        for name, value in wanted.items():
            result[name] = _laid_over(base.get(name), value, (*path, name))
        return result
    if path == ("metadata", "finalizers") and isinstance(base, list):
        return _interleaved(base, as_list(wanted), _json)
    if path == ("metadata", "ownerReferences") and isinstance(base, list):
        return _interleaved(base, as_list(wanted), lambda item: as_text(as_object(item).get("uid")))
    return copy.deepcopy(wanted)


def _interleaved(base: list[JsonValue], wanted: list[JsonValue], key: Callable[[JsonValue], str]) -> list[JsonValue]:
    """Both lists without repeating a key: what is applied in its own order, the rest of the live ones before it."""
    applied_keys = {key(item) for item in wanted}
    rest = list(base)
    result: list[JsonValue] = []
    done: set[str] = set()
    for item in wanted:
        while rest and (key(rest[0]) not in applied_keys or key(rest[0]) in done):
            kept = rest.pop(0)
            result += [kept] if key(kept) not in applied_keys else []
        result.append(item)
        done.add(key(item))
    return [*result, *(item for item in rest if key(item) not in applied_keys)]


def _remove(obj: JsonObject, path: Path) -> None:
    """Take a field out; what still has fields of others in it stays, and an object that loses its last is null."""
    above: JsonObject = obj
    parent: JsonValue = obj
    *way, last = path
    for step in way:
        if isinstance(parent, dict):
            above, parent = parent, parent.get(step[2:])
    if isinstance(parent, dict):
        left = parent.get(last[2:])
        if not left or not (isinstance(left, dict) or path in {_FINALIZERS, _OWNERS}):
            parent.pop(last[2:], None)
            if not parent and way:
                above[way[-1][2:]] = None
    elif isinstance(parent, list) and not last.startswith("f:"):
        wanted = msgspec.json.decode(last[2:])
        if last.startswith("k:"):
            parent[:] = [item for item in parent if as_object(item).get("uid") != wanted["uid"]]
        else:
            parent[:] = [item for item in parent if item != wanted]


def _paths(tree: JsonObject, path: Path = ()) -> set[Path]:
    """The paths of a FieldsV1 tree: "." in a node with others says that the node itself is one of them."""
    found: set[Path] = set()
    for step, inner in tree.items():
        children = as_object(inner)
        if step == ".":
            found.add(path)
        elif children:
            found |= _paths(children, (*path, step))
        else:
            found.add((*path, step))
    return found


def _tree(paths: set[Path]) -> JsonObject:
    tree: JsonObject = {}
    for path in sorted(paths):
        place = tree
        for depth, step in enumerate(path, 1):
            if step not in place and path[: depth - 1] in paths:
                place.setdefault(".", {})
            inner = place.setdefault(step, {})
            assert isinstance(inner, dict)
            place = inner
    return tree


def _dotted(path: Path) -> str:
    text = ""
    for step in path:
        kind, rest = step[:2], step[2:]
        if kind == "f:":
            text += f".{rest}"
        elif kind == "v:":
            text += f"[={rest}]"
        else:
            key = as_object(msgspec.json.decode(rest))
            text += "[" + ",".join(f"{name}={_json(value)}" for name, value in key.items()) + "]"
    return text
