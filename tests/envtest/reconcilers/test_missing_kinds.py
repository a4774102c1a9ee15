"""`omectl manager` as a process: on a cluster without our kinds, then with them; signals; bad command lines."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.envtest.conftest import MANIFESTS, kubectl
from tests.envtest.reconcilers.conftest import eventually

from omectl.api.kinds import ALL_KINDS, BENCHMARK_JOBS, CLUSTER_BASE_MODELS
from omectl.kube.client import Client
from omectl.kube.resources import LEASES
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions, Profile
from omectl.testing.plugin import running_control_plane

USED = [kind for kind in ALL_KINDS if kind is not BENCHMARK_JOBS]


@pytest.fixture
def bare() -> Iterator[ControlPlane]:
    """A control plane with our roles and namespaces, and without our kinds."""
    for control_plane in running_control_plane(ControlPlaneOptions(profile=Profile.FULL)):
        for folder in ("namespaces", "rbac"):
            kubectl(control_plane, "apply", "--server-side", "--kustomize", str(MANIFESTS / folder))
        yield control_plane


class Process:
    """A running `omectl manager`: its log as it comes, and its probes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    async def read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.lines.append(json.loads(line))

    async def readyz(self) -> tuple[int, str]:
        url = await eventually(self._probe_url)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            return answer.status, await answer.text()

    async def _probe_url(self) -> str:
        found = [line["url"] for line in self.lines if line["event"] == "listening" and line["server"] == "probes"]
        return found[0] if found else ""


@asynccontextmanager
async def omectl_manager(control_plane: ControlPlane, *arguments: str) -> AsyncIterator[Process]:
    config = await control_plane.service_account("ome", "ome-controller-manager")
    kubeconfig = control_plane.kubeconfig("manager", config)
    command = [sys.executable, "-m", "omectl", "manager", "--kubeconfig", str(kubeconfig)]
    addresses = ["--health-probe-addr", "127.0.0.1:0", "--metrics-bind-address", "127.0.0.1:0"]
    process = await asyncio.create_subprocess_exec(
        *command, *addresses, *arguments, stderr=asyncio.subprocess.PIPE, env={**os.environ, "POD_NAMESPACE": "ome"}
    )
    running = Process(process)
    reading = asyncio.create_task(running.read())
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def test_a_manager_without_its_kinds_says_which_and_begins_when_they_come(bare: ControlPlane) -> None:
    async with omectl_manager(bare, "--leader-elect") as manager:

        async def names_the_missing() -> bool:
            status, text = await manager.readyz()
            return status == 500 and all(f"{kind.plural}.ome.io" in text for kind in USED)

        await eventually(names_the_missing)
        assert manager.process.returncode is None
        await bare.install_crds([MANIFESTS / "crds"])
        async with Client(bare.admin_config) as admin:
            spec: Any = {"storage": {"storageUri": "hf://a/b"}}
            metadata: Any = {"name": "m"}
            kind = CLUSTER_BASE_MODELS
            model: Any = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec}
            await admin.create(kind, model)

            async def ready() -> bool:
                return (await manager.readyz())[0] == 200

            async def told() -> bool:
                return bool((await admin.get(kind, "m")).get("status"))

            await eventually(ready, wait_s=60)
            await eventually(told)
            manager.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(manager.process.wait(), 20) == 0
            lease = await admin.get(LEASES, "ome-controller-manager-leader-lock", "ome")
            assert not lease["spec"].get("holderIdentity"), "the lock is released, so that another begins at once"


async def test_an_address_that_is_none_ends_the_command_with_a_message(bare: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = bare.kubeconfig()
    found = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "omectl", "manager", "--kubeconfig", kubeconfig, "--health-probe-addr", "nowhere"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
    )
    assert found.returncode == 2
    assert re.search(r"--health-probe-addr: wanted host:port", found.stderr)
    assert "Traceback" not in found.stderr
