"""The parallelism of the shipped runtimes, read from their flags, against the accelerators that they ask for."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from omectl.api.facts import ModelFacts
from omectl.planner.accelerators.resources import accelerators_asked
from omectl.planner.dialects import dialect_of
from omectl.planner.fit import EngineFit, Hardware, engine_fit


def engines(compat_dir: Path) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Runtime, container that serves, and pods of every engine and decoder of the catalogue."""
    for file in sorted((compat_dir / "inputs" / "catalogue" / "runtimes").rglob("*.yaml")):
        for doc in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            for part in ("engineConfig", "decoderConfig"):
                template = (doc or {}).get("spec", {}).get(part) or {}
                leader, worker = template.get("leader") or {}, template.get("worker") or {}
                runner = template.get("runner") or leader.get("runner")
                if runner is not None:
                    yield doc["metadata"]["name"], runner, 1 + worker.get("size", 0) if leader else 1


def test_the_ranks_of_every_shipped_runtime_are_the_accelerators_that_it_asks_for(compat_dir: Path) -> None:
    wrong: dict[str, EngineFit] = {}
    spoken: Counter[str] = Counter()
    for name, runner, pods in engines(compat_dir):
        dialect = dialect_of(runner["image"], runner.get("command") or [], runner.get("args") or [])
        spoken[dialect.name if dialect is not None else ""] += 1
        found = engine_fit(runner, ModelFacts(), Hardware(accelerators=accelerators_asked(runner), pods=pods))
        if found.problems:
            wrong[name] = found
    assert wrong == {}
    assert set(spoken) == {"sglang", "vllm"}
    assert spoken.total() > 200
