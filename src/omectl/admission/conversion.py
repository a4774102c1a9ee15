"""ConversionReview: objects of one version turned into another. No input or output.

One version is the hub; every other one knows the way there and back. Between two spokes the way leads through the hub.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from omectl.admission.review import ReviewInvalid, decode_review
from omectl.api.document import as_list, as_object, as_text
from omectl.api.json import JsonObject, JsonValue
from omectl.manager.errors import ManagerError

_VERSIONS = ("apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1")
_FREE_METADATA = ("labels", "annotations")

Converter: TypeAlias = Callable[[JsonObject], JsonObject]
"""Turns a private copy of an object into the other version; need not touch `apiVersion`."""


class ConversionFailed(ManagerError, ValueError):
    """An object that can't be converted; the text is what the user reads."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """The way of a version to the hub, and back."""

    to_hub: Converter
    from_hub: Converter


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """What is asked, and the `apiVersion` in which it is to be answered."""

    api_version: str
    uid: str
    desired: str
    objects: tuple[JsonObject, ...]


class HubAndSpokes:
    """The versions of one kind. `hub` and the spokes' names are versions without the group."""

    def __init__(self, group: str, kind: str, hub: str, spokes: Mapping[str, Spoke]) -> None:
        if hub in spokes:
            raise ValueError(f"wanted a hub that is no spoke of {kind}.{group}, found {hub!r} as both")
        self._kind = kind
        self._hub = f"{group}/{hub}"
        self._spokes = {f"{group}/{version}": spoke for version, spoke in spokes.items()}

    def convert(self, obj: JsonObject, desired: str) -> JsonObject:
        """The object as `desired` (`group/version`) has it; the same object when it is that already.

        Raises ConversionFailed.
        """
        found, kind = as_text(obj.get("apiVersion")), as_text(obj.get("kind"))
        if kind != self._kind:
            raise ConversionFailed(f"wanted a {self._kind} to convert, found {kind!r}")
        for version in (found, desired):
            if version != self._hub and version not in self._spokes:
                known = ", ".join([self._hub, *self._spokes])
                raise ConversionFailed(f"wanted one of {known} for a {kind}, found {version!r}")
        if found == desired:
            return obj
        converted = copy.deepcopy(obj)
        if found != self._hub:
            converted = self._spokes[found].to_hub(converted)
        if desired != self._hub:
            converted = self._spokes[desired].from_hub(converted)
        converted = {**converted, "apiVersion": desired, "kind": kind}
        if _fixed_metadata(converted) != _fixed_metadata(obj):
            raise ConversionFailed(
                f"wanted the metadata of {kind} {as_text(as_object(obj.get('metadata')).get('name'))!r} unchanged but "
                f"for labels and annotations, found a conversion from {found} to {desired} that changes it"
            )
        return converted


def decode_conversion(body: bytes, content_type: str) -> ConversionRequest:
    """The request in a body. Raises ReviewInvalid with code 400."""
    api_version, review = decode_review(body, content_type, "ConversionReview", _VERSIONS)
    wire = review.get("request")
    if not isinstance(wire, dict):
        raise ReviewInvalid(400, "wanted a ConversionReview with a request, found one without", api_version)
    objects = as_list(wire.get("objects"))
    return ConversionRequest(
        api_version, as_text(wire.get("uid")), as_text(wire.get("desiredAPIVersion")), tuple(map(as_object, objects))
    )


def convert_all(request: ConversionRequest, convert: Callable[[JsonObject, str], JsonObject]) -> bytes:
    """The body of the answer: every object converted, or one failure for all."""
    try:
        converted: list[JsonValue] = [convert(obj, request.desired) for obj in request.objects]
    except ConversionFailed as error:
        return conversion_failure(request.api_version, request.uid, str(error))
    return _encode(request.api_version, request.uid, converted, {"status": "Success"})


def conversion_failure(api_version: str, uid: str, message: str) -> bytes:
    """The body of an answer that converts nothing."""
    return _encode(api_version, uid, [], {"status": "Failure", "message": message})


def _encode(api_version: str, uid: str, objects: list[JsonValue], result: JsonObject) -> bytes:
    response: JsonObject = {"uid": uid, "convertedObjects": objects, "result": result}
    return msgspec.json.encode({"apiVersion": api_version, "kind": "ConversionReview", "response": response})


def _fixed_metadata(obj: JsonObject) -> JsonObject:
    metadata = as_object(obj.get("metadata"))
    return {name: value for name, value in metadata.items() if name not in _FREE_METADATA}
