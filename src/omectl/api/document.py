"""Reading JSON documents whose shape nobody vouches for: what has another shape reads as absent."""

from omectl.api.json import JsonObject, JsonValue


def as_object(value: JsonValue) -> JsonObject:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: JsonValue) -> list[JsonValue]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


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


def text_values(value: JsonValue) -> dict[str, str]:
    """The entries of an object whose values are texts, such as labels or a ConfigMap's data."""
    return {key: text for key, text in as_object(value).items() if isinstance(text, str)}


def at(value: JsonValue, *path: str) -> JsonValue:
    """The value under these keys, None when one of them is missing."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value
