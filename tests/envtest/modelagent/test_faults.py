"""Bad input and bad luck: each is said in the entry with a next step, spares what is good, and passes by itself."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

import pytest
from tests.envtest.conftest import Shipped
from tests.envtest.modelagent.conftest import Site
from tests.envtest.modelagent.models import write_model

from omectl.api.kinds import BASE_MODELS
from omectl.api.labels import ModelKey
from omectl.kube.resources import CONFIG_MAPS, NAMESPACES, SECRETS
from omectl.local.hub import Faults, FileFault, HubOptions, HubServer
from omectl.modelagent.rooted import RootedDirectory


@pytest.fixture
def hub_dir(tmp_path: Path) -> Path:
    write_model(tmp_path / "hub" / "org" / "model")
    return tmp_path / "hub"


async def test_a_hub_that_is_down_is_waited_for(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir) as first:
        port = first.port
    async with site.agent(f"http://127.0.0.1:{port}"):
        key = await site.create("hf://org/model")
        entry = await site.problem(key, "HubUnreachable")
        assert "127.0.0.1" in (entry.message or "")
        async with HubServer(hub_dir, HubOptions(port=port)):
            await site.ready(key)


async def test_a_hub_that_stays_down_is_said_once_not_at_every_attempt(site: Site) -> None:
    async with site.agent("http://127.0.0.1:9"):
        key = await site.create("hf://org/model")
        await site.wait(key, lambda entry: entry is not None and entry.status == "Failed")
        before = await site.client.get(CONFIG_MAPS, site.node, "ome")
        await asyncio.sleep(2)
        assert before == await site.client.get(CONFIG_MAPS, site.node, "ome")


async def test_wrong_bytes_fail_the_model_until_the_hub_has_the_right_ones(site: Site, hub_dir: Path) -> None:
    faults = Faults(files=(FileFault(path="*.safetensors", corrupt_at=600_000, times=12),))
    async with HubServer(hub_dir, HubOptions(faults=faults)) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        entry = await site.problem(key, "DigestMismatch")
        assert entry.status == "Failed"
        assert "model.safetensors" in (entry.message or "")
        await site.ready(key)
        weights = site.root / key.name / "model.safetensors"
        assert weights.read_bytes() == (hub_dir / "org" / "model" / "model.safetensors").read_bytes()


async def test_a_full_disk_is_said_with_numbers_and_passes_when_there_is_room(
    site: Site, hub_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        with monkeypatch.context() as patched:
            patched.setattr(RootedDirectory, "free_bytes", lambda _: 1 << 19)
            key = await site.create("hf://org/model")
            entry = await site.problem(key, "DiskFull")
            assert entry.status == "Failed"
            assert "1 MiB" in (entry.message or "")
            assert "512 KiB" in (entry.message or "")
        await site.ready(key)


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/cron.d/x", "a\\..\\b", "nul\0", "Config.json", ".omectl/models/x"]
)
async def test_a_listing_with_a_hostile_name_is_refused_whole(site: Site, hub_dir: Path, name: str) -> None:
    async with (
        HubServer(hub_dir, HubOptions(faults=Faults(listed_names=(name,)))) as hub,
        site.agent(hub.endpoint),
    ):
        key = await site.create("hf://org/model")
        entry = await site.problem(key, "UnsafeFileName")
        assert entry.status == "Failed"
        assert not (site.root / key.name).exists()


@pytest.mark.parametrize("config", [b"{not json", b"[]", b'{"hidden_size": "x"}', b"\xff\xfe" * 50])
async def test_a_model_with_broken_metadata_is_downloaded_and_says_what_is_wrong(
    site: Site, tmp_path: Path, config: bytes
) -> None:
    write_model(tmp_path / "hub" / "org" / "model", config=config)
    async with HubServer(tmp_path / "hub") as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        entry = await site.ready(key)
        assert entry.reason == "MetadataInvalid" or entry.facts is not None
        if entry.reason:
            assert "config.json" in (entry.message or "")
            assert entry.next_step


async def test_a_broken_weight_header_is_said_and_the_rest_of_the_facts_stand(site: Site, hub_dir: Path) -> None:
    weights = hub_dir / "org" / "model" / "model.safetensors"
    weights.write_bytes((1 << 62).to_bytes(8, "little") + os.urandom(1000))
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        entry = await site.ready(key)
        assert entry.reason == "MetadataInvalid"
        assert "model.safetensors" in (entry.message or "")
        assert entry.facts is not None
        assert entry.facts.architecture == "LlamaForCausalLM"


@pytest.mark.parametrize("path", ["/etc/models", "/raid/models/../../etc", "/raid/models", "/raid/models/.omectl/x"])
async def test_a_path_outside_the_models_root_is_refused_naming_both(site: Site, hub_dir: Path, path: str) -> None:
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model", path)
        entry = await site.problem(key, "PathOutsideRoot")
        assert entry.status == "Failed"
        assert path in (entry.message or "")
        assert "/raid/models" in (entry.message or "")
        assert hub.statistics().requests == 0


@pytest.mark.parametrize("uri", ["s3://bucket/x", "ftp://x/y", "gs://bucket/x", "no-scheme"])
async def test_an_unknown_scheme_says_which_are_supported(site: Site, uri: str) -> None:
    async with site.agent():
        key = await site.create(uri)
        entry = await site.problem(key, "UnsupportedScheme")
        assert "hf://" in (entry.message or "")
        assert "local://" in (entry.message or "")


async def test_a_missing_revision_is_said_and_the_model_comes_when_it_is_there(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model@v9")
        entry = await site.problem(key, "RevisionNotFound")
        assert "v9" in (entry.message or "")
        await site.patch(key, {"spec": {"storage": {"storageUri": "hf://org/model"}}})
        entry = await site.ready(key)
        assert entry.generation == 2


async def test_an_unknown_repository_is_said(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/other")
        entry = await site.wait(key, lambda entry: entry is not None and entry.reason is not None)
        assert entry is not None
        assert entry.reason in {"ModelNotFound", "AccessDenied"}
        assert "org/other" in (entry.message or "")


async def test_a_private_model_needs_the_token_of_its_secret(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir, HubOptions(token="hf_right")) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model", key=f"token-{site.node}")
        entry = await site.problem(key, "CredentialMissing")
        assert f"ome/token-{site.node}" in (entry.message or "")
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"token-{site.node}", "namespace": "ome"},
            "data": {"token": base64.b64encode(b"hf_wrong").decode()},
        }
        await site.client.create(SECRETS, secret)  # type: ignore[arg-type]
        await site.problem(key, "AccessDenied")
        right = base64.b64encode(b"hf_right\n").decode()
        await site.client.merge_patch(SECRETS, f"token-{site.node}", {"data": {"token": right}}, "ome")
        await site.ready(key)
        text = str(await site.config_map())
        assert "hf_right" not in text
        assert "hf_wrong" not in text


async def test_the_agent_s_own_token_serves_cluster_models_only(site: Site, hub_dir: Path, shipped: Shipped) -> None:
    await shipped.control_plane.create_namespace("team-a")
    await site.client.get(NAMESPACES, "team-a")
    async with HubServer(hub_dir, HubOptions(token="hf_own")) as hub, site.agent(hub.endpoint, hub_token="hf_own"):
        name = f"n-{site.node}"
        await site.client.create(
            BASE_MODELS,
            {
                "apiVersion": BASE_MODELS.api_version,
                "kind": BASE_MODELS.kind,
                "metadata": {"name": name, "namespace": "team-a"},
                "spec": {
                    "storage": {
                        "storageUri": "hf://org/model",
                        "path": f"/raid/models/{name}",
                        "nodeSelector": {"kubernetes.io/hostname": site.node},
                    }
                },
            },
        )
        namespaced = ModelKey(BASE_MODELS.kind, "team-a", name)
        key = await site.create("hf://org/model")
        await site.ready(key)
        await site.problem(namespaced, "AccessDenied")
        await site.client.delete(BASE_MODELS, name, "team-a")
        await site.gone(namespaced)


async def test_a_model_deleted_in_the_middle_of_its_download_stops_at_once(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir, HubOptions(rate_limit=100 << 10)) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        await site.wait(key, lambda entry: entry is not None and entry.progress is not None and entry.facts is not None)
        await site.delete(key)
        async with asyncio.timeout(5):
            await site.gone(key)
        sent = hub.statistics().bytes_sent
        await asyncio.sleep(1)
        assert hub.statistics().bytes_sent - sent < 100 << 10
        assert not list((site.root / ".omectl" / "partial").iterdir())


async def test_a_local_model_is_waited_for_and_never_deleted(site: Site) -> None:
    async with site.agent():
        key = await site.create("local:///raid/models/mine", "/raid/models/mine")
        entry = await site.problem(key, "LocalPathMissing")
        assert "/raid/models/mine" in (entry.message or "")
        write_model(site.root / "mine")
        entry = await site.ready(key)
        assert entry.facts is not None
        assert entry.facts.architecture == "LlamaForCausalLM"
        await site.delete(key)
        await site.gone(key)
        assert (site.root / "mine" / "model.safetensors").exists()


async def test_a_local_path_that_leads_outside_by_a_link_is_refused(site: Site, tmp_path: Path) -> None:
    write_model(tmp_path / "elsewhere")
    (site.root / "mine").symlink_to(tmp_path / "elsewhere")
    async with site.agent():
        key = await site.create("local:///raid/models/mine", "/raid/models/mine")
        await site.problem(key, "PathOutsideRoot")


async def test_two_models_do_not_share_a_path_and_the_second_follows_when_the_first_goes(
    site: Site, hub_dir: Path
) -> None:
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        first = await site.create("hf://org/model", "/raid/models/shared")
        await site.ready(first)
        second = await site.create("hf://org/model", "/raid/models/shared/inner")
        entry = await site.problem(second, "PathInUse")
        assert first.name in (entry.message or "")
        await site.delete(first)
        await site.ready(second)


async def test_files_of_somebody_else_are_never_replaced(site: Site, hub_dir: Path) -> None:
    (site.root / "theirs").mkdir()
    (site.root / "theirs" / "data").write_text("precious")
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model", "/raid/models/theirs")
        await site.problem(key, "PathOccupied")
        assert (site.root / "theirs" / "data").read_text() == "precious"


async def test_a_file_that_vanishes_is_noticed_at_the_restart_and_only_it_is_fetched(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir) as hub:
        async with site.agent(hub.endpoint):
            key = await site.create("hf://org/model")
            await site.ready(key)
        (site.root / key.name / "config.json").unlink()
        sent = hub.statistics().file("org/model", "model.safetensors").bytes_sent
        async with site.agent(hub.endpoint):
            async with asyncio.timeout(20):
                while not (site.root / key.name / "config.json").exists():
                    await asyncio.sleep(0.05)
            await site.ready(key)
        assert hub.statistics().file("org/model", "model.safetensors").bytes_sent == sent


async def test_models_deleted_while_the_agent_was_away_are_cleaned_up(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir) as hub:
        async with site.agent(hub.endpoint):
            key = await site.create("hf://org/model")
            await site.ready(key)
        await site.delete(key)
        async with site.agent(hub.endpoint):
            await site.gone(key)
            assert await site.label(key) is None
            assert not (site.root / key.name).is_symlink()


async def test_reserved_files_outlive_their_model_and_serve_the_next(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        await site.patch(key, {"metadata": {"labels": {"models.ome/reserve-model-artifact": "true"}}})
        await site.ready(key)
        await asyncio.sleep(0.5)
        await site.delete(key)
        await site.gone(key)
        assert (site.root / key.name / "config.json").exists()
        requests = hub.statistics().requests
        await site.create("hf://org/model", name=key.name)
        await site.ready(key)
        assert hub.statistics().requests == requests


async def test_a_removed_config_map_comes_back(site: Site, hub_dir: Path) -> None:
    async with HubServer(hub_dir) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        await site.ready(key)
        await site.client.delete(CONFIG_MAPS, site.node, "ome")
        await site.ready(key)
        config_map = await site.config_map()
        assert config_map is not None
        assert config_map["metadata"]["labels"]["node"] == site.node  # type: ignore[index, call-overload]


async def test_a_new_revision_is_published_beside_the_old_one(site: Site, tmp_path: Path) -> None:
    old = write_model(tmp_path / "hub" / "org" / "model")
    new = write_model(tmp_path / "new", weight_bytes=1 << 19)
    async with (
        HubServer(tmp_path / "hub", HubOptions(revisions={"org/model": {"v2": new}})) as hub,
        site.agent(hub.endpoint),
    ):
        key = await site.create("hf://org/model")
        first = await site.ready(key)
        held = (site.root / key.name).resolve()
        await site.patch(key, {"spec": {"storage": {"storageUri": "hf://org/model@v2"}}})
        entry = await site.wait(
            key, lambda entry: entry is not None and entry.status == "Ready" and entry.revision != first.revision
        )
        assert entry is not None
        published = site.root / key.name
        assert (published / "model.safetensors").read_bytes() == (new / "model.safetensors").read_bytes()
        assert (held / "model.safetensors").read_bytes() == (old / "model.safetensors").read_bytes()
