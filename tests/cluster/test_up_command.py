"""`omectl up` as a person or CI runs it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.usefixtures("binaries")

STOP_WITHIN_S = 5.0


def start(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "omectl", "up", f"--dir={directory}", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def test_exits_with_success_once_everything_is_ready_and_leaves_no_process(tmp_path: Path) -> None:
    with start(tmp_path, "--exit-when-ready", "--timeout=200") as running:
        printed, _ = running.communicate(timeout=280)
    assert running.returncode == 0, printed
    assert "The nodes are simulated: pods are scheduled and turn Ready, but run nothing." in printed
    assert "service demo/embeddings: Ready at http://embeddings.demo.svc.cluster.local:8080" in printed
    assert printed.strip().splitlines()[-1].split("] ")[-1].startswith("Ready after")
    assert _processes_of(tmp_path) == []


def test_says_what_to_try_next_and_stops_everything_within_seconds_of_ctrl_c(tmp_path: Path) -> None:
    with start(tmp_path) as running:
        try:
            assert running.stdout is not None
            lines: list[str] = []
            for line in running.stdout:
                lines.append(line)
                if "omectl get" in line:
                    break
            said = "".join(lines)
            assert f"export KUBECONFIG={tmp_path}/control-plane/kubeconfigs/admin.yaml" in said
            assert "kubectl get clusterbasemodels" in said
            started = time.monotonic()
            running.send_signal(signal.SIGINT)
            running.wait(timeout=30)
            took_s = time.monotonic() - started
        finally:
            running.kill()
    assert running.returncode == 0
    assert took_s < STOP_WITHIN_S
    assert _processes_of(tmp_path) == []


def test_gives_up_with_a_message_when_the_time_is_over(tmp_path: Path) -> None:
    with start(tmp_path, "--exit-when-ready", "--timeout=1") as running:
        printed, _ = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "omectl: wanted a Ready service within 1 s" in printed
    assert "Traceback" not in printed
    assert _processes_of(tmp_path) == []


def _processes_of(directory: Path) -> list[str]:
    """Processes whose command line names the folder."""
    found: list[str] = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(directory) in command and process.pid != os.getpid() and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(command[:120])
    return found
