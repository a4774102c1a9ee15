"""Reading a JSON document of a model that somebody else wrote.

The standard library's reader is used here and not msgspec: Hugging Face files carry `NaN` and `Infinity`
tokens, and a repeated key must be refused. Depth, size and digits are bounded, so that no document
costs more than a moment or ends in anything but a value or a `ModelParseError`.
"""

import json
import math
from dataclasses import dataclass
from typing import cast

from omectl.api.json import JsonObject, JsonValue
from omectl.modelparser.errors import ModelParseError

MAX_DOCUMENT = 4 << 20
"""Largest configuration file that is read, in bytes."""
_MAX_NESTING = 200
_MAX_DIMENSION = 2**31 - 1
_UNLIMITED = 10**15
"""Tokenizers write lengths like 1e30 for "no limit"."""


class _RepeatedKeyError(ValueError):
    pass


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(key)
            seen.add(key)
    return result


def read_object(path: str, data: bytes, *, limit: int = MAX_DOCUMENT) -> JsonObject:
    """The JSON object in `data`; `ModelParseError` for anything else."""
    value = _read(path, data, limit, "a JSON object")
    if not isinstance(value, dict):
        raise ModelParseError(path, "", _kind(value), "a JSON object")
    return cast("JsonObject", value)


def read_array(path: str, data: bytes, *, limit: int = MAX_DOCUMENT) -> list[JsonValue]:
    """The JSON list in `data`; `ModelParseError` for anything else."""
    value = _read(path, data, limit, "a JSON list")
    if not isinstance(value, list):
        raise ModelParseError(path, "", _kind(value), "a JSON list")
    return cast("list[JsonValue]", value)


def _read(path: str, data: bytes, limit: int, wanted: str) -> object:
    if len(data) > limit:
        raise ModelParseError(path, "", f"{len(data)} bytes", f"at most {limit} bytes")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise ModelParseError(path, "", "UTF-16, UTF-32 or binary data", "JSON in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelParseError(path, "", f"byte {data[error.start]:#x} at {error.start}", "JSON in UTF-8") from error
    if _nesting(text) > _MAX_NESTING:
        raise ModelParseError(path, "", "deeply nested data", f"at most {_MAX_NESTING} levels")
    try:
        value: object = json.loads(text, object_pairs_hook=_unique)
    except _RepeatedKeyError as error:
        raise ModelParseError(path, str(error), "a repeated key", "each key once") from error
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno} column {error.colno}" if text.strip() else "an empty file"
        raise ModelParseError(path, "", where, wanted) from error
    except (RecursionError, ValueError) as error:
        raise ModelParseError(path, "", "a number of too many digits", "numbers below 4300 digits") from error
    if "\\ud" in text.lower():
        _refuse_half_characters(path, value)
    return value


def _refuse_half_characters(path: str, value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ModelParseError(path, "", "half of a surrogate pair", "whole characters") from error


def _nesting(text: str) -> int:
    """An upper bound of the depth: brackets inside strings count too, which real files never have in numbers."""
    depth = deepest = 0
    for character in text if text.count("[") + text.count("{") > _MAX_NESTING else "":
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _one(value: JsonValue) -> JsonValue:
    """The number that a list repeats for each layer or side; any other value as it is."""
    if isinstance(value, list) and len(value) > 1 and all(item == value[0] for item in value):
        return value[0]
    return value


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {value[:60]!r}"
        case int() | float():
            return f"the number {value}" if not isinstance(value, int) or value.bit_length() < 400 else "a huge number"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "something else"


@dataclass(frozen=True, slots=True)
class Section:
    """An object of a document with where it stands, read field by field.

    A missing field, `null` and `NaN` are all "not said" (None). A field that is asked for and has the
    wrong type or range raises `ModelParseError`; fields nobody asks for are never looked at.
    """

    path: str
    values: JsonObject
    prefix: str = ""

    def integer(self, *names: str, minimum: int = 1, maximum: int = _MAX_DIMENSION) -> int | None:
        """The first of `names` that is said, as an integer in the range; `4096.0` reads as 4096, `[8, 8]` as 8."""
        for name in names:
            value = _one(self.values.get(name))
            if value is None or (isinstance(value, float) and math.isnan(value)):
                continue
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
                raise self.error(name, f"an integer from {minimum} to {maximum}")
            return value
        return None

    def length(self, *names: str) -> int | None:
        """A context length: like `integer`, but absurdly large values mean "no limit" and count as not said."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and _UNLIMITED <= value < math.inf:
                continue
            found = self.integer(name, minimum=0)
            if found:
                return found
        return None

    def number(self, name: str) -> float | None:
        """A number that only helps: None when it isn't said, isn't a number or is beyond all measure."""
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _UNLIMITED:
            return None
        return float(value)

    def text(self, *names: str) -> str | None:
        """The first of `names` that is a non-empty text; surrounding white space is dropped."""
        for name in names:
            value = self.values.get(name)
            if value is None:
                continue
            if not isinstance(value, str):
                raise self.error(name, "a text")
            if not value.strip().isprintable() or len(value) > 1000:
                raise self.error(name, "a printable text below 1000 characters")
            if value.strip():
                return value.strip()
        return None

    def hint(self, name: str) -> str:
        """A text that only helps: "" when it isn't said or isn't a text, cut to a sensible length."""
        value = self.values.get(name)
        return value[:1000] if isinstance(value, str) else ""

    def flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        return value if isinstance(value, bool) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list; anything else is not said."""
        value = self.values.get(name)
        if not isinstance(value, list):
            return ()
        return tuple(item for item in value if isinstance(item, str))

    def section(self, *names: str) -> "Section | None":
        """The first of `names` that holds an object."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, dict):
                return Section(self.path, cast("JsonObject", value), f"{self.prefix}{name}.")
        return None

    def has(self, name: str) -> bool:
        """Whether the field is said: present and not null."""
        return self.values.get(name) is not None

    def error(self, name: str, wanted: str) -> ModelParseError:
        return ModelParseError(self.path, self.prefix + name, _kind(self.values.get(name)), wanted)
