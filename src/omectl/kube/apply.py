"""Writing children: server-side apply only when needed, only what is ours, and pruning of what is no longer wanted.

A child carries the hash of what was desired. While the hash is the same and the live object still contains the desired
fields, nothing is written, so a restart writes nothing. An object that another controller (or nobody) owns is never
touched.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

import msgspec
import structlog

from omectl.api.document import as_object, as_objects, as_text, at
from omectl.api.json import JsonObject, JsonValue
from omectl.api.labels import DESIRED_HASH, FIELD_MANAGER, OWNED_BY_UID, REPLICAS_MANAGER
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.kube.client import Client
from omectl.kube.containment import first_difference
from omectl.kube.errors import ApiError, BadRequest, Conflict, InternalError, Invalid, KubeError, NotFound
from omectl.kube.owners import controlled_by, controller_of, metadata_of, owner_reference, uid_of
from omectl.kube.replicas import manages

_NEVER: Final = "1"
"""A resource version that no object has: etcd's first revision holds none. Applied with it, an object is only made."""

_log = structlog.stdlib.get_logger(__name__)
_SERVER_FIELDS: Final = frozenset(
    {"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp"}
)
_TYPED_PATCH_FIELD: Final = re.compile(r"(?:failed to create typed patch object|errors:).*?: \.?([\w.\[\]\"=/-]+): ")


class NotOurs(KubeError):
    """An object of the wanted name exists and another controller, or nobody, owns it."""

    def __init__(self, kind: str, key: ObjectKey, wanted_owner: str, found_owner: str) -> None:
        super().__init__(kind, key, found_owner)
        self.kind = kind
        self.key = key
        self.wanted_owner = wanted_owner
        self.found_owner = found_owner

    def __str__(self) -> str:
        found = self.found_owner or "nobody"
        # What somebody else makes comes again when it is deleted.
        advice = "have its owner give that name up" if self.found_owner else "delete or rename that object"
        return (
            f"wanted to write {self.kind} {self.key} for {self.wanted_owner}, found it owned by {found}; "
            f"next: {advice}, or make {self.wanted_owner} anew under another name"
        )


class ApplyRefused(KubeError):
    """The server does not accept the object; `fields` names what it refuses."""

    def __init__(self, kind: str, key: ObjectKey, cause: ApiError) -> None:
        super().__init__(kind, key, cause.message)
        self.kind = kind
        self.key = key
        self.cause = cause
        self.fields = _refused_fields(cause)

    def __str__(self) -> str:
        fields = ", ".join(self.fields) or "the object"
        immutable = "immutable" in self.cause.message
        advice = (
            f"delete {self.kind} {self.key} so that it is made again"
            if immutable
            else "correct the field where it comes from: the service, its runtime or the settings"
        )
        return f"the API server refuses {fields} of {self.kind} {self.key}: {self.cause.message}; next: {advice}"


class Outcome(Enum):
    """What `Applier.apply` did. TERMINATING: the live object is being deleted, and is made anew once it is gone."""

    UNCHANGED = "unchanged"
    CREATED = "created"
    UPDATED = "updated"
    TERMINATING = "terminating"


