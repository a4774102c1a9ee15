"""Inspecting models of a hub over HTTP; the hub is a process of its own."""

import asyncio
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

from hack.bench.parser.headers import Rows
from hack.bench.parser.models import SMALL, dense, mixture, write_configuration, write_file, write_sharded
from hack.bench.plan.timing import in_turns, told
from hack.bench.report import Bar
from huggingface_hub import HfApi, constants

from omectl.cli.model_files import Repository, read_repository
from omectl.modelagent.metadata import read_hub_facts, read_range
from omectl.modelagent.storage.http import SmallReadOptions, SmallReads
from omectl.modelagent.storage.hub import HubBackend, HubSource
from omectl.modelparser import parse_safetensors_header
from omectl.modelparser.requests import FIRST_READ

_DEADLINE_S = 120.0
_FILE = "model.safetensors"


def measure(folder: Path, repetitions: int) -> tuple[Rows, list[Bar]]:
    """Rows and bars of a model in one file, of the largest, and of the sharded one."""
    models = {"723 tensors": "org/one", "90,000 tensors": "org/most", "30 shards": "org/sharded"}
    for name, tensors in (("one", dense(SMALL)), ("most", mixture(SMALL, 90_000))):
        (folder / "org" / name).mkdir(parents=True)
        write_file(folder / "org" / name / _FILE, tensors)
        write_configuration(folder / "org" / name, SMALL)
    write_sharded(folder / "org" / "sharded", SMALL)
    rows: Rows = []
    bars: list[Bar] = []
    with _hub(folder) as endpoint, _Connected(endpoint) as ours:
        api = HfApi(endpoint=endpoint, token=False)

        def theirs(name: str) -> object:
            # Whoever inspects a model has nothing of it yet. Its connections are kept, as its session is one for all.
            shutil.rmtree(constants.HF_HUB_CACHE, ignore_errors=True)
            return api.get_safetensors_metadata(name)

        headers = {
            "omectl": partial(ours.header, models["723 tensors"]),
            "huggingface_hub": partial(api.parse_safetensors_file_metadata, models["723 tensors"], _FILE),
        }
        found, held = _turns("HTTP, header of 723 tensors", headers, 5 * repetitions)
        rows += found
        bars += held
        for what, name in models.items():
            subjects: dict[str, Callable[[], object]] = {
                "omectl: all facts": partial(ours.facts, name),
                "huggingface_hub: get_safetensors_metadata": partial(theirs, name),
                "omectl: all facts, connected anew": partial(read_repository, Repository(endpoint, name)),
            }
            found, held = _turns(f"HTTP, {what}", subjects, repetitions)
            rows += found
            bars += held
    return rows, bars


def _turns(what: str, subjects: Mapping[str, Callable[[], object]], repetitions: int) -> tuple[Rows, list[Bar]]:
    """A row for each subject, and the bar: our first takes no longer than theirs, which is the second."""
    for call in subjects.values():
        call()  # imports are not measured
    times = in_turns(subjects, repetitions)
    mine, other, *_ = (median(found) for found in times.values())
    rows: Rows = [{"subject": f"{what}, {subject}"} | told(found) for subject, found in times.items()]
    return rows, [Bar(name=f"{what}: time of huggingface_hub's", value=mine / other, limit=1.0)]


class _Connected:
    """Reads models as an agent does, over connections that are kept."""

    def __init__(self, endpoint: str) -> None:
        self._reads = SmallReads(SmallReadOptions())
        self._hub = HubBackend(endpoint, self._reads)
        self._runner = asyncio.Runner()
        self._sources: dict[str, HubSource] = {}

    def __enter__(self) -> Self:
        self._runner.run(self._reads.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._reads.__aexit__(kind, error, trace))
        self._runner.close()

    def facts(self, name: str) -> object:
        """All that there is to know, from the name alone."""
        return self._runner.run(self._facts(name))

    async def _facts(self, name: str) -> object:
        source = self._sources[name] = await self._hub.resolve(name, "", {}, None)
        read = await read_hub_facts(source, self._reads)
        if read.problem is not None:
            raise read.problem
        return read.facts

    def header(self, name: str) -> object:
        """The header of a file that was listed before."""
        if name not in self._sources:
            self.facts(name)
        return self._runner.run(self._header(self._sources[name]))

    async def _header(self, source: HubSource) -> object:
        (file,) = (file for file in source.files if file.path == _FILE)
        return parse_safetensors_header(
            await read_range(source, self._reads, file, 0, min(FIRST_READ, file.size)), file.size
        )


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
