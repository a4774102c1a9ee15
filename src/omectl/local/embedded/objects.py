"""The rules of an object's life: what the server fills in, keeps, refuses and counts. Pure.

Functions take trees that they may change and return the tree to store; the server's answers come as `Refusal`.
"""

import copy
import random
import re
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from omectl.api.document import as_number, as_objects, as_text, as_texts, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey
from omectl.clock import format_time
from omectl.kube.owners import metadata_of
from omectl.local.embedded import statuses
from omectl.local.embedded.served_kind import ServedKind
from omectl.local.embedded.storage import Stored

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
POLICIES: Final = ("Foreground", "Background", "Orphan")

_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_PREFIX: Final = 58
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_KEPT: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
)
_POD_GRACE_S: Final = 30


def created(served: ServedKind, obj: JsonObject, namespace: str, now: datetime) -> JsonObject:
    """The object as it is stored when a client creates it."""
    metadata = obj["metadata"] = copy.copy(metadata_of(obj))
    if metadata.get("resourceVersion"):
        raise statuses.plain_error("resourceVersion should not be set on objects to be created")
    if not metadata.get("name") and (prefix := as_text(metadata.get("generateName"))):
        suffix = "".join(random.choice(_SUFFIX) for _ in range(5))  # noqa: S311 -- a name, not a secret
        metadata["name"] = prefix[:_LONGEST_PREFIX] + suffix
    _check_name(served, as_text(metadata.get("name")))
    if served.kind.namespaced:
        metadata["namespace"] = namespace
    for name in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
        metadata.pop(name, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = format_time(now)
    if served.generation:
        metadata["generation"] = 1
    if served.status and served.shelf != ("", "nodes"):
        obj.pop("status", None)
    return _typed(served, obj)


def placed(served: ServedKind, old: Stored | None, obj: JsonObject, now: datetime) -> JsonObject:
    """The object as somebody with all rights put it there, its status too; what is not said is kept or made up."""
    before = metadata_of(old.obj) if old is not None else {}
    metadata: JsonObject = {
        "uid": before.get("uid") or str(uuid.uuid4()),
        "creationTimestamp": before.get("creationTimestamp") or format_time(now),
        **metadata_of(obj),
    }
    if served.generation and "generation" not in metadata_of(obj):
        moved = old is not None and _desired(served, obj) != _desired(served, old.obj)
        metadata["generation"] = (as_number(before.get("generation")) or (0 if old is None else 1)) + (
            1 if moved or old is None else 0
        )
    return _typed(served, {**obj, "metadata": metadata})


def updated(served: ServedKind, old: Stored, obj: JsonObject, *, status_only: bool = False) -> JsonObject:
    """The object as it is stored when a client replaces it: the server's own fields stay, its counters move."""
    name = old.key.name
    metadata = copy.copy(metadata_of(obj))
    before = metadata_of(old.obj)
    wanted = as_text(metadata.get("resourceVersion"))
    if wanted in {"", "0"} and not served.unconditional_update:
        raise statuses.version_required(served, name)
    if wanted and not wanted.isdigit():
        raise statuses.plain_error(f'strconv.ParseUint: parsing "{wanted}": invalid syntax')
    uid = as_text(metadata.get("uid"))
    if uid and uid != before.get("uid"):
        raise statuses.uid_conflict(served, str(old.key), name, uid, as_text(before.get("uid")))
    if wanted and int(wanted) not in {0, old.version}:
        raise statuses.modified(served, name)
    if status_only:
        fields = metadata.get("managedFields")
        metadata = copy.copy(before)
        if fields is not None:
            metadata["managedFields"] = fields
        status = obj.get("status")
        obj = {**old.obj, "metadata": metadata, "status": status}
        if status is None:
            del obj["status"]
        return _typed(served, obj)
    metadata["name"] = name
    for field in _KEPT:
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    _check_finalizers(served, name, before, metadata)
    obj = {**obj, "metadata": metadata}
    if served.status:
        obj.pop("status", None)
        if "status" in old.obj:
            obj["status"] = old.obj["status"]
    if served.generation and _desired(served, obj) != _desired(served, old.obj):
        metadata["generation"] = as_number(before.get("generation")) + 1
    return _typed(served, obj)


def same(one: JsonObject, other: JsonObject) -> bool:
    """Whether two trees differ in nothing that a write would record."""
    return _comparable(one) == _comparable(other)


def is_finished(obj: JsonObject) -> bool:
    """Deletion was asked for, and nothing holds the object any more."""
    metadata = metadata_of(obj)
    if not metadata.get("deletionTimestamp") or as_texts(metadata.get("finalizers")):
        return False
    return not as_number(metadata.get("deletionGracePeriodSeconds")) and not as_texts(at(obj, "spec", "finalizers"))


def marked_deleted(
    served: ServedKind, old: Stored, now: datetime, *, propagation: str, grace_period_s: int | None
) -> JsonObject | None:
    """The object once its deletion was asked for; None when it goes at once."""
    obj = copy.deepcopy(old.obj)
    metadata = metadata_of(obj)
    finalizers = as_texts(metadata.get("finalizers"))
    wanted = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(propagation)
    if propagation:
        finalizers = [name for name in finalizers if name not in {FOREGROUND, ORPHAN}]
    if wanted is not None:
        finalizers.append(wanted)
    grace_s = _grace(served, obj, grace_period_s)
    held = bool(finalizers) or bool(as_texts(at(obj, "spec", "finalizers")))
    if not held and not grace_s:
        return None
    if finalizers:
        metadata["finalizers"] = list[JsonValue](finalizers)
    else:
        metadata.pop("finalizers", None)
    already = bool(metadata.get("deletionTimestamp"))
    if not already:
        metadata["deletionTimestamp"] = format_time(now + timedelta(seconds=grace_s))
        if served.generation:
            metadata["generation"] = as_number(metadata.get("generation")) + 1
    if served.shelf == ("", "namespaces"):
        obj["status"] = {"phase": "Terminating"}
    elif not already or grace_s < as_number(metadata.get("deletionGracePeriodSeconds")):
        metadata["deletionGracePeriodSeconds"] = grace_s
    return obj


def _grace(served: ServedKind, obj: JsonObject, asked_s: int | None) -> int:
    """Seconds that a pod on a node gets to end; nothing else waits."""
    if served.shelf != ("", "pods") or not at(obj, "spec", "nodeName"):
        return 0
    if at(obj, "status", "phase") in {"Succeeded", "Failed"}:
        return 0
    if asked_s is not None:
        return asked_s
    own = at(obj, "spec", "terminationGracePeriodSeconds")
    return own if isinstance(own, int) else _POD_GRACE_S


def _typed(served: ServedKind, obj: JsonObject) -> JsonObject:
    """The tree with its type first, as the server writes it, and without what is empty in its metadata."""
    metadata = metadata_of(obj)
    for name in [name for name, value in metadata.items() if value in (None, {}, [], "")]:
        del metadata[name]
    rest = {name: part for name, part in obj.items() if name not in {"apiVersion", "kind"}}
    return {"kind": served.kind.kind, "apiVersion": served.kind.api_version, **rest}


def _desired(served: ServedKind, obj: JsonObject) -> JsonObject:
    """What the generation counts: everything but metadata and a status with a subresource of its own."""
    left = {"apiVersion", "kind", "metadata", *(("status",) if served.status else ())}
    return {name: part for name, part in obj.items() if name not in left}


def _comparable(obj: JsonObject) -> JsonObject:
    metadata: JsonObject = {name: part for name, part in metadata_of(obj).items() if name != "resourceVersion"}
    entries = [{**entry, "time": ""} for entry in as_objects(metadata.get("managedFields"))]
    metadata["managedFields"] = list[JsonValue](sorted(entries, key=str))
    return {**obj, "metadata": metadata}


def _check_name(served: ServedKind, name: str) -> None:
    if not name:
        cause = ("FieldValueRequired", "metadata.name", "Required value: name or generateName is required")
        raise statuses.invalid_object(served, "", cause)
    if served.kind.group == "rbac.authorization.k8s.io":
        return
    if len(name) > 253 or _SUBDOMAIN.fullmatch(name) is None:
        cause = ("FieldValueInvalid", "metadata.name", f'Invalid value: "{name}": {_SUBDOMAIN_RULE}')
        raise statuses.invalid_object(served, name, cause)


def _check_finalizers(served: ServedKind, name: str, before: JsonObject, after: JsonObject) -> None:
    if not before.get("deletionTimestamp"):
        return
    old = as_texts(before.get("finalizers"))
    added = sorted(finalizer for finalizer in as_texts(after.get("finalizers")) if finalizer not in old)
    if added:
        listed = ", ".join(f'"{finalizer}"' for finalizer in added)
        message = (
            "Forbidden: no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}"
        )
        raise statuses.invalid_object(
            served, name, ("FieldValueForbidden", "metadata.finalizers", message), times=2 if served.custom else 1
        )


def sort_key(key: ObjectKey) -> str:
    """The order of a list: that of the storage's paths."""
    return str(key)


def in_order(objects: Iterable[Stored]) -> list[Stored]:
    """The objects in the order of a list."""
    return sorted(objects, key=lambda stored: sort_key(stored.key))
