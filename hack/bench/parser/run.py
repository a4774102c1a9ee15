"""Runs the parts of bench-parser one after the other: headers and a sharded model on disk, then a hub over HTTP."""

import argparse
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from hack.bench.report import Report


def run(arguments: Sequence[str] = ()) -> Report:
    """Measure everything; `--quick` does it once or twice, to see whether it runs."""
    parser = argparse.ArgumentParser(prog="bench-parser", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="everything a few times: does it run?")
    quick: bool = parser.parse_args(arguments).quick
    peers = {name: version(name) for name in ("safetensors", "huggingface_hub")}
    report = Report(bench="parser", versions=peers)
    with TemporaryDirectory(prefix="omectl-bench-") as directory:
        # Read when huggingface_hub is imported.
        os.environ |= {
            "HF_HUB_CACHE": f"{directory}/cache",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        for part, repetitions in (("headers", 3 if quick else 100), ("inspection", 2 if quick else 15)):
            folder = Path(directory, part)
            folder.mkdir()
            rows, bars = import_module(f"hack.bench.parser.{part}").measure(folder, repetitions)
            report.results += rows
            report.bars += bars
    return report
