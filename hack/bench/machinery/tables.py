"""What people read of a case."""

from typing import Any

from hack.bench.machinery.figures import spread, summary
from rich.table import Table


def figures_table(title: str, runs: dict[str, list[dict[str, Any]]]) -> Table:
    """Figures down, subjects across; the median and, of several runs, the least and the greatest."""
    table = Table(title=title)
    table.add_column("")
    medians = {subject: summary(found) for subject, found in runs.items()}
    for subject, found in runs.items():
        table.add_column(f"{subject} ({len(found)})", justify="right")
    for figure in dict.fromkeys(figure for found in medians.values() for figure in found):
        scale, unit = (1e6, "_mb") if figure.endswith("_bytes") else (1, "")
        cells: list[str] = []
        for subject, found in runs.items():
            if figure not in medians[subject]:
                cells.append("–")
                continue
            cells.append(_short(medians[subject][figure] / scale))
            if len(found) > 1:
                least, most = spread(found, figure)
                cells[-1] += f" ({_short(least / scale)}–{_short(most / scale)})"
        table.add_row(figure.removesuffix("_bytes") + unit if unit else figure, *cells)
    return table


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
