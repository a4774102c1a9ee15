"""What a service says of itself, as kubectl and its users see it, against a real API server under the shipped roles."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.envtest.conftest import kubectl
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.kube.errors import NotFound
from omectl.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, PODS, SERVICE_ACCOUNTS

TIME = "2026-01-02T03:04:05Z"


async def run_kubectl(scene: Scene, verb: str, name: str, *arguments: str) -> str:
    """What kubectl says of the service; `arguments` follow the verb."""
    about = (f"inferenceservices.ome.io/{name}", "--namespace", scene.namespace)
    return await asyncio.to_thread(kubectl, scene.shipped.control_plane, verb, *arguments, *about)


async def scaled(scene: Scene, name: str) -> Any:
    return await scene.admin.get_subresource(INFERENCE_SERVICES, name, "scale", scene.namespace)


async def bounds(scene: Scene, name: str, least: int) -> bool:
    try:
        scaler = await scene.get(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
    except NotFound:
        return False
    return scaler["spec"]["minReplicas"] == least


async def test_kubectl_scale_sets_the_least_number_of_engines(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, engine={})
    async with scene.manager():
        await run_kubectl(scene, "scale", name, "--replicas=3")
        await eventually(lambda: bounds(scene, name, 3))
        await make_available(scene, name)
        await service_says(scene, name, "True")
        scale = await scaled(scene, name)
        assert scale["spec"] == {"replicas": 3}
        assert scale["status"] == {"replicas": 2, "selector": f"ome.io/inferenceservice={name},component=engine"}
        await run_kubectl(scene, "scale", name, "--current-replicas=3", "--replicas=1")
        await eventually(lambda: bounds(scene, name, 1))


async def test_without_an_autoscaler_kubectl_scale_sets_the_number_itself(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, engine={"autoscaler": {"class": "None"}})
    async with scene.manager():
        assert (await deployment_of(scene, name))["spec"]["replicas"] == 1
        await run_kubectl(scene, "scale", name, "--replicas=5")

        async def five() -> bool:
            return (await scene.get(DEPLOYMENTS, f"{name}-engine"))["spec"]["replicas"] == 5

        await eventually(five)


async def test_more_than_the_service_s_own_most_is_refused_and_what_runs_goes_on(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, engine={"minReplicas": 1, "maxReplicas": 2})
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await run_kubectl(scene, "scale", name, "--replicas=3")
        told = await service_says(scene, name, "False", "InvalidSpec")
        assert condition(told, "EngineReady")["status"] == "True"
        assert "raise maxReplicas" in told["status"]["summary"]
        assert (await scaled(scene, name))["status"]["replicas"] == 2
        await run_kubectl(scene, "scale", name, "--replicas=2")
        await service_says(scene, name, "True")


async def test_kubectl_gets_waits_and_describes(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await service_says(scene, name, "Unknown")
        header, row = (await run_kubectl(scene, "get", name)).splitlines()
        assert header.split()[-1] == "SUMMARY"
        assert "is starting; next: wait for its pods" in row
        waiting = asyncio.create_task(run_kubectl(scene, "wait", name, "--for=condition=Ready", "--timeout=20s"))
        await make_available(scene, name)
        assert "condition met" in await waiting
        assert (await run_kubectl(scene, "get", name)).splitlines()[1].endswith("Ready: engine 2 of 2")
        text = " ".join((await run_kubectl(scene, "describe", name)).split())
        assert "Summary: Ready: engine 2 of 2" in text
        assert "Deployment Mode: RawDeployment" in text
        assert "InferenceServiceReady" in text
        await scene.admin.merge_patch(
            INFERENCE_SERVICES, name, {"spec": {"runtime": {"name": "nothing"}}}, scene.namespace
        )
        await service_says(scene, name, "False", "RuntimeValidationError")
        assert "RuntimeValidationError: " in (await run_kubectl(scene, "get", name)).splitlines()[1]


async def make_pod(scene: Scene, service: str, node: str | None, stem: str = "pod") -> str:
    """A pod of the service's engine, as its ReplicaSet would make it."""
    template = (await deployment_of(scene, service))["spec"]["template"]
    try:
        await scene.admin.get(SERVICE_ACCOUNTS, "default", scene.namespace)
    except NotFound:
        account: JsonObject = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": scene.namespace},
        }
        await scene.admin.create(SERVICE_ACCOUNTS, account)
    spec = {**template["spec"], **({"nodeName": node} if node else {})}
    name = scene.name(stem)
    await scene.create(PODS, name, spec, labels=template["metadata"]["labels"])
    return name


async def pod_says(scene: Scene, name: str, *, ready: bool = False, **status: Any) -> None:
    """Say what the kubelet or the scheduler would."""
    conditions = [
        {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": TIME},
        *status.pop("conditions", []),
    ]
    body: JsonObject = {"status": {"conditions": conditions, **status}}
    await scene.admin.merge_patch(PODS, name, body, scene.namespace, subresource="status")


def container(state: JsonObject, **more: Any) -> JsonObject:
    one = {"name": "ome-container", "image": "example.org/vllm:1", "imageID": "", "restartCount": 0, "ready": False}
    return {"containerStatuses": [{**one, "state": state, **more}]}


def killed(code: int, reason: str) -> JsonObject:
    ended: JsonObject = {"exitCode": code, "reason": reason, "message": "cuda", "finishedAt": TIME}
    return container({"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": ended}, restartCount=3)


PULL = container({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off: ErrImagePull: no such tag"}})
NO_NODE: JsonObject = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
            "lastTransitionTime": TIME,
        }
    ]
}


