"""Services with an `autoscaler` block, and the autoscalers that they get."""

from __future__ import annotations

from typing import Any

from tests.envtest.reconcilers.conftest import Scene, eventually
from tests.envtest.reconcilers.services import make_model, make_runtime, make_service

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.kube.errors import NotFound
from omectl.kube.resources import HORIZONTAL_POD_AUTOSCALERS
from omectl.kube.third_party_kinds import SCALED_OBJECTS

LOOK_S = 0.1
TRIGGER: JsonObject = {"type": "prometheus", "metadata": {"query": "sum(gateway_queue)", "threshold": "5"}}
KEDA: JsonObject = {"class": "KEDA", "keda": {"triggers": [TRIGGER]}}


async def scaled_service(scene: Scene, autoscaler: JsonObject, stem: str = "svc") -> str:
    """A service of 2 to 9 replicas with a model and a runtime of its own."""
    model, runtime = await make_model(scene, f"{stem}-model"), await make_runtime(scene, f"{stem}-runtime")
    block: JsonObject = {"minReplicas": 2, "maxReplicas": 9, "autoscaler": autoscaler}
    return await make_service(scene, model.name, runtime, stem, engine=block)


async def change(scene: Scene, name: str, autoscaler: JsonObject) -> None:
    """Another block; fields of the old one go."""
    bare: JsonObject = {"hpa": None, "keda": None}
    patch: JsonObject = {"spec": {"engine": {"autoscaler": {**bare, **autoscaler}}}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)


async def scaled_object(scene: Scene, name: str) -> Any:
    async def look() -> Any:
        try:
            return await scene.get(SCALED_OBJECTS, f"scaledobject-{name}-engine")
        except NotFound:
            return None

    return await eventually(look)


async def autoscaler(scene: Scene, name: str) -> Any:
    async def look() -> Any:
        try:
            return await scene.get(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
        except NotFound:
            return None

    return await eventually(look)
