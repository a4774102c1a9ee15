import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from omectl.cli.failure import CliFailure
from omectl.cli.lint import register

Json = Any
DEMO = Path(__file__).parents[3] / "manifests" / "demo"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return app


def runtime(name: str, image: str = "engine:1", **entry: Json) -> Json:
    taken = {"modelFormat": {"name": "safetensors", "version": "1.0.0"}, "autoSelect": True, **entry}
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "ClusterServingRuntime",
        "metadata": {"name": name},
        "spec": {
            "supportedModelFormats": [taken],
            "modelSizeRange": {"min": "1B", "max": "9B"},
            "engineConfig": {"runner": {"name": "ome-container", "image": image}},
        },
    }


def run(app: typer.Typer, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["lint", *arguments], input=stdin)


def write(folder: Path, *documents: Json, name: str = "all.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump_all(documents))
    return str(path)


def test_the_demo_is_clean(app: typer.Typer) -> None:
    result = run(app, str(DEMO), "--fail-on", "warning")
    assert (result.exit_code, result.stdout) == (
        0,
        "0 errors, 0 warnings, 3 infos; 3 of them not shown (--severity)\n",
    )


def test_a_finding_is_told_with_file_document_object_and_field(app: typer.Typer, tmp_path: Path) -> None:
    file = write(tmp_path, runtime("good"), runtime("odd", priority=0, modelArchitecture="X"))
    result = run(app, file)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:3] == [
        "error PriorityNotPositive (1): The API server refuses a priority below 1.",
        f"  {file}, document 2: ClusterServingRuntime odd, spec.supportedModelFormats[0].priority",
        "    wanted 1 or more, found 0; correct the field",
    ]


def test_the_level_of_failure_can_be_chosen(app: typer.Typer, tmp_path: Path) -> None:
    file = write(tmp_path, runtime("r", image="engine"))
    assert run(app, file).exit_code == 0
    assert run(app, file, "--fail-on", "warning").exit_code == 1
    assert run(app, file, "--fail-on", "warning", "--ignore", "ImageUntagged").exit_code == 0
    assert run(app, file, "--fail-on", "warning", "--select", "ImageMoves").exit_code == 0
    assert run(app, file, "--fail-on", "info", "--severity", "error").stdout.startswith(
        "0 errors, 1 warning, 0 infos; 1"
    )


def test_many_findings_of_one_rule_are_cut_short_in_a_table(app: typer.Typer, tmp_path: Path) -> None:
    made = [runtime(f"r{index}", image="engine", modelArchitecture=f"A{index}") for index in range(7)]
    file = write(tmp_path, *made)
    assert "  ... and 2 more (--limit 0 shows all)" in run(app, file).stdout
    assert "more" not in run(app, file, "--limit", "0").stdout
    assert run(app, file, "--limit", "7").stdout.count("pin the image") == 7


@pytest.mark.parametrize(("form", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_findings_as_data_have_every_part(app: typer.Typer, tmp_path: Path, form: str, load: Json) -> None:
    file = write(tmp_path, runtime("r", image="engine"))
    told = load(run(app, file, "-o", form).stdout)
    assert told == {
        "apiVersion": "omectl.io/v1",
        "kind": "LintReport",
        "counts": {"errors": 0, "warnings": 1, "infos": 0},
        "findings": [
            {
                "code": "ImageUntagged",
                "severity": "warning",
                "kind": "ClusterServingRuntime",
                "name": "r",
                "field": "spec.engineConfig, container ome-container",
                "wanted": "an image with a tag or digest",
                "found": "engine",
                "do": "pin the image",
                "file": file,
                "document": 1,
            }
        ],
    }


def test_a_file_with_broken_yaml_does_not_end_the_rest(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    write(tmp_path, {"kind": "List", "items": [runtime("r", image="engine")]}, name="b.yaml")
    result = run(app, str(tmp_path))
    assert result.exit_code == 1
    assert "error DocumentUnreadable (1)" in result.stdout
    assert "warning ImageUntagged (1)" in result.stdout


def test_standard_input_is_read(app: typer.Typer) -> None:
    assert "standard input, document 1" in run(app, "-", stdin=yaml.safe_dump(runtime("r", image="engine"))).stdout


def test_a_rule_is_explained(app: typer.Typer) -> None:
    assert run(app, "--explain", "ImageUntagged").stdout == (
        "ImageUntagged (warning): Without a tag the image is whatever was pushed last.\n"
        "For example: `image: vllm/vllm-openai`\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "wanted files or folders"),
        (["none.yaml"], "none.yaml: wanted a manifest"),
        (["x", "--select", "Nope"], "found Nope"),
        (["x", "--ignore", "Nope"], "found Nope"),
        (["--explain", "Nope"], "found Nope"),
    ],
)
def test_wrong_usage_ends_with_code_2(app: typer.Typer, arguments: list[str], told: str) -> None:
    failure = run(app, *arguments).exception
    assert isinstance(failure, CliFailure)
    assert (failure.exit_code, told in failure.message) == (2, True)
