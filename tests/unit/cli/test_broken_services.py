"""Five services that get nothing, each fixed by what `omectl explain` says and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.unit.planner.report.applying import FILLS, applied
from typer.testing import CliRunner, Result

from omectl.cli.explain import register
from omectl.planner.report import Change

Json = Any
BROKEN = Path(__file__).parent / "broken"
MOST_TURNS = 5


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return app


def explain(app: typer.Typer, objects: list[Json], folder: Path, *arguments: str) -> Result:
    """The command on these objects in a file."""
    path = folder / "all.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    return CliRunner().invoke(app, ["explain", "-f", str(path), *arguments])


def of(name: str) -> list[Json]:
    return [one for path in sorted((BROKEN / name).glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def first_way(told: Json) -> list[Change]:
    """The changes of the first way that consists of some."""
    changes = next(way["changes"] for way in told["ways"] if way["changes"])
    return [Change(one["object"], one["field"], one["value"]) for one in changes]


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        ("1-wrong-name", ["did you mean ClusterBaseModel llama-3-1-8b-instruct?"]),
        (
            "2-unlisted-model",
            ["have runtime sglang-any-llama take the model, as one more format, if its engine can serve it"],
        ),
        ("3-size", ["have runtime vllm-large take the model", "have runtime vllm-large take the model"]),
        (
            "4-small-accelerators",
            ["have class nvidia-h100 be used", "spread the model over 2 accelerators of each pod"],
        ),
        (
            "5-named-runtime",
            ["have runtime sglang-llama-fp8-pd take the model, as one more format, if its engine can serve it"],
        ),
    ],
)
def test_a_broken_service_is_fixed_from_the_output_alone(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, turns: list[str]
) -> None:
    monkeypatch.setitem(FILLS, "<size>", "46.7B")
    objects, taken = of(name), list[str]()
    for _ in range(MOST_TURNS):
        result = explain(app, objects, tmp_path, "-o", "json")
        if result.exit_code == 0:
            break
        told = json.loads(result.stdout)
        taken.append(next(way["text"] for way in told["ways"] if way["changes"]))
        objects = applied(first_way(told), objects)
    assert result.exit_code == 0, result.output
    assert taken == turns


@pytest.mark.parametrize("name", sorted(path.name for path in BROKEN.iterdir()))
def test_every_way_of_a_broken_service_leads_on(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(FILLS, "<size>", "46.7B")
    objects = of(name)
    told = json.loads(explain(app, objects, tmp_path, "-o", "json").stdout)
    for way in told["ways"]:
        changes = [Change(one["object"], one["field"], one["value"]) for one in way["changes"]]
        result = explain(app, applied(changes, objects), tmp_path, "-o", "json")
        assert result.exit_code == 0 or json.loads(result.stdout)["problem"] != told["problem"], way


@pytest.mark.parametrize("name", sorted(path.name for path in BROKEN.iterdir()))
def test_a_table_names_every_change_within_100_columns(app: typer.Typer, tmp_path: Path, name: str) -> None:
    objects = of(name)
    told = json.loads(explain(app, objects, tmp_path, "-o", "json").stdout)
    table = explain(app, objects, tmp_path)
    assert table.exit_code == 1
    lines = table.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    words = " ".join(" ".join(lines).split())
    for way in told["ways"]:
        assert way["text"] in words
        for one in way["changes"]:
            assert str(Change(one["object"], one["field"], one["value"])) in words
