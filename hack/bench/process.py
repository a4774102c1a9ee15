"""Looking at processes that are not ours to start, and at the figures of several runs."""

from collections.abc import Sequence
from pathlib import Path

Figures = dict[str, float]


def resident_bytes(pid: int, field: str = "VmRSS") -> int:
    """A process's memory in bytes: `VmRSS` now, `VmHWM` at its highest."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def median(runs: Sequence[Figures]) -> Figures:
    """The median of each figure over the runs."""
    return {name: sorted(run[name] for run in runs)[len(runs) // 2] for name in runs[0]}
