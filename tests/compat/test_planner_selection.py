"""The runtime that is chosen for a service that names only a model, against the recorded choices."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from omectl.api.base_model import ClusterBaseModel
from omectl.api.codec import decode, decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.serving_runtime import ClusterServingRuntime
from omectl.api.settings import OmectlSettings, SelectionSettings, Settings
from omectl.planner import Plan, PlanInputs, plan

NOTHING = "nothing"
STATES = {"as-shipped": 1, "parsed": 2}
DEFECTS = {
    ("kimi-k2-instruct", "parsed"): (NOTHING, "Q26, D 9"),
    ("llama-3-70b-instruct", "parsed"): ("srt-llama-3-1-nemotron-70b-instruct-hf", "Q13, D 8"),
}
"""Where `ome` chooses another runtime than the recorded one: which, and the defect of the reference."""
PAGE = Path(__file__).parents[2] / "docs" / "selection.md"


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


@pytest.mark.parametrize("state", STATES)
def test_the_recorded_runtime_is_chosen_as_ome_ranks(
    compat_dir: Path,
    runtimes: tuple[ClusterServingRuntime, ...],
    models: dict[str, dict[str, ClusterBaseModel]],
    state: str,
) -> None:
    """All rows, but for the defects that are listed."""
    rows = [line.split("\t") for line in (compat_dir / "selection-public.tsv").read_text().splitlines()[1:]]
    assert len(rows) == 96
    wrong: list[str] = []
    for row in rows:
        name, recorded = row[0], row[STATES[state]]
        wanted = NOTHING if recorded.startswith("ERROR") else recorded
        if (name, state) in DEFECTS:
            instead, _ = DEFECTS[name, state]
            assert instead != wanted, f"{name} deviates no longer"
            wanted = instead
        made = planned(name, models[state], runtimes, "ome")
        if chosen(made) != wanted:
            wrong.append(f"{name}: wanted {wanted}, found {made.explanation.runtime or made.problem}")
    assert not wrong, "\n".join(wrong)


def test_the_page_lists_every_model_for_which_the_two_rankings_differ(
    runtimes: tuple[ClusterServingRuntime, ...], models: dict[str, dict[str, ClusterBaseModel]]
) -> None:
    """All models of the catalogue; the rows to write are in the failure's text."""
    wanted = {row for state in STATES for row in differing(state, models[state], runtimes)}
    listed = set(re.findall(r"^\| `.+` \| (?:as-shipped|parsed) \|.*$", PAGE.read_text(), re.MULTILINE))
    assert wanted
    assert "\n".join(sorted(listed)) == "\n".join(sorted(wanted))


def differing(
    state: str, models: dict[str, ClusterBaseModel], runtimes: tuple[ClusterServingRuntime, ...]
) -> list[str]:
    """A row for each model: the two picks, and what puts the one before the other under `default`."""
    rows: list[str] = []
    for name in sorted(models):
        default, ome = planned(name, models, runtimes, "default"), planned(name, models, runtimes, "ome")
        if chosen(default) != chosen(ome):
            other = next(one for one in default.explanation.candidates if one.name == chosen(ome))
            reason = other.reasons[0].rpartition(": ")[2]
            rows.append(f"| `{name}` | {state} | `{chosen(ome)}` | `{chosen(default)}` | {reason} |")
    return rows


def planned(
    name: str, models: dict[str, ClusterBaseModel], runtimes: tuple[ClusterServingRuntime, ...], ranking: str
) -> Plan:
    selection = SelectionSettings.model_validate({"ranking": ranking})
    settings = Settings(omectl=OmectlSettings(selection=selection))
    return plan(PlanInputs(service=only_model(name), model=models.get(name), runtimes=runtimes, settings=settings))


def chosen(made: Plan) -> str:
    return made.explanation.runtime or NOTHING


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
