"""What stands in pods stands in those of every mode: groups, decoders, Knative and Ray."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.planner.build import RUNNER, entry, made, model, runtime, service, values

from omectl.api.codec import decode_as
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.planner import Plan

Json = Any
KUEUE = {"kueue.x-k8s.io/queue-name": "gpus", "kueue.x-k8s.io/priority-class": "high"}
FIELDS = {"priorityClassName": "serving", "schedulerName": "kai"}
ROUTER = {"runner": {"name": "router", "image": "r:1"}}
GROUP = {"leader": {"runner": RUNNER}, "worker": {"size": 1, "runner": RUNNER}}
WEIGHT = decode_as(
    FineTunedWeight,
    {
        "metadata": {"name": "ft"},
        "spec": {
            "baseModelRef": {"name": "m"},
            "modelType": "LoRA",
            "storage": {"storageUri": "pvc://tuned/ft"},
            "hyperParameters": {"strategy": "lora"},
        },
    },
)
MODES: dict[str, Json] = {
    "raw": {"engine": {**FIELDS}},
    "groups": {"engine": {**FIELDS, **GROUP}},
    "knative": {"engine": {**FIELDS, "minReplicas": 0}},
    "ray": {"engine": {**FIELDS, **GROUP, "annotations": {"ome.io/deploymentMode": "MultiNodeRayVLLM"}}},
    "decoder": {"engine": {**FIELDS}, "decoder": {**FIELDS}},
    "decoder in groups": {"engine": {**FIELDS}, "decoder": {**FIELDS, **GROUP}},
}


def planned(mode: str, **given: Json) -> Plan:
    """The plan of a service in that mode, with its model in a claim and a weight in another, with RDMA and a queue."""
    metadata = {"labels": KUEUE, "annotations": {"rdma.ome.io/auto-inject": "true"}}
    asked = service(metadata=metadata, model={"name": "m", "fineTunedWeights": ["ft"]}, **MODES[mode])
    pair: Json = {"decoderConfig": {} if "groups" in mode else {"runner": RUNNER}, "routerConfig": ROUTER}
    engine = {} if mode == "groups" else {"runner": RUNNER}
    taken = runtime("r", entry(), engineConfig=engine, **(pair if "decoder" in mode else {}))
    storage = given.pop("storage", {"storageUri": "pvc://shared/llama"})
    found = made(asked, taken, model=model(storage=storage), weights=(WEIGHT,), **given)
    assert found.problem is None, found.problem
    return found


def workloads(found: Plan) -> list[Json]:
    """The planned workloads; Knative has Services too."""
    kinds = {"Deployment", "LeaderWorkerSet", "RayCluster"}
    return [
        one
        for one in found.objects
        if one["kind"] in kinds or (one["kind"] == "Service" and "knative" in str(one["apiVersion"]))
    ]


def templates(value: Json) -> Iterator[Json]:
    """Every pod template in a workload: what has containers, with the tags beside it."""
    if isinstance(value, dict):
        if "containers" in value.get("spec", {}):
            yield value
        else:
            for one in value.values():
                yield from templates(one)
    elif isinstance(value, list):
        for one in value:
            yield from templates(one)


def of_engines(found: Plan) -> list[Json]:
    """The pod templates of engine and decoder."""
    return [
        template
        for workload in workloads(found)
        if workload["metadata"]["labels"]["component"] != "router"
        for template in templates(workload)
    ]


@pytest.mark.parametrize("mode", MODES)
def test_claims_and_weights_are_mounted_in_the_pods_of_every_mode(mode: str) -> None:
    found = of_engines(planned(mode))
    assert len(found) == {"raw": 1, "knative": 1, "decoder in groups": 3}.get(mode, 2)
    for template in found:
        pod = template["spec"]
        claims = [one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"] if "persistentVolumeClaim" in one]
        assert claims == ["shared", "tuned"]
        container = pod["containers"][0]
        mounts = {one["mountPath"] for one in container["volumeMounts"]}
        assert {"/mnt/model", "/opt/ml/model", "/dev/shm", "/dev/infiniband"} <= mounts
        assert values(container)["MODEL_PATH"] == "/mnt/model"
        assert values(container)["NCCL_IB_GID_INDEX"] == "3"
        assert "nodeSelector" not in pod
        assert template["metadata"]["labels"]["fine-tuned-serving"] == "true"


@pytest.mark.parametrize("mode", MODES)
def test_pods_of_every_mode_wait_for_a_node_with_the_model(mode: str) -> None:
    found = of_engines(planned(mode, storage={"storageUri": "hf://org/m"}))
    wanted = {"models.ome.io/clusterbasemodel.m": "Ready"}
    assert [template["spec"]["nodeSelector"] for template in found] == [wanted] * len(found)


@pytest.mark.parametrize("mode", MODES)
def test_d38_queue_and_priority_are_on_the_workload_and_the_pods_of_every_mode(mode: str) -> None:
    found = workloads(planned(mode))
    assert found
    for workload in found:
        assert KUEUE.items() <= workload["metadata"]["labels"].items()
        for template in templates(workload):
            assert KUEUE.items() <= template["metadata"]["labels"].items()


@pytest.mark.parametrize("mode", MODES)
def test_priority_class_and_scheduler_reach_the_pods_of_every_mode(mode: str) -> None:
    assert all(FIELDS.items() <= template["spec"].items() for template in of_engines(planned(mode)))
