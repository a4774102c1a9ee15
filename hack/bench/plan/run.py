"""Runs the parts of bench-plan one after the other: choices and plans, the command, re-selection."""

import argparse
from collections.abc import Sequence

from hack.bench.plan import choosing, command, reselection
from hack.bench.report import Bar, Report


def run(arguments: Sequence[str] = ()) -> Report:
    """Measure everything; `--quick` does it with little, to see whether it runs."""
    parser = argparse.ArgumentParser(prog="bench-plan", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="everything small and once: does it run?")
    quick: bool = parser.parse_args(arguments).quick
    sizes = choosing.Sizes(runtimes=500, classes=50, worlds=1 if quick else 5, repetitions=2 if quick else 40)
    changes = reselection.Sizes(runtimes=500, models=60, services=1000, repetitions=2 if quick else 40)
    report = Report(bench="plan", versions={"repetitions": str(sizes.worlds * sizes.repetitions)})
    bars: list[Bar] = []
    for rows, found in (
        choosing.measure(sizes),
        command.measure(2 if quick else 25),
        reselection.measure(changes),
    ):
        report.results += rows
        bars += found
    report.bars = bars
    return report
