"""API types and objects as the JSON that a plan holds."""

from omectl.api.json import JsonObject, JsonValue
from omectl.api.wire import WireType


def as_document(part: WireType | None) -> JsonObject:
    """An API type as the JSON it was read from."""
    return part.model_dump(mode="json", by_alias=True, exclude_unset=True) if part is not None else {}


def sorted_keys(value: JsonObject) -> JsonObject:
    """The object with the keys of every object inside in alphabetical order; lists keep theirs."""
    return {key: _sorted_value(value[key]) for key in sorted(value)}


def _sorted_value(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return sorted_keys(value)
    return [_sorted_value(item) for item in value] if isinstance(value, list) else value
