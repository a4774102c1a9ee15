"""Istio's Sidecar of a component of several pods."""

from typing import Any

import pytest
from tests.unit.planner.build import child, entry, made, runtime, service

Json = Any
RUNNER = {"name": "ome-container", "image": "engine:1", "ports": [{"containerPort": 30000}]}
INJECTED = {"sidecar.istio.io/inject": "true"}
GROUP = {"leader": {"runner": RUNNER}, "worker": {"size": 1, "runner": RUNNER}}
RAY = {"annotations": {"ome.io/deploymentMode": "MultiNodeRayVLLM"}, "minReplicas": 1}


def sidecars(engine: Json, **metadata: Json) -> list[Json]:
    taken = runtime("r", entry(), engineConfig={"runner": RUNNER})
    found = made(service(engine=engine, metadata=metadata), taken)
    assert found.problem is None
    return [obj for obj in found.objects if obj["kind"] == "Sidecar"]


@pytest.mark.parametrize("engine", [{**GROUP, "labels": INJECTED}, {**RAY, "labels": INJECTED}])
def test_d_29_the_proxies_of_a_group_are_for_the_port_that_serves_and_for_its_own_pods(engine: Json) -> None:
    (found,) = sidecars(engine)
    own = {"ome.io/inferenceservice": "svc", "component": "engine"}
    assert found["apiVersion"] == "networking.istio.io/v1"
    assert found["metadata"] == {"name": "svc-engine", "namespace": "team", "labels": own}
    port = {"number": 30000, "protocol": "HTTP", "name": "http"}
    assert found["spec"] == {
        "workloadSelector": {"labels": own},
        "ingress": [{"port": port}],
        "egress": [{"port": port, "hosts": ["./*"]}],
    }


def test_d_29_the_pods_have_the_labels_by_which_they_are_selected() -> None:
    taken = runtime("r", entry(), engineConfig={"runner": RUNNER})
    found = made(service(engine={**GROUP, "labels": INJECTED}), taken)
    selected = child(found, "Sidecar")["spec"]["workloadSelector"]["labels"].items()
    template = child(found, "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    for role in ("leaderTemplate", "workerTemplate"):
        assert selected <= template[role]["metadata"]["labels"].items()


def test_a_label_of_the_service_reaches_its_pods_and_counts() -> None:
    assert len(sidecars(GROUP, labels=INJECTED)) == 1


@pytest.mark.parametrize(
    "engine", [GROUP, {**GROUP, "labels": {"sidecar.istio.io/inject": "false"}}, {"labels": INJECTED}]
)
def test_pods_alone_and_pods_without_a_proxy_have_no_sidecar_object(engine: Json) -> None:
    assert sidecars(engine) == []
