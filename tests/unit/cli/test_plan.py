import asyncio
import io
import json
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from omectl.cli.failure import CliFailure
from omectl.cli.model_facts import read_facts
from omectl.cli.plan import register
from omectl.local.hub import HubOptions, HubServer

Json = Any
MODEL: Json = {
    "apiVersion": "ome.io/v1beta1",
    "kind": "ClusterBaseModel",
    "metadata": {"name": "m"},
    "spec": {"storage": {"storageUri": "hf://org/m", "path": "/raid/models/m"}},
}
FACTS: Json = {
    "modelFormat": {"name": "safetensors", "version": "1.0.0"},
    "modelFramework": {"name": "transformers", "version": "4.43.0"},
    "modelArchitecture": "BertModel",
}
RUNTIME: Json = {
    "apiVersion": "ome.io/v1beta1",
    "kind": "ClusterServingRuntime",
    "metadata": {"name": "r"},
    "spec": {
        "supportedModelFormats": [{**FACTS, "autoSelect": True}],
        "engineConfig": {"runner": {"name": "ome-container", "image": "engine:1"}},
    },
}
SERVICE: Json = {
    "apiVersion": "ome.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "svc"},
    "spec": {"model": {"name": "m"}, "engine": {}},
}
KNOWN: Json = {**MODEL, "spec": {**MODEL["spec"], **FACTS}}


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return app


def write(folder: Path, *documents: Json, name: str = "all.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump_all(documents))
    return str(path)


def run(app: typer.Typer, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments], input=stdin)


def message(result: Result) -> str:
    assert isinstance(result.exception, CliFailure), result.exception
    return result.exception.message


def test_objects_are_printed_as_yaml_that_kubectl_takes(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "-f", write(tmp_path, KNOWN, RUNTIME, SERVICE))
    assert result.exit_code == 0
    objects = list(yaml.safe_load_all(result.stdout))
    assert [obj["kind"] for obj in objects][:3] == ["ConfigMap", "Deployment", "Service"]
    assert {obj["metadata"]["namespace"] for obj in objects} == {"default"}


def test_objects_are_printed_as_a_json_list(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "-o", "json", "-n", "team", "-f", write(tmp_path, KNOWN, RUNTIME, SERVICE))
    listed = json.loads(result.stdout)
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    assert listed["items"][1]["metadata"]["namespace"] == "team"


def test_reasons_are_printed_in_words(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "-o", "explain", "-f", write(tmp_path, KNOWN, RUNTIME, SERVICE))
    assert "runtime  r (the only one that fits)" in result.stdout


def test_manifests_come_from_folders_lists_and_standard_input(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep", {"apiVersion": "v1", "kind": "List", "items": [KNOWN, RUNTIME]})
    (tmp_path / "notes.txt").write_text("no manifest")
    result = run(app, "-f", str(tmp_path), "-f", "-", stdin=yaml.safe_dump(SERVICE))
    assert result.exit_code == 0, result.output


def test_the_settings_are_read_from_their_configmap(app: typer.Typer, tmp_path: Path) -> None:
    ingress = {"ingressGateway": "a/b", "ingressService": "c", "ingressDomain": "example.org"}
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "inferenceservice-config"},
        "data": {"ingress": msgspec.json.encode(ingress).decode()},
    }
    result = run(app, "-f", write(tmp_path, KNOWN, RUNTIME, SERVICE, settings))
    assert "svc.default.example.org" in result.stdout


def test_a_service_that_cannot_be_planned_ends_with_code_1_and_its_next_step(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "-o", "explain", "-f", write(tmp_path, KNOWN, SERVICE))
    assert "RuntimeSelectionError" in result.stdout
    assert "default/svc: RuntimeSelectionError" in message(result)
    assert "next: create a runtime" in message(result)


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([KNOWN], "wanted an InferenceService"),
        ([{**SERVICE, "spec": {"engine": 1}}], "InferenceService svc: spec.engine"),
    ],
)
def test_manifests_that_cannot_be_used_are_told_with_code_2(
    app: typer.Typer, tmp_path: Path, documents: list[Json], told: str
) -> None:
    result = run(app, "-f", write(tmp_path, *documents))
    assert told in message(result)
    assert isinstance(result.exception, CliFailure)
    assert result.exception.exit_code == 2


@pytest.mark.parametrize("text", ["a: [", "\x00"])
def test_a_file_that_is_no_yaml_is_named(app: typer.Typer, tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    assert "odd.yaml" in message(run(app, "-f", str(tmp_path / "odd.yaml")))


def test_a_missing_file_is_named(app: typer.Typer, tmp_path: Path) -> None:
    assert "none.yaml" in message(run(app, "-f", str(tmp_path / "none.yaml")))


def a_model(folder: Path) -> Path:
    """A model folder with a configuration and one small weight file."""
    model = folder / "model"
    model.mkdir()
    config = {"architectures": ["BertModel"], "model_type": "bert", "transformers_version": "4.43.0"}
    (model / "config.json").write_text(json.dumps(config))
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    out = io.BytesIO()
    out.write(struct.pack("<Q", len(header)))
    out.write(header + bytes(8))
    (model / "model.safetensors").write_bytes(out.getvalue())
    return model


@pytest.mark.parametrize("revision", ["", "@", "@main"])
async def test_facts_of_a_repository_that_names_no_revision_are_those_of_its_main_branch(
    tmp_path: Path, revision: str
) -> None:
    async with HubServer([a_model(tmp_path)], HubOptions(name="org/model")) as hub:
        read = await asyncio.to_thread(read_facts, f"hf://org/model{revision}", hub.endpoint, {})
        facts = read.facts
        assert facts.architecture == "BertModel"
        assert facts.revision == await hub.commit("org/model")


def test_facts_of_a_model_folder_fill_what_the_manifest_leaves_out(app: typer.Typer, tmp_path: Path) -> None:
    files = write(tmp_path, MODEL, RUNTIME, SERVICE)
    assert "ModelNotReady" in message(run(app, "-f", files))
    result = run(app, "-f", files, "-o", "explain", "--facts", str(a_model(tmp_path)))
    assert result.exit_code == 0, result.output
    assert "m (BertModel, safetensors 1.0.0, transformers 4.43.0" in result.stdout


@pytest.mark.parametrize(
    ("facts", "told"),
    [("/nowhere", "wanted a model's folder"), ("s3://bucket/x", "wanted an hf:// URI"), ("x://", "--facts")],
)
def test_facts_that_cannot_be_read_are_told(app: typer.Typer, tmp_path: Path, facts: str, told: str) -> None:
    assert told in message(run(app, "-f", write(tmp_path, KNOWN, RUNTIME, SERVICE), "--facts", facts))
