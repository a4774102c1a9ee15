"""Create or change one object by a function on its tree, for objects that no apply fits.

Prefer apply (`Applier`) for children: whoever compares trees meets the server's defaults, and a function that sets what
the server fills otherwise (null where it has nothing, a quantity in other words) writes at every pass.
"""

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.kube.client import Client
from omectl.kube.errors import AlreadyExists, NotFound
from omectl.kube.merge_patch import merge_patch_from, same_json
from omectl.kube.owners import metadata_of

Mutate: TypeAlias = Callable[[JsonObject], None]
"""Changes the tree in place; may run several times, and must leave name and namespace as they are."""

_TRIES: Final = 5


class Change(Enum):
    """What was written. UPDATED_STATUS: object and status; UPDATED_STATUS_ONLY: the status alone."""

    UNCHANGED = "unchanged"
    CREATED = "created"
    UPDATED = "updated"
    UPDATED_STATUS = "updatedStatus"
    UPDATED_STATUS_ONLY = "updatedStatusOnly"


@dataclass(frozen=True, slots=True)
class Upserted:
    """What was written, and the object after it."""

    change: Change
    obj: JsonObject


async def create_or_update(client: Client, kind: ResourceKind, key: ObjectKey, mutate: Mutate) -> Upserted:
    """Read the live object, change it, and put it as a whole if that changed it; create it where it is absent.

    An object that comes or goes meanwhile is read again. Raises: Conflict when it changed meanwhile (see
    `retry_on_conflict`), ValueError when `mutate` changed name or namespace, and whatever it or the client raises.
    """

    async def write(before: JsonObject, after: JsonObject) -> Upserted:
        if same_json(before, after):
            return Upserted(Change.UNCHANGED, before)
        return Upserted(Change.UPDATED, await client.replace(kind, after))

    return await _upsert(client, kind, key, mutate, write)


async def create_or_patch(
    client: Client, kind: ResourceKind, key: ObjectKey, mutate: Mutate, *, optimistic: bool = False
) -> Upserted:
    """Like `create_or_update`, by merge patches: one for the object, one for its status, each only when needed.

    `optimistic` makes a change meanwhile a Conflict, which otherwise stays as far as its fields are others. A status
    that is set while the object is created is written by the next call.
    """

    async def write(before: JsonObject, after: JsonObject) -> Upserted:
        patch = merge_patch_from(_without_status(before), _without_status(after), optimistic=optimistic)
        status = merge_patch_from(_status_alone(before), _status_alone(after))
        obj = before
        if patch:
            obj = await client.merge_patch(kind, key.name, patch, key.namespace)
        if status:
            if optimistic:
                status["metadata"] = {"resourceVersion": metadata_of(obj).get("resourceVersion")}
            obj = await client.merge_patch(kind, key.name, status, key.namespace, subresource="status")
        return Upserted(_CHANGES[bool(patch), bool(status)], obj)

    return await _upsert(client, kind, key, mutate, write)


_CHANGES: Final = {
    (False, False): Change.UNCHANGED,
    (True, False): Change.UPDATED,
    (True, True): Change.UPDATED_STATUS,
    (False, True): Change.UPDATED_STATUS_ONLY,
}
"""By what was patched: the object, its status."""


async def _upsert(
    client: Client,
    kind: ResourceKind,
    key: ObjectKey,
    mutate: Mutate,
    write: Callable[[JsonObject, JsonObject], Awaitable[Upserted]],
) -> Upserted:
    for attempt in range(1, _TRIES + 1):
        before = await _live(client, kind, key)
        after = copy.deepcopy(before) if before is not None else _bare(kind, key)
        mutate(after)
        if key_of(after) != key:
            raise ValueError(f"wanted {kind.kind} {key} changed in place, found it named {key_of(after)} afterwards")
        try:
            if before is not None:
                return await write(before, after)
            return Upserted(Change.CREATED, await client.create(kind, after))
        except AlreadyExists:
            if before is not None or attempt == _TRIES:
                raise
        except NotFound as error:
            if before is None or error.kind_is_missing or attempt == _TRIES:
                raise
    raise AssertionError("the last attempt returns or raises")


async def _live(client: Client, kind: ResourceKind, key: ObjectKey) -> JsonObject | None:
    try:
        return await client.get(kind, key.name, key.namespace)
    except NotFound as error:
        if error.kind_is_missing:
            raise
        return None


def _bare(kind: ResourceKind, key: ObjectKey) -> JsonObject:
    metadata: JsonObject = {"name": key.name}
    if key.namespace:
        metadata["namespace"] = key.namespace
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def _without_status(obj: JsonObject) -> JsonObject:
    return {name: value for name, value in obj.items() if name != "status"}


def _status_alone(obj: JsonObject) -> JsonObject:
    return {"status": obj["status"]} if "status" in obj else {}
