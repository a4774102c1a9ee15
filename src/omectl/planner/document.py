"""Reading JSON documents whose shape nobody vouches for: what has another shape reads as absent."""

from omectl.api.json import JsonObject, JsonValue
from omectl.api.wire import WireType


def as_object(value: JsonValue) -> JsonObject:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: JsonValue) -> list[JsonObject]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_texts(value: JsonValue) -> list[str]:
    """The texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def as_text(value: JsonValue) -> str:
    """The text, or ""."""
    return value if isinstance(value, str) else ""


def as_number(value: JsonValue) -> int:
    """The whole number, or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def at(value: JsonValue, *path: str) -> JsonValue:
    """The value under these keys, None when one of them is missing."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


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
