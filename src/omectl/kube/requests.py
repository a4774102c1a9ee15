"""What each verb is on the wire: method, path, query, body. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import quote, urlencode

import msgspec

from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey, ResourceKind, key_of

JSON: Final = "application/json"
APPLY_PATCH: Final = "application/apply-patch+yaml"  # JSON is YAML; the name is the server's
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"

FieldValidation: TypeAlias = Literal["Ignore", "Warn", "Strict"]
"""What the server does with unknown and doubled fields: drop them, drop and warn (its default), refuse the object."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call. `verb` is the API verb (for metrics), `action` says it in words (for errors)."""

    verb: str
    method: str
    target: str
    action: str
    body: bytes | None = None
    content_type: str = JSON


def object_path(kind: ResourceKind, key: ObjectKey | None = None, *, namespace: str = "", subresource: str = "") -> str:
    """The path of a collection (no key) or of an object; a namespaced kind without namespace is the whole cluster's."""
    prefix = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    namespace = key.namespace if key is not None else namespace
    if namespace and kind.namespaced:
        prefix += f"/namespaces/{quote(namespace, safe='')}"
    path = f"{prefix}/{kind.plural}"
    if key is not None:
        path += f"/{quote(key.name, safe=':')}"
    return f"{path}/{subresource}" if subresource else path


def target_key(kind: ResourceKind, name: str, namespace: str) -> ObjectKey:
    """The key of an object that a request names. Raises ValueError where a part is missing."""
    if not name:
        raise ValueError(f"wanted the name of a {kind.kind}, found an empty one")
    if kind.namespaced and not namespace:
        raise ValueError(f"wanted the namespace of {kind.kind} {name}, found none; every {kind.kind} lives in one")
    return ObjectKey(namespace if kind.namespaced else "", name)


def describe(verb: str, kind: ResourceKind, key: ObjectKey, subresource: str = "") -> str:
    """ "patch InferenceService/status demo/a"."""
    return f"{verb} {kind.kind}{'/' + subresource if subresource else ''} {key}"


def with_query(path: str, query: Mapping[str, str | int | bool | None]) -> str:
    """The path with every parameter that is not None, empty or False."""
    given = {
        name: "true" if value is True else str(value)
        for name, value in query.items()
        if value is not None and value is not False and value != ""
    }
    return f"{path}?{urlencode(given)}" if given else path


def get(kind: ResourceKind, key: ObjectKey, *, resource_version: str = "", subresource: str = "") -> Request:
    """Read one object, or what a subresource of it says."""
    path = object_path(kind, key, subresource=subresource)
    return Request(
        verb="get",
        method="GET",
        target=with_query(path, {"resourceVersion": resource_version}),
        action=describe("get", kind, key, subresource),
    )