@dataclass(frozen=True, slots=True)
class Undone:
    """A field that somebody had changed, and the manager that wrote last, "" when there was none but us."""

    field: str
    manager: str


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome, the live object after it, and what of somebody's was undone."""

    outcome: Outcome
    live: JsonObject
    undone: Undone | None = None


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What `Applier.apply` would do: the live object before (None when there is none) and after it."""

    outcome: Outcome
    before: JsonObject | None
    after: JsonObject


def desired_hash(obj: JsonObject) -> str:
    """32 hex digits over everything that is desired: what the server fills, and the hash itself, do not count."""
    bare = _without_hash(obj)
    metadata = {name: value for name, value in metadata_of(bare).items() if name not in _SERVER_FIELDS}
    hashed: JsonObject = {**bare, "metadata": metadata}
    hashed.pop("status", None)
    return hashlib.sha256(msgspec.json.encode(hashed, order="sorted")).hexdigest()[:32]


def stamp(desired: JsonObject, owner: JsonObject) -> JsonObject:
    """A copy of the desired object with owner reference, inventory label and hash."""
    metadata = dict(metadata_of(desired))
    annotations = as_object(metadata.get("annotations"))
    metadata["labels"] = {**as_object(metadata.get("labels")), OWNED_BY_UID: uid_of(owner)}
    metadata["ownerReferences"] = [owner_reference(owner)]
    stamped: JsonObject = {**desired, "metadata": metadata}
    metadata["annotations"] = {**annotations, DESIRED_HASH: desired_hash(stamped)}
    return stamped


def needs_apply(live: JsonObject, stamped: JsonObject) -> str | None:
    """Why the stamped object must be applied over the live one; None when nothing is to be written."""
    difference = first_difference(live, stamped)
    if difference is None:
        return None
    return "the desired object changed" if difference.endswith(DESIRED_HASH) else f"{difference} differs"


class Applier:
    """Applies and prunes the children of owners, as one field manager."""

    def __init__(self, client: Client, *, field_manager: str = FIELD_MANAGER) -> None:
        self._client = client
        self._field_manager = field_manager

    async def apply(
        self,
        owner: JsonObject,
        kind: ResourceKind,
        desired: JsonObject,
        live: JsonObject | None,
        *,
        initial_replicas: int | None = None,
        resume: bool = False,
    ) -> Applied:
        """Make `desired` true for `owner`; `live` is what the cache has and may be stale.

        With `initial_replicas`, `desired` has no `spec.replicas`: the number is set once, at creation, and afterwards
        belongs to whatever scales the object. With `resume` it is set once more, if the number there is ours: then we
        had taken the replicas away.
        Raises NotOurs, ApplyRefused, and whatever the client raises.
        """
        stamped = stamp(desired, owner)
        try:
            if live is None:
                return await self._create(kind, stamped, initial_replicas)
            if controlled_by(live, uid_of(owner)):
                reason = needs_apply(live, stamped)
                if reason is None:
                    return Applied(Outcome.UNCHANGED, live)
                if _tells_enough(live, initial_replicas) and not _is_drift(live, stamped):
                    return await self._update(kind, stamped, live, reason, initial_replicas, _at_version, resume=resume)
        except Conflict:
            # The cache is behind, and only the server knows what is there.
            pass
        current = await self._current(kind, key_of(desired))
        outcome = _decide(owner, kind, stamped, current)
        if current is None:
            return await self._create(kind, stamped, initial_replicas)
        if outcome is not Outcome.UPDATED:
            return Applied(outcome, current)
        reason = needs_apply(current, stamped) or ""
        undone = self._foreign_change(current, stamped)
        applied = await self._update(kind, stamped, current, reason, initial_replicas, _same, resume=resume)
        return Applied(applied.outcome, applied.live, undone)

    async def rehearse(
        self,
        owner: JsonObject,
        kind: ResourceKind,
        desired: JsonObject,
        *,
        initial_replicas: int | None = None,
        resume: bool = False,
    ) -> Rehearsed:
        """What `apply` would do now, by a dry run of its write: the server says what would come of it.

        Raises what `apply` raises.
        """
        stamped = stamp(desired, owner)
        current = await self._current(kind, key_of(desired))
        outcome = _decide(owner, kind, stamped, current)
        if current is not None and outcome is not Outcome.UPDATED:
            return Rehearsed(outcome, current, current)
        if current is None:
            body = stamped if initial_replicas is None else _with_replicas(stamped, initial_replicas)
        else:
            body = _same(stamped, current)
            if initial_replicas is not None and manages(current, self._field_manager, "spec", "replicas"):
                # The number passes to another manager first. In one dry run it stays by being stated.
                number = initial_replicas if resume else as_object(current.get("spec")).get("replicas")
                body = _with_replicas(body, number)
        return Rehearsed(outcome, current, await self._apply(kind, body, self._field_manager, dry_run=True))

    async def prune(
        self,
        owner: JsonObject,
        existing: Iterable[tuple[ResourceKind, JsonObject]],
        keep: Collection[tuple[str, ObjectKey]],
        *,
        propagation: str = "Background",
    ) -> list[tuple[ResourceKind, ObjectKey]]:
        """Delete the owner's children that are not kept; `keep` holds (`ResourceKind.group_kind`, key).

        Only what carries the owner's inventory label and whose controller is this very owner is deleted, and only if it
        is still the same object. Returns what was deleted.
        """
        deleted: list[tuple[ResourceKind, ObjectKey]] = []
        for kind, obj in existing:
            key = key_of(obj)
            if (kind.group_kind, key) in keep or not self.is_child(obj, owner):
                continue
            try:
                await self._client.delete(kind, key.name, key.namespace, uid=uid_of(obj), propagation=propagation)
            except (NotFound, Conflict):
                continue
            _log.info("child_pruned", kind=kind.kind, object=str(key))
            deleted.append((kind, key))
        return deleted

    async def children(
        self, owner: JsonObject, kinds: Iterable[ResourceKind], namespace: str
    ) -> list[tuple[ResourceKind, JsonObject]]:
        """The owner's children of these kinds, read live by the inventory label; for callers without caches."""
        selector = f"{OWNED_BY_UID}={uid_of(owner)}"
        found: list[tuple[ResourceKind, JsonObject]] = []
        for kind in kinds:
            listed = await self._client.list(kind, namespace, label_selector=selector)
            found.extend((kind, obj) for obj in listed.items)
        return found

    @staticmethod
    def is_child(obj: JsonObject, owner: JsonObject) -> bool:
        """In the owner's inventory, controlled by it, and not being deleted already."""
        metadata = metadata_of(obj)
        in_inventory = as_object(metadata.get("labels")).get(OWNED_BY_UID) == uid_of(owner)
        return in_inventory and controlled_by(obj, uid_of(owner)) and not metadata.get("deletionTimestamp")

    async def _current(self, kind: ResourceKind, key: ObjectKey) -> JsonObject | None:
        try:
            return await self._client.get(kind, key.name, key.namespace)
        except NotFound as error:
            if error.kind_is_missing:
                raise
            return None

    async def _create(self, kind: ResourceKind, stamped: JsonObject, initial_replicas: int | None) -> Applied:
        """Make it in one request. Raises Conflict when an object of that name exists, whoever has it."""
        body = stamped if initial_replicas is None else _with_replicas(stamped, initial_replicas)
        absent: JsonObject = {**body, "metadata": {**metadata_of(body), "resourceVersion": _NEVER}}
        born = await self._apply(kind, absent, self._field_manager)
        _log.info("child_created", kind=kind.kind, object=str(key_of(stamped)))
        return Applied(Outcome.CREATED, born)

    async def _update(
        self,
        kind: ResourceKind,
        stamped: JsonObject,
        current: JsonObject,
        reason: str,
        initial_replicas: int | None,
        placed: Callable[[JsonObject, JsonObject], JsonObject],
        *,
        resume: bool,
    ) -> Applied:
        """Apply over the current object; `placed` says how exactly it must still be that one. Raises Conflict."""
        _log.info("child_applied", kind=kind.kind, object=str(key_of(stamped)), reason=reason)
        if initial_replicas is not None and manages(current, self._field_manager, "spec", "replicas"):
            # The number that was ours passes to a manager that never has anything else, so that it stays.
            number = initial_replicas if resume else as_object(current.get("spec")).get("replicas")
            current = await self._apply(kind, _replicas_of(kind, current, number), REPLICAS_MANAGER)
        return Applied(Outcome.UPDATED, await self._apply(kind, placed(stamped, current), self._field_manager))

    def _foreign_change(self, current: JsonObject, stamped: JsonObject) -> Undone | None:
        """What somebody changed of an object that is desired as it was."""
        difference = first_difference(current, stamped)
        if difference is None or not _is_drift(current, stamped):
            return None
        own = (self._field_manager, REPLICAS_MANAGER)
        entries = as_objects(metadata_of(current).get("managedFields"))
        others = [one for one in entries if one.get("manager") not in own and not one.get("subresource")]
        last = max(others, key=lambda one: as_text(one.get("time")), default=JsonObject())
        return Undone(difference, as_text(last.get("manager")))

    async def _apply(self, kind: ResourceKind, obj: JsonObject, manager: str, *, dry_run: bool = False) -> JsonObject:
        try:
            return await self._client.apply(kind, obj, field_manager=manager, force=True, dry_run=dry_run)
        except (Invalid, BadRequest) as error:
            raise ApplyRefused(kind.kind, key_of(obj), error) from error
        except InternalError as error:
            if "typed patch object" not in error.message:
                raise
            raise ApplyRefused(kind.kind, key_of(obj), error) from error


