"""Serverless and Ray engines on a real API server with Knative's and KubeRay's own definitions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.envtest.conftest import Shipped
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.other_workloads import (
    RAY,
    SERVERLESS,
    make_cluster_ready,
    make_knative_ready,
    set_engine,
    there,
)
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    runtime_spec,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.kube.errors import NotFound
from omectl.kube.resources import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, RAY_CLUSTERS, VIRTUAL_SERVICES
from omectl.reconcilers.service import LOOK_AGAIN_S

REST_S = 1.5
FULL: JsonObject = {
    **SERVERLESS,
    "scaleTarget": 10,
    "scaleMetric": "rps",
    "containerConcurrency": 20,
    "timeoutSeconds": 300,
    "annotations": {"serving.knative.dev/rollout-duration": "60s", "ome.io/enable-tag-routing": "true"},
    "runner": {
        "name": "ome-container",
        "startupProbe": {"httpGet": {"path": "/health", "port": 8080}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}},
    },
}


@pytest.fixture(scope="module")
def shipped(everybodys: Shipped) -> Shipped:
    """The control plane with everybody's kinds."""
    return everybodys


async def make(scene: Scene, engine: JsonObject, **given: Any) -> str:
    model, runtime = await make_model(scene), await make_runtime(scene)
    return await make_service(scene, model.name, runtime, engine=engine, **given)


async def absent(scene: Scene, *names: tuple[Any, str]) -> None:
    for kind, name in names:
        with pytest.raises(NotFound):
            await scene.get(kind, name)


