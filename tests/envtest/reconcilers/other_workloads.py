"""Knative's and KubeRay's parts, played by hand."""

from __future__ import annotations

from typing import Any

from tests.envtest.reconcilers.conftest import Scene, eventually

from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.resource import ResourceKind
from omectl.kube.errors import NotFound
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, RAY_CLUSTERS

RAY: JsonObject = {"annotations": {"ome.io/deploymentMode": "MultiNodeRayVLLM"}, "minReplicas": 2}
SERVERLESS: JsonObject = {"minReplicas": 0, "maxReplicas": 4}


async def there(scene: Scene, kind: ResourceKind, name: str) -> Any:
    """The object once it is there."""

    async def look() -> Any:
        try:
            return await scene.get(kind, name)
        except NotFound:
            return None

    return await eventually(look)


async def set_engine(scene: Scene, name: str, engine: JsonObject) -> None:
    """The service's engine becomes exactly this."""
    found = await scene.get(INFERENCE_SERVICES, name)
    bare: JsonObject = dict.fromkeys(found["spec"]["engine"])
    patch: JsonObject = {"spec": {"engine": {**bare, **engine}}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)


async def tell(scene: Scene, kind: ResourceKind, name: str, status: JsonObject) -> None:
    """What the object's controller says of it, as of its newest spec."""
    found = await there(scene, kind, name)
    patch: JsonObject = {"status": {"observedGeneration": found["metadata"]["generation"], **status}}
    await scene.admin.merge_patch(kind, name, patch, scene.namespace, subresource="status")


async def make_knative_ready(scene: Scene, name: str, revision: int = 1) -> str:
    """A revision of the Knative Service serves; its name."""
    newest = f"{name}-{revision:05}"
    conditions: list[JsonValue] = [
        {"type": kind, "status": "True"} for kind in ("Ready", "RoutesReady", "ConfigurationsReady")
    ]
    status: JsonObject = {
        "conditions": conditions,
        "latestCreatedRevisionName": newest,
        "latestReadyRevisionName": newest,
        "url": f"http://{name}.{scene.namespace}.example.com",
        "address": {"url": f"http://{name}.{scene.namespace}.svc.cluster.local"},
        "traffic": [{"revisionName": newest, "percent": 100, "latestRevision": True}],
    }
    await tell(scene, KNATIVE_SERVICES, name, status)
    return newest


async def make_cluster_ready(scene: Scene, name: str, *, head: bool = True) -> None:
    """The head of a RayCluster serves, or does not any more."""
    verdict: JsonObject = {
        "type": "HeadPodReady",
        "status": "True" if head else "False",
        "reason": "HeadPodRunningAndReady" if head else "ContainersNotReady",
        "message": "" if head else "the engine died",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    workers: JsonObject = {"desiredWorkerReplicas": 1, "readyWorkerReplicas": 1, "availableWorkerReplicas": 1}
    await tell(scene, RAY_CLUSTERS, name, {"state": "ready", "conditions": [verdict], **workers})
