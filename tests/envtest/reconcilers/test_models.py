"""A model's life as the controller tells it: agents are played by the tests, under the agents' own roles."""

import asyncio
from typing import Any

import pytest
from tests.envtest.reconcilers.conftest import Scene, condition, eventually

from omectl.api.json import JsonObject
from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS
from omectl.api.labels import ModelKey
from omectl.api.resource import ResourceKind
from omectl.kube.resources import CONFIG_MAPS, NODES

BOTH = pytest.mark.parametrize("kind", [BASE_MODELS, CLUSTER_BASE_MODELS], ids=lambda kind: kind.kind)
FACTS: JsonObject = {
    "architecture": "BertModel",
    "modelType": "bert",
    "parameterCount": 22_713_216,
    "contextLength": 512,
    "framework": {"name": "transformers", "version": "4.57.0"},
    "format": {"name": "safetensors", "version": "1.0.0"},
    "sources": {"architecture": "configuration", "parameterCount": "tensors", "format": "files"},
    "capabilities": ["TEXT_EMBEDDINGS"],
}


@BOTH
async def test_a_model_goes_from_waiting_to_downloading_to_ready(scene: Scene, kind: ResourceKind) -> None:
    node = await scene.node()
    key = await scene.model(kind)
    async with scene.manager():
        await scene.model_says(key, state="In_Transit", reason="WaitingForAgent")
        progress = {"phase": "downloading", "totalBytes": 100, "completedBytes": 40, "speedBytesPerSec": 7.0}
        await scene.report(node, key, "Updating", progress=progress)
        model = await scene.model_says(key, state="In_Transit", reason="Downloading")
        wanted = {"phase": "downloading", "nodesWanted": 1, "nodesReady": 0, "totalBytes": 100, "completedBytes": 40}
        assert model["status"]["progress"] == {**wanted, "bytesPerSecond": 7}
        await scene.report(node, key, "Ready", facts=FACTS)
        await scene.model_says(key, state="Ready", nodesReady=[node], nodesFailed=[], reason="NodesReady")

        async def all_is_observed() -> Any:
            found = await scene.read_model(key)
            spec, status = found["spec"], found["status"]
            return "modelType" in spec and status["observedGeneration"] == found["metadata"]["generation"] and found

        model = await eventually(all_is_observed)
    assert model["metadata"]["finalizers"] == [f"{kind.plural}.ome.io/finalizer"]
    assert model["status"]["facts"]["sources"] == FACTS["sources"]


