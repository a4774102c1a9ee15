"""Running the Go command: in a process group of its own, watched, and killed with everything that it started."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from omectl.local.errors import LocalError
from omectl.local.parent import die_with_parent

TIMEOUT_S = 3600.0
_TICK_S = 1.0

Progress = Callable[[str, float], None]
"""Told what is being done and for how many seconds already, about once a second; what it raises stops the work."""


class BuildFailed(LocalError):
    """A Go command failed; the text holds the exact command and the end of what it said."""

    def __init__(self, command: list[str], output: str) -> None:
        super().__init__(command, output)
        self.command = command
        self.output = output

    def __str__(self) -> str:
        tail = "\n".join(self.output.strip().splitlines()[-20:])
        return f"this command failed: {' '.join(self.command)}\n{tail}"


def go_command() -> str | None:
    """The path of the Go command, when there is one."""
    return shutil.which("go")


def run_go(arguments: list[str], source: Path, what: str, progress: Progress, *, timeout_s: float = TIMEOUT_S) -> str:
    """Run Go in a folder; returns what it printed on standard output. Raises BuildFailed."""
    go = go_command()
    if go is None:
        raise BuildFailed(["go", *arguments], "there is no `go` on the PATH; install Go 1.26 or newer")
    command = [go, *arguments]
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(
            command,
            cwd=source,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=said,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        ) as process:
            try:
                _wait(process, command, what, started, progress, timeout_s)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        for output in (printed, said):
            output.seek(0)
        if process.returncode != 0:
            raise BuildFailed(command, printed.read() + said.read())
        return printed.read()


def _wait(
    process: subprocess.Popen[bytes],
    command: list[str],
    what: str,
    started: float,
    progress: Progress,
    timeout_s: float,
) -> None:
    while True:
        elapsed = time.monotonic() - started
        if elapsed > timeout_s:
            raise BuildFailed(command, f"not done after {timeout_s:.0f} s")
        progress(what, elapsed)
        try:
            process.wait(timeout=_TICK_S)
        except subprocess.TimeoutExpired:
            continue
        return
