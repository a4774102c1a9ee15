"""The difference of two JSON documents as a JSON patch (RFC 6902). No input or output.

Only what an admission answer needs: `add`, `remove` and `replace`, each where the documents differ and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

from omectl.api.json import JsonObject, JsonValue


def diff(before: JsonValue, after: JsonValue) -> list[JsonObject]:
    """The operations that turn `before` into `after`, to be applied in order; none when they are equal.

    Values are equal when they are of one type and content: 1, 1.0 and true are three.
    """
    return list(_changes("", before, after))


def _changes(path: str, before: JsonValue, after: JsonValue) -> Iterator[JsonObject]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _object_changes(path, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(path, before, after)
    elif not _same(before, after):
        yield {"op": "replace", "path": path, "value": after}


def _object_changes(path: str, before: JsonObject, after: JsonObject) -> Iterator[JsonObject]:
    for name in before:
        if name not in after:
            yield {"op": "remove", "path": f"{path}/{_escaped(name)}"}
    for name, value in after.items():
        place = f"{path}/{_escaped(name)}"
        if name in before:
            yield from _changes(place, before[name], value)
        else:
            yield {"op": "add", "path": place, "value": value}


def _list_changes(path: str, before: list[JsonValue], after: list[JsonValue]) -> Iterator[JsonObject]:
    """What is equal at both ends stays; of the middle, places are compared one by one and the rest added or removed."""
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and _same(before[start], after[start]):
        start += 1
    tail = 0
    while tail < shorter - start and _same(before[-1 - tail], after[-1 - tail]):
        tail += 1
    old, new = before[start : len(before) - tail], after[start : len(after) - tail]
    common = min(len(old), len(new))
    for offset in range(common):
        yield from _changes(f"{path}/{start + offset}", old[offset], new[offset])
    for index in range(start + len(old) - 1, start + common - 1, -1):
        yield {"op": "remove", "path": f"{path}/{index}"}
    for offset in range(common, len(new)):
        yield {"op": "add", "path": f"{path}/{start + offset}", "value": new[offset]}


def _same(one: JsonValue, other: JsonValue) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
