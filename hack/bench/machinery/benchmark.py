"""What a benchmark is made of: cases, each measured for its subjects in turn, and bars over what was found."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from hack.bench.machinery.figures import spread, summary
from hack.bench.machinery.options import Options
from hack.bench.machinery.stage import Stage
from hack.bench.report import Bar

Measure: TypeAlias = Callable[[Stage, str], Awaitable[dict[str, Any]]]
"""Measures one subject once; the answer's numbers are its figures, with units in their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to measure. `name` says every size in it, as runs of the same name are taken for equal."""

    name: str
    subjects: Sequence[str]
    measure: Measure
    repetitions: int


class Benchmark(Protocol):
    """A module of this package."""

    TITLE: str

    def cases(self, options: Options) -> list[Case]: ...

    def bars(self, found: "Found", options: Options) -> list[Bar]: ...


class Found:
    """What was measured of one benchmark: runs by case and subject."""

    def __init__(self, runs: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
        self._runs = runs

    def value(self, case: str, subject: str, figure: str) -> float | None:
        """The median of a figure; None where it was not measured."""
        runs = self._runs.get((case, subject))
        return summary(runs).get(figure) if runs else None

    def spread(self, case: str, subject: str, figure: str) -> tuple[float, float] | None:
        """The least and the greatest value of a figure."""
        runs = self._runs.get((case, subject))
        return spread(runs, figure) if runs else None

    def ratio(self, name: str, case: str, figure: str, ours: str, peer: str, limit: float) -> list[Bar]:
        """The bar `ours / peer <= limit`; none where one of them was not measured."""
        value, other = self.value(case, ours, figure), self.value(case, peer, figure)
        if value is None or not other:
            return []
        return [Bar(name=f"{name} to {peer}: {case}", value=value / other, limit=limit)]

    def limit(self, name: str, case: str, figure: str, subject: str, limit: float) -> list[Bar]:
        """The bar `figure <= limit`."""
        value = self.value(case, subject, figure)
        return [] if value is None else [Bar(name=f"{name}: {case}", value=value, limit=limit)]

    def at_least(self, name: str, case: str, figure: str, subject: str, least: float) -> list[Bar]:
        """The bar `figure >= least`, told as the share of the wanted that is missing at most: `least / figure <= 1`."""
        value = self.value(case, subject, figure)
        return [Bar(name=f"{name} (wanted / found): {case}", value=least / value, limit=1.0)] if value else []