def _decide(owner: JsonObject, kind: ResourceKind, stamped: JsonObject, current: JsonObject | None) -> Outcome:
    """What is to be done with the object as it is live. Raises NotOurs."""
    if current is None:
        return Outcome.CREATED
    if not controlled_by(current, uid_of(owner)):
        raise NotOurs(kind.kind, key_of(stamped), _named(owner), _named_controller(current))
    if metadata_of(current).get("deletionTimestamp"):
        return Outcome.TERMINATING
    return Outcome.UNCHANGED if needs_apply(current, stamped) is None else Outcome.UPDATED


def _is_drift(live: JsonObject, stamped: JsonObject) -> bool:
    """Whether the live object has the hash of what is desired, so that what differs is somebody else's change."""
    path = ("metadata", "annotations", DESIRED_HASH)
    return at(live, *path) == at(stamped, *path)


def _tells_enough(live: JsonObject, initial_replicas: int | None) -> bool:
    """Whether the cached object is enough to apply over it: caches leave out who owns the replicas."""
    metadata = metadata_of(live)
    owners_known = initial_replicas is None or bool(metadata.get("managedFields"))
    return owners_known and not metadata.get("deletionTimestamp")


def _same(stamped: JsonObject, current: JsonObject) -> JsonObject:
    """The object to apply, which must still be this very one."""
    return {**stamped, "metadata": {**metadata_of(stamped), "uid": uid_of(current)}}


