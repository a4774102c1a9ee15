"""Running a subject or a peer as a process and reading what it measured of itself."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_TIMEOUT_S = 600.0
Figures = dict[str, float]


def measure(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Figures:
    """The JSON object that the command prints as its last line. Raises RuntimeError with its complaint."""
    ran = subprocess.run(
        list(command), env=os.environ | dict(environment or {}), capture_output=True, text=True, timeout=_TIMEOUT_S
    )
    if ran.returncode != 0:
        raise RuntimeError(f"this command failed: {' '.join(command)}\n{ran.stderr[-4000:]}")
    return json.loads(ran.stdout.strip().splitlines()[-1])


def resident_bytes(pid: int, field: str = "VmRSS") -> int:
    """A process's memory in bytes: `VmRSS` now, `VmHWM` at its highest."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def median(runs: Sequence[Figures]) -> Figures:
    """The median of each figure over the runs."""
    return {name: sorted(run[name] for run in runs)[len(runs) // 2] for name in runs[0]}
