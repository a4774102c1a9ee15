"""Files on this machine: the header of one file, and all headers of a sharded model."""

import gc
import os
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

from hack.bench.parser.models import REAL, dense, mixture, write_file, write_sharded
from hack.bench.plan.timing import in_turns, told
from hack.bench.report import Bar
from huggingface_hub import get_local_safetensors_metadata, parse_local_safetensors_file_metadata
from safetensors import safe_open

from omectl.cli.model_files import read_folder
from omectl.modelparser import SafetensorsHeader, header_bytes, parse_safetensors_header

Rows = list[dict[str, str | float | int]]
_COUNTS = (723, 90_000)
_LIBRARY, _HUB = "safetensors", "huggingface_hub"


def measure(folder: Path, repetitions: int) -> tuple[Rows, list[Bar]]:
    """Rows and bars of every file and of the sharded model."""
    rows: Rows = []
    bars: list[Bar] = []
    for tensors in _COUNTS:
        path = folder / f"{tensors}.safetensors"
        size = write_file(path, dense(REAL) if tensors == _COUNTS[0] else mixture(REAL, tensors))
        found, held = _one(f"{tensors:,} tensors", _subjects(path), max(repetitions * 1000 // tensors, 3))
        rows += found
        bars += [*held, _memory(path, size, tensors)]
    write_sharded(folder / "sharded", REAL)
    shards = sorted((folder / "sharded").glob("*.safetensors"))
    subjects = {
        "omectl: headers": lambda: [_header(path) for path in shards],
        "omectl: all facts": lambda: read_folder(folder / "sharded"),
        f"{_LIBRARY}: names": lambda: [_names(path) for path in shards],
        f"{_HUB}: get_local_safetensors_metadata": lambda: get_local_safetensors_metadata(folder / "sharded"),
    }
    found, held = _one("30 shards", subjects, repetitions)
    return rows + found, bars + held


def _subjects(path: Path) -> dict[str, Callable[[], object]]:
    return {
        "omectl: header": lambda: _header(path),
        f"{_LIBRARY}: names": lambda: _names(path),
        f"{_LIBRARY}: names, dtypes, shapes": lambda: _shapes(path),
        f"{_HUB}: parse_local_safetensors_file_metadata": lambda: parse_local_safetensors_file_metadata(path),
    }


def _one(what: str, subjects: Mapping[str, Callable[[], object]], repetitions: int) -> tuple[Rows, list[Bar]]:
    """A row for each subject, and the bars: our first one takes no longer than the quickest of either library."""
    for call in subjects.values():
        call()  # what is made once, at the first call, is not measured
    times = in_turns(subjects, repetitions)
    rows: Rows = [{"subject": f"{what}, {name}"} | told(found) for name, found in times.items()]
    ours = median(next(iter(times.values())))
    return rows, [
        Bar(name=f"{what}: time of {peer}'s", value=ours / quickest, limit=1.0)
        for peer, quickest in _quickest(times).items()
    ]


def _quickest(times: Mapping[str, list[float]]) -> dict[str, float]:
    return {
        peer: min(median(found) for name, found in times.items() if name.startswith(peer)) for peer in (_LIBRARY, _HUB)
    }


def _header(path: Path) -> SafetensorsHeader:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        end = header_bytes(os.pread(descriptor, 8, 0), size)
        return parse_safetensors_header(os.pread(descriptor, end, 0), size)
    finally:
        os.close(descriptor)


def _names(path: Path) -> object:
    with safe_open(path, "numpy") as file:
        return file.keys()


def _shapes(path: Path) -> object:
    with safe_open(path, "numpy") as file:
        return list(_described(file))


def _described(file: safe_open) -> Iterator[tuple[str, str, list[int]]]:
    for name in file.keys():  # noqa: SIM118 - not a mapping
        one = file.get_slice(name)
        yield name, one.get_dtype(), one.get_shape()


def _memory(path: Path, size: int, tensors: int) -> Bar:
    """What is allocated at most while a header is read and understood, the header's own bytes among it."""
    gc.collect()
    tracemalloc.start()
    try:
        _header(path)
        highest = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return Bar(name=f"{tensors:,} tensors: memory, in sizes of the header", value=highest / size, limit=3.0)
