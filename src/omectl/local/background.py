"""A control plane in the background: who runs it is written down in its folder, so that another command can stop it."""

import contextlib
import fcntl
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
_CLAIM_TIMEOUT_S = 0.3
_POLL_S = 0.05


class AlreadyRunning(LocalError):
    """Somebody runs a control plane in this folder."""


class DetachFailed(LocalError):
    """The background process ended before its control plane was ready; the text holds the end of its log."""


class StopFailed(LocalError):
    """The process that runs a control plane is still there after it was killed."""


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The process that runs a control plane."""

    pid: int
    ready: bool


class Claim:
    """This process's hold on a folder: a lock, which ends with the process, and a note of who holds it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._write(ready=False)

    def announce(self) -> None:
        """Say that the control plane is ready."""
        self._write(ready=True)

    def _write(self, *, ready: bool) -> None:
        partial = self._folder / ".supervisor.json"
        partial.write_text(json.dumps({"pid": os.getpid(), "ready": ready}))
        partial.replace(_note(self._folder))


@contextmanager
def claimed(folder: Path) -> Generator[Claim]:
    """Hold the folder. Raises AlreadyRunning when a living process holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with _lock_file(folder).open("w") as lock:
        _take(lock.fileno(), folder)
        claim = Claim(folder)
        try:
            yield claim
        finally:
            _note(folder).unlink(missing_ok=True)


def running_supervisor(folder: Path) -> Supervisor | None:
    """Who runs the control plane in this folder, when somebody does."""
    try:
        with _lock_file(folder).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _noted(folder)
    except OSError:
        return None
    return None


def run_detached(arguments: list[str], folder: Path) -> None:
    """Run omectl with these arguments in the background and return once its control plane is ready.

    Raises AlreadyRunning, DetachFailed.
    """
    if (holder := running_supervisor(folder)) is not None:
        raise _already_running(folder, holder)
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
    try:
        while True:
            found = running_supervisor(folder)
            if found is not None and found.ready and found.pid == process.pid:
                return
            if process.poll() is not None:
                raise DetachFailed(f"the control plane did not start:\n{log.read_text(errors='replace')[-4000:]}")
            if time.monotonic() > deadline:
                raise DetachFailed(f"the control plane was not ready after {START_TIMEOUT_S:.0f} s; its log is {log}")
            time.sleep(_POLL_S)
    except BaseException:
        # Its children die with it.
        process.kill()
        process.wait(STOP_TIMEOUT_S)
        raise


def stop_detached(folder: Path) -> bool:
    """Stop the control plane of this folder; returns whether there was one. Raises StopFailed."""
    found = running_supervisor(folder)
    if found is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        # The lock says that this very process lives: the note is written by who holds it.
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            if running_supervisor(folder) is None and not _lives(found.pid):
                return True
            time.sleep(_POLL_S)
    raise StopFailed(f"wanted to stop process {found.pid}, which runs {folder}; found it there still after a kill")


def _lives(pid: int) -> bool:
    """Whether the process has not ended; where there is no /proc, the lock alone tells."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _take(lock: int, folder: Path) -> None:
    """Take the lock; others hold it for an instant when they look."""
    deadline = time.monotonic() + _CLAIM_TIMEOUT_S
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _already_running(folder, _noted(folder)) from None
            time.sleep(_POLL_S)


def _already_running(folder: Path, holder: Supervisor | None) -> AlreadyRunning:
    process = f" (process {holder.pid})" if holder is not None else ""
    return AlreadyRunning(
        f"wanted to start a control plane in {folder}, found one running there{process};"
        f" stop it with `omectl cluster down --dir {folder}`, or name another folder with --dir"
    )


def _noted(folder: Path) -> Supervisor | None:
    try:
        written = json.loads(_note(folder).read_text())
        return Supervisor(int(written["pid"]), bool(written["ready"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(folder: Path) -> Path:
    return folder / "supervisor.json"


def _lock_file(folder: Path) -> Path:
    return folder / ".supervisor.lock"
