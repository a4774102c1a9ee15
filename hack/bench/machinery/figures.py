"""Percentiles, latencies and spreads: pure."""

from collections.abc import Iterable, Sequence
from math import isnan
from statistics import median
from typing import Any

Rows = Iterable[Sequence[int]]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share (0 to 1) of the values lies; nearest rank, NaN for none."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))] if ordered else float("nan")


def latencies(written: Rows, seen: Rows) -> dict[str, float]:
    """Milliseconds from writes to sightings. `written` rows are (sent, acknowledged, object), `seen` (sent, handled,
    reconciled), nanoseconds.

    A write that was not seen is coalesced when a later one of its object was, and lost otherwise.
    """
    sightings = {sent: (handled, reconciled) for sent, handled, reconciled in seen}
    to_handler: list[float] = []
    to_reconcile: list[float] = []
    after_ack: list[float] = []
    last: dict[int, int] = {}
    missing: list[tuple[int, int]] = []
    writes = 0
    for sent, acknowledged, number in written:
        writes += 1
        if sent not in sightings:
            missing.append((sent, number))
            continue
        handled, reconciled = sightings[sent]
        if handled:
            to_handler.append((handled - sent) / 1e6)
        to_reconcile.append((reconciled - sent) / 1e6)
        after_ack.append((reconciled - acknowledged) / 1e6)
        last[number] = max(sent, last.get(number, 0))
    lost = sum(1 for sent, number in missing if sent > last.get(number, 0))
    found = {
        "writes": writes,
        "handler_p50_ms": percentile(to_handler, 0.5),
        "handler_p99_ms": percentile(to_handler, 0.99),
        "reconcile_p50_ms": percentile(to_reconcile, 0.5),
        "reconcile_p99_ms": percentile(to_reconcile, 0.99),
        "reconcile_p999_ms": percentile(to_reconcile, 0.999),
        "after_ack_p50_ms": percentile(after_ack, 0.5),
        "after_ack_p99_ms": percentile(after_ack, 0.99),
        "coalesced": len(missing) - lost,
        "lost": lost,
    }
    return {name: value for name, value in found.items() if not isnan(value)}


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The median of each number over the runs."""
    names = [name for name, value in runs[0].items() if isinstance(value, int | float)]
    return {name: median(run[name] for run in runs if name in run) for name in names}


def spread(runs: Sequence[dict[str, Any]], figure: str) -> tuple[float, float]:
    """The least and the greatest value of a figure."""
    values = [run[figure] for run in runs if figure in run]
    return min(values), max(values)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the least-squares line through (x, y)."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread_x = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread_x if spread_x else 0.0
