"""What the measured programs on omectl share: their flags, what they tell of themselves, and lines from their starter.

The flags are those of the peer on controller-runtime. Moments are nanoseconds of CLOCK_MONOTONIC, one clock for every
process of the machine.
"""

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

STARTED_NS = int(os.environ.get("BENCH_STARTED_NS") or time.monotonic_ns())
STAMP = "bench.omectl.io/stamp"
Figures = dict[str, Any]


def arguments(**more: Any) -> argparse.Namespace:
    """The flags that most subjects share, and `more`: names with their defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--objects", type=int, default=0)
    parser.add_argument("--kind", default="ConfigMap")
    parser.add_argument("--metadata-only", action="store_true")
    parser.add_argument("--selector", default="")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    for name, default in more.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    return parser.parse_args()


def seconds_since_start() -> float:
    """Since the benchmark launched this process."""
    return (time.monotonic_ns() - STARTED_NS) / 1e9


def resident_bytes(field: str = "VmRSS") -> int:
    """This process's memory: `VmRSS` now, `VmHWM` at its highest."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_s() -> float:
    """User and system time so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def weight() -> Figures:
    """What the process has cost up to now."""
    return {"rss_bytes": resident_bytes(), "peak_bytes": resident_bytes("VmHWM"), "cpu_s": cpu_s()}


def tell(figures: Figures) -> None:
    """One line of JSON to the starter."""
    print(json.dumps(figures), flush=True)


async def standard_input() -> AsyncIterator[str]:
    """The starter's lines; ends when it closes our input."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        async for line in reader:
            yield line.decode()
    finally:
        transport.close()


class LoopLag:
    """How late the loop wakes a task that sleeps for 20 ms, again and again; milliseconds.

    More often it would show in the CPU time of a subject that has little to do.
    """

    _INTERVAL_S = 0.02

    def __init__(self) -> None:
        self._late: list[float] = []

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            asleep = time.perf_counter()
            await asyncio.sleep(self._INTERVAL_S)
            self._late.append(time.perf_counter() - asleep - self._INTERVAL_S)

    def figures(self) -> Figures:
        """The longest and the 99th percentile since the start or the last call."""
        late, self._late = sorted(self._late), []
        if not late:
            return {}
        return {"stall_max_ms": late[-1] * 1e3, "stall_p99_ms": late[int(0.99 * (len(late) - 1))] * 1e3}


def main(run: Callable[[argparse.Namespace], Any], **more: Any) -> None:
    """Run the subject; its figures are the last line of the output."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    tell(asyncio.run(run(arguments(**more))))