async def test_d_62_knatives_own_schema_takes_every_field_that_we_write(scene: Scene) -> None:
    name = await make(scene, FULL)
    async with scene.manager():
        found = await there(scene, KNATIVE_SERVICES, f"{name}-engine")
        (owner,) = found["metadata"]["ownerReferences"]
        assert owner["uid"] == (await scene.get(INFERENCE_SERVICES, name))["metadata"]["uid"]
        spec = found["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert container["startupProbe"]["httpGet"]["path"] == "/health"
        assert any("hostPath" in volume for volume in spec["volumes"])
        assert (spec["containerConcurrency"], spec["timeoutSeconds"]) == (20, 300)
        assert found["spec"]["traffic"] == [{"latestRevision": True, "percent": 100, "tag": "latest"}]
        await absent(
            scene,
            (SERVICES, f"{name}-engine"),
            (HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine"),
            (POD_DISRUPTION_BUDGETS, f"{name}-engine"),
        )


async def test_d_62_what_knative_does_not_know_is_refused_by_the_server_and_told(scene: Scene) -> None:
    name = await make(scene, {**SERVERLESS, "runner": {"name": "ome-container", "lifecycle": {"preStop": {}}}})
    async with scene.manager():
        service = await service_says(scene, name, "False", "ManifestRefused")
        assert "lifecycle" in condition(service, "EngineReady")["message"]


async def test_a_serverless_engine_is_ready_by_knatives_word_and_a_canary_follows_its_revisions(scene: Scene) -> None:
    name = await make(scene, SERVERLESS)
    engine = f"{name}-engine"
    async with scene.manager():
        first = await make_knative_ready(scene, engine)
        service = await service_says(scene, name, "True")
        component = service["status"]["components"]["engine"]
        assert component["url"] == f"http://{engine}.{scene.namespace}.example.com"
        assert component["latestRolledoutRevision"] == first
        assert condition(service, "RoutesReady")["status"] == "True"
        await set_engine(scene, name, {**SERVERLESS, "canaryTrafficPercent": 10})

        async def split() -> bool:
            traffic = (await scene.get(KNATIVE_SERVICES, engine))["spec"]["traffic"]
            assert [(one["percent"], one.get("revisionName")) for one in traffic] == [(10, None), (90, first)]
            return True

        await eventually(split)


async def test_d_1_and_d_51_a_ready_serverless_service_causes_no_writes(scene: Scene) -> None:
    name, ray = await make(scene, FULL), scene.name("ray")
    await make_service(scene, scene.name("model"), scene.name("runtime"), "ray", engine=RAY)
    async with scene.manager():
        await make_knative_ready(scene, f"{name}-engine")
        for index in range(2):
            await make_cluster_ready(scene, f"{ray}-engine-{index}")
        for one in (name, ray):
            await service_says(scene, one, "True")
        await asyncio.sleep(REST_S)
        before = len(scene.writes())
        await asyncio.sleep(REST_S)
        assert scene.writes()[before:] == []
    async with scene.manager():
        await asyncio.sleep(REST_S)
    assert scene.writes()[before:] == []


async def test_d_13_from_a_deployment_to_knative_and_back_one_of_them_always_serves(scene: Scene) -> None:
    name = await make(scene, {"minReplicas": 2})
    engine = f"{name}-engine"
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await set_engine(scene, name, SERVERLESS)
        knative = await there(scene, KNATIVE_SERVICES, engine)
        await scene.gone(SERVICES, engine)
        assert await deployment_of(scene, name), "it serves until Knative's revision does"
        await play_knatives_service(scene, engine, knative)
        await make_knative_ready(scene, engine)
        await scene.gone(DEPLOYMENTS, engine)
        await service_says(scene, name, "True")
        await absent(scene, (HORIZONTAL_POD_AUTOSCALERS, engine), (POD_DISRUPTION_BUDGETS, engine))

        await set_engine(scene, name, {"minReplicas": 2})
        await deployment_of(scene, name)
        assert await scene.get(KNATIVE_SERVICES, engine), "it serves until the Deployment does"
        assert (await scene.get(SERVICES, engine))["spec"]["type"] == "ExternalName"
        await make_available(scene, name)
        await scene.gone(KNATIVE_SERVICES, engine)
        await service_says(scene, name, "True")
        await scene.admin.delete(SERVICES, engine, scene.namespace)  # Kubernetes' garbage collector

        async def ours() -> bool:
            return (await there(scene, SERVICES, engine))["spec"]["type"] == "ClusterIP"

        await eventually(ours, wait_s=LOOK_AGAIN_S / 2)
        await service_says(scene, name, "True")
        assert ("Warning", "InferenceServiceNotReady") not in await events_of(scene, name)


async def test_d_1_behind_istio_the_route_comes_with_knatives_address_and_stays(scene: Scene) -> None:
    name = await make(scene, SERVERLESS, metadata={"annotations": {"ome.io/ingress-disable-creation": "false"}})
    engine = f"{name}-engine"
    async with scene.manager():
        await there(scene, KNATIVE_SERVICES, engine)
        assert (await there(scene, SERVICES, name))["spec"]["type"] == "ExternalName"
        await make_knative_ready(scene, engine)
        service = await service_says(scene, name, "True")
        assert service["status"]["url"] == f"http://{name}.{scene.namespace}.example.com"
        assert (await there(scene, VIRTUAL_SERVICES, name))["spec"]["hosts"] == [
            f"{name}.{scene.namespace}.svc.cluster.local",
            f"{name}.{scene.namespace}.example.com",
        ]
        await asyncio.sleep(REST_S)
        before = len(scene.writes())
        await asyncio.sleep(REST_S)
        assert scene.writes()[before:] == []
        patch: JsonObject = {"metadata": {"annotations": {"ome.io/ingress-disable-creation": "true"}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)
        await scene.gone(VIRTUAL_SERVICES, name)

        async def selects() -> bool:
            return "selector" in (await scene.get(SERVICES, name))["spec"]

        await eventually(selects)


async def play_knatives_service(scene: Scene, name: str, knative: Any) -> None:
    """The Service of its own name that Knative makes."""
    owner: JsonObject = {
        "apiVersion": KNATIVE_SERVICES.api_version,
        "kind": KNATIVE_SERVICES.kind,
        "name": name,
        "uid": knative["metadata"]["uid"],
        "controller": True,
    }
    spec: JsonObject = {"type": "ExternalName", "externalName": "gateway.example.org"}
    labels = knative["metadata"]["labels"]
    await scene.create(SERVICES, name, spec, ownerReferences=[owner], labels=labels)


async def test_kuberays_own_schema_takes_every_field_that_we_write(scene: Scene) -> None:
    name = await make(scene, {**RAY, "worker": {"size": 3}})
    async with scene.manager():
        for index in range(2):
            found = await there(scene, RAY_CLUSTERS, f"{name}-engine-{index}")
            head, (workers,) = found["spec"]["headGroupSpec"], found["spec"]["workerGroupSpecs"]
            assert workers["replicas"] == 3
            for template in (head["template"], workers["template"]):
                assert template["metadata"]["labels"]["ome.io/inferenceservice"] == name
        service = await there(scene, SERVICES, f"{name}-engine")
        assert service["spec"]["selector"]["ray.io/node-type"] == "head"
        assert [port["name"] for port in service["spec"]["ports"]] == ["http1", "dashboard", "metrics", "redis"]


async def test_d_14_a_ray_engine_is_ready_while_all_its_heads_are_and_surplus_clusters_go(scene: Scene) -> None:
    name = await make(scene, RAY)
    engine = f"{name}-engine"
    async with scene.manager():
        await make_cluster_ready(scene, f"{engine}-0")
        await make_cluster_ready(scene, f"{engine}-1")
        await service_says(scene, name, "True")
        await make_cluster_ready(scene, f"{engine}-1", head=False)
        service = await service_says(scene, name, "False", "ContainersNotReady")
        assert "1 of 2 Ray clusters serve" in condition(service, "EngineReady")["message"]
        await set_engine(scene, name, {**RAY, "minReplicas": 1})
        await scene.gone(RAY_CLUSTERS, f"{engine}-1")
        await service_says(scene, name, "True")


async def test_d_13_from_a_deployment_to_ray_and_back_one_of_them_always_serves(scene: Scene) -> None:
    name = await make(scene, {"minReplicas": 2})
    engine = f"{name}-engine"
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await set_engine(scene, name, RAY)
        await make_cluster_ready(scene, f"{engine}-0")
        await there(scene, RAY_CLUSTERS, f"{engine}-1")
        assert await deployment_of(scene, name), "it serves until all clusters do"
        await make_cluster_ready(scene, f"{engine}-1")
        await scene.gone(DEPLOYMENTS, engine)
        await set_engine(scene, name, {"minReplicas": 2})
        await deployment_of(scene, name)
        assert len((await scene.admin.list(RAY_CLUSTERS, scene.namespace)).items) == 2
        await make_available(scene, name)
        for index in range(2):
            await scene.gone(RAY_CLUSTERS, f"{engine}-{index}")
        await service_says(scene, name, "True")


async def make_pod(scene: Scene, name: str, labels: JsonObject, **metadata: Any) -> str:
    """A ready pod that a controller would have made; its UID."""
    spec: JsonObject = {"containers": [{"name": "c", "image": "c"}]}
    made: Any = await scene.create(PODS, name, spec, labels=labels, **metadata)
    status: JsonObject = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    await scene.admin.merge_patch(PODS, name, status, scene.namespace, subresource="status")
    return made["metadata"]["uid"]


async def lead(scene: Scene, service: str, uid: str) -> None:
    """The Service leads to that pod, by the only slice it has."""
    endpoint: JsonObject = {"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "uid": uid}}
    body: JsonObject = {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": ENDPOINT_SLICES.kind,
        "metadata": {
            "name": f"{service}-1",
            "namespace": scene.namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": [endpoint],
    }
    await scene.admin.apply(ENDPOINT_SLICES, body, field_manager="slices")


async def test_d_13_an_old_workload_stays_until_the_services_lead_to_the_new_one(scene: Scene) -> None:
    name = await make(scene, {"minReplicas": 1})
    engine = f"{name}-engine"
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        account: JsonObject = {"name": "default", "namespace": scene.namespace}
        await scene.admin.create(SERVICE_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        ours: JsonObject = {"ome.io/inferenceservice": name, "component": "engine"}
        owner: JsonObject = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{engine}-abc", "uid": "a"}
        labels: JsonObject = {**ours, "app": engine, "pod-template-hash": "abc"}
        old = await make_pod(scene, f"{engine}-old", labels, ownerReferences=[owner])
        for service in (name, engine):
            await lead(scene, service, old)
        await set_engine(scene, name, {**RAY, "minReplicas": 1})
        await make_cluster_ready(scene, f"{engine}-0")
        marks: JsonObject = {"ray.io/cluster": f"{engine}-0", "ray.io/node-type": "head"}
        new = await make_pod(scene, f"{engine}-head", {**ours, **marks})

        async def waits_for(service: str) -> bool:
            told = condition(await scene.get(INFERENCE_SERVICES, name), "Pruned")
            assert (told["status"], told["reason"], told["severity"]) == ("False", "WaitingForEndpoints", "Info")
            lacking = f"for Service {service} does not lead to pod {engine}-head yet"
            assert f"Deployment {engine} stays beside RayCluster {engine}-0, {lacking}" in told["message"]
            return True

        await eventually(lambda: waits_for(engine))
        assert condition(await scene.get(INFERENCE_SERVICES, name))["status"] == "True"
        await lead(scene, engine, new)
        await eventually(lambda: waits_for(name))
        assert await deployment_of(scene, name)
        await lead(scene, name, new)
        await scene.gone(DEPLOYMENTS, engine)

        async def told_no_more() -> bool:
            conditions = (await scene.get(INFERENCE_SERVICES, name))["status"]["conditions"]
            return "Pruned" not in {one["type"] for one in conditions}

        await eventually(told_no_more)


async def test_a_changed_runtime_reaches_both(scene: Scene) -> None:
    name = await make(scene, SERVERLESS)
    ray = await make_service(scene, scene.name("model"), scene.name("runtime"), "ray", engine=RAY)
    async with scene.manager():
        await there(scene, KNATIVE_SERVICES, f"{name}-engine")
        await there(scene, RAY_CLUSTERS, f"{ray}-engine-0")
        patch: JsonObject = {"spec": runtime_spec(image="example.org/vllm:2")}
        await scene.admin.merge_patch(SERVING_RUNTIMES, scene.name("runtime"), patch, scene.namespace)

        async def rolled() -> bool:
            knative = await scene.get(KNATIVE_SERVICES, f"{name}-engine")
            cluster = await scene.get(RAY_CLUSTERS, f"{ray}-engine-0")
            pods = (knative["spec"]["template"], cluster["spec"]["headGroupSpec"]["template"])
            assert [pod["spec"]["containers"][0]["image"] for pod in pods] == ["example.org/vllm:2"] * 2
            return True

        await eventually(rolled)
