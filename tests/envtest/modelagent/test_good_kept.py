"""What is on the node and good stays, whatever comes after; and a hub that is merely bad is overcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.envtest.modelagent.conftest import Site
from tests.envtest.modelagent.models import write_model

from omectl.local.hub import Faults, FileFault, HubOptions, HubServer
from omectl.modelagent.rooted import RootedDirectory
from omectl.modelagent.storage.http import SmallReadOptions


@contextmanager
def no_room(patch: pytest.MonkeyPatch, *, full: bool) -> Iterator[None]:
    with patch.context() as patched:
        if full:
            patched.setattr(RootedDirectory, "free_bytes", lambda _: 1 << 10)
        yield


@pytest.mark.parametrize(
    ("reason", "faults"),
    [
        ("RevisionNotFound", None),
        ("DigestMismatch", Faults(files=(FileFault(path="*.safetensors", corrupt_at=100_000),))),
        ("UnsafeFileName", Faults(listed_names=("../outside",))),
        ("DiskFull", Faults()),
    ],
)
async def test_a_new_revision_that_cannot_be_had_leaves_the_old_one_in_place_until_it_can(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, faults: Faults | None
) -> None:
    old = write_model(tmp_path / "hub" / "org" / "model")
    new = write_model(tmp_path / "new", weight_bytes=1 << 19, shards=2)
    better = HubOptions(revisions={"org/model": {"v2": new}})
    async with HubServer(tmp_path / "hub") as hub:
        port = hub.port
        async with site.agent(hub.endpoint):
            key = await site.create("hf://org/model")
            first = await site.ready(key)
    published = site.root / key.name / "model.safetensors"
    bad = HubOptions(port=port, revisions=better.revisions, faults=faults) if faults else HubOptions(port=port)
    async with site.agent(f"http://127.0.0.1:{port}"):
        with no_room(monkeypatch, full=reason == "DiskFull"):
            async with HubServer(tmp_path / "hub", bad):
                await site.patch(key, {"spec": {"storage": {"storageUri": "hf://org/model@v2"}}})
                entry = await site.problem(key, reason)
                assert entry.status == "Failed"
                assert published.read_bytes() == (old / "model.safetensors").read_bytes()
                assert await site.label(key) != "Ready", "nobody is sent to a node that has not what is asked for"
        async with HubServer(tmp_path / "hub", HubOptions(port=port, revisions=better.revisions)):
            seen = await site.wait(
                key, lambda entry: entry is not None and entry.status == "Ready" and entry.revision != first.revision
            )
    assert seen is not None
    name = "model-00001-of-00002.safetensors"
    assert (site.root / key.name / name).read_bytes() == (new / name).read_bytes()


async def test_a_model_that_is_ready_needs_no_hub(site: Site, tmp_path: Path) -> None:
    write_model(tmp_path / "hub" / "org" / "model")
    async with HubServer(tmp_path / "hub") as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        await site.ready(key)
    async with site.agent(hub.endpoint):
        await site.patch(key, {"metadata": {"labels": {"looked": "again"}}})
        entry = await site.ready(key)
        assert entry.reason is None


@pytest.mark.parametrize(
    "fault",
    [
        FileFault(path="*.safetensors", cut_after_bytes=100_000, times=3),
        FileFault(path="*.safetensors", stall_after_bytes=300_000, times=2),
        FileFault(path="*.safetensors", bytes_per_s=600_000),
        FileFault(path="*.safetensors", status=503, times=3),
    ],
    ids=["cut", "stalled", "slow", "unavailable"],
)
async def test_a_hub_that_cuts_stalls_or_is_slow_is_overcome(site: Site, tmp_path: Path, fault: FileFault) -> None:
    model = write_model(tmp_path / "hub" / "org" / "model")
    options = HubOptions(faults=Faults(files=(fault,)))
    async with HubServer(tmp_path / "hub", options) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        await site.ready(key)
        fetched = (site.root / key.name / "model.safetensors").read_bytes()
        assert fetched == (model / "model.safetensors").read_bytes()


async def test_a_hub_that_only_ever_stalls_is_said_and_waited_for(site: Site, tmp_path: Path) -> None:
    write_model(tmp_path / "hub" / "org" / "model")
    endless = FileFault(path="*.safetensors", stall_after_bytes=1000)
    impatient = SmallReadOptions(attempts=1, read_timeout_s=1)
    async with HubServer(tmp_path / "hub", HubOptions(faults=Faults(files=(endless,)))) as hub:
        port = hub.port
        agent = site.agent(hub.endpoint, small_reads=impatient)
        async with agent:
            key = await site.create("hf://org/model")
            entry = await site.problem(key, "TransferInterrupted")
            assert "127.0.0.1" in (entry.message or "")
    async with HubServer(tmp_path / "hub", HubOptions(port=port)) as hub, site.agent(hub.endpoint):
        await site.ready(key)


async def test_links_in_a_local_model_that_lead_outside_are_not_read(site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"architectures": ["Stolen"]}')
    model = write_model(site.root / "mine")
    (model / "config.json").unlink()
    (model / "config.json").symlink_to(secret)
    async with site.agent():
        key = await site.create("local:///raid/models/mine", "/raid/models/mine")
        entry = await site.ready(key)
        assert entry.facts is None or entry.facts.architecture is None
        assert "Stolen" not in str(await site.config_map())


async def test_broken_metadata_that_is_mended_is_read_anew(site: Site, tmp_path: Path) -> None:
    broken = write_model(tmp_path / "hub" / "org" / "model", config=b"{not json")
    good = write_model(tmp_path / "good")
    options = HubOptions(revisions={"org/model": {"mended": good}})
    async with HubServer(tmp_path / "hub", options) as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model")
        entry = await site.ready(key)
        assert entry.reason == "MetadataInvalid"
        assert (site.root / key.name / "config.json").read_bytes() == (broken / "config.json").read_bytes()
        await site.patch(key, {"spec": {"storage": {"storageUri": "hf://org/model@mended"}}})
        mended = await site.wait(key, lambda entry: entry is not None and entry.status == "Ready" and not entry.reason)
        assert mended is not None
        assert mended.facts is not None
        assert mended.facts.architecture == "LlamaForCausalLM"


async def test_a_path_that_is_corrected_is_taken(site: Site, tmp_path: Path) -> None:
    write_model(tmp_path / "hub" / "org" / "model")
    async with HubServer(tmp_path / "hub") as hub, site.agent(hub.endpoint):
        key = await site.create("hf://org/model", "/etc/models")
        await site.problem(key, "PathOutsideRoot")
        await site.patch(key, {"spec": {"storage": {"path": f"/raid/models/{key.name}"}}})
        await site.ready(key)
