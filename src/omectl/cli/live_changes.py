"""What the controller would do to a cluster for a service: each object that it would write, delete or leave."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from omectl.api.document import as_object, as_objects, as_text
from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.labels import INFERENCE_SERVICE
from omectl.api.resource import ObjectKey, ResourceKind, key_of
from omectl.cli.cluster_objects import Unread
from omectl.cli.manifests import Manifests, inputs_of, read_cluster
from omectl.kube.apply import Applier, ApplyRefused, NotOurs, Outcome, needs_apply, stamp
from omectl.kube.client import Client
from omectl.kube.discovery import Discovery
from omectl.kube.errors import ApiError, ConnectionFailed, Forbidden, KubeError
from omectl.kube.owners import metadata_of
from omectl.kube.resources import PODS, built_in_kind
from omectl.planner import Plan, plan
from omectl.planner.inputs import LiveState, PlanInputs, kind_in_words
from omectl.planner.names import label_value
from omectl.planner.preview import FieldChange, field_changes
from omectl.reconcilers.children import CHILD_KINDS, OPTIONAL_KINDS
from omectl.reconcilers.pruning import Child, may_go, stale_of, waiting
from omectl.reconcilers.room import in_the_way

if TYPE_CHECKING:
    from omectl.api.inference_service import InferenceService
    from omectl.cli.model_facts import FactsSource

_NO_UID: Final = "00000000-0000-0000-0000-000000000000"
"""Stands for the UID of a service that is not in the cluster yet: a child is not valid without its owner's."""


class Action(StrEnum):
    """What the controller would do with an object."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    DELETE_LATER = "delete later"
    """Once what replaces it serves."""
    LEAVE = "leave"
    REFUSED = "refused"
    """It would try to write it, in vain."""
    UNKNOWN = "unknown"
    """You may not read what has to be known."""


CHANGES: Final = frozenset({Action.CREATE, Action.CHANGE, Action.DELETE, Action.DELETE_LATER})


@dataclass(frozen=True, slots=True)
class Change:
    """One object; `note` says in words what speaks against it, or how well it is known."""

    action: Action
    kind: str
    name: str
    fields: tuple[FieldChange, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ServiceChanges:
    """All of a service, in the controller's order; none when the plan has a problem. `unread` is told once.

    `listed_bytes` are those of the model's files that an agent would choose, None where nobody listed them.
    """

    inputs: PlanInputs
    made: Plan
    changes: tuple[Change, ...] = ()
    unread: tuple[Unread, ...] = ()
    listed_bytes: int | None = None

    @property
    def service(self) -> ObjectKey:
        """The service's namespace and name."""
        return self.inputs.service.key

    @property
    def would_change(self) -> bool:
        """Whether anything would be written or deleted."""
        return any(one.action in CHANGES for one in self.changes)


async def changes_in(
    client: Client,
    wanted: Manifests | None,
    name: str | None,
    namespace: str,
    operator_namespace: str,
    known: "FactsSource | None" = None,
) -> list[ServiceChanges]:
    """Of the services that are wanted (those of files), or of the namespace's; with a name only that one.

    Nothing is written: what the server would make of an object is asked by dry runs.
    Raises: what `read_cluster` raises.
    """
    discovery = Discovery(client)
    await discovery.refresh()
    namespaces = [namespace] if wanted is None else list(dict.fromkeys(one.namespace for one in wanted.services))
    told: list[ServiceChanges] = []
    for one in namespaces:
        live = await read_cluster(client, one, operator_namespace)
        here = live if wanted is None else wanted.over(live)
        chosen = here if name is None else here.only(name, namespace)
        services = [service for service in chosen.services if service.namespace == one]
        told.extend([await _Look(client, discovery).at(service, here, known) for service in services])
    return told


