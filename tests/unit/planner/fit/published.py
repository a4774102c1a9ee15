"""The published measurements of published.json, and what our estimate says to each.

`models` holds the facts, from the models' public configurations; copies of four were held against them again: slime
(scripts/models/qwen3-235B-A22B.sh), and configurations of gemma-3-27b, DeepSeek-V2-Lite and gpt-oss.

A figure names what was measured on one GPU: `weightsGiB` and `activationsGiB`; `cacheTokens` that a pool of `poolGiB`
holds; `cacheGiB` that one sequence needs; `concurrency` that a pool allows; `poolGiB` that is left for the cache.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from omectl.api.facts import ModelFacts
from omectl.planner.fit import FitReport, TermName, Workload, estimate
from omectl.planner.parallelism import Parallelism

GIB = 1 << 30
_DOCUMENT = msgspec.json.decode(Path(__file__).with_name("published.json").read_bytes())
MODELS: dict[str, dict[str, Any]] = _DOCUMENT["models"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement."""

    model: str
    what: str
    published: float
    tolerance: float
    source: str
    quote: str
    parallelism: dict[str, int]
    workload: dict[str, Any]
    memory: float | None
    assumed: str

    def __str__(self) -> str:
        spread = " ".join(f"{name}={count}" for name, count in self.parallelism.items())
        return f"{self.model.split('/')[1]} {spread} {self.what}".replace("  ", " ")

    @property
    def estimated(self) -> float:
        """What we say."""
        asked = self.workload
        pool = asked.get("poolGiB")
        context = asked.get("context", 8192)
        report = self._report(context)
        cache = report.bytes_of(TermName.CACHE)
        match self.what:
            case "weightsGiB":
                return report.bytes_of(TermName.WEIGHTS) / GIB
            case "activationsGiB":
                return report.bytes_of(TermName.ACTIVATIONS) / GIB
            case "cacheTokens":
                return pool * GIB / cache * context
            case "cacheGiB":
                return cache / GIB
            case "concurrency":
                return pool * GIB / cache
            case "poolGiB":
                assert report.budget_bytes is not None
                return (report.budget_bytes - report.required_bytes + cache) / GIB
        raise AssertionError(self.what)

    def _report(self, context: int) -> FitReport:
        asked = self.workload
        workload = Workload(
            context=context,
            batch_tokens=asked.get("batchTokens"),
            cache_bytes=asked.get("cacheBytes"),
            dtype_bytes=asked.get("dtypeBytes"),
            memory_share=Fraction(asked.get("memoryShare", "0.9")),
        )
        memory = int(self.memory * GIB) if self.memory is not None else None
        facts = ModelFacts.model_validate(MODELS[self.model])
        return estimate(facts, Parallelism(**self.parallelism), memory=memory, workload=workload)


FIGURES = tuple(
    Figure(
        one["model"],
        one["what"],
        one["published"],
        one["tolerance"],
        one["source"],
        one["quote"],
        one.get("parallelism", {}),
        one.get("workload", {}),
        one.get("memoryGiB"),
        one.get("assumed", ""),
    )
    for one in _DOCUMENT["figures"]
)

_NAMES = {
    "weightsGiB": "weights, GiB",
    "cacheTokens": "tokens in a pool",
    "cacheGiB": "cache of a sequence, GiB",
    "concurrency": "sequences in a pool",
    "activationsGiB": "activations, GiB",
    "poolGiB": "pool, GiB",
}


def table() -> list[str]:
    """The figures as rows of docs/fit.md."""
    rows = ["| model | what | published | estimated | difference | tolerance |", "|---|---|---|---|---|---|"]
    for figure in FIGURES:
        spread = ", ".join(f"{name} {count}" for name, count in figure.parallelism.items() if count > 1)
        name = f"{figure.model.split('/')[1]}{f' ({spread})' if spread else ''}"
        places = 0 if figure.what == "cacheTokens" else 2
        difference = f"{(figure.estimated / figure.published - 1) * 100:+.1f} %"
        numbers = f"{figure.published:,.{places}f} | {figure.estimated:,.{places}f}"
        link = f"[{_NAMES[figure.what]}]({figure.source})"
        rows.append(f"| {name} | {link} | {numbers} | {difference} | {figure.tolerance * 100:.0f} % |")
    return rows