def _at_version(stamped: JsonObject, current: JsonObject) -> JsonObject:
    """The object to apply, over this very version of the live one."""
    same = _same(stamped, current)
    return {**same, "metadata": {**metadata_of(same), "resourceVersion": metadata_of(current).get("resourceVersion")}}


def _replicas_of(kind: ResourceKind, live: JsonObject, replicas: JsonValue) -> JsonObject:
    """Nothing but the number of replicas of the live object."""
    key = key_of(live)
    metadata: JsonObject = {"name": key.name, "namespace": key.namespace, "uid": uid_of(live)}
    spec: JsonObject = {"replicas": replicas}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}


def _with_replicas(obj: JsonObject, replicas: JsonValue) -> JsonObject:
    return {**obj, "spec": {**as_object(obj.get("spec")), "replicas": replicas}}


def _without_hash(obj: JsonObject) -> JsonObject:
    metadata = dict(metadata_of(obj))
    annotations = metadata.pop("annotations", None)
    if isinstance(annotations, dict):
        kept = {name: value for name, value in annotations.items() if name != DESIRED_HASH}
        if kept:
            metadata["annotations"] = kept
    return {**obj, "metadata": metadata}


def _refused_fields(cause: ApiError) -> tuple[str, ...]:
    if isinstance(cause, Invalid) and cause.fields:
        return cause.fields
    return tuple(dict.fromkeys(_TYPED_PATCH_FIELD.findall(cause.message)))


def _named(owner: JsonObject) -> str:
    return f"{owner.get('kind')} {key_of(owner)}"


def _named_controller(obj: JsonObject) -> str:
    controller = controller_of(obj)
    return f"{controller.get('kind')} {controller.get('name')} (uid {controller.get('uid')})" if controller else ""
