"""What a client asked for: the path, query and body of a request, understood. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

import msgspec
import yaml

from omectl.api.document import as_object, as_text
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.local.embedded import statuses
from omectl.local.embedded.served_kind import KindRegistry, ServedKind

_VERBS: Final = {
    (True, "GET"): "get",
    (True, "PUT"): "update",
    (True, "PATCH"): "patch",
    (True, "DELETE"): "delete",
    (False, "GET"): "list",
    (False, "POST"): "create",
    (False, "DELETE"): "deletecollection",
}
_JSON_TYPES: Final = ("application/json", "")
_YAML_TYPES: Final = ("application/yaml", "application/apply-patch+yaml")
ACCEPTED: Final = ("application/json", "application/yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the API a path points: a kind's collection, an object, or a subresource of it."""

    served: ServedKind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> ObjectKey:
        """The key of the object."""
        return ObjectKey(self.namespace, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request as it came. `verb` is the API verb ("list", "watch", ...), or the method for other paths."""

    method: str
    path: str
    verb: str
    kind: ResourceKind | None = None
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def json(self) -> JsonObject:
        """The body as a JSON object; empty where it is none."""
        try:
            return as_object(msgspec.json.decode(self.body))
        except msgspec.DecodeError:
            return {}

    def flag(self, name: str) -> bool | None:
        """A boolean parameter; None when it is not given."""
        value = self.query.get(name)
        return None if value is None else _is_true(value)

    def header(self, name: str) -> str:
        """A header; "" when it is not there."""
        return self.headers.get(name.lower(), "")

    @property
    def media_type(self) -> str:
        """The form of the body, without parameters such as a character set; "" when it is not said."""
        return self.header("content-type").partition(";")[0].strip().lower()


def find_place(registry: KindRegistry, path: str) -> Place | None:
    """The place that a path names; None when it names no resource. Raises Refusal (404) for what is not served."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *more = [*rest, "", ""]
    served = registry.find(group, version, plural)
    if served is None or (namespace and not served.kind.namespaced) or any(more):
        unknown = bool(group) and not registry.has_group_version(group, version)
        if unknown or (served is None and registry.is_custom(group, version) and group):
            raise statuses.page_not_found()
        raise statuses.no_such_resource()
    if name and served.kind.namespaced and not namespace:
        raise statuses.no_such_resource()
    if subresource and not (subresource == "status" and served.status):
        raise statuses.no_such_resource()
    return Place(served=served, namespace=namespace, name=name, subresource=subresource)


def verb_of(place: Place, method: str, query: Mapping[str, str]) -> str:
    """The API verb; "" for one that the place does not have."""
    verb = _VERBS.get((bool(place.name), method), "")
    if verb == "list" and "watch" in query and _is_true(query["watch"]):
        return "watch"
    across = place.served.kind.namespaced and not place.namespace
    if across and verb in {"create", "deletecollection"}:
        return ""
    if place.subresource and verb == "delete":
        return ""
    return verb


def _is_true(value: str) -> bool:
    """Everything but a plain no is a yes."""
    return value.lower() not in {"0", "false"}


def decode_body(body: bytes, media_type: str, kind: str) -> JsonObject:
    """The object in a body. Raises Refusal (400, 415)."""
    if media_type in _YAML_TYPES:
        try:
            decoded: JsonValue = yaml.safe_load(body)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise statuses.bad_request(f"error decoding YAML: {error}") from error
    elif media_type in _JSON_TYPES:
        try:
            decoded = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _unrecognized(kind, body, str(error)) from error
    else:
        raise statuses.unsupported_media_type(ACCEPTED)
    if not isinstance(decoded, dict):
        raise _unrecognized(kind, body, "not an object")
    return decoded


def check_object(place: Place, obj: JsonObject) -> None:
    """Raises Refusal (400) when the object in the body is not of the place that it was sent to."""
    served, metadata = place.served, obj.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise statuses.bad_request(f"the object provided is unrecognized (must be of type {served.kind.kind})")
    _check_kind(served, obj)
    key = key_of(obj)
    if place.name and key.name not in {"", place.name}:
        raise statuses.bad_request(
            f"the name of the object ({key.name}) does not match the name on the URL ({place.name})"
        )
    if key.namespace not in {"", place.namespace}:
        raise statuses.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _check_kind(served: ServedKind, obj: JsonObject) -> None:
    api_version, kind = as_text(obj.get("apiVersion")), as_text(obj.get("kind"))
    if served.custom:
        if not kind or not api_version:
            missing = "Kind" if not kind else "apiVersion"
            text = msgspec.json.encode(obj).decode()
            raise statuses.bad_request(
                f"the object provided is unrecognized (must be of type {served.kind.kind}): "
                f"Object '{missing}' is missing in '{text}' ({text})"
            )
        if api_version == served.kind.api_version and kind != served.kind.kind:
            raise statuses.wrong_kind(served, kind, key_of(obj).name)
    if kind not in {"", served.kind.kind} or api_version not in {"", served.kind.api_version}:
        raise statuses.bad_request(
            f'{kind} in version "{api_version}" cannot be handled as a {served.kind.kind}: '
            f"wanted {served.kind.kind} in version {served.kind.api_version}"
        )


def _unrecognized(kind: str, body: bytes, why: str) -> statuses.Refusal:
    start = body[:200].decode(errors="replace")
    return statuses.bad_request(
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
        f"json parse error: {why} ({start})"
    )
