"""A service's life as the controller tells it, against a real API server under the shipped roles."""

import asyncio
from typing import Any

import pytest
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    runtime_spec,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import DESIRED_HASH
from omectl.kube.errors import NotFound
from omectl.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
)
from omectl.metrics import exposition

SETTINGS = "inferenceservice-config"


async def test_a_service_gets_its_objects_and_is_ready_when_they_are(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await service_says(scene, name, "Unknown")
        service = await scene.get(INFERENCE_SERVICES, name)
        for kind, child in (
            (DEPLOYMENTS, f"{name}-engine"),
            (SERVICES, f"{name}-engine"),
            (SERVICES, name),
            (HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine"),
            (POD_DISRUPTION_BUDGETS, f"{name}-engine"),
        ):
            (owner,) = (await scene.get(kind, child))["metadata"]["ownerReferences"]
            assert (owner["uid"], owner["controller"]) == (service["metadata"]["uid"], True)
        assert (await deployment_of(scene, name))["spec"]["replicas"] == 2
        await make_available(scene, name)
        service = await service_says(scene, name, "True")
        assert service["status"]["url"]
        await make_available(scene, name, available=False)
        await service_says(scene, name, "False")

        async def told() -> bool:
            told = await events_of(scene, name)
            assert sorted(told) == [("Normal", "InferenceServiceReady"), ("Warning", "InferenceServiceNotReady")]
            return True

        await eventually(told)


async def test_a_model_that_does_not_exist_is_said_and_awaited(scene: Scene) -> None:
    runtime = await make_runtime(scene)
    name = await make_service(scene, scene.name("model"), runtime)
    async with scene.manager():
        service = await service_says(scene, name, "False", "ModelReconcileError")
        assert "next: create it" in condition(service)["message"]
        await eventually(lambda: _has_event(scene, name, "ModelReconcileError"))
        await make_model(scene)
        await service_says(scene, name, "Unknown")
        assert await deployment_of(scene, name)


async def _has_event(scene: Scene, name: str, reason: str, kind: str = INFERENCE_SERVICES.kind) -> bool:
    return ("Warning", reason) in await events_of(scene, name, kind)


async def test_a_problem_that_lasts_is_told_once(scene: Scene) -> None:
    name = await make_service(scene, scene.name("nothing"))
    async with scene.manager():
        await service_says(scene, name, "False", "ModelReconcileError")
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"metadata": {"labels": {"a": "b"}}}, scene.namespace)
        await asyncio.sleep(0.5)
    async with scene.manager():
        await asyncio.sleep(0.5)
    assert await events_of(scene, name) == [("Warning", "ModelReconcileError")]


async def test_a_runtime_that_does_not_exist_is_said_and_awaited(scene: Scene) -> None:
    model = await make_model(scene)
    name = await make_service(scene, model.name, scene.name("runtime"))
    async with scene.manager():
        service = await service_says(scene, name, "False")
        assert scene.name("runtime") in condition(service)["message"]
        assert "next: " in condition(service)["message"]
        await make_runtime(scene)
        await service_says(scene, name, "Unknown")


async def test_a_named_runtime_that_is_disabled_is_said_until_it_is_changed(scene: Scene) -> None:
    model = await make_model(scene)
    runtime = await make_runtime(scene, disabled=True)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        service = await service_says(scene, name, "False", "RuntimeValidationError")
        assert "disabled" in condition(service)["message"]
        await scene.admin.merge_patch(SERVING_RUNTIMES, runtime, {"spec": runtime_spec()}, scene.namespace)
        await service_says(scene, name, "Unknown")


async def test_a_named_runtime_that_does_not_list_the_model_is_used(scene: Scene) -> None:
    """D 17."""
    model = await make_model(scene)
    runtime = await make_runtime(scene, architecture="LlamaForCausalLM")
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await service_says(scene, name, "Unknown")


async def test_no_runtime_that_fits_is_said_until_one_comes(scene: Scene) -> None:
    model = await make_model(scene, modelArchitecture=f"Only{scene.suffix}Model")
    name = await make_service(scene, model.name)
    async with scene.manager():
        await service_says(scene, name, "False", "RuntimeSelectionError")
        await make_runtime(scene, architecture=f"Only{scene.suffix}Model")
        await service_says(scene, name, "Unknown")


