"""Autoscalers on a real API server with KEDA's own definitions; KEDA's part is played by hand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.envtest.conftest import Shipped
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.scalers import (
    KEDA,
    LOOK_S,
    TRIGGER,
    autoscaler,
    change,
    scaled_object,
    scaled_service,
)
from tests.envtest.reconcilers.services import (
    deployment_of,
    make_available,
    make_model,
    make_service,
    runtime_spec,
    service_says,
)

from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import DESIRED_HASH
from omectl.kube.errors import NotFound
from omectl.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS
from omectl.kube.third_party_kinds import SCALED_OBJECTS

FULL: JsonObject = {
    "class": "KEDA",
    "keda": {
        "triggers": [
            {**TRIGGER, "name": "queue", "metricType": "Value", "authenticationRef": {"name": "a"}},
            {"type": "prometheus", "metadata": {"query": "{{.KVCacheUsage}}"}},
            {
                "type": "cron",
                "metadata": {"timezone": "Etc/UTC", "start": "0 8 * * *", "end": "0 9 * * *", "desiredReplicas": "2"},
            },
        ],
        "pollingInterval": 10,
        "cooldownPeriod": 60,
        "initialCooldownPeriod": 30,
        "idleReplicaCount": 0,
        "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "static"},
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}},
    },
}


@pytest.fixture(scope="module")
def shipped(everybodys: Shipped) -> Shipped:
    """The control plane with everybody's kinds."""
    return everybodys


async def complete(scene: Scene, name: str, component: str = "engine") -> None:
    """Until the creation of the Deployment has ended: only then is its number nobody's of ours."""

    async def look() -> bool:
        return DESIRED_HASH in (await deployment_of(scene, name, component))["metadata"].get("annotations", {})

    await eventually(look)


async def scale_to(scene: Scene, name: str, replicas: int) -> None:
    await scene.admin.merge_patch(DEPLOYMENTS, f"{name}-engine", {"spec": {"replicas": replicas}}, scene.namespace)


async def replicas_of(scene: Scene, name: str, component: str = "engine") -> Any:
    return (await deployment_of(scene, name, component))["spec"]["replicas"]


async def has_replicas(scene: Scene, name: str, wanted: int, component: str = "engine") -> None:
    async def look() -> bool:
        assert await replicas_of(scene, name, component) == wanted
        return True

    await eventually(look)


def scaler_writes(scene: Scene) -> list[str]:
    """Verb and kind of each write to a scaler in this test's namespace."""
    written = [line.split() for line in scene.writes()]
    return [
        f"{verb} {resource}"
        for verb, resource, name, _ in written
        if name.startswith(f"{scene.namespace}/") and resource in ("horizontalpodautoscalers", "scaledobjects")
    ]


