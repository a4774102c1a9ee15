"""Runs the life of 200 and of 1,000 services and holds it against what the project promises."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hack.bench.machinery.journal import commit
from hack.bench.report import Bar, Report
from hack.bench.services.catalogue import read_catalogue
from hack.bench.services.phases import Figures, Sizes, measure
from rich.table import Table

from omectl.local.assets import KUBERNETES_VERSION

COUNTS = (200, 1000)
_REFERENCE = {
    200: {"settled_s": 104.0, "birth_requests_per_service": 51.0, "birth_cpu_s": 10.9, "rss_mb": 98.0, "ready_s": 50.0},
    1000: {
        "settled_s": 541.0,
        "birth_requests_per_service": 51.0,
        "birth_cpu_s": 50.0,
        "rss_mb": 162.0,
        "restart_works_after_s": 199.0,
        "restart_writes": 1001.0,
        "deleted_s": 99.0,
    },
}
"""OME's own manager on a machine like this, measured once in the same way."""


@dataclass(frozen=True, slots=True)
class _Promise:
    """The bar of a figure."""

    figure: str
    limit: float
    name: str


_PROMISES = (
    _Promise("settled_s", 60.0, "seconds until all have children and a status"),
    _Promise("birth_requests_per_service", 12.0, "requests for each service until then"),
    _Promise("birth_cpu_s", 20.0, "CPU seconds until then"),
    _Promise("ready_s", 10.0, "seconds from the last available Deployment to all Ready"),
    _Promise("passes_for_an_idle_runtime", 0.0, "looks at services when a runtime changes that nobody has"),
    _Promise("edit_others_written", 0.0, "services written that a runtime's change did not concern"),
    _Promise("quiet_writes", 0.0, "writes in the quiet"),
    _Promise("rss_mb", 150.0, "MB of the manager"),
    _Promise("restart_writes", 0.0, "writes after a restart"),
    _Promise("restart_works_after_s", 3.0, "seconds from a clean stop until the next one works"),
)


def run(arguments: Sequence[str] = ()) -> Report:
    """Measure; `--services N` chooses one number, `--quick` does it with 20."""
    parser = argparse.ArgumentParser(prog="make bench-services ARGS=...", description=__doc__)
    parser.add_argument("--services", type=int, help="how many services (200, then 1,000)")
    parser.add_argument("--quiet", type=float, default=60.0, help="seconds of quiet that are looked at (60)")
    parser.add_argument("--quick", action="store_true", help="20 services and 5 s of quiet: does it run?")
    found = parser.parse_args(arguments)
    counts: Sequence[int] = (20,) if found.quick else (found.services,) if found.services else COUNTS
    quiet_s: float = 5.0 if found.quick else found.quiet
    catalogue = read_catalogue()
    versions = {"kube-apiserver": KUBERNETES_VERSION, "commit": commit(), "catalogue": catalogue.origin}
    report = Report(bench="services", versions=versions)
    print(f"{len(catalogue.served)} of {len(catalogue.models)} models are served", file=sys.stderr, flush=True)
    for count in counts:
        figures = asyncio.run(measure(catalogue, Sizes(services=count, quiet_s=quiet_s)))
        report.results.append({"subject": "omectl"} | figures)
        report.tables.append(_table(count, figures))
        report.bars += [
            Bar(name=f"{count}: {promise.name}", value=figures[promise.figure], limit=promise.limit)
            for promise in _PROMISES
        ]
    return report


def _table(count: int, figures: Figures) -> Table:
    table = Table(title=f"{count} services")
    for column in ("", "omectl", "OME, once"):
        table.add_column(column, justify="right" if column else "left")
    recorded = _REFERENCE.get(count, {})
    for name, value in figures.items():
        table.add_row(name, f"{value:.4g}", f"{recorded[name]:.4g}" if name in recorded else "")
    return table
