"""Where pods may run: the node selectors and affinities of several authors, combined.

Every author's demand on nodes holds. Required node terms are alternatives of one author, so those of two are combined
pair by pair; everything else is a list in which each item counts for itself.
"""

from collections.abc import Sequence
from typing import Final

from omectl.api.document import as_list, as_object, as_objects, at
from omectl.api.json import JsonObject, JsonValue
from omectl.planner.class_use import ClassUse

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
MOST_TERMS: Final = 500
"""More alternatives than this make an object that no API server takes."""
_TERM_PARTS: Final = ("matchExpressions", "matchFields")


def selector_conflicts(before: JsonObject, use: ClassUse, own: Sequence[JsonObject]) -> tuple[str, ...]:
    """In words, where the runtime (`before`) or the service (`own`) wants another value of a label than the class."""
    stated = {key: value for one in own for key, value in one.items() if value is not None}
    found: list[str] = []
    for key, value in use.node_selector.items():
        other = stated.get(key, before.get(key, value))
        if other == value:
            continue
        winner, loser = (other, value) if key in stated else (value, other)
        whose = "the service's" if key in stated else f"AcceleratorClass {use.name}'s"
        found.append(f"nodeSelector {key}: {whose} {winner} counts, not {loser}")
    return tuple(found)


def required_terms(affinity: JsonObject) -> list[JsonObject]:
    """The alternatives that a node has to satisfy one of."""
    return as_objects(at(affinity, "nodeAffinity", _REQUIRED, "nodeSelectorTerms"))


def combined_affinity(first: JsonObject, second: JsonObject) -> JsonObject:
    """The affinity that holds when both do. A term that says nothing matches no node, and is kept as such."""
    made: JsonObject = {}
    for kind in sorted(first.keys() | second.keys()):
        one, other = as_object(first.get(kind)), as_object(second.get(kind))
        if not one or not other:
            made[kind] = one or other
        elif kind == "nodeAffinity":
            made[kind] = _combined_node_affinity(one, other)
        else:
            made[kind] = _concatenated(one, other)
    return {kind: value for kind, value in made.items() if value}


def _combined_node_affinity(first: JsonObject, second: JsonObject) -> JsonObject:
    made = _concatenated(
        {key: value for key, value in first.items() if key != _REQUIRED},
        {key: value for key, value in second.items() if key != _REQUIRED},
    )
    required = [as_object(one.get(_REQUIRED)) for one in (first, second) if one.get(_REQUIRED)]
    if len(required) == 1:
        made[_REQUIRED] = required[0]
    elif required:
        ours, theirs = (as_objects(one.get("nodeSelectorTerms")) for one in required)
        terms: list[JsonValue] = [_both(one, other) for one in ours for other in theirs]
        made[_REQUIRED] = {"nodeSelectorTerms": terms}
    return made


def _both(first: JsonObject, second: JsonObject) -> JsonObject:
    """A term that matches what both match; an empty one matches nothing, so both together do not either."""
    if not any(first.get(part) for part in _TERM_PARTS) or not any(second.get(part) for part in _TERM_PARTS):
        return {}
    joined = {part: _without_repeats(as_list(first.get(part)), as_list(second.get(part))) for part in _TERM_PARTS}
    return {part: items for part, items in joined.items() if items}


def _concatenated(first: JsonObject, second: JsonObject) -> JsonObject:
    return {
        key: _without_repeats(as_list(first.get(key)), as_list(second.get(key)))
        for key in sorted(first.keys() | second.keys())
    }


def _without_repeats(first: list[JsonValue], second: list[JsonValue]) -> list[JsonValue]:
    return [*first, *(item for item in second if item not in first)]
