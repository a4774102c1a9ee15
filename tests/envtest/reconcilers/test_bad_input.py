"""Mistakes around what runs: told in the status and by an Event; what runs stays; the cause's end mends it."""

from __future__ import annotations

import pytest
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_model,
    make_runtime,
    make_service,
    runtime_spec,
    service_says,
)

from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import CLUSTER_BASE_MODELS, INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.kube.resources import EVENTS, HORIZONTAL_POD_AUTOSCALERS


def keda_with(**metadata: str) -> JsonObject:
    trigger: JsonObject = {"type": "prometheus", "metadata": dict[str, JsonValue](metadata)}
    return {"autoscaler": {"class": "KEDA", "keda": {"triggers": [trigger]}}}


async def test_a_failed_model_is_told_by_an_event_and_by_another_when_it_is_ready(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    words = {"reason": "DigestMismatch", "message": "wanted sha256 aa, found bb", "nextStep": "mend the hub"}

    async def events() -> list[tuple[object, object]]:
        listed = await scene.admin.list(EVENTS, "default")
        return [(one["type"], one["reason"]) for one in listed.items if one["regarding"]["name"] == key.name]  # type: ignore[index, call-overload]

    async def told() -> bool:
        return sorted(await events()) == [("Normal", "ModelReady"), ("Warning", "DigestMismatch")]

    async with scene.manager():
        await scene.report(node, key, "Failed", **words)
        model = await scene.model_says(key, state="Failed", reason="DigestMismatch")
        assert condition(model)["message"].endswith("next: mend the hub")
        await scene.report(node, key, "Ready")
        await scene.model_says(key, state="Ready")
        await eventually(told)


async def test_facts_stay_when_a_later_download_fails(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    async with scene.manager():
        await scene.report(node, key, "Ready", facts={"architecture": "BertModel", "parameterCount": 22})
        await scene.model_says(key, state="Ready")
        await scene.report(node, key, "Failed", reason="HubUnreachable", message="no answer", nextStep="wait")
        model = await scene.model_says(key, state="Failed", reason="HubUnreachable")
        assert model["status"]["facts"]["architecture"] == "BertModel"
        assert model["spec"]["modelArchitecture"] == "BertModel"


@pytest.mark.parametrize("mistake", ["unknown model", "unknown runtime", "runtime disabled", "runtime removed"])
async def test_a_service_that_runs_keeps_running_through_a_mistake(scene: Scene, mistake: str) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await service_says(scene, name, "Unknown")
        before = (await deployment_of(scene, name))["metadata"]
        spec: JsonObject = {"model": {"name": model.name}, "runtime": {"name": runtime, "kind": "ServingRuntime"}}
        wrong: dict[str, JsonObject] = {
            "unknown model": {"model": {"name": scene.name("none")}},
            "unknown runtime": {"runtime": {"name": scene.name("none")}},
        }
        if mistake in wrong:
            await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"spec": wrong[mistake]}, scene.namespace)
        elif mistake == "runtime removed":
            await scene.admin.delete(SERVING_RUNTIMES, runtime, scene.namespace)
        else:
            other: JsonObject = {"spec": runtime_spec(disabled=True)}
            await scene.admin.merge_patch(SERVING_RUNTIMES, runtime, other, scene.namespace)
        service = await service_says(scene, name, "False")
        reason = condition(service)["reason"]
        assert "next: " in condition(service)["message"]

        async def told() -> bool:
            return ("Warning", reason) in await events_of(scene, name)

        await eventually(told)
        during = (await deployment_of(scene, name))["metadata"]
        assert (during["uid"], during["generation"]) == (before["uid"], before["generation"])
        if mistake == "runtime removed":
            await make_runtime(scene)
        else:
            right: JsonObject = {"spec": runtime_spec()}
            await scene.admin.merge_patch(SERVING_RUNTIMES, runtime, right, scene.namespace)
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"spec": spec}, scene.namespace)
        await service_says(scene, name, "Unknown")
        after = (await deployment_of(scene, name))["metadata"]
        assert after["uid"] == before["uid"]


async def test_an_object_that_is_no_model_holds_up_no_other(scene: Scene) -> None:
    node = await scene.node()
    odd = scene.name("odd")
    await scene.create(CLUSTER_BASE_MODELS, odd, {"storage": {"storageUri": "nonsense"}})
    key = await scene.model()
    async with scene.manager():
        await scene.report(node, key, "Ready")
        await scene.model_says(key, state="Ready")


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ({"maxReplicas": 10_001}, "spec.engine.maxReplicas: wanted a number from 0 to 10000, found 10001"),
        ({"maxReplicas": -1}, "spec.engine.maxReplicas: wanted a number from 0 to 10000, found -1"),
        (keda_with(query="sum(up", threshold="5"), "wanted a PromQL query, found 'sum(up', and ( is not closed"),
        (keda_with(query="sum(up)", threshold="five"), "threshold: wanted a number above 0, found 'five'"),
        (keda_with(query="{{.Nobody}}", threshold="5"), "use one of {{.Component}}"),
    ],
    ids=["absurd", "negative", "query", "threshold", "placeholder"],
)
async def test_bounds_and_triggers_that_cannot_be_are_refused_and_what_runs_stays(
    scene: Scene, engine: JsonObject, told: str
) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        before = (await deployment_of(scene, name))["metadata"]["uid"]
        await service_says(scene, name, "Unknown")
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"spec": {"engine": engine}}, scene.namespace)
        service = await service_says(scene, name, "False", "InvalidSpec")
        assert told in condition(service)["message"]
        assert "next: " in condition(service)["message"]
        assert (await deployment_of(scene, name))["metadata"]["uid"] == before
        assert (await scene.get(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine"))["spec"]["maxReplicas"] == 3
