"""`omectl cluster up`, `kubeconfig` and `down`, as a user runs them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from omectl.kube.client import Client
from omectl.kube.credentials import load_config

pytestmark = pytest.mark.usefixtures("binaries")
_LIMIT_S = 60


def omectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "omectl", "cluster", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Everything whose command line names the folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.pid != os.getpid() and any(str(folder) in word for word in process.info["cmdline"] or [])
    ]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """A folder with a detached control plane in it."""
    folder = tmp_path / "cluster"
    started = omectl("up", "--dir", str(folder), "--profile", "fast", "--detach")
    assert started.returncode == 0, started.stderr
    assert started.stdout == f"export KUBECONFIG={folder / 'kubeconfigs' / 'admin.yaml'}\n"
    yield folder
    omectl("down", "--dir", str(folder))


async def test_detached_control_plane_serves_until_it_is_taken_down(running: Path) -> None:
    printed = omectl("kubeconfig", "--dir", str(running)).stdout.strip()
    async with Client(load_config(Path(printed))) as client:
        assert (await client.version())["major"] == "1"
    assert processes_of(running)
    stopped = omectl("down", "--dir", str(running))
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert not processes_of(running)
    assert omectl("down", "--dir", str(running)).stdout == f"nothing runs in {running}\n"
    assert "wanted a control plane in" in omectl("kubeconfig", "--dir", str(running)).stderr


def test_second_start_in_the_same_folder_is_refused_with_what_to_do(running: Path) -> None:
    for detach in ([], ["--detach"]):
        second = omectl("up", "--dir", str(running), "--profile", "fast", *detach)
        assert second.returncode == 1
        assert "found one running there (process" in second.stderr
        assert f"omectl cluster down --dir {running}" in second.stderr
        assert "Traceback" not in second.stderr


def test_killed_supervisor_leaves_no_process_and_no_obstacle(running: Path) -> None:
    supervisor = next(process for process in processes_of(running) if "up" in process.info["cmdline"])
    others = [process for process in processes_of(running) if process != supervisor]
    supervisor.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(others, timeout=10)
    assert not alive
    again = omectl("up", "--dir", str(running), "--profile", "fast", "--detach")
    assert again.returncode == 0, again.stderr


def test_control_plane_that_cannot_start_in_the_background_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "etcd"
    broken.write_text("#!/bin/sh\necho disk is full >&2\nexit 4\n")
    broken.chmod(0o755)
    monkeypatch.setenv("TEST_ASSET_ETCD", str(broken))
    failed = omectl("up", "--dir", str(tmp_path / "cluster"), "--profile", "fast", "--detach")
    assert failed.returncode == 1
    assert "etcd ended early with exit code 4" in failed.stderr
    assert "disk is full" in failed.stderr


def test_interrupt_in_the_foreground_ends_everything(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    command = [sys.executable, "-m", "omectl", "cluster", "up", "--dir", str(folder), "--profile", "fast"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        assert "listens at https://127.0.0.1:" in up.stdout.readline()
        up.send_signal(signal.SIGINT)
        up.wait(10)
    assert not processes_of(folder)
