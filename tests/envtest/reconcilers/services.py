"""Runtimes and services for tests, and a Deployment controller's part played by hand."""

from __future__ import annotations

from typing import Any

from tests.envtest.reconcilers.conftest import WAIT_S, Scene, condition, eventually

from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import ModelKey
from omectl.kube.errors import NotFound
from omectl.kube.resources import DEPLOYMENTS, EVENTS

ARCHITECTURE = "BertModel"
MODEL: JsonObject = {
    "modelArchitecture": ARCHITECTURE,
    "modelFormat": {"name": "safetensors", "version": "1.0.0"},
    "modelFramework": {"name": "transformers", "version": "4.57.0"},
    "modelParameterSize": "22M",
}


def runtime_spec(
    *, architecture: str = ARCHITECTURE, port: int = 8080, image: str = "example.org/vllm:1", disabled: bool = False
) -> JsonObject:
    return {
        "disabled": disabled,
        "supportedModelFormats": [
            {
                "modelFormat": {"name": "safetensors", "version": "1.0.0"},
                "modelFramework": {"name": "transformers", "version": "4.57.0"},
                "modelArchitecture": architecture,
                "autoSelect": True,
                "priority": 1,
            }
        ],
        "modelSizeRange": {"min": "1M", "max": "1B"},
        "engineConfig": {
            "runner": {
                "name": "ome-container",
                "image": image,
                "args": ["--model=$(MODEL_PATH)"],
                "ports": [{"name": "http1", "containerPort": port, "protocol": "TCP"}],
                "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}},
            }
        },
    }


async def make_runtime(scene: Scene, stem: str = "runtime", **changes: Any) -> str:
    name = scene.name(stem)
    await scene.create(SERVING_RUNTIMES, name, runtime_spec(**changes))
    return name


async def make_model(scene: Scene, stem: str = "model", **spec: Any) -> ModelKey:
    return await scene.model(stem=stem, **{**MODEL, **spec})


async def make_service(
    scene: Scene,
    model: str,
    runtime: str | None = None,
    stem: str = "svc",
    metadata: JsonObject | None = None,
    weights: list[str] | None = None,
    **spec: Any,
) -> str:
    name = scene.name(stem)
    named: JsonObject = {"runtime": {"name": runtime, "kind": "ServingRuntime"}} if runtime else {}
    served: JsonObject = {"name": model, **({"fineTunedWeights": list[JsonValue](weights)} if weights else {})}
    wanted: JsonObject = {"model": served, "engine": {"minReplicas": 2}, **named, **spec}
    await scene.create(INFERENCE_SERVICES, name, wanted, **(metadata or {}))
    return name


async def service_says(
    scene: Scene, name: str, status: str, reason: str | None = None, *, wait_s: float = WAIT_S
) -> Any:
    """The service once its condition Ready has this status and reason."""

    async def look() -> Any:
        service = await scene.get(INFERENCE_SERVICES, name)
        ready = condition(service)
        assert ready["status"] == status, ready
        assert reason is None or ready.get("reason") == reason, ready
        assert service["status"]["observedGeneration"] == service["metadata"]["generation"]
        return service

    return await eventually(look, wait_s=wait_s)


async def deployment_of(scene: Scene, service: str, component: str = "engine") -> Any:
    """The component's Deployment once it is there."""

    async def look() -> Any:
        try:
            return await scene.get(DEPLOYMENTS, f"{service}-{component}")
        except NotFound:
            return None

    return await eventually(look)


async def make_available(scene: Scene, service: str, *, available: bool = True, component: str = "engine") -> None:
    """Say, as the Deployment controller would, that the component's pods serve."""
    deployment = await deployment_of(scene, service, component)
    verdict = {"type": "Available", "status": "True" if available else "False", "reason": "Told", "message": "told"}
    status: JsonObject = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2 if available else 0,
        "availableReplicas": 2 if available else 0,
        "conditions": [verdict],
    }
    name = deployment["metadata"]["name"]
    await scene.admin.merge_patch(DEPLOYMENTS, name, {"status": status}, scene.namespace, subresource="status")


async def events_of(scene: Scene, name: str, kind: str = INFERENCE_SERVICES.kind) -> list[tuple[str, str]]:
    """Type and reason of the Events about an object, in the test's namespace or the operator's.

    A service's child has its name too, and Events of the API server's own.
    """
    found: list[tuple[str, str]] = []
    for namespace in (scene.namespace, "ome"):
        for event in (await scene.admin.list(EVENTS, namespace)).items:
            about: Any = event["regarding"]
            if (about["kind"], about["name"]) == (kind, name):
                found.append((str(event["type"]), str(event["reason"])))
    return found