@pytest.mark.parametrize(
    ("status", "reason", "failure", "step"),
    [
        (PULL, "ImagePullFailed", {"reason": "RuntimeUnhealthy"}, "correct the image"),
        (killed(137, "OOMKilled"), "OutOfMemory", {"reason": "ModelLoadFailed", "exitCode": 137}, "memory limit"),
        (killed(1, "Error"), "ModelLoadFailed", {"reason": "ModelLoadFailed", "exitCode": 1}, "kubectl logs"),
        (NO_NODE, "Unschedulable", {"reason": "RuntimeUnhealthy"}, "free or add a node"),
    ],
    ids=["image", "memory", "crash", "scheduling"],
)
async def test_d_12_what_is_wrong_with_a_pod_is_told_with_pod_node_and_time_until_it_has_recovered(
    scene: Scene, status: JsonObject, reason: str, failure: JsonObject, step: str
) -> None:
    """D12, and the check of 12.4 on engines that crash."""
    node = await scene.node()
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await scene.report(node, model, "Ready")
        await scene.model_says(model, state="Ready")
        await make_available(scene, name, available=False)
        pod = await make_pod(scene, name, None if reason == "Unschedulable" else node)
        await pod_says(scene, pod, **status)
        told = await service_says(scene, name, "False", reason)
        text = condition(told, "EngineReady")["message"]
        assert pod in text
        assert "(Deployment: Told)" in text, "the workload's own reason stays"
        assert step in text.partition("; next: ")[2]
        found = told["status"]["modelStatus"]["lastFailureInfo"]
        where: JsonObject = {"node": node} if reason != "Unschedulable" else {}
        assert {key: found.get(key) for key in failure} == failure
        assert (found["location"], found["pod"], found["time"]) == ("engine", pod, TIME)
        assert {"node": found["node"]} == where if where else "node" not in found
        assert told["status"]["summary"].startswith(f"{reason}: pod {pod}")
        await eventually(lambda: _has_event(scene, name, ("Warning", reason)))
        if reason == "Unschedulable":
            # Only a binding gives a pod its node: another one takes its place.
            await scene.admin.delete(PODS, pod, scene.namespace, grace_period_s=0)
            pod = await make_pod(scene, name, node, "later")
        well = container({"running": {"startedAt": TIME}}, ready=True)
        await pod_says(scene, pod, ready=True, **well)
        await make_available(scene, name)
        told = await service_says(scene, name, "True")

        async def cleared() -> bool:
            status = (await scene.get(INFERENCE_SERVICES, name))["status"]["modelStatus"]
            assert "lastFailureInfo" not in status, status
            return status["transitionStatus"] == "UpToDate"

        await eventually(cleared)


async def _has_event(scene: Scene, name: str, event: tuple[str, str]) -> bool:
    return event in await events_of(scene, name)


async def test_a_new_version_that_does_not_come_up_is_told_while_the_old_one_serves(scene: Scene) -> None:
    node = await scene.node()
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await scene.report(node, model, "Ready")
        await make_available(scene, name)
        await service_says(scene, name, "True")
        pod = await make_pod(scene, name, node)
        await pod_says(scene, pod, **PULL)

        async def told() -> bool:
            status = (await service_says(scene, name, "True"))["status"]
            return f"still serving, but pod {pod} on node {node}" in status["summary"]

        await eventually(told)
        await eventually(lambda: _has_event(scene, name, ("Warning", "EngineDegraded")))


async def test_the_download_of_the_model_is_told_in_tenths_while_the_pods_wait(scene: Scene) -> None:
    node = await scene.node()
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)

    async def report(done: int) -> None:
        progress = {"phase": "downloading", "totalBytes": 100 << 30, "completedBytes": done << 30}
        await scene.report(node, model, "Updating", progress=progress)

    async def says(text: str) -> bool:
        return text in json.dumps((await scene.get(INFERENCE_SERVICES, name))["status"])

    async with scene.manager():
        await report(11)
        await make_available(scene, name, available=False)
        pod = await make_pod(scene, name, None)
        await pod_says(scene, pod, **NO_NODE)
        told = await service_says(scene, name, "False", "WaitingForModel")
        await eventually(lambda: says("10 % of 100.0 GiB are there"))
        assert condition(told, "ModelReady")["status"] == "False"
        await report(42)
        await eventually(lambda: says("40 % of 100.0 GiB are there"))
        before = (await scene.get(INFERENCE_SERVICES, name))["metadata"]["resourceVersion"]
        await report(49)
        await scene.model_says(model, progress={**_PROGRESS, "completedBytes": 49 << 30})
        assert (await scene.get(INFERENCE_SERVICES, name))["metadata"]["resourceVersion"] == before
        await scene.report(node, model, "Ready")
        await service_says(scene, name, "False", "Unschedulable")
        assert await says("can be mounted")


_PROGRESS: JsonObject = {
    "phase": "downloading",
    "nodesWanted": 1,
    "nodesReady": 0,
    "totalBytes": 100 << 30,
    "bytesPerSecond": 0,
}
