"""Accelerator classes against the real API server, under the manager's shipped role."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import deployment_of, make_model, make_service, runtime_spec, service_says

from omectl.api.json import JsonObject
from omectl.api.kinds import ACCELERATOR_CLASSES, INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.kube.errors import NotFound
from omectl.kube.resources import DEVICE_CLASSES, NODES, PODS, RESOURCE_SLICES, SERVICE_ACCOUNTS

FINALIZER = "acceleratorclasses.ome.io/finalizer"


async def gpu_node(scene: Scene, stem: str = "node", gpus: int = 8, **labels: str) -> str:
    """A node that is ready and offers GPUs."""
    name = await scene.node(stem, **labels)
    amounts: JsonObject = {"cpu": "8", "memory": "64Gi", "pods": "110", "nvidia.com/gpu": str(gpus)}
    status: JsonObject = {"allocatable": amounts, "capacity": amounts, "conditions": [ready("True")]}
    await scene.admin.merge_patch(NODES, name, {"status": status}, subresource="status")
    return name


def ready(status: str) -> JsonObject:
    time = "2026-01-01T00:00:00Z"
    return {"type": "Ready", "status": status, "reason": "Told", "lastHeartbeatTime": time, "lastTransitionTime": time}


async def gpu_pod(scene: Scene, node: str, gpus: int) -> str:
    """A pod that is bound to the node."""
    name = scene.name(f"pod-{gpus}")
    account: JsonObject = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": scene.namespace},
    }
    try:
        await scene.admin.get(SERVICE_ACCOUNTS, "default", scene.namespace)
    except NotFound:
        await scene.admin.create(SERVICE_ACCOUNTS, account)
    container = {"name": "c", "image": "i", "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
    await scene.create(PODS, name, {"nodeName": node, "containers": [container]})
    return name


async def make_class(scene: Scene, stem: str = "h100", metadata: Any = None, **spec: Any) -> str:
    name = scene.name(stem)
    fields: JsonObject = {
        "discovery": {"nodeSelector": {"test": scene.suffix}},
        "capabilities": {"memoryGB": "80Gi"},
        "resources": [{"name": "nvidia.com/gpu"}],
        **spec,
    }
    await scene.create(ACCELERATOR_CLASSES, name, fields, **(metadata or {}))
    return name


async def class_says(scene: Scene, name: str, reason: str, **wanted: object) -> Any:
    """The class once its status holds all of this; `reason` is that of its condition Ready."""

    async def look() -> Any:
        found = await scene.get(ACCELERATOR_CLASSES, name)
        status = found.get("status", {})
        assert condition(found)["reason"] == reason, status
        assert {key: status.get(key) for key in wanted} == wanted, status
        return found

    return await eventually(look)


def written(scene: Scene, name: str) -> list[str]:
    return [write for write in scene.writes() if f"/{name} " in write]


async def test_a_class_follows_its_nodes_and_their_pods(scene: Scene) -> None:
    """D 10, Q31: nodes, total and free, as they come and go."""
    name = await make_class(scene)
    async with scene.manager():
        await class_says(scene, name, "NoMatchingNode", availableNodes=0, totalAccelerators=0)
        node = await gpu_node(scene)
        await class_says(scene, name, "NodesFound", nodes=[node], totalAccelerators=8, availableAccelerators=8)
        await gpu_pod(scene, node, 3)
        await class_says(scene, name, "NodesFound", totalAccelerators=8, availableAccelerators=5)
        other = await gpu_node(scene, "other", gpus=4)
        found = await class_says(scene, name, "NodesFound", availableNodes=2, totalAccelerators=12)
        assert found["status"]["nodes"] == sorted([node, other])
        await scene.admin.merge_patch(NODES, other, {"spec": {"unschedulable": True}})
        await class_says(scene, name, "NodesFound", nodes=[node], totalAccelerators=8, availableAccelerators=5)
        await scene.admin.merge_patch(NODES, node, {"status": {"conditions": [ready("Unknown")]}}, subresource="status")
        await class_says(scene, name, "NodesNotReady", nodes=[], availableNodes=0, availableAccelerators=0)


async def test_heartbeats_and_a_restart_write_nothing(scene: Scene) -> None:
    name = await make_class(scene)
    node = await gpu_node(scene)
    async with scene.manager():
        first = await class_says(scene, name, "NodesFound", availableNodes=1)
    before = written(scene, name)
    async with scene.manager() as manager:

        async def counted() -> bool:
            return {one.name: one.statistics().reconciles for one in manager.controllers}["acceleratorclass"] > 0

        await eventually(counted)
        settled = {one.name: one.statistics().reconciles for one in manager.controllers}["acceleratorclass"]
        for second in range(3):
            beat = {**ready("True"), "lastHeartbeatTime": f"2026-01-01T00:00:0{second + 1}Z"}
            await scene.admin.merge_patch(NODES, node, {"status": {"conditions": [beat]}}, subresource="status")
        await asyncio.sleep(1)
        passes = {one.name: one.statistics().reconciles for one in manager.controllers}["acceleratorclass"]
    assert written(scene, name) == before
    assert passes == settled
    found = await scene.get(ACCELERATOR_CLASSES, name)
    assert found["status"]["lastUpdated"] == first["status"]["lastUpdated"]


async def test_what_is_wrong_with_a_class_is_its_reason(scene: Scene) -> None:
    """D 11, Q29, Q32."""
    await gpu_node(scene, "node", **{"nvidia.com/gpu.memory": "40960"})
    empty = await make_class(scene, "empty", discovery={}, resources=[])
    large = await make_class(scene, "large")
    plain = await make_class(scene, "plain", capabilities={"memoryGB": "40"})
    unreadable = await make_class(scene, "unreadable", capabilities={"memoryGB": "0"})
    async with scene.manager():
        found = await class_says(scene, empty, "NothingToRecognise", availableNodes=0)
        assert "it matches no node" in condition(found)["message"]
        found = await class_says(scene, large, "NoMatchingNode", availableNodes=0)
        assert "capabilities.memoryGB wants 80Gi, label nvidia.com/gpu.memory tells 40Gi" in condition(found)["message"]
        found = await class_says(scene, plain, "NodesFound", availableNodes=1)
        assert condition(found, "Consistent")["reason"] == "MemoryUnitAssumed"
        await class_says(scene, unreadable, "MemoryUnreadable", availableNodes=1)


async def test_a_class_with_the_references_finalizer_goes_when_it_is_deleted(scene: Scene) -> None:
    """The reference adds it and removes it; we never add it."""
    name = await make_class(scene, metadata={"finalizers": [FINALIZER]})
    await scene.admin.delete(ACCELERATOR_CLASSES, name)
    assert (await scene.get(ACCELERATOR_CLASSES, name))["metadata"]["deletionTimestamp"]
    other = await make_class(scene, "other")
    async with scene.manager():
        await scene.gone(ACCELERATOR_CLASSES, name)
        found = await class_says(scene, other, "NoMatchingNode")
    assert "finalizers" not in found["metadata"]


async def test_only_the_classes_of_a_node_are_looked_at_when_it_changes(scene: Scene) -> None:
    near = await make_class(scene, "near", discovery={"nodeSelector": {"test": scene.suffix, "kind": "near"}})
    far = await make_class(scene, "far", discovery={"nodeSelector": {"test": scene.suffix, "kind": "far"}})
    node = await gpu_node(scene, "near", kind="near")
    await gpu_node(scene, "far", kind="far")
    async with scene.manager():
        await class_says(scene, near, "NodesFound", availableNodes=1)
        await class_says(scene, far, "NodesFound", availableNodes=1)
        before = written(scene, far)
        await scene.admin.merge_patch(NODES, node, {"metadata": {"labels": {"kind": "none"}}})
        await class_says(scene, near, "NoMatchingNode", availableNodes=0)
        assert written(scene, far) == before


async def test_devices_of_dynamic_allocation_are_counted(scene: Scene) -> None:
    """D 26: under the shipped role, from a DeviceClass and a ResourceSlice as drivers publish them."""
    node = await gpu_node(scene, gpus=0)
    device_class = scene.name("gpu.example.com")
    expression = "device.driver == 'gpu.example.com' && device.attributes['gpu.example.com'].type == 'gpu'"
    await scene.create(DEVICE_CLASSES, device_class, {"selectors": [{"cel": {"expression": expression}}]})
    spec: JsonObject = {
        "driver": "gpu.example.com",
        "nodeName": node,
        "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": f"gpu-{number}", "attributes": {"type": {"string": "gpu"}}} for number in range(4)],
    }
    name = await make_class(scene, discovery={}, capabilities={}, resources=[{"name": device_class}])
    async with scene.manager():
        await class_says(scene, name, "NoMatchingNode")
        await scene.create(RESOURCE_SLICES, scene.name("slice"), spec)
        await class_says(scene, name, "NodesFound", nodes=[node], totalAccelerators=4, availableAccelerators=4)


async def test_a_service_gets_the_class_that_its_policy_finds_and_waits_while_there_is_none(scene: Scene) -> None:
    """D 12: nothing is made without the placement that was asked for; the class that comes wakes the service."""
    name, label = scene.name("h100"), f"kind-{scene.suffix}"
    await gpu_node(scene, gpu=label)
    model = await make_model(scene)
    runtime = scene.name("runtime")
    requirements: JsonObject = {"acceleratorClasses": [name]}
    await scene.create(SERVING_RUNTIMES, runtime, {**runtime_spec(), "acceleratorRequirements": requirements})
    service = await make_service(scene, model.name, runtime, acceleratorSelector={"policy": "Cheapest"})
    async with scene.manager():
        found = await service_says(scene, service, "False", "AcceleratorClassError")
        assert f"AcceleratorClass {name} does not exist" in condition(found)["message"]
        await make_class(scene, discovery={"nodeSelector": {"test": scene.suffix, "gpu": label}})
        deployment_spec = (await deployment_of(scene, service))["spec"]["template"]["spec"]
        assert deployment_spec["nodeSelector"]["gpu"] == label

        async def told() -> bool:
            found = await scene.get(INFERENCE_SERVICES, service)
            assert "components" in found["status"], found["status"]
            return found["status"]["components"]["engine"]["selectedAccelerator"]["acceleratorClass"] == name

        await eventually(told)


async def test_a_pod_that_no_node_can_hold_is_told_until_a_larger_node_comes(scene: Scene) -> None:
    """D 4: the service is looked at again when the largest node of its class changes."""
    name, label = scene.name("h100"), f"kind-{scene.suffix}"
    await gpu_node(scene, "small", gpus=4, gpu=label)
    await make_class(scene, discovery={"nodeSelector": {"test": scene.suffix, "gpu": label}})
    model, runtime = await make_model(scene), scene.name("runtime")
    spec: Any = {**runtime_spec(), "acceleratorRequirements": {"acceleratorClasses": [name]}}
    amounts: JsonObject = {"nvidia.com/gpu": "8"}
    spec["engineConfig"]["runner"]["resources"] = {"limits": amounts, "requests": amounts}
    await scene.create(SERVING_RUNTIMES, runtime, spec)
    service = await make_service(scene, model.name, runtime, acceleratorSelector={"acceleratorClass": name})

    async def fits(status: str, reason: str) -> Any:
        async def look() -> Any:
            found = await scene.get(INFERENCE_SERVICES, service)
            told = condition(found, "Fits")
            assert (told["status"], told["reason"], told["severity"]) == (status, reason, "Info")
            return found

        return await eventually(look)

    async with scene.manager():
        await class_says(scene, name, "NodesFound", acceleratorsPerNode=4)
        found = await fits("False", "MoreThanANode")
        selected = condition(found, "AcceleratorSelected")
        assert (selected["status"], selected["reason"]) == ("True", "NamedByService")
        assert found["status"]["selection"]["accelerators"]["engine"]["acceleratorClass"] == name
        assert await deployment_of(scene, service)
        await gpu_node(scene, "large", gpus=8, gpu=label)
        await fits("True", "Fits")