async def test_empty_fields_are_filled_from_facts_by_a_manager_of_their_own(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model(maxTokens=8)
    async with scene.manager():
        await scene.report(node, key, "Updating", facts=FACTS)
        model = await scene.model_says(key, reason="Downloading")

        async def filled() -> Any:
            found = await scene.read_model(key)
            assert found["status"]["facts"]["filled"]
            return found

        model = await eventually(filled)
    spec = model["spec"]
    assert (spec["modelArchitecture"], spec["modelParameterSize"], spec["maxTokens"]) == ("BertModel", "22.71M", 8)
    assert spec["modelFormat"] == {"name": "safetensors", "version": "1.0.0"} | {
        name: value for name, value in spec["modelFormat"].items() if name in ("operator", "weight")
    }
    names = [
        "modelArchitecture",
        "modelCapabilities",
        "modelFormat",
        "modelFramework",
        "modelParameterSize",
        "modelType",
    ]
    assert model["status"]["facts"]["filled"] == names
    managers = {entry["manager"] for entry in model["metadata"]["managedFields"] if "f:spec" in entry["fieldsV1"]}
    assert "omectl-facts" in managers


async def test_a_filled_field_that_the_user_changes_or_empties_is_left_to_him(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    async with scene.manager():
        await scene.report(node, key, "Ready", facts=FACTS)

        async def filled() -> bool:
            return "modelType" in (await scene.read_model(key))["spec"]

        await eventually(filled)
        change: JsonObject = {"spec": {"modelArchitecture": "Mine", "modelType": None}}
        await scene.admin.merge_patch(CLUSTER_BASE_MODELS, key.name, change)
        generation = (await scene.read_model(key))["metadata"]["generation"]
        model = await scene.model_says(key, observedGeneration=generation)
    assert model["spec"]["modelArchitecture"] == "Mine"
    assert "modelType" not in model["spec"]


async def test_a_failure_shows_its_reason_and_next_step(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    async with scene.manager():
        words = {"reason": "InsufficientDisk", "message": "wanted 10 GB, found 1 GB", "nextStep": "free space"}
        await scene.report(node, key, "Failed", **words)
        model = await scene.model_says(key, state="Failed", nodesFailed=[node], reason="InsufficientDisk")
    assert condition(model)["message"] == f"node {node}: wanted 10 GB, found 1 GB; next: free space"


async def test_a_model_that_no_node_matches_says_so_until_one_does(scene: Scene) -> None:
    key = await scene.model()
    async with scene.manager():
        await scene.model_says(key, state="In_Transit", reason="NoMatchingNode")
        await scene.node()
        await scene.model_says(key, reason="WaitingForAgent")


async def test_an_entry_that_cannot_be_read_is_said_and_mended_by_the_next(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    async with scene.manager():
        await scene.report(node, key, "Updating")
        await scene.admin.merge_patch(CONFIG_MAPS, node, {"data": {f"clusterbasemodel.{key.name}": "{"}}, "ome")
        await scene.model_says(key, reason="EntryUnreadable")
        await scene.report(node, key, "Ready")
        await scene.model_says(key, state="Ready")


@BOTH
async def test_a_name_that_is_shortened_in_entries_is_found(scene: Scene, kind: ResourceKind) -> None:
    node = await scene.node()
    long = f"m{'o' * 230}"
    name = scene.name(long)
    await scene.create(kind, name, {"storage": {"storageUri": "hf://a/b", "nodeSelector": {"test": scene.suffix}}})
    key = ModelKey(kind.kind, scene.namespace if kind.namespaced else "", name)
    async with scene.manager():
        await scene.report(node, key, "Ready")
        await scene.model_says(key, state="Ready", nodesReady=[node])


@pytest.mark.parametrize("status", ["Ready", "Updating"])
async def test_a_deleted_model_stays_until_its_nodes_have_let_go(scene: Scene, status: str) -> None:
    node = await scene.node()
    key = await scene.model()
    async with scene.manager():
        await scene.report(node, key, status)
        await scene.model_says(key, observedGeneration=1, progress=await _progress(scene, key))
        await scene.delete_model(key)
        model = await scene.model_says(key, reason="Deleting")
        assert node in condition(model)["message"]
        await scene.report(node, key, None)
        await scene.gone(CLUSTER_BASE_MODELS, key.name)


async def _progress(scene: Scene, key: ModelKey) -> Any:
    async def look() -> Any:
        status = (await scene.read_model(key)).get("status", {})
        assert status.get("progress", {}).get("nodesWanted") == 1
        return status["progress"]

    return await eventually(look)


async def test_a_model_that_no_node_holds_goes_at_once(scene: Scene) -> None:
    key = await scene.model()
    async with scene.manager():
        await scene.model_says(key, reason="NoMatchingNode")
        await scene.delete_model(key)
        await scene.gone(CLUSTER_BASE_MODELS, key.name)


async def test_a_node_that_is_deleted_takes_its_entries_along(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    async with scene.manager():
        await scene.report(node, key, "Ready")
        await scene.model_says(key, nodesReady=[node])
        await scene.admin.delete(NODES, node)
        await scene.model_says(key, state="In_Transit", nodesReady=[], reason="NoMatchingNode")
        await eventually(lambda: _config_map_gone(scene, node))


async def _config_map_gone(scene: Scene, node: str) -> bool:
    listed = await scene.admin.list(CONFIG_MAPS, "ome", field_selector=f"metadata.name={node}")
    return not listed.items


async def test_a_node_that_went_while_no_manager_ran_blocks_nothing(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    async with scene.manager():
        await scene.report(node, key, "Ready")
        await scene.model_says(key, nodesReady=[node])
    await scene.delete_model(key)
    await scene.admin.delete(NODES, node)
    async with scene.manager():
        await scene.gone(CLUSTER_BASE_MODELS, key.name)
        await eventually(lambda: _config_map_gone(scene, node))


async def test_the_config_map_of_a_living_node_is_never_removed(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    await scene.report(node, key, "Ready")
    async with scene.manager():
        await scene.model_says(key, nodesReady=[node])
        await asyncio.sleep(0.3)
    assert not await _config_map_gone(scene, node)


async def test_an_annotation_forces_the_release(scene: Scene) -> None:
    node = await scene.node()
    key = await scene.model()
    async with scene.manager():
        await scene.report(node, key, "Ready")
        await scene.model_says(key, nodesReady=[node])
        await scene.delete_model(key)
        await scene.model_says(key, reason="Deleting")
        force: JsonObject = {"metadata": {"annotations": {"omectl.io/force-delete": "true"}}}
        await scene.admin.merge_patch(CLUSTER_BASE_MODELS, key.name, force)
        await scene.gone(CLUSTER_BASE_MODELS, key.name)
