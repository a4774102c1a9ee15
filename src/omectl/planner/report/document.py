"""A report as JSON: the fields of its parts in camelCase, exact fractions as numbers."""

from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from typing import cast

from omectl.api.json import JsonObject, JsonValue
from omectl.planner.report.change import Change
from omectl.planner.report.report import SelectionReport


def as_json(report: SelectionReport) -> JsonObject:
    """The report as an object with stable keys; whatever is unknown is null, "" or an empty list."""
    return {"apiVersion": "omectl.io/v1", "kind": "SelectionReport", **_object(report)}


def _object(part: object) -> JsonObject:
    if not is_dataclass(part):
        raise TypeError(f"wanted a part of a report, found {type(part).__name__}")
    told = {_camel(one.name): _value(getattr(part, one.name)) for one in fields(part)}
    return {**told, "toFill": [*part.to_fill]} if isinstance(part, Change) else told


def _value(value: object) -> JsonValue:
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, tuple | list):
        return [_value(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, dict):
        return {str(name): _value(item) for name, item in cast("dict[object, object]", value).items()}
    return _object(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
