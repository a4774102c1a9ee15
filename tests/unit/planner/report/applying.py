"""Making the changes that a report tells, in objects as they stand in files: word for word, and nothing else."""

import copy
import re
from collections.abc import Iterable
from typing import Any

from omectl.planner.report import Change

Json = Any
_STEP = re.compile(r"\.?(?P<name>[A-Za-z][A-Za-z0-9]*)|\[(?P<index>[0-9]+)\]|\[(?P<key>[^\]]+)\]")


FILLS = {
    "<image>": "registry.example/engine:1",
    "<size>": "8B",
    "<format>": "safetensors",
    "<format version>": "1.0.0",
    "<framework>": "transformers",
    "<framework version>": "4.43.0",
    "<version>": "4.43.0",
    "<architecture>": "Llama",
    "<memory>": "80Gi",
    "<price>": "1",
}
"""What the user puts in where a change asks for it."""


def applied(changes: Iterable[Change], objects: Iterable[Json]) -> list[Json]:
    """The objects with every change made. Raises what tells that a change cannot be made: `KeyError`, `IndexError`."""
    made = {f"{one['kind']} {one['metadata']['name']}": copy.deepcopy(one) for one in objects}
    for change in changes:
        _apply(made[change.object], change)
    return list(made.values())


def steps(field: str) -> list[str | int]:
    """The names, numbers and keys of a path: `spec.a[0].b`, `metadata.annotations[ome.io/x]`."""
    found: list[str | int] = []
    at = 0
    while at < len(field):
        match = _STEP.match(field, at)
        assert match is not None, f"{field!r} is no path at {at}"
        found.append(int(match["index"]) if match["index"] is not None else match["name"] or match["key"])
        at = match.end()
    return found


def filled_in(value: Json) -> Json:
    """The value with what the user knows."""
    if isinstance(value, dict):
        return {name: filled_in(item) for name, item in value.items()}
    if isinstance(value, list):
        return [filled_in(item) for item in value]
    return FILLS.get(value, value) if isinstance(value, str) else value


def _apply(obj: Json, change: Change) -> None:
    *way, last = steps(change.field)
    place, value = obj, filled_in(change.value)
    for step in way:
        if isinstance(step, int):
            place = place[step]
            continue
        if place.get(step) is None:
            if value is None:
                return
            place[step] = {}
        place = place[step]
    if last == "-":
        place.append(value)
    elif value is not None:
        place[last] = value
    elif isinstance(last, int):
        del place[last]
    else:
        place.pop(last, None)