class _Look:
    """At what one service has and would get."""

    def __init__(self, client: Client, discovery: Discovery) -> None:
        self._client = client
        self._discovery = discovery
        self._applier = Applier(client)
        self._unread: list[Unread] = []
        self._hidden: set[str] = set()

    async def at(
        self, service: "InferenceService", manifests: Manifests, known: "FactsSource | None"
    ) -> ServiceChanges:
        owner: JsonObject = {
            "apiVersion": INFERENCE_SERVICES.api_version,
            "kind": INFERENCE_SERVICES.kind,
            "metadata": {
                "name": service.name,
                "namespace": service.namespace,
                "uid": service.metadata.uid or _NO_UID,
            },
        }
        served = {kind.group_kind: kind for kind in await self._discovery.kinds()}
        children = await self._children(service, served)
        pods = await self._listed(PODS, service.namespace, f"{INFERENCE_SERVICE}={label_value(service.name)}")
        live = LiveState.of((*children, *((PODS, pod) for pod in pods)))
        # Facts of files are read without asyncio, and from the hub for as long as that takes.
        gathered = await asyncio.to_thread(inputs_of, service, manifests, known)
        inputs = replace(gathered, capabilities=frozenset(served), live=live)
        made = plan(inputs)
        changes: list[Change] = []
        if made.problem is None:
            changes = await self._changes(owner, made, children, list(served.values()))
        listed = known.of(inputs.model).size_bytes if known is not None and inputs.model is not None else None
        return ServiceChanges(inputs, made, tuple(changes), (*manifests.unread, *self._unread), listed)

    async def _changes(
        self, owner: JsonObject, made: Plan, children: list[Child], served: list[ResourceKind]
    ) -> list[Change]:
        by_version = {(kind.api_version, kind.kind): kind for kind in served}
        coming: list[Child] = []
        found: list[Change] = []
        planned: list[Child] = []
        for desired in made.objects:
            kind = built_in_kind(desired) or by_version.get((as_text(desired.get("apiVersion")), _kind(desired)))
            if kind is None:
                note = f"DependencyMissing: the cluster does not serve {desired.get('apiVersion')}; install its CRD"
                found.append(Change(Action.REFUSED, _kind(desired), key_of(desired).name, note=note))
                continue
            coming.append((kind, desired))
            change, after = await self._rehearsed(owner, kind, desired, made, children)
            found.append(change)
            if after is not None:
                planned.append((kind, after))
        going = [one for one in in_the_way(children, coming) if Applier.is_child(one[1], owner)]
        found.extend(_told(Action.DELETE, going))
        rest = [one for one in children if one not in going]
        blocked = any(one.action in (Action.REFUSED, Action.UNKNOWN) for one in found)
        if blocked:
            # The controller prunes only after a pass that wrote everything.
            note = "stays until all of the plan can be written"
            found.extend(_told(Action.LEAVE, stale_of(rest, coming, owner), note))
            return found
        stale = stale_of(rest, planned, owner)
        now = stale if made.stopped else may_go(stale, planned, waiting(stale, planned))
        found.extend(_told(Action.DELETE, now))
        note = "once its replacement serves"
        found.extend(_told(Action.DELETE_LATER, [one for one in stale if one not in now], note))
        return found

    async def _rehearsed(
        self, owner: JsonObject, kind: ResourceKind, desired: JsonObject, made: Plan, children: list[Child]
    ) -> tuple[Change, JsonObject | None]:
        key = key_of(desired)
        place = (kind.kind, key.name)
        replicas, resume = made.initial_replicas.get(place), place in made.resumed
        try:
            rehearsed = await self._applier.rehearse(owner, kind, desired, initial_replicas=replicas, resume=resume)
        except ConnectionFailed:
            raise
        except Forbidden as error:
            if not _lacks_rights(error):
                return Change(Action.REFUSED, _in_words(kind), key.name, note=error.message), None
            return self._compared(owner, kind, desired, children)
        except KubeError as error:
            return Change(Action.REFUSED, _in_words(kind), key.name, note=_reason(error)), None
        match rehearsed.outcome:
            case Outcome.CREATED:
                return Change(Action.CREATE, _in_words(kind), key.name), rehearsed.after
            case Outcome.UPDATED:
                fields = field_changes(as_object(rehearsed.before), rehearsed.after)
                note = "" if fields else "only omectl's own marks"
                return Change(Action.CHANGE, _in_words(kind), key.name, fields, note), rehearsed.after
            case Outcome.UNCHANGED:
                return Change(Action.LEAVE, _in_words(kind), key.name), rehearsed.after
            case Outcome.TERMINATING:
                note = "it is being deleted, and is made anew once it is gone"
                return Change(Action.CREATE, _in_words(kind), key.name, note=note), rehearsed.after

    def _compared(
        self, owner: JsonObject, kind: ResourceKind, desired: JsonObject, children: list[Child]
    ) -> tuple[Change, JsonObject | None]:
        """Without a dry run: against what was read, by what is wanted alone."""
        name = key_of(desired).name
        if kind.group_kind in self._hidden:
            note = "you may neither read these objects nor make a dry run of writing them"
            return Change(Action.UNKNOWN, _in_words(kind), name, note=note), None
        note = "compared without the API server: you may not make a dry run of writing it"
        live = next((obj for one, obj in children if one == kind and key_of(obj).name == name), None)
        if live is None:
            return Change(Action.CREATE, _in_words(kind), name, note=note), desired
        if needs_apply(live, stamp(desired, owner)) is None:
            return Change(Action.LEAVE, _in_words(kind), name), live
        # Not served by its newest version yet, as it would be after the write.
        pending: JsonObject = {**live, "status": {}}
        return Change(
            Action.CHANGE, _in_words(kind), name, field_changes(live, desired, known_only=True), note
        ), pending

    async def _children(self, service: "InferenceService", served: dict[str, ResourceKind]) -> list[Child]:
        """What names the service as an owner, in the order of pruning."""
        uid, found = service.metadata.uid, list[Child]()
        if not uid:
            return found
        for kind in (*CHILD_KINDS, *(one for one in OPTIONAL_KINDS if one.group_kind in served)):
            listed = await self._listed(kind, service.namespace, INFERENCE_SERVICE)
            found.extend((kind, obj) for obj in listed if _owned_by(obj, uid))
        return found

    async def _listed(self, kind: ResourceKind, namespace: str, selector: str) -> list[JsonObject]:
        try:
            return (await self._client.list(kind, namespace, label_selector=selector)).items
        except Forbidden as error:
            self._hidden.add(kind.group_kind)
            text = f"{_in_words(kind)} objects of the service count as absent: you may not read them ({error.message})"
            self._unread.append(Unread(text))
            return []


def _in_words(kind: ResourceKind) -> str:
    return kind_in_words(kind.group, kind.kind)


def _kind(obj: JsonObject) -> str:
    return as_text(obj.get("kind"))


def _owned_by(obj: JsonObject, uid: str) -> bool:
    return any(one.get("uid") == uid for one in as_objects(metadata_of(obj).get("ownerReferences")))


def _told(action: Action, children: Iterable[Child], note: str = "") -> list[Change]:
    return [Change(action, _in_words(kind), key_of(obj).name, note=note) for kind, obj in children]


def _lacks_rights(error: Forbidden) -> bool:
    """RBAC says no, which has nothing to do with what the controller may."""
    return " cannot " in error.message and ' resource "' in error.message


def _reason(error: KubeError) -> str:
    if isinstance(error, ApplyRefused | NotOurs) or not isinstance(error, ApiError):
        return str(error)
    return error.message
