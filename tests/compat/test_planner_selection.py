"""The runtime that is chosen for a service that names only a model, against the recorded choices."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from omectl.api.base_model import ClusterBaseModel
from omectl.api.codec import decode, decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.serving_runtime import ClusterServingRuntime
from omectl.planner import PlanInputs, plan

NOTHING = "nothing"
DEVIATIONS = {
    ("kimi-k2-instruct", "parsed"): (NOTHING, "Q26", "a prefill engine alone serves nobody: it needs a decoder"),
    ("llama-3-70b-instruct", "parsed"): (
        "srt-llama-3-1-nemotron-70b-instruct-hf", "Q13", "a development version counts as its base",
    ),
    ("qwen2-5-0-5b", "parsed"): ("srt-qwen2-5-coder-32b-instruct", "Q6", "a fitting range before no range"),
    ("qwen2-5-14b", "parsed"): ("srt-qwen2-5-14b-instruct", "Q6", "a fitting range before no range"),
    ("qwen2-5-14b-instruct", "parsed"): ("srt-qwen2-5-14b-instruct", "Q6", "a fitting range before no range"),
    ("qwen2-5-32b", "parsed"): ("srt-qwen2-5-coder-32b-instruct", "Q6", "a fitting range before no range"),
    ("qwen2-5-32b-instruct", "as-shipped"): (
        "srt-qwen2-5-coder-32b-instruct", "Q6", "a fitting range before no range",
    ),
    ("qwen2-5-32b-instruct", "parsed"): ("srt-qwen2-5-coder-32b-instruct", "Q6", "a fitting range before no range"),
    ("qwen2-5-72b", "parsed"): ("srt-qwen2-5-72b-instruct", "Q6", "a fitting range before no range"),
}  # fmt: skip
"""Where another runtime is chosen than the recorded one: which, the defect, and what holds instead."""


def documents(folder: Path) -> list[Any]:
    files = sorted(folder.rglob("*.yaml"), key=lambda file: str(file).encode())
    loaded = [doc for file in files for doc in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader)]
    return [doc for doc in loaded if doc]


@pytest.fixture(scope="module")
def runtimes(compat_dir: Path) -> tuple[ClusterServingRuntime, ...]:
    found = {}
    for raw in documents(compat_dir / "inputs" / "catalogue" / "runtimes"):
        if raw["kind"] == "ClusterServingRuntime":
            found[raw["metadata"]["name"]] = decode_as(ClusterServingRuntime, raw)
    return tuple(found.values())


@pytest.fixture(scope="module")
def models(compat_dir: Path) -> dict[str, dict[str, ClusterBaseModel]]:
    folder = compat_dir / "inputs" / "catalogue"
    shipped = {raw["metadata"]["name"]: raw for raw in documents(folder / "models")}
    stored = msgspec.json.decode((folder / "models-in-state-parsed.json").read_bytes())
    parsed = {name: {**raw, **stored[name]} for name, raw in shipped.items() if name in stored}
    states = {"as-shipped": shipped, "parsed": parsed}
    return {
        state: {name: decode_as(ClusterBaseModel, raw) for name, raw in raws.items()} for state, raws in states.items()
    }


@pytest.mark.parametrize(("column", "state"), [(1, "as-shipped"), (2, "parsed")])
def test_the_recorded_runtime_is_chosen(
    compat_dir: Path,
    runtimes: tuple[ClusterServingRuntime, ...],
    models: dict[str, dict[str, ClusterBaseModel]],
    column: int,
    state: str,
) -> None:
    rows = [line.split("\t") for line in (compat_dir / "selection-public.tsv").read_text().splitlines()[1:]]
    wrong: list[str] = []
    deviating = 0
    for row in rows:
        name, recorded = row[0], row[column]
        wanted = NOTHING if recorded.startswith("ERROR") else recorded
        if (name, state) in DEVIATIONS:
            assert DEVIATIONS[name, state][0] != wanted, f"{name} deviates no longer"
            wanted, deviating = DEVIATIONS[name, state][0], deviating + 1
        found = plan(PlanInputs(service=only_model(name), model=models[state].get(name), runtimes=runtimes))
        if (found.explanation.runtime or NOTHING) != wanted:
            wrong.append(f"{name}: wanted {wanted}, found {found.explanation.runtime or found.problem}")
    assert not wrong, "\n".join(wrong)
    assert len(rows) - deviating >= 88


def only_model(name: str) -> InferenceService:
    raw = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "s", "namespace": "n"},
        "spec": {"model": {"name": name}, "engine": {}},
    }
    service = decode(raw)
    assert isinstance(service, InferenceService)
    return service