def collection(
    kind: ResourceKind, namespace: str, query: Mapping[str, str | int | bool | None], *, verb: str = "list"
) -> Request:
    """List or watch a collection."""
    where = f" in {namespace}" if namespace else ""
    return Request(
        verb=verb,
        method="GET",
        target=with_query(object_path(kind, namespace=namespace), query),
        action=f"{verb} {kind.plural}{where}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """The query parameters that writes share."""

    field_manager: str = ""
    dry_run: bool = False
    validation: FieldValidation | None = None
    force: bool = False

    def query(self) -> dict[str, str | int | bool | None]:
        """As parameters of a request."""
        return {
            "fieldManager": self.field_manager,
            "dryRun": "All" if self.dry_run else None,
            "fieldValidation": self.validation,
            "force": self.force,
        }


def create(kind: ResourceKind, obj: JsonObject, options: WriteOptions) -> Request:
    """Post an object to its collection; with `generateName` the name may be missing."""
    key = key_of(obj)
    if kind.namespaced and not key.namespace:
        raise ValueError(f"wanted the namespace of {kind.kind} {key.name}, found none; set metadata.namespace")
    return Request(
        verb="create",
        method="POST",
        target=with_query(object_path(kind, namespace=key.namespace), options.query()),
        action=describe("create", kind, key),
        body=_encode(_typed(kind, obj)),
    )


def create_subresource(
    kind: ResourceKind, key: ObjectKey, subresource: str, body: JsonObject, options: WriteOptions
) -> Request:
    """Post to a subresource: `token`, `eviction`, `binding`."""
    return Request(
        verb="create",
        method="POST",
        target=with_query(object_path(kind, key, subresource=subresource), options.query()),
        action=describe("create", kind, key, subresource),
        body=_encode(body),
    )


def replace(kind: ResourceKind, obj: JsonObject, options: WriteOptions, *, subresource: str = "") -> Request:
    """Put the whole object; with a resourceVersion in it the server refuses when it is stale."""
    named = key_of(obj)
    key = target_key(kind, named.name, named.namespace)
    return Request(
        verb="update",
        method="PUT",
        target=with_query(object_path(kind, key, subresource=subresource), options.query()),
        action=describe("replace", kind, key, subresource),
        body=_encode(_typed(kind, obj, subresource)),
    )


def patch(
    kind: ResourceKind, key: ObjectKey, body: JsonValue, content_type: str, options: WriteOptions, subresource: str = ""
) -> Request:
    """Merge patch, strategic patch, JSON patch or server-side apply, as `content_type` says."""
    applying = content_type == APPLY_PATCH
    if applying and isinstance(body, dict):
        body = _typed(kind, body, subresource)
    return Request(
        verb="apply" if applying else "patch",
        method="PATCH",
        target=with_query(object_path(kind, key, subresource=subresource), options.query()),
        action=describe("apply" if applying else "patch", kind, key, subresource),
        body=_encode(body),
        content_type=content_type,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """How to delete: `uid` and `resource_version` are preconditions, `propagation` Background, Foreground or Orphan."""

    uid: str | None = None
    resource_version: str | None = None
    propagation: str | None = None
    grace_period_s: int | None = None
    dry_run: bool = False

    def body(self) -> JsonObject:
        """As a body of a request."""
        preconditions: JsonObject = {}
        if self.uid is not None:
            preconditions["uid"] = self.uid
        if self.resource_version is not None:
            preconditions["resourceVersion"] = self.resource_version
        body: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if preconditions:
            body["preconditions"] = preconditions
        if self.propagation is not None:
            body["propagationPolicy"] = self.propagation
        if self.grace_period_s is not None:
            body["gracePeriodSeconds"] = self.grace_period_s
        if self.dry_run:
            body["dryRun"] = ["All"]
        return body


def delete(kind: ResourceKind, key: ObjectKey, options: DeleteOptions) -> Request:
    """Delete one object, only if its UID and resourceVersion are the given ones."""
    return Request(
        verb="delete",
        method="DELETE",
        target=object_path(kind, key),
        action=describe("delete", kind, key),
        body=_encode(options.body()),
    )


def delete_collection(
    kind: ResourceKind, namespace: str, options: DeleteOptions, *, label_selector: str = "", field_selector: str = ""
) -> Request:
    """Delete what the selectors find in one namespace, or in the cluster for kinds without."""
    if kind.namespaced and not namespace:
        raise ValueError(f"wanted the namespace whose {kind.plural} are to be deleted, found none; name it")
    query = {"labelSelector": label_selector, "fieldSelector": field_selector}
    where = f" in {namespace}" if kind.namespaced else ""
    return Request(
        verb="deletecollection",
        method="DELETE",
        target=with_query(object_path(kind, namespace=namespace), query),
        action=f"delete {kind.plural}{where}",
        body=_encode(options.body()),
    )


def _typed(kind: ResourceKind, obj: JsonObject, subresource: str = "") -> JsonObject:
    """The object with its type; what a subresource takes may be of a type of its own (a Scale), and keeps it."""
    if obj.get("kind") == kind.kind and obj.get("apiVersion") == kind.api_version:
        return obj
    if subresource and obj.get("kind"):
        return obj
    return {**obj, "apiVersion": kind.api_version, "kind": kind.kind}
