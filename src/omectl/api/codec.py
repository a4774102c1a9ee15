"""Between raw JSON objects and API types."""

from typing import Final, TypeVar

from pydantic import ValidationError

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.benchmark_job import BenchmarkJob
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.api.kinds import API_VERSION
from omectl.api.object import Resource
from omectl.api.resource import key_of
from omectl.api.serving_runtime import ClusterServingRuntime, ServingRuntime
from omectl.api.wire import FROM_THE_WIRE

TYPES: Final[dict[str, type[Resource]]] = {
    cls.resource_kind.kind: cls
    for cls in (
        BaseModel,
        ClusterBaseModel,
        FineTunedWeight,
        ServingRuntime,
        ClusterServingRuntime,
        InferenceService,
        BenchmarkJob,
        AcceleratorClass,
    )
}
"""The type of each of our kinds."""

AnyResource = TypeVar("AnyResource", bound=Resource)


class DecodeError(Exception):
    """A raw object does not have the shape of its kind. `field` is a path such as `spec.storage.storageUri`."""

    def __init__(self, kind: str, name: str, field: str, found: str, wanted: str) -> None:
        self.kind, self.name, self.field, self.found, self.wanted = kind, name, field, found, wanted
        super().__init__(kind, name, field, found, wanted)

    def __str__(self) -> str:
        subject = f"{self.kind} {self.name or '(no name)'}"
        return f"{subject}: {self.field}: wanted {self.wanted}, found {self.found}; correct the manifest"


def decode(raw: JsonObject) -> Resource:
    """The object as the type of its `kind`.

    Raises: `DecodeError` when the API version or the kind is not ours, or a field has another shape.
    """
    kind, version = raw.get("kind"), raw.get("apiVersion")
    cls = TYPES.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise DecodeError(_text(kind), str(key_of(raw)), "kind", _text(kind), f"one of {', '.join(TYPES)}")
    if version != API_VERSION:
        raise DecodeError(_text(kind), str(key_of(raw)), "apiVersion", _text(version), API_VERSION)
    return decode_as(cls, raw)


def decode_as(cls: type[AnyResource], raw: JsonObject) -> AnyResource:
    """The object as `cls`, whatever it says its kind is (items of a list may not say it).

    Raises: `DecodeError` when a field has another shape.
    """
    try:
        return cls.model_validate(raw, context=FROM_THE_WIRE)
    except ValidationError as error:
        raise _decode_error(cls.resource_kind.kind, raw, error) from None


def encode(resource: Resource) -> JsonObject:
    """The object as JSON: what was read, with what was replaced since. It always says its version and kind."""
    written: JsonObject = resource.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if written.get("apiVersion") and written.get("kind"):
        return written
    return {**written, "apiVersion": resource.resource_kind.api_version, "kind": resource.resource_kind.kind}


def _decode_error(kind: str, raw: JsonObject, error: ValidationError) -> DecodeError:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "missing":
        found, wanted = "nothing", "a value"
    else:
        found, wanted = _text(first["input"]), _wanted(first["type"], first["msg"])
    return DecodeError(kind, str(key_of(raw)), ".".join(path), found, wanted)


_WANTED: Final = {
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "dict_type": "an object",
    "model_type": "an object",
    "tuple_type": "a list",
}


def _wanted(kind: str, message: str) -> str:
    return _WANTED.get(kind) or message[:1].lower() + message[1:]


def _text(value: object) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return f"{type(value).__name__} {text}" if len(text) <= 80 else f"{type(value).__name__} {text[:77]}..."