async def test_what_the_server_refuses_is_said_with_the_field(scene: Scene) -> None:
    model = await make_model(scene)
    runtime = await make_runtime(scene, port=70_000)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        service = await service_says(scene, name, "False", "ManifestRefused")
        assert "containerPort" in condition(service)["message"]
        assert condition(service, "EngineReady")["reason"] == "ManifestRefused"
        await eventually(lambda: _has_event(scene, name, "InternalError"))
        await scene.admin.merge_patch(SERVING_RUNTIMES, runtime, {"spec": runtime_spec()}, scene.namespace)
        await service_says(scene, name, "Unknown")


async def test_a_child_that_someone_changes_or_deletes_is_restored(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await service_says(scene, name, "Unknown")
        container = (await deployment_of(scene, name))["spec"]["template"]["spec"]["containers"][0]["name"]
        forged: JsonObject = {
            "spec": {"template": {"spec": {"containers": [{"name": container, "image": "example.org/forged:1"}]}}}
        }
        await scene.admin.apply(
            DEPLOYMENTS,
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": f"{name}-engine", "namespace": scene.namespace},
                **forged,
            },
            field_manager="someone",
            force=True,
        )

        async def restored() -> bool:
            found = await deployment_of(scene, name)
            return found["spec"]["template"]["spec"]["containers"][0]["image"] == "example.org/vllm:1"

        await eventually(restored)

        async def told() -> bool:
            return ("Warning", "FieldConflict") in await events_of(scene, name)

        await eventually(told)
        unlabelled: JsonObject = {"metadata": {"labels": {"ome.io/inferenceservice": None}}}
        await scene.admin.merge_patch(SERVICES, f"{name}-engine", unlabelled, scene.namespace)

        async def labelled() -> bool:
            return "ome.io/inferenceservice" in (await scene.get(SERVICES, f"{name}-engine"))["metadata"]["labels"]

        await eventually(labelled)
        await scene.admin.delete(SERVICES, name, scene.namespace)

        async def back() -> Any:
            try:
                return await scene.get(SERVICES, name)
            except NotFound:
                return None

        await eventually(back)


async def test_the_number_that_someone_scales_to_stays(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():

        async def created() -> bool:
            # The hash comes with the last write of a creation: until then the number is still passed on.
            return DESIRED_HASH in (await deployment_of(scene, name))["metadata"].get("annotations", {})

        await eventually(created)
        await scene.admin.merge_patch(DEPLOYMENTS, f"{name}-engine", {"spec": {"replicas": 5}}, scene.namespace)
        await scene.admin.merge_patch(
            SERVING_RUNTIMES, runtime, {"spec": runtime_spec(image="example.org/vllm:2")}, scene.namespace
        )

        async def rolled() -> Any:
            found = await deployment_of(scene, name)
            return found["spec"]["template"]["spec"]["containers"][0]["image"] == "example.org/vllm:2" and found

        assert (await eventually(rolled))["spec"]["replicas"] == 5


async def test_an_object_of_someone_else_is_left_alone_and_said(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = scene.name("svc")
    foreign: JsonObject = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": scene.namespace},
        "spec": {"ports": [{"port": 1234}]},
    }
    await scene.admin.create(SERVICES, foreign)
    await make_service(scene, model.name, runtime)
    async with scene.manager():
        service = await service_says(scene, name, "False", "NotOurs")
        assert f"Service {scene.namespace}/{name}" in condition(service)["message"]
        assert (await scene.get(SERVICES, name))["spec"]["ports"][0]["port"] == 1234
        assert await deployment_of(scene, name), "the other children are there all the same"
        await scene.admin.delete(SERVICES, name, scene.namespace)
        await service_says(scene, name, "Unknown")


async def test_a_component_that_is_taken_out_is_pruned(scene: Scene) -> None:
    model = await make_model(scene)
    runtime = scene.name("runtime")
    router: JsonObject = {"runner": {"name": "router", "image": "example.org/router:1"}}
    await scene.create(SERVING_RUNTIMES, runtime, {**runtime_spec(), "routerConfig": router})
    name = await make_service(scene, model.name, runtime, router={"minReplicas": 1})
    async with scene.manager():
        await deployment_of(scene, name, "router")
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"spec": {"router": None}}, scene.namespace)
        await scene.gone(DEPLOYMENTS, f"{name}-router")
        await scene.gone(SERVICES, f"{name}-router")
        assert await deployment_of(scene, name)


