"""What follows from changes without anybody asking: kinds appear with their definitions, garbage goes. Synchronous.

Called after each write, never from within one, so that every change is told to the watches in order.
"""

import copy
from collections import deque
from collections.abc import Callable
from typing import Final

from omectl.api.document import as_object, as_objects, as_text, as_texts
from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ObjectKey, ResourceKind
from omectl.clock import format_time
from omectl.kube.owners import metadata_of, references_of, uid_of
from omectl.local.embedded import objects
from omectl.local.embedded.objects import FOREGROUND, ORPHAN
from omectl.local.embedded.options import EmbeddedOptions
from omectl.local.embedded.served_kind import KindRegistry, ServedKind, kinds_of_definition
from omectl.local.embedded.storage import Change, Storage, Stored

DEFINITIONS: Final = ("apiextensions.k8s.io", "customresourcedefinitions")
NAMESPACES: Final = ("", "namespaces")


class Lifecycle:
    """Follows the storage's changes; `settle` does what they call for."""

    def __init__(self, storage: Storage, registry: KindRegistry, options: EmbeddedOptions) -> None:
        self._storage = storage
        self._registry = registry
        self._options = options
        self._pending: deque[Change] = deque()
        self._of_definition: dict[str, list[ServedKind]] = {}
        self._listeners: list[Callable[[ResourceKind], object]] = []
        storage.listen(self._pending.append)

    def listen(self, listener: Callable[[ResourceKind], object]) -> None:
        """Tell `listener` of every kind that a definition no longer brings, once its objects are gone."""
        self._listeners.append(listener)

    def settle(self) -> None:
        """Do everything that the changes so far, and those made here, call for."""
        while self._pending:
            garbage = False
            while self._pending:
                change = self._pending.popleft()
                if change.resource == DEFINITIONS:
                    self._define(change)
                garbage = garbage or _may_leave_garbage(change)
            if garbage and self._options.garbage_collection:
                self._collect()

    def _define(self, change: Change) -> None:
        stored = change.after or change.before
        assert stored is not None
        before = self._of_definition.pop(stored.key.name, [])
        if change.after is None:
            for served in before:
                self._registry.remove(served.kind)
                for key in list(self._storage.state(served.shelf)):
                    self._storage.commit(served.shelf, key, None)
            self._withdrawn(before)
            return
        kinds = kinds_of_definition(change.after.obj)
        for served in before:
            self._registry.remove(served.kind)
        for served in kinds:
            self._registry.add(served)
        self._of_definition[stored.key.name] = kinds
        still = {served.kind for served in kinds}
        self._withdrawn([served for served in before if served.kind not in still])
        self._establish(change.after)

    def _withdrawn(self, gone: list[ServedKind]) -> None:
        for served in gone:
            for listener in self._listeners:
                listener(served.kind)

    def _establish(self, stored: Stored) -> None:
        spec = as_object(stored.obj.get("spec"))
        conditions = as_objects(as_object(stored.obj.get("status")).get("conditions"))
        if any(condition.get("type") == "Established" for condition in conditions):
            return
        now = format_time(self._options.clock.now())
        made: list[JsonValue] = [
            {"type": name, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
            for name, reason, message in (
                ("NamesAccepted", "NoConflicts", "no conflicts found"),
                ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
            )
        ]
        versions: list[JsonValue] = [
            version.get("name") for version in as_objects(spec.get("versions")) if version.get("storage") is True
        ]
        obj = copy.deepcopy(stored.obj)
        obj["status"] = {"conditions": made, "acceptedNames": spec.get("names"), "storedVersions": versions}
        self._storage.commit(DEFINITIONS, stored.key, obj)

    # --- what kube-controller-manager does ---

    def _collect(self) -> None:
        self._empty_namespaces()
        living = {uid_of(stored.obj): stored for _, stored in self._everything()}
        for served, stored in self._everything():
            owners = [living.get(as_text(reference.get("uid"))) for reference in references_of(stored.obj)]
            if owners and all(owner is None or _deletes_dependents(owner) for owner in owners):
                self._delete(served, stored)
        for served, stored in self._everything():
            finalizers = as_texts(metadata_of(stored.obj).get("finalizers"))
            if not metadata_of(stored.obj).get("deletionTimestamp"):
                continue
            if ORPHAN in finalizers:
                self._orphan(uid_of(stored.obj))
                self._release(served, stored, ORPHAN)
            elif FOREGROUND in finalizers and not self._has_blocking_dependents(uid_of(stored.obj)):
                self._release(served, stored, FOREGROUND)

    def _everything(self) -> list[tuple[ServedKind, Stored]]:
        shelves = {served.shelf: served for served in self._registry}
        return [(served, stored) for shelf, served in shelves.items() for stored in self._storage.state(shelf).values()]

    def _delete(self, served: ServedKind, stored: Stored) -> None:
        if metadata_of(stored.obj).get("deletionTimestamp"):
            return
        left = objects.marked_deleted(
            served, stored, self._options.clock.now(), propagation="Background", grace_period_s=None
        )
        self._storage.commit(served.shelf, stored.key, left)

    def _orphan(self, uid: str) -> None:
        for served, stored in self._everything():
            kept: list[JsonValue] = [ref for ref in references_of(stored.obj) if ref.get("uid") != uid]
            if len(kept) < len(references_of(stored.obj)):
                self._rewrite(served, stored, "ownerReferences", kept)

    def _release(self, served: ServedKind, stored: Stored, finalizer: str) -> None:
        finalizers = as_texts(metadata_of(stored.obj).get("finalizers"))
        self._rewrite(served, stored, "finalizers", [name for name in finalizers if name != finalizer])

    def _rewrite(self, served: ServedKind, stored: Stored, field: str, value: list[JsonValue]) -> None:
        metadata: JsonObject = {**metadata_of(stored.obj), field: value}
        if not value:
            del metadata[field]
        obj: JsonObject = {**stored.obj, "metadata": metadata}
        self._storage.commit(served.shelf, stored.key, None if objects.is_finished(obj) else obj)

    def _has_blocking_dependents(self, uid: str) -> bool:
        return any(
            reference.get("uid") == uid and reference.get("blockOwnerDeletion") is True
            for _, stored in self._everything()
            for reference in references_of(stored.obj)
        )

    def _empty_namespaces(self) -> None:
        for namespace in list(self._storage.state(NAMESPACES).values()):
            if not metadata_of(namespace.obj).get("deletionTimestamp"):
                continue
            content = [found for found in self._everything() if found[1].key.namespace == namespace.key.name]
            for served, stored in content:
                self._delete(served, stored)
            if not any(stored.key.namespace == namespace.key.name for _, stored in self._everything()):
                self._storage.commit(NAMESPACES, ObjectKey("", namespace.key.name), None)


def _may_leave_garbage(change: Change) -> bool:
    """An object went or is about to, or one came that names owners."""
    if change.after is None:
        return True
    return bool(metadata_of(change.after.obj).get("deletionTimestamp") or references_of(change.after.obj))


def _deletes_dependents(owner: Stored) -> bool:
    metadata = metadata_of(owner.obj)
    return bool(metadata.get("deletionTimestamp")) and FOREGROUND in as_texts(metadata.get("finalizers"))
