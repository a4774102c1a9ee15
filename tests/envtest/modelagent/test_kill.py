"""A real agent process that is killed in the middle of a download, and its successor."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from tests.envtest.conftest import Shipped
from tests.envtest.modelagent.conftest import Site
from tests.envtest.modelagent.models import write_model

from omectl.local.hub import HubOptions, HubServer


@asynccontextmanager
async def agent_process(site: Site, kubeconfig: Path, endpoint: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`omectl agent` as users run it; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "omectl", "agent"),
        *("--node-name", site.node, "--host-prefix", str(site.disk)),
        *("--hub-endpoint", endpoint, "--kubeconfig", str(kubeconfig), "--metrics-bind-address", "0"),
        *("--range-size-mib", "0.0625", "--multipart-concurrency", "4", "--disk-headroom-mib", "0"),
        *("--progress-interval", "1"),
        env={"PATH": os.environ["PATH"], "HOME": str(site.disk)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


def journalled(site: Site) -> dict[int, list[tuple[int, int]]]:
    """The written ranges of the only journal on the disk, by file number."""
    written: dict[int, list[tuple[int, int]]] = {}
    for journal in (site.root / ".omectl" / "journals").glob("*/*"):
        for line in journal.read_bytes().splitlines():
            match msgspec.json.decode(line.split(b" ", 1)[1]):
                case ["written", file, start, end, _]:
                    written.setdefault(file, []).append((start, end))
                case _:
                    continue
    return written


async def test_after_sigkill_no_journalled_range_is_fetched_again(site: Site, shipped: Shipped, tmp_path: Path) -> None:
    kubeconfig = shipped.control_plane.kubeconfig(f"agent-{site.node}", site.config)
    write_model(tmp_path / "hub" / "org" / "model", weight_bytes=8 << 20)
    key = await site.create("hf://org/model")
    weights = ("org/model", "model.safetensors")
    async with HubServer(tmp_path / "hub", HubOptions(rate_limit=512 << 10)) as slow:
        endpoint, port = slow.endpoint, slow.port
        async with agent_process(site, kubeconfig, endpoint) as process, asyncio.timeout(40):
            while sum(map(len, journalled(site).values())) < 8:
                assert process.returncode is None
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            await process.wait()
    kept = journalled(site)
    number, ranges = max(kept.items(), key=lambda item: sum(end - start for start, end in item[1]))
    assert len(ranges) >= 2
    assert sum(end - start for start, end in ranges) < 8 << 20
    names = sorted(path.name for path in (tmp_path / "hub" / "org" / "model").iterdir())
    assert number == len(names) - 1  # the largest file is the last
    async with (
        HubServer(tmp_path / "hub", HubOptions(port=port)) as hub,
        agent_process(site, kubeconfig, endpoint),
    ):
        await site.ready(key)
        fetched = hub.statistics().file(*weights).ranges
    for start, end in fetched:
        for low, high in ranges:
            assert end <= low or high <= start, f"{start}-{end} was fetched though {low}-{high} is in the journal"
    assert (site.root / key.name / "model.safetensors").read_bytes() == (
        tmp_path / "hub" / "org" / "model" / "model.safetensors"
    ).read_bytes()


async def test_an_agent_stopped_by_sigterm_ends_cleanly_and_keeps_what_it_has(
    site: Site, shipped: Shipped, tmp_path: Path
) -> None:
    kubeconfig = shipped.control_plane.kubeconfig(f"agent-{site.node}", site.config)
    write_model(tmp_path / "hub" / "org" / "model", weight_bytes=8 << 20)
    await site.create("hf://org/model")
    async with (
        HubServer(tmp_path / "hub", HubOptions(rate_limit=1 << 20)) as hub,
        agent_process(site, kubeconfig, hub.endpoint) as process,
        asyncio.timeout(40),
    ):
        while sum(map(len, journalled(site).values())) < 4:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    assert journalled(site)