async def test_a_model_that_is_deleted_takes_nothing_from_a_service_that_runs(scene: Scene) -> None:
    node = await scene.node()
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await scene.report(node, model, "Ready")
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await scene.delete_model(model)
        await service_says(scene, name, "False", "ModelReconcileError")
        assert await deployment_of(scene, name)
        assert await scene.get(SERVICES, name)


async def test_the_reference_implementations_finalizer_is_taken_off(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    metadata: JsonObject = {"finalizers": ["inferenceservice.finalizers", "example.org/other"]}
    name = await make_service(scene, model.name, runtime, metadata=metadata)
    async with scene.manager():
        service = await service_says(scene, name, "Unknown")
        assert service["metadata"]["finalizers"] == ["example.org/other"]


async def test_a_deleted_service_that_waits_for_that_finalizer_goes(scene: Scene) -> None:
    """D 17."""
    metadata: JsonObject = {"finalizers": ["inferenceservice.finalizers"]}
    name = await make_service(scene, scene.name("nothing"), metadata=metadata)
    await scene.admin.delete(INFERENCE_SERVICES, name, scene.namespace)
    async with scene.manager():
        await scene.gone(INFERENCE_SERVICES, name)


@pytest.fixture
async def settings(scene: Scene) -> Any:
    """The settings ConfigMap, put back afterwards."""
    before = await scene.admin.get(CONFIG_MAPS, SETTINGS, "ome")
    yield before
    await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": before["data"]}, "ome")


async def test_settings_change_services_and_broken_ones_leave_the_last_good_in_force(
    scene: Scene, settings: Any
) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    domain = settings["data"]["ingress"].replace('"svc.cluster.local"', '"first.example.org"')
    domain = domain.replace('"disableIngressCreation": true', '"disableIngressCreation": false')

    async def url_has(text: str, service: str = name) -> bool:
        return text in (await service_says(scene, service, "True"))["status"]["url"]

    async with scene.manager():
        await make_available(scene, name)
        await eventually(lambda: url_has("svc.cluster.local"))
        await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": {"ingress": domain}}, "ome")
        await eventually(lambda: url_has("first.example.org"))
        await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": {"ingress": "{broken"}}, "ome")
        await eventually(lambda: _has_event(scene, SETTINGS, "SettingsInvalid", CONFIG_MAPS.kind))
        assert b"omectl_settings_valid 0.0" in exposition()[0]
        other = await make_service(scene, model.name, runtime, stem="later")
        await make_available(scene, other)
        await eventually(lambda: url_has("first.example.org", other))
        await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": settings["data"]}, "ome")
        await eventually(lambda: url_has("svc.cluster.local"))
        assert b"omectl_settings_valid 1.0" in exposition()[0]


async def test_a_service_that_becomes_virtual_loses_its_objects_and_gets_them_again_when_it_is_no_more(
    scene: Scene,
) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    key = "ome.io/deploymentMode"
    async with scene.manager():
        first = (await deployment_of(scene, name))["metadata"]["uid"]
        virtual: JsonObject = {"metadata": {"annotations": {key: "VirtualDeployment"}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, virtual, scene.namespace)
        told = await service_says(scene, name, "True", "VirtualDeployment")
        assert told["status"]["address"] == {"url": f"http://{name}.{scene.namespace}.svc.cluster.local"}

        async def gone() -> bool:
            for kind in (DEPLOYMENTS, SERVICES, HORIZONTAL_POD_AUTOSCALERS, POD_DISRUPTION_BUDGETS):
                listed = await scene.admin.list(kind, scene.namespace)
                assert [one["metadata"]["name"] for one in listed.items if name in one["metadata"]["name"]] == []
            return True

        await eventually(gone)
        await scene.admin.merge_patch(
            INFERENCE_SERVICES, name, {"metadata": {"annotations": {key: None}}}, scene.namespace
        )
        await service_says(scene, name, "Unknown")
        assert (await deployment_of(scene, name))["metadata"]["uid"] != first
