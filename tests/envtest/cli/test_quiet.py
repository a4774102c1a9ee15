"""What commands print besides their output: nothing that is not a warning, and that not on standard output."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def run_omectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command leaves behind, as a process of its own that tells whether it imported the logging library."""
    tell = "import sys, atexit; atexit.register(lambda: print('logs:', 'structlog' in sys.modules, file=sys.stderr))"
    return subprocess.run(
        [sys.executable, "-c", f"{tell}; from omectl.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=15,
    )


@pytest.mark.parametrize("command", ["version", "crds"])
def test_a_command_that_logs_nothing_does_not_wait_for_the_logging_library(command: str) -> None:
    assert "logs: False" in run_omectl(command).stderr


def test_what_the_client_logs_never_stands_among_a_commands_output(tmp_path: Path) -> None:
    config = {"clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
              "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}], "current-context": "c"}  # fmt: skip
    (tmp_path / "config").write_text(json.dumps(config))
    found = run_omectl("get", "--kubeconfig", str(tmp_path / "config"))
    assert found.returncode == 1
    assert found.stdout == ""
    assert "logs: True" in found.stderr
