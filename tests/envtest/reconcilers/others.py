"""The parts of everybody else in a cluster: controllers that say that all serves, and the garbage collector."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Final

from tests.envtest.reconcilers.states import KINDS

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS
from omectl.kube.third_party_kinds import (
    HTTP_ROUTES,
    KNATIVE_SERVICES,
    LEADER_WORKER_SETS,
    RAY_CLUSTERS,
    SCALED_OBJECTS,
)

AT_ONCE = 16
_SINCE: Final = "2026-01-01T00:00:00Z"


async def at_once(work: Iterable[Awaitable[Any]]) -> None:
    """All of it, so many at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(each: Awaitable[Any]) -> None:
        async with slots:
            await each

    async with asyncio.TaskGroup() as tasks:
        for each in work:
            tasks.create_task(one(each))


async def make_available(admin: Client, namespaces: Collection[str]) -> None:
    """Say there, as its controller would, that each workload serves, each route is taken and each autoscaler works."""
    for kind, told in _TOLD.items():
        await at_once(
            admin.merge_patch(
                kind,
                obj["metadata"]["name"],
                {"status": status},
                obj["metadata"]["namespace"],
                subresource="status",
            )
            for obj in await _all(admin, kind)
            if obj["metadata"]["namespace"] in namespaces and not _says(obj, status := told(obj))
        )


async def kept(admin: Client) -> list[str]:
    """What the garbage collector would not delete: what has no owner, or one that is there and kept itself."""
    found = {obj["metadata"]["uid"]: (kind, obj["metadata"]) for kind in KINDS for obj in await _all(admin, kind)}

    def is_kept(metadata: Any) -> bool:
        owners = [one["uid"] for one in metadata.get("ownerReferences", ())]
        return not owners or any(uid in found and is_kept(found[uid][1]) for uid in owners)

    return sorted(
        f"{metadata['namespace']} {kind.kind} {metadata['name']}"
        for kind, metadata in found.values()
        if is_kept(metadata)
    )


async def _all(admin: Client, kind: ResourceKind) -> list[Any]:
    return [*(await admin.list(kind)).items]


def _says(obj: Any, status: JsonObject) -> bool:
    found = obj.get("status", {})
    return all(found.get(name) == value for name, value in status.items())


def _condition(kind: str, obj: Any = None, **more: str) -> Any:
    about = {"observedGeneration": obj["metadata"]["generation"]} if obj is not None else {}
    told = {"type": kind, "status": "True", "reason": "Told", "message": "told"}
    return {**told, "lastTransitionTime": _SINCE, **about, **more}


def _deployment(obj: Any) -> Any:
    replicas = obj["spec"]["replicas"]
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
    told = {"type": "Available", "status": "True", "reason": "Told", "message": "told"}
    return {**counts, "observedGeneration": obj["metadata"]["generation"], "conditions": [told]}


def _leader_worker_set(obj: Any) -> Any:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), obj["spec"]["replicas"])
    return {**counts, "conditions": [_condition("Available", reason="AllGroupsReady")]}


def _knative_service(obj: Any) -> Any:
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    newest = f"{name}-00001"
    return {
        "observedGeneration": obj["metadata"]["generation"],
        "conditions": [{"type": one, "status": "True"} for one in ("Ready", "RoutesReady", "ConfigurationsReady")],
        "latestCreatedRevisionName": newest,
        "latestReadyRevisionName": newest,
        "url": f"http://{name}.{namespace}.example.org",
        "address": {"url": f"http://{name}.{namespace}.svc.cluster.local"},
        "traffic": [{"revisionName": newest, "percent": 100, "latestRevision": True}],
    }


def _ray_cluster(obj: Any) -> Any:
    if obj["spec"].get("suspend"):
        return {"observedGeneration": obj["metadata"]["generation"], "state": "suspended", "conditions": []}
    return {
        "observedGeneration": obj["metadata"]["generation"],
        "state": "ready",
        "conditions": [_condition("HeadPodReady")],
        "desiredWorkerReplicas": 1,
        "readyWorkerReplicas": 1,
        "availableWorkerReplicas": 1,
    }


def _scaled_object(obj: Any) -> Any:
    conditions = [{"type": one, "status": "True", "reason": "Told", "message": "told"} for one in ("Ready", "Active")]
    return {"conditions": conditions, "hpaName": f"keda-hpa-{obj['metadata']['name']}"}


def _autoscaler(obj: Any) -> Any:
    conditions = [_condition(one) for one in ("AbleToScale", "ScalingActive")]
    least = obj["spec"].get("minReplicas", 1)
    counts = {"currentReplicas": least, "desiredReplicas": least}
    return {**counts, "conditions": conditions}


def _route(obj: Any) -> Any:
    conditions = [_condition(one, obj) for one in ("Accepted", "ResolvedRefs")]
    parents = [
        {"parentRef": parent, "controllerName": "example.org/gateway", "conditions": conditions}
        for parent in obj["spec"]["parentRefs"]
    ]
    return {"parents": parents}


_TOLD: Final[Mapping[ResourceKind, Callable[[Any], Any]]] = {
    DEPLOYMENTS: _deployment,
    LEADER_WORKER_SETS: _leader_worker_set,
    KNATIVE_SERVICES: _knative_service,
    RAY_CLUSTERS: _ray_cluster,
    SCALED_OBJECTS: _scaled_object,
    HORIZONTAL_POD_AUTOSCALERS: _autoscaler,
    HTTP_ROUTES: _route,
}
"""The status of each kind when it serves."""
