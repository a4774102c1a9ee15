"""What stands in pods, as a real API server takes it: claims, images, weights, RDMA, probes, queues."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.envtest.reconcilers.conftest import Scene, condition
from tests.envtest.reconcilers.services import (
    deployment_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import BASE_MODELS, FINE_TUNED_WEIGHTS, INFERENCE_SERVICES
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS

SETTLES_S = 1.0
SETTINGS = "inferenceservice-config"


async def pod_of(scene: Scene, service: str) -> Any:
    return (await deployment_of(scene, service))["spec"]["template"]["spec"]


async def make_weight(scene: Scene, base: str, **spec: Any) -> str:
    name = scene.name("weight")
    wanted: JsonObject = {
        "baseModelRef": {"name": base},
        "modelType": "LoRA",
        "hyperParameters": {"strategy": "lora"},
        "storage": {"storageUri": "pvc://tuned/weight"},
        **spec,
    }
    await scene.create(FINE_TUNED_WEIGHTS, name, wanted)
    return name


async def test_a_model_in_a_claim_is_ready_at_once_and_served_from_it(scene: Scene) -> None:
    """D 22."""
    model = await make_model(scene, storage={"storageUri": "pvc://shared/llama/8b"})
    name = await make_service(scene, model.name, await make_runtime(scene))
    async with scene.manager():
        pod = await pod_of(scene, name)
        (volume,) = pod["volumes"]
        assert volume["persistentVolumeClaim"] == {"claimName": "shared", "readOnly": True}
        (mount,) = pod["containers"][0]["volumeMounts"]
        assert (mount["mountPath"], mount["subPath"], mount["readOnly"]) == ("/mnt/model", "llama/8b", True)
        assert "nodeSelector" not in pod
        await scene.model_says(model, state="Ready", reason="MountedByPods")
        await make_available(scene, name)
        await service_says(scene, name, "True")
    before = [(await scene.get(kind, one))["metadata"]["resourceVersion"] for kind, one in _both(name)]
    async with scene.manager():
        await asyncio.sleep(SETTLES_S)
    assert before == [(await scene.get(kind, one))["metadata"]["resourceVersion"] for kind, one in _both(name)]


def _both(service: str) -> list[Any]:
    return [(INFERENCE_SERVICES, service), (DEPLOYMENTS, f"{service}-engine")]


async def test_a_claim_of_another_namespace_is_refused_and_served_once_it_is_corrected(scene: Scene) -> None:
    model = await make_model(scene, kind=BASE_MODELS, storage={"storageUri": "pvc://elsewhere:shared/llama"})
    name = await make_service(scene, model.name, await make_runtime(scene))
    async with scene.manager():
        service = await service_says(scene, name, "False", "ModelReconcileError")
        assert "the claim is in namespace elsewhere" in condition(service)["message"]
        patch: JsonObject = {"spec": {"storage": {"storageUri": f"pvc://{scene.namespace}:shared/llama"}}}
        await scene.admin.merge_patch(BASE_MODELS, model.name, patch, scene.namespace)
        assert (await pod_of(scene, name))["volumes"][0]["persistentVolumeClaim"]["claimName"] == "shared"


async def test_an_image_is_a_volume_of_the_pods(scene: Scene) -> None:
    model = await make_model(scene, storage={"storageUri": "image://registry.example/llama:1#weights"})
    name = await make_service(scene, model.name, await make_runtime(scene))
    async with scene.manager():
        pod = await pod_of(scene, name)
        assert pod["volumes"][0]["image"] == {"reference": "registry.example/llama:1", "pullPolicy": "IfNotPresent"}
        assert pod["containers"][0]["volumeMounts"][0]["subPath"] == "weights"


async def test_a_weight_is_awaited_served_and_left_alone_while_it_cannot_be_served(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    weight = scene.name("weight")
    name = await make_service(scene, model.name, runtime, weights=[weight])
    async with scene.manager():
        service = await service_says(scene, name, "False", "ModelReconcileError")
        assert f"FineTunedWeight {weight} is not there" in condition(service)["message"]
        await make_weight(scene, model.name)
        pod = await pod_of(scene, name)
        assert [one["name"] for one in pod["volumes"]] == [model.name, "fine-tuned-weight"]
        assert pod["containers"][0]["volumeMounts"][1]["mountPath"] == "/opt/ml/model"
        labels = (await deployment_of(scene, name))["spec"]["template"]["metadata"]["labels"]
        assert labels["fine-tuned-serving"] == "true"
        await make_available(scene, name)
        await service_says(scene, name, "True")
        uid = (await deployment_of(scene, name))["metadata"]["uid"]
        await _change(scene, weight, {"spec": {"disabled": True}})
        service = await service_says(scene, name, "False", "ModelReconcileError")
        assert "is disabled" in condition(service)["message"]
        await _change(scene, weight, {"spec": {"disabled": False}})
        await service_says(scene, name, "True")
        await _change(scene, weight, {"spec": {"hyperParameters": {"strategy": None, "rank": 8}}})
        await service_says(scene, name, "False", "InvalidSpec")
        assert (await deployment_of(scene, name))["metadata"]["uid"] == uid


async def test_a_weights_state_wakes_its_services_only(scene: Scene) -> None:
    """D 28."""
    model, runtime = await make_model(scene), await make_runtime(scene)
    weight = await make_weight(scene, model.name)
    name = await make_service(scene, model.name, runtime, weights=[weight])
    other = await make_service(scene, model.name, runtime, stem="other")
    async with scene.manager():
        await service_says(scene, name, "Unknown")
        await service_says(scene, other, "Unknown")
        version = (await scene.get(INFERENCE_SERVICES, other))["metadata"]["resourceVersion"]
        await _change(scene, weight, {"status": {"state": "Failed"}}, subresource="status")
        service = await service_says(scene, name, "False", "ModelReconcileError")
        assert "status.state is Failed" in condition(service)["message"]
        await _change(scene, weight, {"status": {"state": "Ready"}}, subresource="status")
        await service_says(scene, name, "Unknown")
        assert (await scene.get(INFERENCE_SERVICES, other))["metadata"]["resourceVersion"] == version


@pytest.fixture
async def without_adapter(scene: Scene) -> AsyncIterator[None]:
    """Takes the key away again that the test writes into the settings."""
    yield
    await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": {"fineTunedAdapter": None}}, "ome")


@pytest.mark.usefixtures("without_adapter")
async def test_a_weight_in_object_storage_is_served_once_the_settings_describe_its_container(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    weight = await make_weight(scene, model.name, storage={"storageUri": "oci://n/space/b/bucket/o/ft"})
    name = await make_service(scene, model.name, runtime, weights=[weight])
    adapter = '{"image": "example.org/agent:1", "compartmentId": "c", "authType": "InstancePrincipal"}'
    async with scene.manager():
        service = await service_says(scene, name, "False", "InvalidSpec")
        assert f"key fineTunedAdapter of ConfigMap {SETTINGS}" in condition(service)["message"]
        await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": {"fineTunedAdapter": adapter}}, "ome")
        pod = await pod_of(scene, name)
        (init,) = pod["initContainers"]
        assert (init["name"], init["image"]) == ("fine-tuned-adapter", "example.org/agent:1")
        assert {"name": "OME_AGENT_REGION"} in init["env"]
        await service_says(scene, name, "Unknown")
    before = [(await scene.get(kind, one))["metadata"]["resourceVersion"] for kind, one in _both(name)]
    async with scene.manager():
        await asyncio.sleep(SETTLES_S)
    assert before == [(await scene.get(kind, one))["metadata"]["resourceVersion"] for kind, one in _both(name)]


async def _change(scene: Scene, weight: str, patch: JsonObject, **how: Any) -> None:
    await scene.admin.merge_patch(FINE_TUNED_WEIGHTS, weight, patch, **how)


async def test_d57_rdma_probes_and_queues_are_on_the_deployment_that_the_server_holds(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    metadata: JsonObject = {
        "annotations": {"rdma.ome.io/auto-inject": "true"},
        "labels": {"kueue.x-k8s.io/queue-name": "gpus", "kueue.x-k8s.io/priority-class": "high"},
    }
    engine: JsonObject = {"priorityClassName": "serving", "schedulerName": "kai"}
    name = await make_service(scene, model.name, runtime, metadata=metadata, engine=engine)
    async with scene.manager():
        deployment = await deployment_of(scene, name)
        template = deployment["spec"]["template"]
        for labels in (deployment["metadata"]["labels"], template["metadata"]["labels"]):
            assert labels["kueue.x-k8s.io/queue-name"] == "gpus"
            assert labels["kueue.x-k8s.io/priority-class"] == "high"
        pod = template["spec"]
        assert (pod["priorityClassName"], pod["schedulerName"]) == ("serving", "kai")
        assert [one["name"] for one in pod["volumes"]] == [model.name, "dshm", "devinf"]
        container = pod["containers"][0]
        assert container["securityContext"]["capabilities"]["add"] == ["IPC_LOCK", "CAP_SYS_ADMIN"]
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[kind]["httpGet"]["path"] == "/health"


async def test_an_unknown_rdma_profile_is_told_by_the_service(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    tags: JsonObject = {"rdma.ome.io/auto-inject": "true", "rdma.ome.io/profile": "roce-x"}
    name = await make_service(scene, model.name, runtime, metadata={"annotations": tags})
    async with scene.manager():
        service = await service_says(scene, name, "False", "InvalidSpec")
        assert "wanted one of efa, infiniband, oci-roce, found 'roce-x'" in condition(service)["message"]
