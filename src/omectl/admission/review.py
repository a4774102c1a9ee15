"""AdmissionReview on the wire: what the API server asks, and what it is answered. No input or output."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from omectl.api.document import as_object, as_text
from omectl.api.json import JsonObject, JsonValue

BODY_LIMIT = 7 * 1024 * 1024
"""Bytes: twice the largest object, and room for the rest of the review."""

_GROUP = "admission.k8s.io"
_VERSIONS = (f"{_GROUP}/v1", f"{_GROUP}/v1beta1")
_decode: Callable[[bytes], JsonObject] = msgspec.json.Decoder(dict[str, Any]).decode


class ReviewInvalid(ValueError):
    """A body that is no review; `code` is what the answer says, `api_version` how."""

    def __init__(self, code: int, message: str, api_version: str = _VERSIONS[0], uid: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.api_version = api_version
        self.uid = uid


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """What is asked. `operation` is CREATE, UPDATE, DELETE or CONNECT; objects are private copies, None where there
    are none (a DELETE has no `object`, a CREATE no `old_object`)."""

    uid: str
    operation: str
    name: str = ""
    namespace: str = ""
    object: JsonObject | None = None
    old_object: JsonObject | None = None
    kind: str = ""
    """`Kind.group` of the object, or `Kind` in the core group."""
    version: str = ""
    sub_resource: str = ""
    dry_run: bool = False
    user: JsonObject = field(default_factory=dict[str, JsonValue])
    options: JsonObject = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionResponse:
    """The answer. `code` 0 stands for 200 when allowed and 403 when not."""

    allowed: bool
    code: int = 0
    reason: str = ""
    message: str = ""
    details: JsonObject | None = None
    warnings: tuple[str, ...] = ()
    patch: tuple[JsonObject, ...] = ()
    audit_annotations: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def status_code(self) -> int:
        return self.code or (200 if self.allowed else 403)


@dataclass(frozen=True, slots=True)
class Review:
    """A request and the `apiVersion` in which it is to be answered."""

    api_version: str
    request: AdmissionRequest


def allowed(message: str = "", *, warnings: Sequence[str] = (), patch: Sequence[JsonObject] = ()) -> AdmissionResponse:
    """Let the request pass."""
    return AdmissionResponse(allowed=True, message=message, warnings=tuple(warnings), patch=tuple(patch))


def denied(
    message: str, *, code: int = 403, reason: str = "Forbidden", warnings: Sequence[str] = ()
) -> AdmissionResponse:
    """Refuse the request."""
    return AdmissionResponse(allowed=False, code=code, reason=reason, message=message, warnings=tuple(warnings))


def errored(code: int, message: str) -> AdmissionResponse:
    """Say that the request could not be judged."""
    return AdmissionResponse(allowed=False, code=code, message=message)


def decode_admission(body: bytes, content_type: str) -> Review:
    """The review in a request's body. Raises ReviewInvalid with code 400."""
    api_version, review = decode_review(body, content_type, "AdmissionReview", _VERSIONS)
    wire = review.get("request")
    if not isinstance(wire, dict):
        raise ReviewInvalid(400, "wanted an AdmissionReview with a request, found one without", api_version)
    uid = as_text(wire.get("uid"))
    objects: list[JsonObject | None] = []
    for name in ("object", "oldObject"):
        value = wire.get(name)
        if value is not None and not isinstance(value, dict):
            raise ReviewInvalid(400, f"wanted an object in request.{name}, found {_kind_of(value)}", api_version, uid)
        objects.append(value)
    kind = as_object(wire.get("kind"))
    group = as_text(kind.get("group"))
    named = as_text(kind.get("kind"))
    request = AdmissionRequest(
        uid=uid,
        operation=as_text(wire.get("operation")),
        name=as_text(wire.get("name")),
        namespace=as_text(wire.get("namespace")),
        object=objects[0],
        old_object=objects[1],
        kind=f"{named}.{group}" if group else named,
        version=as_text(kind.get("version")),
        sub_resource=as_text(wire.get("subResource")),
        dry_run=wire.get("dryRun") is True,
        user=as_object(wire.get("userInfo")),
        options=as_object(wire.get("options")),
    )
    return Review(api_version, request)


def encode_admission(api_version: str, uid: str, response: AdmissionResponse) -> bytes:
    """The body of an answer."""
    status: JsonObject = {"code": response.status_code}
    for name, value in (("reason", response.reason), ("message", response.message)):
        if value:
            status[name] = value
    if response.details:
        status["details"] = response.details
    wire: JsonObject = {"uid": uid, "allowed": response.allowed, "status": status}
    if response.patch:
        wire["patchType"] = "JSONPatch"
        wire["patch"] = base64.b64encode(msgspec.json.encode(response.patch)).decode()
    if response.warnings:
        wire["warnings"] = list(response.warnings)
    if response.audit_annotations:
        wire["auditAnnotations"] = dict(response.audit_annotations)
    return msgspec.json.encode({"apiVersion": api_version, "kind": "AdmissionReview", "response": wire})


def decode_review(body: bytes, content_type: str, kind: str, api_versions: Sequence[str]) -> tuple[str, JsonObject]:
    """The `apiVersion` and the whole of a review of this kind. Raises ReviewInvalid with code 400."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ReviewInvalid(400, f"wanted the content type application/json, found {content_type!r}", api_versions[0])
    if not body:
        raise ReviewInvalid(400, f"wanted a body of kind {kind}, found an empty body", api_versions[0])
    try:
        review = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReviewInvalid(
            400, f"wanted an object of kind {kind} in JSON, found something else: {error}", api_versions[0]
        ) from error
    found = (as_text(review.get("apiVersion")), as_text(review.get("kind")))
    if found[0] not in api_versions or found[1] != kind:
        wanted = " or ".join(api_versions)
        raise ReviewInvalid(400, f"wanted {kind} of {wanted}, found {found[1]!r} of {found[0]!r}", api_versions[0])
    return found[0], review


def _kind_of(value: JsonValue) -> str:
    match value:
        case str():
            return "a text"
        case list():
            return "a list"
        case bool():
            return "a truth value"
        case _:
            return "a number"
