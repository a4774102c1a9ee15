"""The shipped manager as a process of its own, and what it costs."""

import asyncio
import os
import signal
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hack.bench.machinery.stage import ServerMetrics
from hack.bench.process import resident_bytes

from omectl.local.ports import free_port

STOP_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a manager has used up to a moment."""

    requests: float
    cpu_s: float
    reconciles: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.requests - other.requests, self.cpu_s - other.cpu_s, self.reconciles - other.reconciles)


class ManagerProcess:
    """`omectl manager` with leader election; killed when the context is left."""

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self._metrics, self._probes = free_port(), free_port()
        self._log = log
        self._command = (
            *(sys.executable, "-m", "omectl", "manager", "--leader-elect", f"--kubeconfig={kubeconfig}"),
            f"--metrics-bind-address=127.0.0.1:{self._metrics}",
            *(f"--health-probe-addr=127.0.0.1:{self._probes}", "--log-level=warning"),
        )
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(*self._command, stdout=out, stderr=out)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def cost(self) -> Cost:
        """Up to now."""
        found = await self._read()
        requests, reconciles = (found.total(name) for name in ("rest_client_requests_total", _RECONCILES))
        return Cost(requests, _cpu_s(self._process.pid), reconciles)

    async def service_passes(self) -> float:
        """How often it looked at a service."""
        return (await self._read()).total(_RECONCILES, controller="inferenceservice")

    def rss_mb(self, field: str = "VmRSS") -> float:
        """Its memory now; `VmHWM`: at its highest."""
        return resident_bytes(self._process.pid, field) / 1e6

    async def until_quiet(self, *, quiet_s: float = 2.0, deadline_s: float = 120.0) -> None:
        """Until it has looked at nothing for a while. Raises TimeoutError."""
        async with asyncio.timeout(deadline_s):
            last, since = -1.0, time.monotonic()
            while time.monotonic() - since < quiet_s:
                await asyncio.sleep(0.25)
                try:
                    now = (await self._read()).total(_RECONCILES)
                except OSError:
                    now = -1.0
                if now != last or now <= 0:
                    last, since = now, time.monotonic()

    async def stop(self) -> float:
        """End it as Kubernetes does, and answer how many seconds it took."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            await self._process.wait()
        return time.monotonic() - began

    async def _read(self) -> ServerMetrics:
        def ask() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=30.0) as answer:
                return answer.read().decode()

        return ServerMetrics(await asyncio.to_thread(ask))


_RECONCILES = "controller_runtime_reconcile_total"


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
