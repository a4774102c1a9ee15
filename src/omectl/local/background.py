"""A control plane in the background: who runs it is written down in its folder, so that another command can stop it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from omectl.local.errors import LocalError

START_TIMEOUT_S = 3600.0
STOP_TIMEOUT_S = 15.0
_POLL_S = 0.05


class AlreadyRunning(LocalError):
    """Somebody runs a control plane in this folder."""


class DetachFailed(LocalError):
    """The background process ended before its control plane was ready; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The process that runs a control plane. `started` tells it from a later process with the same number."""

    pid: int
    started: int
    ready: bool

    @property
    def alive(self) -> bool:
        return _start_time(self.pid) == self.started


class Claim:
    """This process's hold on a folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "supervisor.json"
        self._write(ready=False)

    def announce(self) -> None:
        """Say that the control plane is ready."""
        self._write(ready=True)

    def release(self) -> None:
        self._file.unlink(missing_ok=True)

    def _write(self, *, ready: bool) -> None:
        pid = os.getpid()
        partial = self._file.with_suffix(f".{pid}")
        partial.write_text(json.dumps({"pid": pid, "started": _start_time(pid), "ready": ready}))
        partial.replace(self._file)


@contextmanager
def claimed(folder: Path) -> Generator[Claim]:
    """Hold the folder. Raises AlreadyRunning when a living process holds it."""
    if (holder := running_supervisor(folder)) is not None:
        raise AlreadyRunning(
            f"wanted to start a control plane in {folder}, found one running there (process {holder.pid});"
            " stop it with `omectl cluster down`, or name another folder with --dir"
        )
    folder.mkdir(parents=True, exist_ok=True)
    claim = Claim(folder)
    try:
        yield claim
    finally:
        claim.release()


def running_supervisor(folder: Path) -> Supervisor | None:
    """Who runs the control plane in this folder, when somebody does."""
    try:
        written = json.loads((folder / "supervisor.json").read_text())
        found = Supervisor(int(written["pid"]), int(written["started"]), bool(written["ready"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.alive else None


def run_detached(arguments: list[str], folder: Path) -> None:
    """Run omectl with these arguments in the background and return once its control plane is ready.

    Raises AlreadyRunning, DetachFailed.
    """
    if running_supervisor(folder) is not None:
        with claimed(folder):
            raise AssertionError("a held folder cannot be claimed")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "supervisor.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "omectl", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        found = running_supervisor(folder)
        if found is not None and found.ready:
            return
        if process.poll() is not None:
            raise DetachFailed(f"the control plane did not start:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(_POLL_S)
    process.kill()
    raise DetachFailed(f"the control plane was not ready after {START_TIMEOUT_S:.0f} s; its log is {log}")


def stop_detached(folder: Path) -> bool:
    """Stop the control plane of this folder; returns whether there was one."""
    found = running_supervisor(folder)
    if found is None:
        return False
    os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while found.alive:
        if time.monotonic() > deadline:
            # Its children die with it.
            os.kill(found.pid, signal.SIGKILL)
            deadline = time.monotonic() + STOP_TIMEOUT_S
        time.sleep(_POLL_S)
    return True


def _start_time(pid: int) -> int:
    """When the process started, in clock ticks since boot; 0 when there is none or it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])
