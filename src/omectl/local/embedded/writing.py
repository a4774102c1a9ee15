"""The verbs that change something: create, update, patch, apply, delete. Pure and synchronous."""

import copy
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from omectl.api.document import as_number, as_object, as_text, as_texts
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey, key_of
from omectl.kube.owners import metadata_of
from omectl.local.embedded import objects, ownership, patches, statuses
from omectl.local.embedded.objects import in_order
from omectl.local.embedded.options import EmbeddedOptions
from omectl.local.embedded.ownership import Writer
from omectl.local.embedded.reading import Answer
from omectl.local.embedded.representations import Representation, parse_accept
from omectl.local.embedded.requests import Place, RecordedRequest, check_object, decode_body
from omectl.local.embedded.selectors import parse_selection
from omectl.local.embedded.storage import Storage, Stored

NAMESPACES: Final = ("", "namespaces")

_T = TypeVar("_T")


class Editor:
    """Does writes in a storage; raises Refusal."""

    def __init__(self, storage: Storage, options: EmbeddedOptions) -> None:
        self._storage = storage
        self._options = options

    def create(self, request: RecordedRequest, place: Place) -> Answer:
        """A new object."""
        obj = decode_body(request.body, request.media_type, place.served.kind.kind)
        check_object(place, obj)
        return self._create(request, place, obj)

    def update(self, request: RecordedRequest, place: Place) -> Answer:
        """The whole object, or its whole status."""
        obj = decode_body(request.body, request.media_type, place.served.kind.kind)
        check_object(place, obj)
        if not key_of(obj).name:
            raise statuses.bad_request(
                f"the name of the object ({place.name} based on URL) was undeterminable: name must be provided"
            )
        return self._replace(request, place, self._existing(place), obj)

    def patch(self, request: RecordedRequest, place: Place) -> Answer:
        """A merge patch, a JSON patch or an apply."""
        media_type = request.media_type
        if media_type == patches.APPLY_PATCH:
            return self._apply(request, place)
        if media_type not in patches.ACCEPTED:
            raise statuses.unsupported_media_type(patches.ACCEPTED)
        old = self._existing(place)
        if media_type == patches.JSON_PATCH:
            obj = _operated(old.obj, request.body)
        else:
            obj = as_object(patches.merged(old.obj, _decode_patch(request.body, dict[str, Any])))
        check_object(place, obj)
        return self._replace(request, place, old, obj)

    def delete(self, request: RecordedRequest, place: Place) -> Answer:
        """One object: gone, or marked when something holds it."""
        options = _DeleteOptions(request)
        old = self._existing(place)
        options.check(place, old)
        left = self._delete(request, place, old, options)
        if left is not None or place.served.returned_by_delete:
            return self._answer(request, place, 200, left or old.obj)
        status = statuses.deleted(place.served, place.name, as_text(metadata_of(old.obj).get("uid")))
        return Answer(200, msgspec.json.encode(status))

    def delete_collection(self, request: RecordedRequest, place: Place) -> Answer:
        """Every selected object of a collection; answers with what was there."""
        options = _DeleteOptions(request)
        query = request.query
        selection = parse_selection(place.served, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        found = [
            stored
            for stored in in_order(self._storage.state(place.served.shelf).values())
            if stored.key.namespace == place.namespace and selection.matches(stored.obj)
        ]
        representation = self._representation(request, place, of_list=True)
        for stored in found:
            self._delete(request, place, stored, options)
        return Answer(200, representation.many(found, {"resourceVersion": str(self._storage.version)}))

    def _create(self, request: RecordedRequest, place: Place, obj: JsonObject) -> Answer:
        served, now = place.served, self._options.clock.now()
        obj = objects.created(served, obj, place.namespace, now)
        key = key_of(obj)
        self._check_namespace(place, key)
        taken = self._storage.get(served.shelf, key)
        if taken is not None:
            ending = bool(metadata_of(taken.obj).get("deletionTimestamp"))
            raise statuses.already_exists(served, key.name, ending=ending)
        if request.media_type != patches.APPLY_PATCH:
            ownership.tracked(None, obj, self._writer(request, place))
        if served.shelf == NAMESPACES:
            obj = _born_namespace(obj)
        return self._commit(request, place, 201, key, obj)

    def _replace(self, request: RecordedRequest, place: Place, old: Stored, obj: JsonObject) -> Answer:
        status_only = bool(place.subresource)
        new = objects.updated(place.served, old, obj, status_only=status_only)
        ownership.tracked(old.obj, new, self._writer(request, place))
        return self._store(request, place, old, new)

    def _apply(self, request: RecordedRequest, place: Place) -> Answer:
        if not request.query.get("fieldManager"):
            cause = ("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")
            raise statuses.invalid_options("PatchOptions", [cause])
        wanted = decode_body(request.body, patches.APPLY_PATCH, place.served.kind.kind)
        api_version, kind = as_text(wanted.get("apiVersion")), as_text(wanted.get("kind"))
        if (api_version, kind) != (place.served.kind.api_version, place.served.kind.kind):
            raise statuses.bad_request(f"invalid object type: {api_version or '/'}, Kind={kind}")
        check_object(place, wanted)
        if metadata_of(wanted).get("managedFields"):
            raise statuses.bad_request("metadata.managedFields must be nil")
        wanted = _within(place, wanted)
        old = self._storage.get(place.served.shelf, place.key)
        writer = self._writer(request, place)
        if old is None:
            if place.subresource or metadata_of(wanted).get("uid"):
                raise statuses.not_found(place.served, place.name)
            made = ownership.applied(None, wanted, writer, force=False)
            metadata_of(made)["name"] = place.name
            return self._create(request, place, made)
        version = as_text(metadata_of(wanted).get("resourceVersion"))
        if version and version != str(old.version):
            raise statuses.modified(place.served, place.name)
        new = ownership.applied(old.obj, wanted, writer, force=request.flag("force") is True)
        metadata_of(new)["resourceVersion"] = str(old.version)
        return self._store(
            request, place, old, objects.updated(place.served, old, new, status_only=bool(place.subresource))
        )

    def _store(self, request: RecordedRequest, place: Place, old: Stored, new: JsonObject) -> Answer:
        if objects.same(old.obj, new):
            return self._answer(request, place, 200, old.obj)
        return self._commit(request, place, 200, old.key, new)

    def _commit(self, request: RecordedRequest, place: Place, code: int, key: ObjectKey, obj: JsonObject) -> Answer:
        """Store the object, or take it away when this write let go of a deleted one."""
        if not _is_dry(request):
            if objects.is_finished(obj):
                self._storage.commit(place.served.shelf, key, None)
            else:
                self._storage.commit(place.served.shelf, key, obj)
        return self._answer(request, place, code, obj)

    def _delete(
        self, request: RecordedRequest, place: Place, old: Stored, options: "_DeleteOptions"
    ) -> JsonObject | None:
        """What is left of the object; None when it is gone."""
        left = objects.marked_deleted(
            place.served,
            old,
            self._options.clock.now(),
            propagation=options.propagation,
            grace_period_s=options.grace_period_s,
        )
        if not _is_dry(request, options.body) and (left is None or not objects.same(old.obj, left)):
            self._storage.commit(place.served.shelf, old.key, left)
        return left

    def _existing(self, place: Place) -> Stored:
        found = self._storage.get(place.served.shelf, place.key)
        if found is None:
            raise statuses.not_found(place.served, place.name)
        return found

    def _check_namespace(self, place: Place, key: ObjectKey) -> None:
        if not place.served.kind.namespaced:
            return
        namespace = self._storage.get(NAMESPACES, ObjectKey("", key.namespace))
        if namespace is None:
            raise statuses.no_namespace(key.namespace)
        if metadata_of(namespace.obj).get("deletionTimestamp"):
            raise statuses.namespace_terminating(place.served, key.name, key.namespace)

    def _writer(self, request: RecordedRequest, place: Place) -> Writer:
        name = request.query.get("fieldManager") or request.header("user-agent").partition("/")[0] or "unknown"
        return Writer(name, place.served.kind.api_version, self._options.clock.now(), place.subresource)

    def _answer(self, request: RecordedRequest, place: Place, code: int, obj: JsonObject) -> Answer:
        return Answer(code, self._representation(request, place, of_list=False).document(obj))

    def _representation(self, request: RecordedRequest, place: Place, *, of_list: bool) -> Representation:
        form = parse_accept(request.header("accept"), of_list=of_list, custom=place.served.custom)
        return Representation(served=place.served, form=form, now=self._options.clock.now())


class _DeleteOptions:
    """What a delete asks for, in its body or its query. Raises Refusal."""

    def __init__(self, request: RecordedRequest) -> None:
        self.body = decode_body(request.body, request.media_type, "DeleteOptions") if request.body else {}
        query = request.query
        self.propagation = as_text(self.body.get("propagationPolicy")) or query.get("propagationPolicy", "")
        if self.propagation and self.propagation not in objects.POLICIES:
            supported = ", ".join(f'"{policy}"' for policy in (*objects.POLICIES, "nil"))
            message = f'Unsupported value: "{self.propagation}": supported values: {supported}'
            cause = ("FieldValueNotSupported", "propagationPolicy", message)
            raise statuses.invalid_options("DeleteOptions", [cause])
        self.grace_period_s = _grace(self.body, query)

    def check(self, place: Place, old: Stored) -> None:
        """The preconditions. Raises Refusal (409)."""
        wanted = as_object(self.body.get("preconditions"))
        found: Mapping[str, JsonValue] = metadata_of(old.obj)
        for name, part in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            value = wanted.get(name)
            if value is not None and value != found.get(name):
                raise statuses.precondition_failed(
                    place.served, place.name, part, as_text(value), as_text(found.get(name))
                )


def _grace(body: JsonObject, query: Mapping[str, str]) -> int | None:
    if body.get("gracePeriodSeconds") is not None:
        return as_number(body.get("gracePeriodSeconds"))
    text = query.get("gracePeriodSeconds", "")
    if text and not text.isdigit():
        raise statuses.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text) if text else None


