"""The main job on a whole cluster: from a real model's files on a hub to a Ready service."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_BASE_MODELS
from omectl.api.labels import ModelKey, model_entry_key, model_label_key
from omectl.cli.up.demo import demo_directory
from omectl.kube.errors import NotFound
from omectl.kube.resources import CONFIG_MAPS, DEPLOYMENTS, NODES, PODS
from omectl.local.assets import Binary
from omectl.testing.audit import line_count, our_writes
from omectl.testing.demo import Demo

MODEL = ModelKey("ClusterBaseModel", "", "all-minilm-l6-v2")
MODEL_PATH = "raid/models/sentence-transformers/all-MiniLM-L6-v2"
# What the default allow list names of the package's files: weights, configuration, tokenizer; not the read-me.
ALLOWED = {
    "1_Pooling/config.json",
    "config.json",
    "config_sentence_transformers.json",
    "data_config.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
}
QUIET_S = 30.0


async def test_model_lies_on_every_node_byte_for_byte_and_the_nodes_say_so(demo: Demo) -> None:
    session = demo.session
    await demo.until(lambda snapshot: all(held.verified for node in snapshot.nodes for held in node.models))
    package = demo_directory()
    for node in session.nodes:
        published = session.node_root(node) / MODEL_PATH
        assert _files(published) == ALLOWED
        for name in ALLOWED:
            assert (published / name).read_bytes() == (package / name).read_bytes(), name
        labels = (await session.client.get(NODES, node))["metadata"]["labels"]
        assert labels[model_label_key(MODEL)] == "Ready"
        entries = (await session.client.get(CONFIG_MAPS, node, "ome"))["data"]
        assert json.loads(entries[model_entry_key(MODEL)])["status"] == "Ready"


async def test_model_learns_what_it_is_from_its_files(demo: Demo) -> None:
    model = await demo.session.client.get(CLUSTER_BASE_MODELS, MODEL.name)
    assert model["spec"]["modelArchitecture"] == "BertModel"
    assert model["spec"]["modelFormat"]["name"] == "safetensors"
    facts = model["status"]["facts"]
    assert facts["parameterCount"] == 22_713_728 - 512
    assert (facts["layers"], facts["attentionHeads"], facts["hiddenSize"], facts["headSize"]) == (6, 12, 384, 32)
    assert "modelArchitecture" in facts["filled"]


async def test_scheduler_places_the_pods_on_nodes_that_have_the_model(demo: Demo) -> None:
    session = demo.session
    deployment = await session.client.get(DEPLOYMENTS, "embeddings-engine", "demo")
    assert deployment["status"]["availableReplicas"] == 2
    pods = (await session.client.list(PODS, "demo")).items
    assert len(pods) == 2
    assert {pod["spec"]["nodeName"] for pod in pods} <= set(session.nodes)
    container = pods[0]["spec"]["containers"][0]
    assert {"name": "MODEL_PATH", "value": f"/{MODEL_PATH}"} in container["env"]


async def test_kubectl_shows_the_printer_columns(demo: Demo) -> None:
    models = await _kubectl(demo, "get", "clusterbasemodels")
    header, row = models.splitlines()
    assert header.split() == [
        *("NAME", "DISABLED", "VERSION", "VENDOR", "FRAMEWORK", "FRAMEWORKVERSION", "MODELFORMAT", "ARCHITECTURE"),
        *("CAPABILITIES", "SIZE", "COMPARTMENTID", "READY", "AGE"),
    ]
    assert {"all-minilm-l6-v2", "sentence-transformers", "safetensors", "BertModel", "Ready"} <= set(row.split())
    services = await _kubectl(demo, "get", "isvc", "-n", "demo")
    header, row = services.splitlines()
    assert header.split() == [
        *("NAME", "URL", "READY", "BASEMODEL", "RUNTIME", "PREV", "LATEST", "PREVROLLEDOUTREVISION"),
        *("LATESTREADYREVISION", "AGE", "SUMMARY"),
    ]
    assert {"embeddings", "http://embeddings.demo.svc.cluster.local:8080", "True"} <= set(row.split())
    assert "vllm-text-embedding" in row.split(), "the runtime that was chosen"
    assert row.endswith("Ready: engine 2 of 2")


async def test_at_rest_only_leases_are_written_also_after_a_restart(demo: Demo) -> None:
    session = demo.session
    await demo.until(lambda snapshot: all(held.verified for node in snapshot.nodes for held in node.models))
    log = session.control_plane.audit_log_path
    await _until_quiet(log)
    await _assert_only_leases(log)
    for child in session.processes:
        await child.stop(5.0)
    await session.start_manager()
    for node in session.nodes:
        await session.start_agent(node)
    before = line_count(log)
    await asyncio.sleep(QUIET_S)
    session.check()
    other = [write for write in our_writes(log, after_line=before) if not write.is_lease]
    assert not other, "\n".join(str(write) for write in other)
    writers = {write.user for write in our_writes(log, after_line=before)}
    assert len(writers) == 2, "the manager and the agents are at work"


async def test_model_deleted_while_ready_leaves_nothing_on_the_nodes(demo: Demo) -> None:
    session = demo.session
    await session.client.delete(CLUSTER_BASE_MODELS, MODEL.name)
    await demo.until(lambda snapshot: not snapshot.models and not any(node.models for node in snapshot.nodes))
    for node in session.nodes:
        assert _files(session.node_root(node) / "raid/models" / ".omectl" / "artifacts") == set()
        assert not (session.node_root(node) / MODEL_PATH).is_symlink()
        labels = (await session.client.get(NODES, node))["metadata"]["labels"]
        assert model_label_key(MODEL) not in labels
    try:
        await session.client.get(CLUSTER_BASE_MODELS, MODEL.name)
    except NotFound:
        pass
    else:
        raise AssertionError("the model's finalizer was not released")
    # The service keeps what it has, and says what it misses.
    lost = await demo.until(lambda snapshot: snapshot.services[0].ready == "False")
    assert "all-minilm-l6-v2" in lost.services[0].reason
    deployment = await session.client.get(DEPLOYMENTS, "embeddings-engine", "demo")
    assert deployment["status"]["availableReplicas"] == 2


async def test_the_same_model_as_files_on_the_nodes_becomes_ready_and_keeps_its_files(demo: Demo) -> None:
    session, name = demo.session, "minilm-on-the-nodes"
    for node in session.nodes:
        shutil.copytree(demo_directory(), session.node_root(node) / "raid/models/by-hand/minilm")
    await session.apply([_local_model(name, "/raid/models/by-hand/minilm")])
    ready = await demo.until(lambda snapshot: any(row.key == name and row.nodes_ready == 3 for row in snapshot.models))
    row = next(row for row in ready.models if row.key == name)
    assert (row.architecture, row.parameters) == ("BertModel", "22.71M")
    await session.client.delete(CLUSTER_BASE_MODELS, name)
    await demo.until(lambda snapshot: all(row.key != name for row in snapshot.models))
    for node in session.nodes:
        assert _files(session.node_root(node) / "raid/models/by-hand/minilm") >= ALLOWED


async def _assert_only_leases(log: Path) -> None:
    before = line_count(log)
    await asyncio.sleep(QUIET_S)
    other = [write for write in our_writes(log, after_line=before) if not write.is_lease]
    assert not other, "\n".join(str(write) for write in other)


async def _until_quiet(log: Path) -> None:
    """Until nothing but Leases was written for three seconds."""
    async with asyncio.timeout(60):
        while True:
            before = line_count(log)
            await asyncio.sleep(3.0)
            if all(write.is_lease for write in our_writes(log, after_line=before)):
                return


async def _kubectl(demo: Demo, *arguments: str) -> str:
    program = demo.session.control_plane.binary(Binary.KUBECTL)
    command = [str(program), f"--kubeconfig={demo.session.kubeconfig}", *arguments]
    ran = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True, timeout=60)
    return ran.stdout


def _local_model(name: str, path: str) -> JsonObject:
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "ClusterBaseModel",
        "metadata": {"name": name},
        "spec": {"storage": {"storageUri": f"local://{path}"}},
    }


def _files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} if root.exists() else set()
