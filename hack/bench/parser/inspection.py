"""Inspecting models of a hub over HTTP; the hub is a process of its own."""

import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from hack.bench.parser.headers import Rows
from hack.bench.parser.models import SMALL, dense, mixture, write_configuration, write_file, write_sharded
from hack.bench.plan.timing import in_turns, told
from hack.bench.report import Bar
from huggingface_hub import HfApi, constants

from omectl.cli.model_files import Repository, read_repository

_DEADLINE_S = 120.0


def measure(folder: Path, repetitions: int) -> tuple[Rows, list[Bar]]:
    """Rows and bars of a model in one file, of the largest, and of the sharded one."""
    models = {"723 tensors": "org/one", "90,000 tensors": "org/most", "30 shards": "org/sharded"}
    for name, tensors in (("one", dense(SMALL)), ("most", mixture(SMALL, 90_000))):
        (folder / "org" / name).mkdir(parents=True)
        write_file(folder / "org" / name / "model.safetensors", tensors)
        write_configuration(folder / "org" / name, SMALL)
    write_sharded(folder / "org" / "sharded", SMALL)
    rows: Rows = []
    bars: list[Bar] = []
    with _hub(folder) as endpoint:
        api = HfApi(endpoint=endpoint, token=False)

        def theirs(name: str) -> object:
            # Whoever inspects a model has nothing of it yet.
            shutil.rmtree(constants.HF_HUB_CACHE, ignore_errors=True)
            return api.get_safetensors_metadata(name)

        for what, name in models.items():
            subjects = {
                "omectl: all facts": lambda name=name: read_repository(Repository(endpoint, name)),
                "huggingface_hub: get_safetensors_metadata": lambda name=name: theirs(name),
            }
            for call in subjects.values():
                call()  # imports are not measured
            times = in_turns(subjects, repetitions)
            rows += [{"subject": f"HTTP, {what}, {subject}"} | told(found) for subject, found in times.items()]
            ours, other = (median(found) for found in times.values())
            bars.append(Bar(name=f"HTTP, {what}: time of huggingface_hub's", value=ours / other, limit=1.0))
    return rows, bars


@contextmanager
def _hub(folder: Path) -> Generator[str]:
    """A hub that serves the folder, when it has its digests."""
    command = [sys.executable, "-m", "omectl", "hub", "serve", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ)
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], _DEADLINE_S)
        line = process.stdout.readline().decode() if ready else ""
        if "HF_ENDPOINT=" not in line:
            raise SystemExit(f"bench-parser: wanted a hub that serves {folder}, found {line!r}")
        time.sleep(0.5)
        yield line.strip().partition("HF_ENDPOINT=")[2]
    finally:
        process.terminate()
        process.wait(_DEADLINE_S)
