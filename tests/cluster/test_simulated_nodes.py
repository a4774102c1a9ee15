"""Pods on simulated GPU nodes, as the whole cluster runs them."""

import asyncio
import secrets

import pytest

from omectl.api.json import JsonObject
from omectl.kube.client import Client
from omectl.kube.resources import DEPLOYMENTS, PODS
from omectl.local.control_plane import ControlPlane

READY_WITHIN_S = 60.0


def deployment(name: str, *, replicas: int, gpus: int) -> JsonObject:
    labels: JsonObject = {"app": name}
    container: JsonObject = {
        "name": "engine",
        "image": "engine",
        "resources": {"limits": {"nvidia.com/gpu": str(gpus)}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


@pytest.fixture(scope="session")
def gpu_nodes(cluster: ControlPlane) -> tuple[str, ...]:
    """Three nodes of eight GPUs each."""
    names = tuple(f"simulated-{index}" for index in range(3))

    async def add() -> None:
        for name in names:
            await cluster.add_node(name, gpus=8)

    asyncio.run(add())
    return names


async def pods_of(client: Client, name: str) -> list[JsonObject]:
    return (await client.list(PODS, "default", label_selector=f"app={name}")).items


async def test_deployment_that_asks_for_gpus_becomes_ready_on_nodes_that_have_them(
    cluster: ControlPlane, gpu_nodes: tuple[str, ...]
) -> None:
    name = f"engine-{secrets.token_hex(3)}"
    async with Client(cluster.admin_config) as client, asyncio.timeout(READY_WITHIN_S):
        await client.create(DEPLOYMENTS, deployment(name, replicas=4, gpus=4), field_manager="test")
        while True:
            status = (await client.get(DEPLOYMENTS, name, "default"))["status"]
            if status.get("readyReplicas") == 4:
                break
            await asyncio.sleep(0.1)
        pods = await pods_of(client, name)
        await client.delete(DEPLOYMENTS, name, "default", propagation="Foreground")
        while await pods_of(client, name):
            await asyncio.sleep(0.1)
    placed = [pod["spec"]["nodeName"] for pod in pods]
    assert set(placed) <= set(gpu_nodes)
    assert max(placed.count(node) for node in gpu_nodes) <= 2


async def test_pod_that_asks_for_more_gpus_than_any_node_has_stays_pending(
    cluster: ControlPlane, gpu_nodes: tuple[str, ...]
) -> None:
    name = f"engine-{secrets.token_hex(3)}"
    async with Client(cluster.admin_config) as client, asyncio.timeout(READY_WITHIN_S):
        await client.create(DEPLOYMENTS, deployment(name, replicas=1, gpus=16), field_manager="test")
        while True:
            pods = await pods_of(client, name)
            reasons = [c for pod in pods for c in pod["status"].get("conditions", []) if c["type"] == "PodScheduled"]
            if reasons:
                break
            await asyncio.sleep(0.1)
        await client.delete(DEPLOYMENTS, name, "default", propagation="Background")
    assert [reason["reason"] for reason in reasons] == ["Unschedulable"]
    assert "Insufficient nvidia.com/gpu" in reasons[0]["message"]
