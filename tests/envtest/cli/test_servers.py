"""Commands against servers that lack something: what is missing is named, and what can wait, waits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.envtest.cli.command import omectl

from omectl.local.control_plane import ControlPlane, ControlPlaneOptions
from omectl.testing.plugin import running_control_plane

_PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """An API server without our kinds."""
    yield from running_control_plane(ControlPlaneOptions())


def test_a_server_without_our_kinds_says_how_to_install_them(bare: ControlPlane) -> None:
    omectl("get", "--kubeconfig", bare.kubeconfig()).failed(
        1, bare.server, "omectl crds", "kubectl apply --server-side"
    )


def test_a_manager_without_its_server_waits_for_it_and_says_so(nowhere: Path) -> None:
    addresses = ["--health-probe-addr=127.0.0.1:0", "--metrics-bind-address=0"]
    with subprocess.Popen(
        [sys.executable, "-m", "omectl", "manager", "--kubeconfig", str(nowhere), *addresses],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "POD_NAMESPACE": "ome"},
    ) as manager:
        try:
            assert manager.stderr is not None
            url = next(event["url"] for event in map(json.loads, manager.stderr) if event["event"] == "listening")
            deadline = time.monotonic() + _PATIENCE_S
            while "connection refused" not in (found := _answer(f"{url}/readyz")) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert "connection refused" in found
            assert _answer(f"{url}/healthz") == "ok"
            assert manager.poll() is None
            manager.send_signal(signal.SIGTERM)
            rest = manager.stderr.read()
            assert "Traceback" not in rest
            assert manager.wait(_PATIENCE_S) == 0
        finally:
            manager.kill()


def _answer(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
