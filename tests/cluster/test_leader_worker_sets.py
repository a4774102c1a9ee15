"""The real LeaderWorkerSet controller beside the control plane: what it makes of a set, without omectl."""

import asyncio
import secrets

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.resources import PODS
from omectl.local.control_plane import ControlPlane

READY_WITHIN_S = 60.0
SETS = ResourceKind(
    group="leaderworkerset.x-k8s.io", version="v1", kind="LeaderWorkerSet", plural="leaderworkersets", namespaced=True
)


async def test_set_of_two_groups_of_two_is_available_and_its_pods_know_their_place(
    groups_cluster: ControlPlane,
) -> None:
    name = f"set-{secrets.token_hex(3)}"
    pod: JsonObject = {"containers": [{"name": "engine", "image": "engine"}]}
    template: JsonObject = {"size": 2, "leaderTemplate": {"spec": pod}, "workerTemplate": {"spec": pod}}
    body: JsonObject = {
        "apiVersion": SETS.api_version,
        "kind": SETS.kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": 2, "leaderWorkerTemplate": template},
    }
    await groups_cluster.add_node(name)
    async with Client(groups_cluster.admin_config) as client, asyncio.timeout(READY_WITHIN_S):
        await client.create(SETS, body)
        while True:
            found = await client.get(SETS, name, "default")
            if found.get("status", {}).get("readyReplicas") == 2:
                break
            await asyncio.sleep(0.1)
        pods = (await client.list(PODS, "default", label_selector=f"leaderworkerset.sigs.k8s.io/name={name}")).items
        await client.delete(SETS, name, "default", propagation="Foreground")
    places = {pod["metadata"]["name"]: pod["metadata"]["labels"][_key("worker-index")] for pod in pods}
    assert places == {f"{name}-0": "0", f"{name}-0-1": "1", f"{name}-1": "0", f"{name}-1-1": "1"}
    for pod in pods:
        environment = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
        group = pod["metadata"]["labels"][_key("group-index")]
        assert environment["LWS_LEADER_ADDRESS"] == f"{name}-{group}.{name}.default"
        assert (environment["LWS_GROUP_SIZE"], environment["LWS_WORKER_INDEX"]) == (
            "2",
            places[pod["metadata"]["name"]],
        )


def _key(name: str) -> str:
    return f"leaderworkerset.sigs.k8s.io/{name}"