def _is_dry(request: RecordedRequest, body: JsonObject | None = None) -> bool:
    return request.query.get("dryRun") == "All" or "All" in as_texts((body or {}).get("dryRun"))


def _operated(old: JsonObject, body: bytes) -> JsonObject:
    operations = _decode_patch(body, list[dict[str, Any]])
    try:
        obj = patches.operated(old, operations)
    except patches.NotApplicable as error:
        raise statuses.inapplicable_patch() from error
    if not isinstance(obj, dict):
        raise statuses.patched_to_no_object(obj)
    return obj


def _decode_patch(body: bytes, wanted: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise statuses.bad_request(f"error decoding patch: {error}") from error


def _within(place: Place, wanted: JsonObject) -> JsonObject:
    """The part of an applied object that the place takes: without the status, or nothing but it."""
    if place.subresource:
        part: JsonObject = {name: value for name, value in wanted.items() if name in {"apiVersion", "kind", "status"}}
        named = {"name", "resourceVersion", "uid"}
        part["metadata"] = {name: value for name, value in metadata_of(wanted).items() if name in named}
        return part
    if place.served.status:
        return {name: part for name, part in wanted.items() if name != "status"}
    return wanted


def _born_namespace(obj: JsonObject) -> JsonObject:
    """A namespace has its name as a label, a finalizer of its own, and is active."""
    metadata = metadata_of(obj)
    labels = copy.copy(as_object(metadata.get("labels")))
    labels["kubernetes.io/metadata.name"] = metadata.get("name")
    metadata["labels"] = labels
    return {**obj, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
