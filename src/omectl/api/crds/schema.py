"""Structural schemas from the API types."""

from types import NoneType, UnionType
from typing import Annotated, Union, cast, get_args, get_origin

from omectl.api.crds.pods import pod_type
from omectl.api.json import JsonObject
from omectl.api.wire import PodPart, Required, SchemaPart, WireType, wire_name


class UnmappedTypeError(TypeError):
    """A field of an API type has a Python type that no schema stands for."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"wanted a type that a structural schema can express, found {found}; see omectl.api.wire")


def object_schema(cls: type[WireType]) -> JsonObject:
    """The schema of an API type: its own fields, and those of the core/v1 type that it inlines."""
    properties: JsonObject = {}
    required: list[str] = []
    if cls.inlined:
        inlined = pod_type(cls.inlined)
        properties |= cast("JsonObject", inlined["properties"])
        required += cast("list[str]", inlined.get("required", []))
    for attribute, info in cls.model_fields.items():
        name = wire_name(attribute)
        schema = _type_schema(info.annotation) | _keywords(info.metadata)
        marker = next((item for item in info.metadata if isinstance(item, Required)), None)
        default: object = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, str | int) and (marker is None or marker.defaulted):
            schema["default"] = default
        properties[name] = _pod_schema(info.metadata) or schema
        if marker or info.is_required():
            required.append(name)
    result: JsonObject = {"type": "object"}
    if properties:
        result["properties"] = properties
    if required:
        result["required"] = [*sorted(required)]
    return result


def _type_schema(annotation: object) -> JsonObject:
    unmapped = UnmappedTypeError(str(annotation))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        markers = arguments[1:]
        return _pod_schema(markers) or _type_schema(arguments[0]) | _keywords(markers)
    if origin in (Union, UnionType):
        members = [argument for argument in arguments if argument is not NoneType]
        if len(members) == 1:
            return _type_schema(members[0])
        return {"anyOf": [_type_schema(member) for member in members]}
    if origin is tuple:
        return {"type": "array", "items": _type_schema(arguments[0])}
    if annotation == JsonObject:
        return {"type": "object"}
    if origin is dict:
        return {"type": "object", "additionalProperties": _type_schema(arguments[1])}
    plain = _PLAIN.get(annotation)
    if plain:
        return {"type": plain}
    if isinstance(annotation, type) and issubclass(annotation, WireType):
        return object_schema(annotation)
    raise unmapped


_PLAIN: dict[object, str] = {str: "string", bool: "boolean", int: "integer"}


def _pod_schema(markers: list[object] | tuple[object, ...]) -> JsonObject | None:
    part = next((marker for marker in markers if isinstance(marker, PodPart)), None)
    return pod_type(part.definition) | _keywords(markers) if part else None


def _keywords(markers: list[object] | tuple[object, ...]) -> JsonObject:
    result: JsonObject = {}
    for marker in markers:
        if isinstance(marker, SchemaPart):
            result |= marker.keywords
    return result
