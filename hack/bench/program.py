"""A measured program as a process of its own: JSON lines out of it, lines into it."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

Answer = dict[str, Any]
_LONGEST_LINE = 512 * 1024 * 1024
_END_OF_COMPLAINT = 4000
DEADLINE_S = 900.0


class ProgramFailed(RuntimeError):
    """A measured program ended badly or said something else than was waited for; the text holds its complaint."""

    def __init__(self, command: Sequence[str], found: str, complaint: str) -> None:
        super().__init__(f"{found}: {' '.join(command)}\n{complaint[-_END_OF_COMPLAINT:]}")


class Program:
    """One process, killed when the context is left. It is told when it was launched, so that its start counts."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        self._command = tuple(command)
        self._environment = dict(environment or {})
        self._complaint = TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process: asyncio.subprocess.Process
        self._last = b""

    async def __aenter__(self) -> Self:
        started = {"BENCH_STARTED_NS": str(time.monotonic_ns())}
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=os.environ | self._environment | started,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._complaint,
            limit=_LONGEST_LINE,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._complaint.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def event(self, name: str, *, deadline_s: float = DEADLINE_S) -> Answer:
        """The next event of that name; others are passed over. Raises ProgramFailed, TimeoutError."""
        async with asyncio.timeout(deadline_s):
            while line := await self._line():
                told = json.loads(line)
                if told.get("event") == name:
                    return told
        await self._process.wait()
        raise self._failed(f"wanted the event {name!r}, found the end of this program")

    def send(self, message: Answer) -> None:
        """A line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> float:
        """Wait for the end, and answer its moment (nanoseconds, monotonic), whatever the exit code."""
        await self._process.wait()
        return time.monotonic_ns()

    async def finish(self, *, deadline_s: float = DEADLINE_S) -> Answer:
        """Close its input, wait for its end, and answer its last line. Raises ProgramFailed, TimeoutError."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(deadline_s):
            while await self._line():
                pass
            code = await self._process.wait()
        if code != 0:
            raise self._failed(f"this program ended with {code}")
        try:
            return json.loads(self._last)
        except json.JSONDecodeError as error:
            raise self._failed("wanted figures in the last line, found none") from error

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        self._last = line or self._last
        return line

    def _failed(self, found: str) -> ProgramFailed:
        self._complaint.seek(0)
        return ProgramFailed(self._command, found, self._complaint.read().decode(errors="replace"))


async def measure(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, deadline_s: float = DEADLINE_S
) -> Answer:
    """Run a program to its end; its last line."""
    async with Program(command, environment=environment) as program:
        return await program.finish(deadline_s=deadline_s)
