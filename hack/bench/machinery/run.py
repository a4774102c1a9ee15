"""Runs what was asked for: each case, repetition by repetition, the subjects in turn; then tables, bars, JSON."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any, cast

from hack.bench.machinery import peers
from hack.bench.machinery.benchmark import Benchmark, Case, Found
from hack.bench.machinery.figures import spread, summary
from hack.bench.machinery.journal import Journal, commit
from hack.bench.machinery.options import Options, parse
from hack.bench.machinery.stage import Stage
from hack.bench.machinery.subjects import Programs, chosen
from hack.bench.machinery.tables import figures_table
from hack.bench.report import Report

from omectl.local.assets import KUBERNETES_VERSION
from omectl.local.control_plane import ControlPlane, ControlPlaneOptions

BENCHMARKS = {
    "B1": "b01_cold_sync",
    "B2": "b02_latency",
    "B3": "b03_reconciles",
    "B4": "b04_queue",
    "B5": "b05_first_pass",
    "B6": "b06_storm",
    "B7": "b07_churn",
    "B8": "b08_read_path",
    "B9": "b09_fan_out",
    "B10": "b10_fail_over",
    "B11": "b11_webhook",
}


def run(arguments: Sequence[str] = ()) -> Report:
    """Measure what the arguments choose and report on it; what failed is told, and is no reason to stop."""
    options = parse(arguments)
    unknown = options.only - BENCHMARKS.keys()
    if unknown:
        raise SystemExit(f"wanted some of {', '.join(BENCHMARKS)}, found {', '.join(sorted(unknown))}")
    versions = {"kube-apiserver": KUBERNETES_VERSION, "commit": commit()} | peers.versions()
    report = Report(bench="machinery", versions=versions)
    journal = Journal(options.output, commit(), report.versions, arguments)
    benchmarks = {
        name: cast("Benchmark", import_module(f"hack.bench.machinery.{module}"))
        for name, module in BENCHMARKS.items()
        if not options.only or name in options.only
    }
    failed = asyncio.run(_measure(benchmarks, options, journal))
    _tell(report, benchmarks, options, journal)
    for failure in failed:
        print(failure, file=sys.stderr)
    print(f"every run is kept in {journal.path}", file=sys.stderr)
    return report


async def _measure(benchmarks: dict[str, Benchmark], options: Options, journal: Journal) -> list[str]:
    made = peers.prepare()
    failed: list[str] = []
    async with ControlPlane(ControlPlaneOptions(in_flight_limits=False)) as control_plane:
        stage = Stage(control_plane, Programs(made, control_plane.kubeconfig()), options)
        for name, benchmark in benchmarks.items():
            for case in benchmark.cases(options):
                failed += await _measure_case(name, case, stage, journal)
    return failed


async def _measure_case(bench: str, case: Case, stage: Stage, journal: Journal) -> list[str]:
    failed: list[str] = []
    broken: set[str] = set()
    for repetition in range(case.repetitions):
        for subject in chosen(case.subjects, stage.options.subjects):
            key = (bench, case.name, subject, repetition)
            if key in journal or subject in broken:
                continue
            began = time.monotonic()
            try:
                journal.add(key, await case.measure(stage, subject))
            except Exception as error:
                broken.add(subject)
                failed.append(f"{bench} {case.name}, {subject}: {type(error).__name__}: {error}")
                print(f"FAILED {failed[-1]}", file=sys.stderr, flush=True)
                continue
            took_s = time.monotonic() - began
            print(f"{bench} {case.name}: {subject}, run {repetition + 1}, {took_s:.1f} s", file=sys.stderr, flush=True)
    return failed


def _tell(report: Report, benchmarks: dict[str, Benchmark], options: Options, journal: Journal) -> None:
    """Put tables, results and bars into the report."""
    for name, benchmark in benchmarks.items():
        runs = {
            (case.name, subject): found
            for case in benchmark.cases(options)
            for subject in case.subjects
            if (found := journal.runs(name, case.name, subject, case.repetitions))
        }
        for case in dict.fromkeys(case for case, _ in runs):
            of_case = {subject: found for (name_of, subject), found in runs.items() if name_of == case}
            report.tables.append(figures_table(f"{name} {benchmark.TITLE}: {case}", of_case))
            report.results += [_result(name, case, subject, found) for subject, found in of_case.items()]
        report.bars += [replace(bar, name=f"{name} {bar.name}") for bar in benchmark.bars(Found(runs), options)]


def _result(bench: str, case: str, subject: str, runs: list[dict[str, Any]]) -> dict[str, str | float | int]:
    """The median of each figure under its name, the least and the greatest under `_min` and `_max`."""
    row: dict[str, str | float | int] = {"bench": bench, "case": case, "subject": subject, "runs": len(runs)}
    for figure, value in summary(runs).items():
        least, most = spread(runs, figure)
        row |= {figure: value, f"{figure}_min": least, f"{figure}_max": most}
    return row
