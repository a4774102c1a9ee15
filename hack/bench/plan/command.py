"""`omectl plan -f` from the start of its process to its end, beside an interpreter that does nothing."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from hack.bench.plan.timing import told
from hack.bench.plan.world import FAMILIES, World
from hack.bench.report import Bar

_PLAN = "omectl plan -f, start to exit"
_RUNTIMES, _CLASSES = 5, 3
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has its bytecode."""


def measure(repetitions: int) -> tuple[list[dict[str, str | float | int]], list[Bar]]:
    """Rows with wall-clock and CPU time of each command, in turns after one run that is not counted."""
    with TemporaryDirectory(prefix="omectl-bench-") as directory:
        _write_files(Path(directory))
        omectl = str(Path(sys.executable).with_name("omectl"))
        commands = {
            _PLAN: [omectl, "plan", "-f", directory],
            "omectl version": [omectl, "version"],
            "python that imports pydantic and typer": [sys.executable, "-c", "import pydantic.main, typer"],
            "python that does nothing": [sys.executable, "-c", "pass"],
        }
        runs = _in_turns(commands, repetitions)
    rows: list[dict[str, str | float | int]] = [
        {"subject": name} | told([wall for wall, _ in found]) | {"median_cpu_ms": median(cpu for _, cpu in found)}
        for name, found in runs.items()
    ]
    value = median(wall for wall, _ in runs[_PLAN])
    return rows, [Bar(name="ms of omectl plan -f from start to exit", value=value, limit=300.0)]


def _in_turns(commands: Mapping[str, Sequence[str]], repetitions: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds on the clock and of CPU for every run of each command."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for repetition in range(repetitions + 1):
        for name, command in commands.items():
            run = _run(command)
            if repetition:
                found[name].append(run)
    return found


def _run(command: Sequence[str]) -> tuple[float, float]:
    started = time.perf_counter_ns()
    process = subprocess.Popen(command, env=_ENVIRONMENT, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    ended = time.perf_counter_ns()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench-plan: wanted {' '.join(command)} to end well, found {process.returncode}")
    return (ended - started) / 1e6, (used.ru_utime + used.ru_stime) * 1000


def _write_files(folder: Path) -> None:
    """One service, its model, a few runtimes of which at least one takes it, and their classes."""
    world = World(0, classes=_CLASSES)
    runtimes = world.runtimes(_RUNTIMES)
    sure = runtimes[0]["spec"]
    assert isinstance(sure, dict)
    sure["supportedModelFormats"] = [
        {
            "modelFormat": {"name": "safetensors", "version": "1.0.0"},
            "modelFrameworkVersions": ">=4",
            "modelFramework": {"name": "transformers"},
            "modelArchitectures": ["any"],
            "quantizations": ["any"],
            "autoSelect": True,
        }
    ]
    sets = {
        "service": [world.service("chat", "served")],
        "model": [world.model("served", FAMILIES[0], "8B")],
        "runtimes": runtimes,
        "classes": world.accelerator_classes(),
    }
    for name, objects in sets.items():
        (folder / f"{name}.yaml").write_text("---\n".join(json.dumps(one, indent=2) + "\n" for one in objects))
