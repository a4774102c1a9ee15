"""What pods mount of a model, by where its files come from (4.4)."""

from typing import Any

import pytest
from tests.unit.planner.build import (
    NAMESPACE,
    RUNNER,
    container_of,
    entry,
    made,
    model,
    pod_of,
    runtime,
    service,
    values,
    with_class,
)

from omectl.planner import Plan

Json = Any


def with_files(uri: str, path: str | None = None, **given: Json) -> Plan:
    """The plan of a service whose model's files come from there."""
    storage = {"storageUri": uri, **({"path": path} if path is not None else {})}
    return made(given.pop("asked", None), model=model(storage=storage, **given))


def test_a_directory_that_is_missing_on_a_node_is_not_made_there() -> None:
    """12.1: a host path without a type lets a missing model become an empty directory."""
    assert pod_of(with_files("hf://org/m"))["volumes"][0]["hostPath"]["type"] == "Directory"
    assert pod_of(with_files("local:///raid/models/x"))["volumes"][0]["hostPath"] == {
        "path": "/raid/models/x",
        "type": "Directory",
    }


def test_what_a_vendor_put_somewhere_may_be_a_file_too() -> None:
    assert pod_of(with_files("vendor://v/t/p"))["volumes"][0]["hostPath"] == {"path": "/raid/models/vendor/v/t/p"}


def test_a_claim_is_mounted_read_only_on_whichever_node() -> None:
    found = with_files("pvc://shared/llama//8b/")
    pod, container = pod_of(found), container_of(found)
    assert pod["volumes"] == [{"name": "m", "persistentVolumeClaim": {"claimName": "shared", "readOnly": True}}]
    assert container["volumeMounts"] == [
        {"name": "m", "mountPath": "/mnt/model", "readOnly": True, "subPath": "llama/8b"}
    ]
    assert values(container)["MODEL_PATH"] == "/mnt/model"
    assert "nodeSelector" not in pod


@pytest.mark.parametrize("subpath", [".", "/", "./."])
def test_the_whole_claim_has_no_subpath(subpath: str) -> None:
    assert "subPath" not in container_of(with_files(f"pvc://shared/{subpath}"))["volumeMounts"][0]


def test_a_claims_path_is_where_it_is_mounted_and_need_not_lie_below_the_models_root() -> None:
    container = container_of(with_files("pvc://shared/llama", "/models"))
    assert container["volumeMounts"][0]["mountPath"] == values(container)["MODEL_PATH"] == "/models"


def test_node_selectors_of_others_hold_for_a_claim_too() -> None:
    asked = service(engine={"nodeSelector": {"zone": "a"}})
    assert pod_of(with_files("pvc://shared/llama", asked=asked))["nodeSelector"] == {"zone": "a"}
    of_class = with_class(model=model(storage={"storageUri": "pvc://shared/llama"}))
    assert pod_of(of_class)["nodeSelector"] == {"gpu": "h100"}


def test_an_image_is_mounted_as_a_volume() -> None:
    found = with_files("image://registry.example:5000/org/m:v1#models/llama")
    assert pod_of(found)["volumes"] == [
        {"name": "m", "image": {"reference": "registry.example:5000/org/m:v1", "pullPolicy": "IfNotPresent"}}
    ]
    assert container_of(found)["volumeMounts"] == [
        {"name": "m", "mountPath": "/mnt/model", "readOnly": True, "subPath": "models/llama"}
    ]
    assert "nodeSelector" not in pod_of(found)


def test_a_claim_of_the_services_namespace_may_be_named_with_it() -> None:
    assert pod_of(with_files(f"pvc://{NAMESPACE}:shared/llama"))["volumes"][0]["name"] == "m"


@pytest.mark.parametrize(
    ("uri", "path", "told"),
    [
        ("pvc://other:shared/llama", None, "the claim is in namespace other, and pods of namespace team"),
        ("pvc://shared/a/../../b", None, "'a/../../b' leads out of the volume"),
        ("image://org/m#../x", None, "'../x' leads out of the volume"),
        ("pvc://shared/llama", "models", "wanted an absolute path"),
        ("pvc://shared/llama", "/a/../b", "wanted an absolute path"),
        ("pvc://shared/llama", "/a:b", "wanted an absolute path"),
        ("pvc://shared/llama", "/", "wanted an absolute path"),
    ],
)
def test_what_pods_cannot_mount_is_refused_with_its_field(uri: str, path: str | None, told: str) -> None:
    problem = with_files(uri, path).problem
    assert problem is not None
    assert (problem.reason, problem.failure) == ("ModelReconcileError", "BaseModelNotReady")
    assert problem.message.startswith("spec.storage.")
    assert told in problem.message


def test_nobody_is_told_to_wait_for_an_agent_that_reads_no_claim() -> None:
    found = with_files("pvc://shared/llama", modelFormat=None, modelFramework=None, modelArchitecture=None)
    assert found.problem is not None
    assert found.problem.reason == "ModelNotReady"
    assert found.problem.next_step.startswith("state what is missing in the spec of ClusterBaseModel m: modelFormat")


def test_d22_a_volume_that_already_has_the_files_is_used_and_no_second_one_made() -> None:
    own = {"name": "m", "persistentVolumeClaim": {"claimName": "shared", "readOnly": True}}
    found = with_files("pvc://shared/llama", asked=service(engine={"volumes": [own]}))
    assert pod_of(found)["volumes"] == [own]
    other = {"name": "m", "persistentVolumeClaim": {"claimName": "other"}}
    found = with_files("pvc://shared/llama", asked=service(engine={"volumes": [other]}))
    assert [one["name"] for one in pod_of(found)["volumes"]] == ["m", "m-model"]
    typed = {"name": "m", "hostPath": {"path": "/raid/models/m", "type": "DirectoryOrCreate"}}
    assert pod_of(made(service(engine={"volumes": [typed]})))["volumes"] == [typed]


def test_a_router_waits_for_no_model() -> None:
    """It reads none, and on a node without the model a directory that is wanted would keep it from starting."""
    router = {"name": "router", "image": "router:1"}
    for uri in ("hf://org/m", "pvc://shared/llama"):
        storage = {"storageUri": uri}
        found = made(
            service(router={}),
            runtime("r", entry(), engineConfig={"runner": RUNNER}, routerConfig={"runner": router}),
            model=model(storage=storage),
        )
        assert "volumes" not in pod_of(found, "router")
        assert "nodeSelector" not in pod_of(found, "router")


def test_a_mounted_model_is_not_waited_for() -> None:
    """It is Ready at once: nothing brings it to nodes, so that a pod without a node has another reason."""
    pending = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "claim not found"}
    live = [
        {"kind": "Deployment", "metadata": {"name": "svc-engine"}, "status": {}},
        {
            "kind": "Pod",
            "metadata": {"name": "p", "namespace": NAMESPACE, "labels": {"app": "svc-engine"}},
            "status": {"phase": "Pending", "conditions": [pending]},
        },
    ]
    found = made(model=model(storage={"storageUri": "pvc://shared/llama"}), live=live)
    ready = next(one for one in found.status["conditions"] if one["type"] == "Ready")
    assert ready["reason"] == "Unschedulable"
    assert "claim not found" in ready["message"]
