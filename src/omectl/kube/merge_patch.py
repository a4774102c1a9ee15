"""JSON merge patches (RFC 7386): computing one from two trees, and applying one. Pure."""

from omectl.api.json import JsonObject, JsonValue
from omectl.kube.owners import metadata_of


def merge_patch_from(base: JsonObject, changed: JsonObject, *, optimistic: bool = False) -> JsonObject:
    """The patch that makes `changed` of `base`: null removes, lists are replaced whole. Empty when they are equal.

    A field that `changed` holds as null is removed: a merge patch can't say "null". `optimistic` adds the base's
    resourceVersion, so that the server refuses the patch (Conflict) when the object has changed since; ValueError when
    the base has none. A patch of nothing stays empty.
    """
    patch = _difference(base, changed)
    if optimistic and patch:
        version = metadata_of(base).get("resourceVersion")
        if not version:
            raise ValueError(
                "wanted a base with a resourceVersion, found none; read the object first, or patch without precondition"
            )
        metadata = patch.get("metadata")
        patch["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), "resourceVersion": version}
    return patch


def apply_merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """What a server makes of `target`; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged: JsonObject = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = apply_merge_patch(merged.get(name), value)
    return merged


def _difference(base: JsonObject, changed: JsonObject) -> JsonObject:
    patch: JsonObject = {name: None for name, value in base.items() if value is not None and changed.get(name) is None}
    for name, value in changed.items():
        old = base.get(name)
        if value is None or same_json(old, value):
            continue
        if not isinstance(old, dict) or not isinstance(value, dict):
            patch[name] = value
        elif inner := _difference(old, value):
            patch[name] = inner
    return patch


def same_json(one: JsonValue, other: JsonValue) -> bool:
    """Equal as JSON: unlike in Python, true is not 1, and inside of lists and objects neither."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
