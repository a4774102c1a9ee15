"""An agent acts with a token that is bound to its node, and may change only what is that node's."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from tests.envtest.conftest import Shipped

from omectl.api.json import JsonObject
from omectl.api.labels import shorten
from omectl.kube.client import Client
from omectl.kube.errors import Forbidden
from omectl.kube.resources import CONFIG_MAPS, LEASES, NODES, SECRETS

IN_FORCE_S = 15


@dataclass(frozen=True, slots=True)
class Scene:
    """Two nodes; the client is the agent of the first."""

    client: Client
    admin: Client
    own: str
    other: str


def config_map(name: str, value: str = "x") -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "ome"},
        "data": {"clusterbasemodel.m": value},
    }


def lease(name: str, holder: str = "x") -> JsonObject:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "ome"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 40},
    }


MODEL_LABEL: JsonObject = {"metadata": {"labels": {"models.ome.io/clusterbasemodel.m": "Ready"}}}


async def refused(attempt: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(Forbidden) as caught:
        await attempt()
    return caught.value.message


@pytest.fixture
async def scene(shipped: Shipped) -> AsyncIterator[Scene]:
    suffix = secrets.token_hex(3)
    own, other = f"own-{suffix}", f"other-{suffix}"
    for name in (own, other):
        await shipped.control_plane.add_node(name)
    async with Client(shipped.control_plane.admin_config) as admin, Client(await shipped.agent(own)) as client:
        async with asyncio.timeout(IN_FORCE_S):
            # A policy comes into force a moment after it is made.
            while await _may(client, other):
                await asyncio.sleep(0.1)
        yield Scene(client, admin, own, other)


async def _may(client: Client, node: str) -> bool:
    attempts = (
        client.merge_patch(NODES, node, MODEL_LABEL, dry_run=True),
        client.create(CONFIG_MAPS, config_map(node), dry_run=True),
        client.create(LEASES, lease(f"ome-model-agent-{node}"), dry_run=True),
    )
    results = await asyncio.gather(*attempts, return_exceptions=True)
    return not all(isinstance(result, Forbidden) for result in results)


async def test_it_sets_and_removes_model_labels_of_its_own_node(scene: Scene) -> None:
    node = await scene.client.merge_patch(NODES, scene.own, MODEL_LABEL)
    assert "models.ome.io/clusterbasemodel.m" in str(node["metadata"])
    await scene.client.merge_patch(
        NODES, scene.own, {"metadata": {"labels": {"models.ome.io/clusterbasemodel.m": None}}}
    )


async def test_it_cannot_label_another_node(scene: Scene) -> None:
    message = await refused(lambda: scene.client.merge_patch(NODES, scene.other, MODEL_LABEL))
    assert f'bound to node "{scene.own}"' in message
    assert scene.other in message


@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"labels": {"kubernetes.io/hostname": "elsewhere"}}},
        {"metadata": {"labels": {"models.ome": "x"}}},
        {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}},
        {"metadata": {"labels": {"type": None}}},
        {"metadata": {"annotations": {"x": "y"}}},
        {"metadata": {"finalizers": ["omectl.io/x"]}},
        {"spec": {"unschedulable": True}},
        {"spec": {"taints": [{"key": "x", "effect": "NoSchedule"}]}},
    ],
    ids=[
        "changed label",
        "label of a like domain",
        "role",
        "removed label",
        "annotation",
        "finalizer",
        "cordon",
        "taint",
    ],
)
async def test_it_changes_nothing_but_model_labels_of_its_own_node(scene: Scene, patch: JsonObject) -> None:
    message = await refused(lambda: scene.client.merge_patch(NODES, scene.own, patch))
    assert "an agent may change only label" in message


async def test_it_neither_creates_nor_deletes_nodes_nor_writes_their_status(scene: Scene) -> None:
    node: JsonObject = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"new-{scene.own}"}}
    status: JsonObject = {"status": {"capacity": {"nvidia.com/gpu": "99"}}}
    await refused(lambda: scene.client.create(NODES, node))
    await refused(lambda: scene.client.delete(NODES, scene.own))
    await refused(lambda: scene.client.merge_patch(NODES, scene.own, status, subresource="status"))


async def test_it_writes_its_own_config_map(scene: Scene) -> None:
    await scene.client.create(CONFIG_MAPS, config_map(scene.own))
    await scene.client.merge_patch(CONFIG_MAPS, scene.own, {"data": {"clusterbasemodel.m": "y"}}, "ome")


async def test_it_cannot_write_another_nodes_config_map(scene: Scene) -> None:
    await refused(lambda: scene.client.create(CONFIG_MAPS, config_map(scene.other)))
    await scene.admin.create(CONFIG_MAPS, config_map(scene.other))
    change: JsonObject = {"data": {"clusterbasemodel.m": "forged"}}
    message = await refused(lambda: scene.client.merge_patch(CONFIG_MAPS, scene.other, change, "ome"))
    assert scene.other in message
    await refused(lambda: scene.client.delete(CONFIG_MAPS, scene.other, "ome"))


async def test_it_cannot_change_the_settings(scene: Scene) -> None:
    change: JsonObject = {"data": {"omectl": '{"modelsRoot": "/etc"}'}}
    await refused(lambda: scene.client.merge_patch(CONFIG_MAPS, "inferenceservice-config", change, "ome"))


async def test_it_renews_its_own_lease_only(scene: Scene) -> None:
    own, other = f"ome-model-agent-{scene.own}", f"ome-model-agent-{scene.other}"
    held = await scene.client.create(LEASES, lease(own))
    await scene.client.replace(LEASES, {**held, "spec": {"holderIdentity": "y"}})
    await refused(lambda: scene.client.create(LEASES, lease(other)))
    theirs = await scene.admin.create(LEASES, lease(other))
    message = await refused(lambda: scene.client.replace(LEASES, {**theirs, "spec": {"holderIdentity": "thief"}}))
    assert other in message


async def test_it_cannot_take_the_managers_lock(scene: Scene) -> None:
    await refused(lambda: scene.client.create(LEASES, lease("ome-controller-manager-leader-lock")))


async def test_a_node_with_a_very_long_name_has_a_lease_with_a_shortened_one(shipped: Shipped, scene: Scene) -> None:
    name = f"{'n' * 60}.{'o' * 60}.{'d' * 60}.{'e' * 50}.{secrets.token_hex(4)}"
    await shipped.control_plane.add_node(name, labels={"kubernetes.io/hostname": "long"})
    async with Client(await shipped.agent(name)) as client:
        await client.create(LEASES, lease(shorten(f"ome-model-agent-{name}", 253)))
        await refused(lambda: client.create(LEASES, lease(shorten(f"ome-model-agent-{scene.other}{name}"[:300], 253))))


async def test_without_a_node_bound_token_it_may_change_nothing(shipped: Shipped, scene: Scene) -> None:
    async with Client(await shipped.agent(None)) as unbound:
        await refused(lambda: unbound.merge_patch(NODES, scene.own, MODEL_LABEL))
        await refused(lambda: unbound.create(CONFIG_MAPS, config_map(scene.own)))
        await refused(lambda: unbound.create(LEASES, lease(f"ome-model-agent-{scene.own}")))


async def test_it_reads_a_named_secret_of_the_operator_only_and_lists_none(scene: Scene) -> None:
    secret: JsonObject = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": scene.own, "namespace": "ome"}}
    await scene.admin.create(SECRETS, secret)
    await scene.client.get(SECRETS, scene.own, "ome")
    await refused(lambda: scene.client.get(SECRETS, scene.own, "default"))
    await refused(lambda: scene.client.list(SECRETS, "ome"))
