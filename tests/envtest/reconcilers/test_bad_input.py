"""Mistakes around what runs: told in the status and by an Event; what runs stays; the cause's end mends it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import (
    MODEL,
    deployment_of,
    events_of,
    make_model,
    make_runtime,
    make_service,
    runtime_spec,
    service_says,
)
from tests.envtest.reconcilers.test_status import PULL, make_pod, pod_says

from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS, INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.kube.errors import Invalid
from omectl.kube.resources import (
    DEPLOYMENTS,
    EVENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    NAMESPACES,
    SERVICES,
)


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


@pytest.mark.parametrize("length", [63, 64, 200])
async def test_a_service_of_any_length_has_its_objects_and_hears_of_its_pods(scene: Scene, length: int) -> None:
    """D47: labels and Services have 63 characters, and what is told is found by them."""
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, stem="s" * (length - len(scene.name(""))))
    assert len(name) == length
    async with scene.manager():
        pod = await make_pod(scene, name, None)
        await pod_says(scene, pod, **PULL)
        service = await service_says(scene, name, "False", "ImagePullFailed")
        assert service["status"]["modelStatus"]["lastFailureInfo"]["pod"] == pod
        address = service["status"]["address"]["url"]
        host = address.removeprefix("http://").partition(".")[0]
        assert (await scene.get(SERVICES, host))["metadata"]["ownerReferences"][0]["name"] == name


async def test_a_name_of_which_no_service_can_be_made_is_refused_and_nothing_is_made(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, stem="7b.example")
    async with scene.manager():
        service = await service_says(scene, name, "False", "InvalidSpec")
        assert "metadata.name: wanted letters, digits and hyphens after a letter" in condition(service)["message"]
        assert "next: make the service anew under such a name" in service["status"]["summary"]
        assert (await scene.admin.list(DEPLOYMENTS, scene.namespace)).items == []


async def test_a_model_of_another_namespace_is_not_found_and_is_once_it_is_here(scene: Scene) -> None:
    runtime, elsewhere = await make_runtime(scene), scene.name("elsewhere")
    body: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": elsewhere}}
    await scene.admin.create(NAMESPACES, body)
    spec: JsonObject = {"storage": {"storageUri": "hf://a/b"}, **MODEL}
    model: JsonObject = {
        "apiVersion": BASE_MODELS.api_version,
        "kind": BASE_MODELS.kind,
        "metadata": {"name": "model", "namespace": elsewhere},
        "spec": spec,
    }
    await scene.admin.create(BASE_MODELS, model)
    name = await make_service(scene, "model", runtime)
    async with scene.manager():
        service = await service_says(scene, name, "False", "ModelReconcileError")
        assert f"not found in namespace {scene.namespace}" in condition(service)["message"]
        assert "next: create it, or correct spec.model.name and spec.model.kind" in condition(service)["message"]
        await scene.create(BASE_MODELS, "model", spec)
        await service_says(scene, name, "Unknown")


async def test_a_quantity_without_a_number_is_refused_with_its_field_and_what_runs_stays(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    lots: JsonObject = {"limits": {"memory": "lots"}}
    wrong: dict[Any, tuple[str, JsonObject]] = {
        SERVING_RUNTIMES: (runtime, {"spec": {"engineConfig": {"runner": {"resources": lots}}}}),
        INFERENCE_SERVICES: (name, {"spec": {"engine": {"runner": {"name": "ome-container", "resources": lots}}}}),
    }
    async with scene.manager():
        before = (await deployment_of(scene, name))["metadata"]["generation"]
        await service_says(scene, name, "Unknown")
        for kind, (named, patch) in wrong.items():
            with pytest.raises(Invalid, match=r"runner\.resources\.limits\.memory: Invalid value: \"lots\""):
                await scene.admin.merge_patch(kind, named, patch, scene.namespace)
        metric: JsonObject = {"type": "Pods", "pods": {"metric": {"name": "queue"}, "target": {"type": "AverageValue"}}}
        metric["pods"]["target"]["averageValue"] = "lots"  # type: ignore[index,call-overload]
        engine: JsonObject = {"autoscaler": {"class": "HPA", "hpa": {"metrics": [metric]}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"spec": {"engine": engine}}, scene.namespace)
        service = await service_says(scene, name, "False", "InvalidSpec")
        assert "averageValue: wanted a quantity above 0, such as 10 or 500m, found lots" in service["status"]["summary"]
        assert (await deployment_of(scene, name))["metadata"]["generation"] == before
