"""Build 6: `omectl plan -o table`, and which files of `--facts` count."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.unit.cli.test_plan import (
    KNOWN,
    MODEL,
    RUNTIME,
    SERVICE,
    a_model,
    message,
    run,
    write,
)
from tests.unit.planner.build import model

from omectl.cli.failure import CliFailure
from omectl.cli.model_facts import FactsSource, read_facts
from omectl.cli.plan import register
from omectl.local.hub import HubOptions, HubServer

Json = Any
CLASS: Json = {
    "apiVersion": "ome.io/v1beta1",
    "kind": "AcceleratorClass",
    "metadata": {"name": "h100"},
    "spec": {
        "discovery": {"nodeSelector": {"gpu": "h100"}},
        "capabilities": {"memoryGB": "80Gi"},
        "resources": [{"name": "nvidia.com/gpu", "quantity": "1"}],
        "cost": {"perHour": "4", "spotPerHour": "1.5"},
    },
}
LISTING: Json = {
    **RUNTIME,
    "spec": {**RUNTIME["spec"], "acceleratorRequirements": {"acceleratorClasses": ["h100"]}},
}
GPUS: Json = {"resources": {"limits": {"nvidia.com/gpu": 2}}}


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return app


def on_gpus(**engine: Json) -> Json:
    """The service on class h100, with two accelerators in each pod."""
    spec = {"engine": {"runner": GPUS, **engine}, "acceleratorSelector": {"acceleratorClass": "h100"}}
    return {**SERVICE, "spec": {**SERVICE["spec"], **spec}}


def table(app: typer.Typer, tmp_path: Path, *documents: Json, facts: str = "") -> list[str]:
    more = ["--facts", facts] if facts else []
    result = run(app, "-o", "table", *more, "-f", write(tmp_path, *documents))
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_a_service_on_accelerators_is_told_with_its_price(app: typer.Typer, tmp_path: Path) -> None:
    status = {"state": "Ready", "nodesReady": ["a"], "facts": {"sizeBytes": 3 << 30}}
    known = {**KNOWN, "spec": {**KNOWN["spec"], "modelParameterSize": "8B"}, "status": status}
    size = "3.0 GiB (3221225472 bytes)"
    assert table(app, tmp_path, known, LISTING, CLASS, on_gpus(minReplicas=1, maxReplicas=3)) == [
        "InferenceService default/svc",
        "  model     m (BertModel, safetensors 1.0.0, transformers 4.43.0, 8B)",
        "  runtime   r",
        "  class     h100 for the engine, 2 accelerators in each pod",
        "  mode      RawDeployment",
        "  objects   6: ConfigMap, Deployment, Service x2, HorizontalPodAutoscaler, PodDisruptionBudget",
        "  replicas  engine 1 to 3",
        f"  download  about {size} for each node without the model, by its facts (weights alone); 1 node has it",
        f"  disk      about {size} on each node",
        "  fit       fits",
        "  cost      8.00 dollars an hour (3.00 on spot), 2 accelerators for a replica of the engine",
        "            8.00 dollars an hour (3.00 on spot), 2 accelerators for the least replicas",
        "            24.00 dollars an hour (9.00 on spot), 6 accelerators for the most replicas",
    ]


def test_what_nobody_told_is_unknown_and_not_nothing(app: typer.Typer, tmp_path: Path) -> None:
    unpriced = {**CLASS, "spec": {key: value for key, value in CLASS["spec"].items() if key != "cost"}}
    lines = table(app, tmp_path, KNOWN, LISTING, unpriced, on_gpus())
    assert "  download  unknown: nobody told how large the model's files are; name them with --facts" in lines
    assert "  disk      unknown" in lines
    told = "unknown: no price an hour in a class, 2 accelerators"
    assert f"  cost      {told} for a replica of the engine" in lines


def test_without_accelerators_there_is_no_price(app: typer.Typer, tmp_path: Path) -> None:
    lines = table(app, tmp_path, KNOWN, RUNTIME, SERVICE)
    assert "  fit       no accelerators to fit on" in lines
    assert lines[-1] == "  cost      no accelerators; nothing else has a price"


def test_files_that_lie_on_the_nodes_are_not_downloaded(app: typer.Typer, tmp_path: Path) -> None:
    local = {**KNOWN, "spec": {**KNOWN["spec"], "storage": {"storageUri": "local:///raid/models/m"}}}
    lines = table(app, tmp_path, local, RUNTIME, SERVICE)
    assert "  download  none: the files are used where they lie" in lines
    assert "  disk      none beside them" in lines


def test_a_mode_that_makes_nothing_costs_nothing(app: typer.Typer, tmp_path: Path) -> None:
    metadata = {**SERVICE["metadata"], "annotations": {"ome.io/deploymentMode": "VirtualDeployment"}}
    assert table(app, tmp_path, KNOWN, RUNTIME, {**SERVICE, "metadata": metadata}) == [
        "InferenceService default/svc",
        "  mode      VirtualDeployment",
        "  objects   none, and so nothing to download or pay for",
    ]


def test_where_others_scale_the_most_is_unbounded(app: typer.Typer, tmp_path: Path) -> None:
    annotations = {"ome.io/autoscalerClass": "external"}
    service = on_gpus(minReplicas=1)
    service = {**service, "metadata": {**service["metadata"], "annotations": annotations}}
    lines = table(app, tmp_path, KNOWN, LISTING, CLASS, service)
    assert "  replicas  engine 1 or more" in lines
    assert lines[-1] == "            unbounded for the most replicas"


def test_a_refused_service_is_told_with_its_next_step_and_code_1(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "-o", "table", "-f", write(tmp_path, KNOWN, SERVICE))
    assert isinstance(result.exception, CliFailure)
    assert result.exception.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "InferenceService default/svc"
    assert lines[-2].startswith("  problem   RuntimeSelectionError: ")
    assert lines[-1].startswith("  next      create a runtime")


def test_the_help_tells_the_exit_codes(app: typer.Typer) -> None:
    text = " ".join(run(app, "--help").stdout.replace("│", " ").split())
    assert "code 0 when every service is planned, 1 when one is refused" in text
    assert "2 when the command line or a file is wrong" in text


def test_the_listing_tells_the_bytes_of_the_files_that_an_agent_would_choose(app: typer.Typer, tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    (folder / "pytorch_model.bin").write_bytes(bytes(5000))
    (folder / "README.md").write_text("# A card")
    size = sum((folder / name).stat().st_size for name in ("config.json", "model.safetensors"))
    lines = table(app, tmp_path, MODEL, RUNTIME, SERVICE, facts=str(folder))
    assert f"  download  {size} bytes for each node without the model, by the listing of its files" in lines
    assert f"  disk      {size} bytes on each node" in lines


def test_the_models_own_patterns_say_which_files_count(app: typer.Typer, tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    (folder / "extra.json").write_bytes(b" " * 2048)
    ignoring = {**MODEL["spec"]["storage"], "parameters": {"ignorePatterns": "extra*", "token": "x"}}
    own = {**MODEL, "spec": {**MODEL["spec"], "storage": ignoring}}
    size = sum((folder / name).stat().st_size for name in ("config.json", "model.safetensors"))
    assert f"  disk      {size} bytes on each node" in table(app, tmp_path, own, RUNTIME, SERVICE, facts=str(folder))
    (line,) = (
        one for one in table(app, tmp_path, MODEL, RUNTIME, SERVICE, facts=str(folder)) if one.startswith("  disk")
    )
    assert f"({size + 2048} bytes)" in line


def test_a_folder_without_a_models_files_is_told(app: typer.Typer, tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    nothing = {**MODEL["spec"]["storage"], "parameters": {"allowPatterns": "*.gguf"}}
    own = {**MODEL, "spec": {**MODEL["spec"], "storage": nothing}}
    result = run(app, "-f", write(tmp_path, own, RUNTIME, SERVICE), "--facts", str(folder))
    assert "none of the 2 files" in message(result)
    assert isinstance(result.exception, CliFailure)
    assert result.exception.exit_code == 2


async def test_a_repository_is_read_by_the_models_patterns(tmp_path: Path) -> None:
    folder = a_model(tmp_path)
    (folder / "extra.json").write_bytes(b" " * 2048)
    size = sum((folder / name).stat().st_size for name in ("config.json", "model.safetensors"))
    async with HubServer([folder], HubOptions(name="org/model")) as hub:
        asked = "hf://org/model"
        every = await asyncio.to_thread(read_facts, asked, hub.endpoint, {})
        chosen = await asyncio.to_thread(read_facts, asked, hub.endpoint, {"ignorePatterns": "extra*"})
    assert (every.size_bytes, chosen.size_bytes) == (size + 2048, size)
    assert (every.facts.files, chosen.facts.files) == (3, 2)


def test_a_source_is_read_once_for_each_choice_of_files(tmp_path: Path) -> None:
    source = FactsSource(str(a_model(tmp_path)), "https://unused")
    storage = {"storageUri": "hf://org/m"}
    first = source.of(model(storage=storage))
    assert source.of(model("other", storage={**storage, "parameters": {"token": "x"}})) is first
    assert source.of(model(storage={**storage, "parameters": {"ignorePatterns": "*.txt"}})) is not first


def test_a_stop_is_told_and_costs_nothing(app: typer.Typer, tmp_path: Path) -> None:
    stopped = {**SERVICE, "metadata": {**SERVICE["metadata"], "annotations": {"omectl.io/stop": "true"}}}
    lines = table(app, tmp_path, KNOWN, RUNTIME, stopped)
    assert "  stopped   the service is stopped by its annotation omectl.io/stop: it gets no pods" in lines
    assert "  replicas  engine 0" in lines
    assert not [line for line in table(app, tmp_path, KNOWN, RUNTIME, SERVICE) if "stopped" in line]


def test_what_keeps_a_pinned_runtime_is_told(app: typer.Typer, tmp_path: Path) -> None:
    reference = {"name": RUNTIME["metadata"]["name"], "autoSync": False}
    pinned = {**SERVICE, "spec": {**SERVICE["spec"], "runtime": reference}}
    (line,) = [line for line in table(app, tmp_path, KNOWN, RUNTIME, pinned) if line.startswith("  pinned")]
    name = SERVICE["metadata"]["name"]
    assert line.startswith(f"  pinned    as {name}-runtime-")
    assert line.endswith(", which it still equals")
