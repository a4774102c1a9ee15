"""What every benchmark prints: a table for people and, as its last line, one JSON object for machines."""

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from importlib.metadata import version

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A ratio or figure that the project promises: held when the value is at or below the limit."""

    name: str
    value: float
    limit: float

    @property
    def held(self) -> bool:
        return self.value <= self.limit


@dataclass(slots=True, kw_only=True)
class Report:
    """The figures of one run. `results` holds a flat mapping per subject, with units in the names of its keys.

    People see `tables`, or a table of the results where there are none.
    """

    bench: str
    versions: dict[str, str] = field(default_factory=dict)
    results: list[dict[str, str | float | int]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        ours = {"omectl": version("omectl"), "python": platform.python_version(), "machine": machine}
        self.versions = ours | self.versions

    def print(self) -> None:
        console = Console(file=sys.stdout, width=140 if not sys.stdout.isatty() else None)
        for table in self.tables or [self._table()]:
            console.print(table)
        if self.bars:
            bars = Table(title="bars")
            for column in ("bar", "value", "limit", "held"):
                bars.add_column(column)
            for bar in self.bars:
                bars.add_row(bar.name, _cell(bar.value), f"<= {_cell(bar.limit)}", "yes" if bar.held else "NO")
            console.print(bars)
        line = {
            "bench": self.bench,
            "versions": self.versions,
            "results": self.results,
            "bars": [asdict(bar) | {"held": bar.held} for bar in self.bars],
        }
        print(json.dumps(line), flush=True)

    def _table(self) -> Table:
        columns = list(dict.fromkeys(key for result in self.results for key in result))
        table = Table(title=f"{self.bench} ({', '.join(f'{name} {text}' for name, text in self.versions.items())})")
        for column in columns:
            table.add_column(column, justify="left" if column == "subject" else "right")
        for result in self.results:
            table.add_row(*(_cell(result.get(column)) for column in columns))
        return table


def _cell(value: str | float | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else value
