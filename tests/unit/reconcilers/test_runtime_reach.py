"""A change of a runtime wakes the services that it could concern, and no others."""

from typing import Any

import pytest
from tests.unit.planner.build import FORMAT, FRAMEWORK, entry
from tests.unit.reconcilers.objects import added, deleted, lister, updated

from omectl.api.json import JsonObject
from omectl.api.kinds import BASE_MODELS, CLUSTER_BASE_MODELS, INFERENCE_SERVICES
from omectl.api.resource import ObjectKey
from omectl.api.settings import Settings
from omectl.reconcilers.runtime_reach import RuntimeReach
from omectl.reconcilers.service_references import (
    BY_MODEL,
    BY_PICK,
    BY_RUNTIME,
    model_values,
    pick_values,
    runtime_values,
)


def model(name: str, architecture: str, namespace: str = "") -> JsonObject:
    metadata: JsonObject = {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}"}
    spec: JsonObject = {
        "storage": {"storageUri": "hf://org/m"},
        "modelFormat": dict(FORMAT),
        "modelFramework": dict(FRAMEWORK),
        "modelArchitecture": architecture,
        "modelParameterSize": "8B",
    }
    return {"metadata": metadata, "spec": spec}


def service(name: str, model_name: str, *, runtime: str = "", has: str = "", ready: str = "") -> JsonObject:
    spec: JsonObject = {"model": {"name": model_name}, "engine": {}}
    if runtime:
        spec["runtime"] = {"name": runtime}
    picked: JsonObject = {"reason": "Chosen", "runtime": {"kind": "ClusterServingRuntime", "name": has}}
    status: JsonObject = {"selection": picked} if has else {}
    status["conditions"] = [{"type": "Ready", "status": "False", "reason": ready}] if ready else []
    return {"metadata": {"namespace": "team", "name": name, "uid": name}, "spec": spec, "status": status}


def runtime(name: str, architecture: str, namespace: str = "", **spec: object) -> JsonObject:
    formats: JsonObject = {"supportedModelFormats": [entry(modelArchitecture=architecture)], **spec}  # pyright: ignore[reportAssignmentType]
    return {"metadata": {"name": name, "namespace": namespace}, "spec": formats}


@pytest.fixture
def reach() -> RuntimeReach:
    services, store = lister(
        INFERENCE_SERVICES,
        service("llama", "llama", has="r"),
        service("qwen", "qwen", has="q"),
        service("own-qwen", "own-qwen", has="q"),
        service("waits", "phi", ready="RuntimeSelectionError"),
        service("named", "llama", runtime="r"),
        service("named-other", "llama", runtime="x"),
    )
    store.add_indexes({BY_MODEL: model_values, BY_RUNTIME: runtime_values, BY_PICK: pick_values})
    models, _ = lister(BASE_MODELS, model("own-qwen", "Qwen2", "team"), model("broken", "Qwen2", "team") | {"spec": 3})
    cluster, _ = lister(
        CLUSTER_BASE_MODELS, *(model(one.lower(), one) for one in ("Llama", "Phi")), model("qwen", "Qwen2")
    )
    return RuntimeReach(services=services, models=models, cluster_models=cluster, settings=Settings.defaults)


def names(keys: list[ObjectKey]) -> list[str]:
    return [key.name for key in keys]


def test_a_runtime_that_comes_wakes_the_services_whose_model_it_takes_and_those_that_wait(reach: RuntimeReach) -> None:
    """D 16."""
    assert names(reach.concerned(added(runtime("new", "Qwen2")))) == ["own-qwen", "qwen", "waits"]


def test_a_runtime_that_takes_no_model_wakes_only_those_that_wait(reach: RuntimeReach) -> None:
    assert names(reach.concerned(added(runtime("new", "Other")))) == ["waits"]
    assert names(reach.concerned(added(runtime("new", "Llama", disabled=True)))) == ["waits"]
    sizes: dict[str, Any] = {"modelSizeRange": {"min": "20B", "max": "30B"}}
    assert names(reach.concerned(added(runtime("new", "Llama", **sizes)))) == ["waits"]


def test_a_change_counts_for_what_the_runtime_took_before_and_takes_now(reach: RuntimeReach) -> None:
    event = updated(runtime("new", "Llama"), runtime("new", "Qwen2"))
    assert names(reach.concerned(event)) == ["llama", "own-qwen", "qwen", "waits"]


def test_a_change_wakes_those_that_have_the_runtime_or_name_it(reach: RuntimeReach) -> None:
    event = updated(runtime("r", "Other"), runtime("r", "Else"))
    assert names(reach.concerned(event)) == ["named", "llama", "waits"]


def engine(image: object, *args: str) -> dict[str, Any]:
    return {"engineConfig": {"runner": {"image": image, "args": list(args)}}}


def test_a_new_image_wakes_only_those_that_have_the_runtime_and_those_that_wait(reach: RuntimeReach) -> None:
    old, new = (runtime("r", "Qwen2", **engine(f"lmsysorg/sglang:v0.5.{release}")) for release in (3, 4))
    assert names(reach.concerned(updated(old, new))) == ["named", "llama", "waits"]
    away = (runtime("other", "Qwen2", **engine(image)) for image in ("a/b:1", "c/d@sha256:0"))
    assert names(reach.concerned(updated(*away))) == ["waits"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (engine("lmsysorg/sglang:1"), engine("vllm/vllm-openai:1")),
        (engine("lmsysorg/sglang:1"), engine("example.org/own:1")),
        (engine("lmsysorg/sglang:1"), engine("lmsysorg/sglang:2", "--tp=2")),
        (engine("example.org/own:1"), engine(None)),
        (engine("example.org/own:1"), engine("")),
        (engine(["lmsysorg/sglang:1"]), engine(["lmsysorg/sglang:2"])),
    ],
)
def test_an_image_of_another_engine_or_a_change_beside_it_wakes_all_whose_model_the_runtime_takes(
    reach: RuntimeReach, old: dict[str, Any], new: dict[str, Any]
) -> None:
    event = updated(runtime("other", "Qwen2", **old), runtime("other", "Qwen2", **new))
    assert names(reach.concerned(event)) == ["own-qwen", "qwen", "waits"]


def test_a_runtime_that_goes_wakes_as_one_that_changes(reach: RuntimeReach) -> None:
    assert names(reach.concerned(deleted(runtime("q", "Qwen2")))) == ["own-qwen", "qwen", "waits"]


def test_a_runtime_of_another_namespace_wakes_nobody(reach: RuntimeReach) -> None:
    assert reach.concerned(added(runtime("r", "Llama", namespace="other"))) == []
    assert names(reach.concerned(added(runtime("new", "Llama", namespace="team")))) == ["llama", "waits"]


def test_a_runtime_that_cannot_be_read_wakes_those_that_have_it(reach: RuntimeReach) -> None:
    broken: JsonObject = {"metadata": {"name": "r"}, "spec": {"supportedModelFormats": 3}}
    assert names(reach.concerned(added(broken))) == ["named", "llama", "waits"]


@pytest.mark.parametrize("status", [None, 3, {"annotations": 3, "conditions": {}}, {"conditions": [3, {"type": 1}]}])
def test_an_odd_status_gives_no_pick_instead_of_an_error(status: object) -> None:
    assert pick_values({"status": status}) == []  # pyright: ignore[reportArgumentType]