async def test_kedas_own_schema_takes_every_field_that_we_write(scene: Scene) -> None:
    name = await scaled_service(scene, FULL)
    async with scene.manager():
        found = await scaled_object(scene, name)
        service = await scene.get(INFERENCE_SERVICES, name)
        (owner,) = found["metadata"]["ownerReferences"]
        assert owner["uid"] == service["metadata"]["uid"]
        spec = found["spec"]
        keda: Any = FULL["keda"]
        assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["idleReplicaCount"]) == (2, 9, 0)
        assert [trigger["type"] for trigger in spec["triggers"]] == ["prometheus", "prometheus", "cron"]
        assert (spec["fallback"], spec["advanced"]) == (keda["fallback"], keda["advanced"])
        assert "vllm:" in spec["triggers"][1]["metadata"]["query"]
        assert await replicas_of(scene, name) == 2
        with pytest.raises(NotFound):
            await scene.get(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")


async def test_the_live_number_survives_every_change_of_class_but_to_none(scene: Scene) -> None:
    name = await scaled_service(scene, {"class": "HPA"})
    async with scene.manager(capabilities_interval_s=LOOK_S):
        await autoscaler(scene, name)
        await complete(scene, name)
        await scale_to(scene, name, 5)
        await change(scene, name, KEDA)
        await scaled_object(scene, name)
        await scene.gone(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
        assert await replicas_of(scene, name) == 5
        await change(scene, name, {"class": "External"})
        await scene.gone(SCALED_OBJECTS, f"scaledobject-{name}-engine")
        assert await replicas_of(scene, name) == 5
        await change(scene, name, {"class": "None"})
        await has_replicas(scene, name, 2)
        await scale_to(scene, name, 7)
        await has_replicas(scene, name, 2)
        await change(scene, name, KEDA)
        await scaled_object(scene, name)
        assert await replicas_of(scene, name) == 2
        await scale_to(scene, name, 6)
        await change(scene, name, {"class": "HPA"})
        await autoscaler(scene, name)
        await scene.gone(SCALED_OBJECTS, f"scaledobject-{name}-engine")
        runtime = scene.name("svc-runtime")
        patch: JsonObject = {"spec": runtime_spec(image="example.org/vllm:2")}
        await scene.admin.merge_patch(SERVING_RUNTIMES, runtime, patch, scene.namespace)

        async def rolled() -> Any:
            found = await deployment_of(scene, name)
            return found["spec"]["template"]["spec"]["containers"][0]["image"] == "example.org/vllm:2" and found

        assert (await eventually(rolled))["spec"]["replicas"] == 6


async def test_of_two_scalers_the_old_one_goes_before_the_new_one_comes(scene: Scene) -> None:
    """KEDA refuses a workload that a HorizontalPodAutoscaler has."""
    name = await scaled_service(scene, {"class": "HPA"})
    async with scene.manager(capabilities_interval_s=LOOK_S):
        await autoscaler(scene, name)
        await complete(scene, name)
        before = len(scaler_writes(scene))
        await change(scene, name, KEDA)
        await scaled_object(scene, name)

        async def written() -> bool:
            wanted = ["delete horizontalpodautoscalers", "patch scaledobjects"]
            assert scaler_writes(scene)[before:] == wanted
            return True

        await eventually(written)


async def test_what_keda_says_is_wrong_is_told_while_the_engine_serves(scene: Scene) -> None:
    name = await scaled_service(scene, KEDA)
    async with scene.manager(capabilities_interval_s=LOOK_S):
        await scaled_object(scene, name)
        await make_available(scene, name)
        await service_says(scene, name, "True")
        verdict = {"type": "Ready", "status": "False", "reason": "ScalerNotActive", "message": "no such host"}
        status: JsonObject = {"status": {"conditions": [verdict]}}
        scaler = f"scaledobject-{name}-engine"
        await scene.admin.merge_patch(SCALED_OBJECTS, scaler, status, scene.namespace, subresource="status")

        async def told() -> bool:
            found = condition(await scene.get(INFERENCE_SERVICES, name), "EngineReady")
            assert found["status"] == "True"
            assert f"ScaledObject {scaler} does not work: ScalerNotActive: no such host" in found.get("message", "")
            return True

        await eventually(told)


async def test_a_router_follows_its_engine(scene: Scene) -> None:
    model = await make_model(scene)
    runtime = scene.name("runtime")
    router: JsonObject = {"runner": {"name": "router", "image": "example.org/router:1"}}
    await scene.create(SERVING_RUNTIMES, runtime, {**runtime_spec(), "routerConfig": router})
    policy: JsonObject = {"mode": "Proportional", "proportional": {"anchor": "engine", "ratios": {"router": "500m"}}}
    name = await make_service(scene, model.name, runtime, router={}, scalingPolicy=policy)
    async with scene.manager():
        await has_replicas(scene, name, 1, "router")
        await complete(scene, name)
        await scale_to(scene, name, 7)
        await has_replicas(scene, name, 4, "router")
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"spec": {"scalingPolicy": None}}, scene.namespace)

        async def freed() -> Any:
            try:
                return await scene.get(HORIZONTAL_POD_AUTOSCALERS, f"{name}-router")
            except NotFound:
                return None

        await eventually(freed)
        assert await replicas_of(scene, name, "router") == 4


async def test_d_35_a_settled_service_is_not_written_again_by_the_next_manager(scene: Scene) -> None:
    behavior: JsonObject = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    full = await scaled_service(scene, FULL, "keda")
    other = await scaled_service(scene, {"class": "HPA", "hpa": {"behavior": behavior}}, "hpa")
    async with scene.manager(capabilities_interval_s=LOOK_S):
        await scaled_object(scene, full)
        await autoscaler(scene, other)
        for name in (full, other):
            await complete(scene, name)
            await make_available(scene, name)
            await service_says(scene, name, "True")
    before = len(scene.writes())
    async with scene.manager(capabilities_interval_s=LOOK_S):
        await asyncio.sleep(1.5)
    assert scene.writes()[before:] == []


async def test_a_scaled_object_that_waits_for_keda_keeps_nobody_waiting(scene: Scene) -> None:
    """KEDA takes its finalizer off when it has cleaned up; until then the name is taken."""
    name = await scaled_service(scene, KEDA)
    held = f"scaledobject-{name}-engine"

    async def finalizer(value: list[str]) -> None:
        patch: JsonObject = {"metadata": {"finalizers": list[JsonValue](value)}}
        await scene.admin.merge_patch(SCALED_OBJECTS, held, patch, scene.namespace)

    async with scene.manager(capabilities_interval_s=LOOK_S):
        old = (await scaled_object(scene, name))["metadata"]["uid"]
        await finalizer(["finalizer.keda.sh"])
        await change(scene, name, {"class": "HPA"})
        await autoscaler(scene, name)
        going = (await scene.get(SCALED_OBJECTS, held))["metadata"]
        assert (going["uid"], "deletionTimestamp" in going) == (old, True)
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await change(scene, name, KEDA)
        await scene.gone(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
        await finalizer([])

        async def anew() -> bool:
            return (await scaled_object(scene, name))["metadata"]["uid"] != old

        await eventually(anew)
