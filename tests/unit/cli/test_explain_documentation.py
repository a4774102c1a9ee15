"""docs/explain.md shows what the command says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.unit.cli.test_broken_services import explain, first_way, of
from tests.unit.planner.report.applying import applied
from typer.testing import CliRunner, Result

from omectl.cli.explain import register
from omectl.cli.failure import CliFailure

Json = Any
ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "explain.md").read_text()


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return app


def said(result: Result) -> str:
    """What a terminal shows."""
    assert isinstance(result.exception, CliFailure)
    return f"{result.stdout}omectl: {result.exception.message}\n```"


def test_the_command_of_the_page_says_what_stands_there(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (command,) = [line for line in PAGE.splitlines() if line.startswith("$ omectl ")]
    _, _, *arguments = command.split()
    assert f"{command}\n{said(CliRunner().invoke(app, arguments))}" in PAGE


def test_the_engine_of_the_page_does_not_fit(app: typer.Typer, tmp_path: Path) -> None:
    objects: list[Json] = of("4-small-accelerators")
    told = yaml.safe_load(explain(app, objects, tmp_path, "-o", "yaml").stdout)
    mended = applied(first_way(told), objects)
    assert said(explain(app, mended, tmp_path)) in PAGE


def test_the_table_of_keys_names_keys_that_are_there(app: typer.Typer, tmp_path: Path) -> None:
    told = yaml.safe_load(explain(app, of("1-wrong-name"), tmp_path, "-o", "yaml").stdout)
    rows = [line for line in PAGE.partition("| key | what |")[2].splitlines() if line.startswith("| `")]
    keys = [name.strip("`") for line in rows for name in line.split("|")[1].strip().split(", ")]
    assert len(keys) >= 10
    assert set(keys) <= set(told)
