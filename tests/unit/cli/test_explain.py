"""`omectl explain` on files: forms, limits and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.unit.cli.test_plan import FACTS, KNOWN, MODEL, RUNTIME, SERVICE, a_model, write
from typer.testing import CliRunner, Result

from omectl.api.base_model import ClusterBaseModel
from omectl.api.codec import decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.settings import Settings
from omectl.cli.explain import register
from omectl.cli.failure import CliFailure
from omectl.planner.model import view_model
from omectl.planner.selection.sticky import input_hash

Json = Any
OTHERS = [
    {
        **RUNTIME,
        "metadata": {"name": f"other-{number}"},
        "spec": {"supportedModelFormats": [{"modelFormat": {"name": "onnx"}}]},
    }
    for number in range(7)
]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return app


def run(app: typer.Typer, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["explain", *arguments], input=stdin)


def failed(result: Result, code: int, *texts: str) -> None:
    assert isinstance(result.exception, CliFailure), result.exception
    assert result.exception.exit_code == code
    for text in texts:
        assert text in result.exception.message


def named(name: str, namespace: str = "default") -> Json:
    return {**SERVICE, "metadata": {"name": name, "namespace": namespace}}


def test_a_service_with_a_plan_ends_with_code_0(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "-f", write(tmp_path, KNOWN, RUNTIME, SERVICE))
    assert result.exit_code == 0
    assert result.stdout.startswith("InferenceService default/svc\n  model    m (BertModel")
    assert "  runtime  r (the only one that fits)\n" in result.stdout


def test_a_service_without_a_plan_ends_with_code_1_after_the_report(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "-f", write(tmp_path, KNOWN, SERVICE))
    failed(result, 1, "default/svc: no plan: RuntimeSelectionError")
    assert "  problem  RuntimeSelectionError: no runtime serves model m" in result.stdout


def test_an_engine_that_does_not_fit_ends_with_code_1(app: typer.Typer, tmp_path: Path) -> None:
    small = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "AcceleratorClass",
        "metadata": {"name": "t4"},
        "spec": {
            "discovery": {"nodeSelector": {"gpu": "t4"}},
            "capabilities": {"memoryGB": "16Gi"},
            "resources": [{"name": "nvidia.com/gpu"}],
        },
    }
    large = {**KNOWN, "spec": {**KNOWN["spec"], "modelParameterSize": "70B"}}
    spec = {**RUNTIME["spec"], "acceleratorRequirements": {"acceleratorClasses": ["t4"]}}
    spec["engineConfig"] = {
        "runner": {**spec["engineConfig"]["runner"], "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    }
    asked = {**SERVICE, "spec": {**SERVICE["spec"], "acceleratorSelector": {"acceleratorClass": "t4"}}}
    result = run(app, "-f", write(tmp_path, large, {**RUNTIME, "spec": spec}, small, asked))
    failed(result, 1, "default/svc: the engine does not fit its accelerators: DoesNotFit")
    assert "  fit      does not fit: " in result.stdout


def test_one_service_of_several_is_asked_for_by_name(app: typer.Typer, tmp_path: Path) -> None:
    path = write(tmp_path, KNOWN, RUNTIME, named("a"), named("b"), named("a", "other"))
    result = run(app, "a", "-f", path)
    assert result.stdout.count("InferenceService ") == 1
    assert "InferenceService default/a\n" in result.stdout
    assert "InferenceService other/a\n" in run(app, "a", "-n", "other", "-f", path).stdout


def test_every_service_of_the_files_is_told_without_a_name(app: typer.Typer, tmp_path: Path) -> None:
    missing = {**named("c"), "spec": {"model": {"name": "none"}, "engine": {}}}
    also = {**named("d"), "spec": {"engine": {}}}
    result = run(app, "-f", write(tmp_path, KNOWN, RUNTIME, named("a"), missing, also))
    failed(result, 1, "default/c: no plan: ModelReconcileError; default/d: no plan: ModelReconcileError")
    assert result.stdout.count("InferenceService default/") == 3


@pytest.mark.parametrize(
    ("arguments", "documents", "told"),
    [
        ((), [KNOWN], "wanted an InferenceService in"),
        (("nope",), [KNOWN, SERVICE], "wanted InferenceService default/nope in"),
        ((), [{**SERVICE, "spec": {"engine": 1}}], "InferenceService svc: spec.engine"),
    ],
)
def test_files_that_cannot_be_used_are_told_with_code_2(
    app: typer.Typer, tmp_path: Path, arguments: tuple[str, ...], documents: list[Json], told: str
) -> None:
    failed(run(app, *arguments, "-f", write(tmp_path, *documents)), 2, told)


def test_neither_a_name_nor_files_is_wrong_usage(app: typer.Typer) -> None:
    failed(run(app), 2, "wanted the name of a service, or files (-f)")


@pytest.mark.parametrize("arguments", [("--context", "c"), ("--timeout", "3"), ("--operator-namespace", "o")])
def test_options_of_a_cluster_are_refused_beside_files(
    app: typer.Typer, tmp_path: Path, arguments: tuple[str, str]
) -> None:
    told = f"wanted a cluster with {arguments[0]}, found files alone; leave out the files, or the options of a cluster"
    failed(run(app, "-f", write(tmp_path, KNOWN, RUNTIME, SERVICE), *arguments), 2, told)


def test_a_report_is_one_json_object_and_several_are_a_list(app: typer.Typer, tmp_path: Path) -> None:
    one = json.loads(run(app, "-f", write(tmp_path, KNOWN, RUNTIME, SERVICE), "-o", "json").stdout)
    assert (one["apiVersion"], one["kind"], one["service"]) == ("omectl.io/v1", "SelectionReport", "default/svc")
    path = write(tmp_path, KNOWN, RUNTIME, named("a"), named("b"))
    several = json.loads(run(app, "-f", path, "-o", "json").stdout)
    assert (several["apiVersion"], several["kind"]) == ("v1", "List")
    assert [item["service"] for item in several["items"]] == ["default/a", "default/b"]


def test_reports_are_yaml_documents(app: typer.Typer, tmp_path: Path) -> None:
    path = write(tmp_path, KNOWN, RUNTIME, named("a"), named("b"))
    told = list(yaml.safe_load_all(run(app, "-f", path, "-o", "yaml").stdout))
    assert [one["service"] for one in told] == ["default/a", "default/b"]
    assert told == json.loads(run(app, "-f", path, "-o", "json").stdout)["items"]


def test_a_table_tells_of_five_runtimes_and_counts_the_rest(app: typer.Typer, tmp_path: Path) -> None:
    path = write(tmp_path, KNOWN, SERVICE, *OTHERS)
    table = run(app, "-f", path).stdout
    assert table.count("(cluster)") == 5
    assert "    ... and 2 more that fit less\n" in table
    assert run(app, "-f", path, "--limit", "7").stdout.count("(cluster)") == 7
    assert len(json.loads(run(app, "-f", path, "-o", "json").stdout)["runtimes"]) == 7
    short = json.loads(run(app, "-f", path, "-o", "json", "--limit", "2").stdout)
    assert (len(short["runtimes"]), short["leftOut"], short["lookedAt"]) == (2, 5, 7)


def test_a_limit_of_nothing_is_wrong_usage(app: typer.Typer, tmp_path: Path) -> None:
    assert run(app, "-f", write(tmp_path, KNOWN, SERVICE), "--limit", "0").exit_code == 2


def test_standard_input_is_read(app: typer.Typer) -> None:
    result = run(app, "-f", "-", stdin=yaml.safe_dump_all([KNOWN, RUNTIME, SERVICE]))
    assert result.exit_code == 0


def test_facts_of_a_model_folder_fill_what_the_manifest_leaves_out(app: typer.Typer, tmp_path: Path) -> None:
    files = write(tmp_path, MODEL, RUNTIME, SERVICE)
    result = run(app, "-f", files)
    failed(result, 1, "ModelNotReady")
    assert "--facts\n" in result.stdout or "--facts hf://org/m" in result.stdout
    assert run(app, "-f", files, "--facts", str(a_model(tmp_path))).exit_code == 0


def test_what_only_the_user_knows_is_told_in_every_form(app: typer.Typer, tmp_path: Path) -> None:
    files = write(tmp_path, MODEL, RUNTIME, SERVICE)
    told = json.loads(run(app, "-f", files, "-o", "json").stdout)
    assert told["ways"][0]["changes"][0]["toFill"] == ["<format>", "<format version>"]
    assert "put in your own <format>" in run(app, "-f", files).stdout


def test_a_service_of_a_file_that_has_a_status_keeps_what_it_has(app: typer.Typer, tmp_path: Path) -> None:
    """D 16: as the controller would. Without the status the better one is chosen."""
    better = {**FACTS, "autoSelect": True, "priority": 2}
    new = {**RUNTIME, "metadata": {"name": "new"}, "spec": {**RUNTIME["spec"], "supportedModelFormats": [better]}}
    model = view_model(decode_as(ClusterBaseModel, KNOWN), Settings.defaults())
    picked = {
        "reason": "Chosen",
        "runtime": {"kind": "ClusterServingRuntime", "name": "r"},
        "inputs": input_hash(decode_as(InferenceService, SERVICE), model),
    }
    kept = {**SERVICE, "status": {"selection": picked}}
    told = run(app, "-f", write(tmp_path, KNOWN, RUNTIME, new, kept)).stdout
    assert "  runtime  r (it was picked before, and neither service nor model changed)\n" in told
    assert "  warning  runtime new would be chosen today, r is kept" in told
    assert (
        "  runtime  new (the higher priority)\n" in run(app, "-f", write(tmp_path, KNOWN, RUNTIME, new, SERVICE)).stdout
    )
    asking = {**kept, "metadata": {"name": "svc", "annotations": {"omectl.io/reselect": "1"}}}
    assert (
        "  runtime  new (the higher priority)\n" in run(app, "-f", write(tmp_path, KNOWN, RUNTIME, new, asking)).stdout
    )
