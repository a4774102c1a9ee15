"""`omectl accelerators generate` from files."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.unit.planner.accelerators.cluster import node
from typer.testing import CliRunner

from omectl.cli.accelerators import register
from omectl.cli.failure import CliFailure

Json = Any
LABELS = {"nvidia.com/gpu.product": "NVIDIA-L40S", "nvidia.com/gpu.memory": "46068"}


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return app


def nodes_file(folder: Path, *nodes: Json) -> str:
    path = folder / "nodes.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(nodes)}))
    return str(path)


def run(app: typer.Typer, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["accelerators", "generate", *arguments])


def test_a_class_is_printed_for_each_product_of_the_nodes(app: typer.Typer, tmp_path: Path) -> None:
    source = nodes_file(tmp_path, node("a", LABELS, nvidia__gpu=8), node("b", amd__gpu=1))
    found = run(app, "-f", source)
    assert found.exit_code == 0
    (made,) = yaml.safe_load_all(found.stdout)
    assert (made["kind"], made["metadata"]["name"]) == ("AcceleratorClass", "nvidia-l40s")
    assert made["spec"]["capabilities"]["memoryGB"] == "48Gi"
    assert "node b offers amd.com/gpu and has no label amd.com/gpu.product-name" in found.stderr
    as_json = run(app, "-f", source, "-o", "json")
    assert json.loads(as_json.stdout)["items"] == [made]


@pytest.mark.parametrize(("nodes", "told"), [([], "found no nodes"), ([node("a")], "found 1 nodes without any")])
def test_nothing_to_print_is_a_failure(app: typer.Typer, tmp_path: Path, nodes: Json, told: str) -> None:
    found = run(app, "-f", nodes_file(tmp_path, *nodes))
    assert isinstance(found.exception, CliFailure)
    assert told in found.exception.message
    assert found.exception.exit_code == 1
