"""A child process that never outlives its parent and whose failure explains itself."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from omectl.local.errors import LocalError

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02
_LIBC = ctypes.CDLL(None, use_errno=True)


class ChildExited(LocalError):
    """A child process ended when it should have gone on; the text holds its command and the end of its log."""

    def __init__(self, name: str, code: int, command: Sequence[str], log: str) -> None:
        super().__init__(name, code, command, log)
        self.name = name
        self.code = code
        self.log = log

    def __str__(self) -> str:
        ended = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        command = " ".join(self.args[2])
        return f"{self.name} ended early with {ended}.\nIts command was: {command}\nIts log ends with:\n{self.log}"


class Child:
    """One process with its own process group and log file.

    Belongs to no event loop: it may be started under one loop and stopped under another. The kernel kills it when the
    thread that started it ends, so start it from the main thread.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = log
        parent = os.getpid()

        def die_with_parent() -> None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def check(self) -> None:
        """Raises ChildExited when the process has ended."""
        code = self._process.poll()
        if code is not None:
            raise ChildExited(self.name, code, self.command, self.log_tail())

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 64 * 1024))
                text = log.read().decode(errors="replace")
        except OSError as error:
            return f"(no log: {error})"
        return "\n".join(text.splitlines()[-lines:])

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone; does nothing once it has ended."""
        if self.running:
            self._process.send_signal(number)

    async def stop(self, grace_s: float) -> None:
        """Ask the process to end, kill its whole group when it has not within the grace time, and reap it."""
        if self.running and grace_s > 0:
            self.send(signal.SIGTERM)
            deadline = time.monotonic() + grace_s
            while self.running and time.monotonic() < deadline:
                await anyio.sleep(_POLL_S)
        self.kill()

    def kill(self) -> None:
        """Kill the process and whatever it started, and reap it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
