"""A child process that never outlives its parent and whose failure explains itself."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from omectl.local.errors import LocalError
from omectl.local.parent import die_with_parent

_POLL_S = 0.02
_KILLED_WITHIN_S = 10.0


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

    An ended process stays unreaped until `kill` or `stop`, so that its number, which is its group's as well, can belong
    to nobody else before. Belongs to no event loop: it may be started under one loop and stopped under another. The
    kernel kills it when the thread that started it ends, so start it from the main thread.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self.exit_code is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def check(self) -> None:
        """Raises ChildExited when the process has ended."""
        code = self.exit_code
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
            os.kill(self.pid, number)

    async def stop(self, grace_s: float) -> None:
        """Ask the process to end, kill its whole group when it has not within the grace time, and reap it."""
        if self.running and grace_s > 0:
            self.send(signal.SIGTERM)
            deadline = time.monotonic() + grace_s
            try:
                while self.running and time.monotonic() < deadline:
                    await anyio.sleep(_POLL_S)
            finally:
                self.kill()
        self.kill()

    def kill(self) -> None:
        """Kill the process and whatever it started in its group, and reap it; does nothing the second time."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(_KILLED_WITHIN_S)
