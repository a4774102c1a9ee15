"""Services that are stopped and go on, in every mode, on a real API server; the controllers' parts played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.envtest.conftest import Shipped, ship
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.groups import grouped_spec
from tests.envtest.reconcilers.other_workloads import RAY, SERVERLESS, make_knative_ready, set_engine, there
from tests.envtest.reconcilers.scalers import KEDA, scaled_object, scaled_service
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    service_says,
)
from tests.envtest.reconcilers.test_decoder import COMPONENTS, children, make_apart
from tests.envtest.reconcilers.test_scalers import complete, has_replicas, scale_to

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import REPLICAS_BEFORE_STOP, STOP
from omectl.api.resource import ResourceKind
from omectl.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, SERVICES
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, LEADER_WORKER_SETS, RAY_CLUSTERS
from omectl.local.control_plane import ControlPlaneOptions, Profile
from omectl.local.third_party import Project, definition_files
from omectl.testing.plugin import running_control_plane

PAUSED = "autoscaling.keda.sh/paused-replicas"


@pytest.fixture(scope="module")
def shipped() -> Iterator[Shipped]:
    """A control plane of its own, with the kinds of every mode, which other tests do without."""
    projects = (Project.KEDA, Project.LEADER_WORKER_SET, Project.KNATIVE_SERVING, Project.KUBERAY, Project.ISTIO)
    for control_plane in running_control_plane(ControlPlaneOptions(profile=Profile.FULL, audit=True)):
        made = ship(control_plane)
        for project in projects:
            asyncio.run(control_plane.install_crds(definition_files(project)))
        yield made


async def stop(scene: Scene, name: str, word: str | None = "true") -> None:
    patch: JsonObject = {"metadata": {"annotations": {STOP: word}}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)


async def becomes(scene: Scene, kind: ResourceKind, name: str, *, replicas: int, before: str | None) -> Any:
    """The workload once it has so many replicas, and remembers so many."""

    async def look() -> Any:
        found = await scene.get(kind, name)
        assert found["spec"]["replicas"] == replicas, found["spec"]["replicas"]
        assert found["metadata"]["annotations"].get(REPLICAS_BEFORE_STOP) == before
        return found

    return await eventually(look)


async def no_pods(scene: Scene, name: str, component: str = "engine") -> None:
    """Say, as the Deployment controller would, that no pod is left."""
    status: JsonObject = {"replicas": 0, "updatedReplicas": 0, "readyReplicas": 0, "availableReplicas": 0}
    patch: JsonObject = {"status": status}
    await scene.admin.merge_patch(DEPLOYMENTS, f"{name}-{component}", patch, scene.namespace, subresource="status")


async def test_a_deployment_stops_and_goes_on_with_its_live_number(scene: Scene) -> None:
    name = await scaled_service(scene, {"class": "HPA"})
    async with scene.manager():
        await complete(scene, name)
        await scale_to(scene, name, 5)
        await make_available(scene, name)
        await service_says(scene, name, "True")
        scaler = await there(scene, HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
        uid = (await deployment_of(scene, name))["metadata"]["uid"]

        await stop(scene, name)
        await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=0, before="5")
        await service_says(scene, name, "False", "Stopping")
        await no_pods(scene, name)
        service = await service_says(scene, name, "False", "Stopped")
        assert service["status"]["summary"] == (
            f"Stopped: the service is stopped; next: remove the annotation {STOP} to start it again"
        )
        assert service["status"]["modelStatus"]["modelRevisionStates"]["activeModelState"] == "Standby"
        assert service["status"]["replicas"] == 0

        await stop(scene, name, None)
        again = await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=5, before=None)
        assert again["metadata"]["uid"] == uid
        await make_available(scene, name)
        await service_says(scene, name, "True")
        left = await there(scene, HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
        assert left["metadata"]["resourceVersion"] == scaler["metadata"]["resourceVersion"]
        await scale_to(scene, name, 7)
        await stop(scene, name, "false")
        await service_says(scene, name, "True")
        await has_replicas(scene, name, 7)

    async def look() -> bool:
        found = await events_of(scene, name)
        assert [one for one in found if one[0] == "Warning"] == []
        assert {("Normal", "InferenceServiceStopped"), ("Normal", "InferenceServiceResumed")} <= set(found)
        return True

    await eventually(look)


async def test_a_stopped_service_is_left_stopped_by_another_manager_and_against_a_hand(scene: Scene) -> None:
    name = await scaled_service(scene, {"class": "HPA"})
    async with scene.manager():
        await complete(scene, name)
        await scale_to(scene, name, 4)
        await stop(scene, name)
        await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=0, before="4")
    await scale_to(scene, name, 3)
    async with scene.manager():
        await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=0, before="4")
        await stop(scene, name, None)
        await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=4, before=None)


async def test_a_service_that_is_made_stopped_starts_with_its_least_number(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, metadata={"annotations": {STOP: "true"}})
    async with scene.manager():
        await there(scene, DEPLOYMENTS, f"{name}-engine")
        await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=0, before="2")
        await service_says(scene, name, "False", "Stopped")
        await stop(scene, name, None)
        await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=2, before=None)


async def test_keda_rests_while_its_service_is_stopped(scene: Scene) -> None:
    name = await scaled_service(scene, KEDA)
    async with scene.manager():
        await complete(scene, name)
        await scale_to(scene, name, 6)
        uid = (await scaled_object(scene, name))["metadata"]["uid"]
        await stop(scene, name)
        await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=0, before="6")

        async def paused(wanted: str | None) -> bool:
            found = (await scaled_object(scene, name))["metadata"]
            assert found.get("annotations", {}).get(PAUSED) == wanted
            assert found["uid"] == uid
            return True

        await eventually(lambda: paused("0"))
        await stop(scene, name, None)
        await becomes(scene, DEPLOYMENTS, f"{name}-engine", replicas=6, before=None)
        await eventually(lambda: paused(None))


async def test_groups_of_nodes_stop_and_go_on(scene: Scene) -> None:
    model, runtime = await make_model(scene), scene.name("several")
    await scene.create(SERVING_RUNTIMES, runtime, grouped_spec(1))
    scaled: JsonObject = {"minReplicas": 2, "maxReplicas": 9, "autoscaler": {"class": "HPA"}}
    name = await make_service(scene, model.name, runtime, engine=scaled)
    group = f"lws-{name}-engine"
    async with scene.manager():
        await there(scene, LEADER_WORKER_SETS, group)
        await there(scene, HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
        patch: JsonObject = {"spec": {"replicas": 3}}
        await scene.admin.merge_patch(LEADER_WORKER_SETS, group, patch, scene.namespace)
        await stop(scene, name)
        await becomes(scene, LEADER_WORKER_SETS, group, replicas=0, before="3")
        await service_says(scene, name, "False", "Stopped")
        await stop(scene, name, None)
        await becomes(scene, LEADER_WORKER_SETS, group, replicas=3, before=None)


async def test_engine_decoder_and_router_stop_and_go_on_with_all_that_belongs_to_them(scene: Scene) -> None:
    name = await make_apart(scene)
    async with scene.manager():
        for component in COMPONENTS:
            await make_available(scene, name, component=component)
        await service_says(scene, name, "True")
        before = await children(scene, name)
        await stop(scene, name)
        numbers = {"engine": "2", "decoder": "2", "router": "1"}
        for component, number in numbers.items():
            await becomes(scene, DEPLOYMENTS, f"{name}-{component}", replicas=0, before=number)
            await no_pods(scene, name, component)
        service = await service_says(scene, name, "False", "Stopped")
        assert {condition(service, f"{one.capitalize()}Ready")["reason"] for one in COMPONENTS} == {"Stopped"}
        assert await children(scene, name) == before
        await stop(scene, name, None)
        for component, number in numbers.items():
            await becomes(scene, DEPLOYMENTS, f"{name}-{component}", replicas=int(number), before=None)


async def test_ray_clusters_are_suspended_and_go_on(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, engine=RAY)
    async with scene.manager():
        uids = [(await there(scene, RAY_CLUSTERS, f"{name}-engine-{one}"))["metadata"]["uid"] for one in (0, 1)]
        await stop(scene, name)

        async def suspended(wanted: bool) -> bool:
            for index, uid in enumerate(uids):
                found = await scene.get(RAY_CLUSTERS, f"{name}-engine-{index}")
                assert (found["spec"].get("suspend", False), found["metadata"]["uid"]) == (wanted, uid)
            return True

        await eventually(lambda: suspended(True))
        await service_says(scene, name, "False")
        await stop(scene, name, None)
        await eventually(lambda: suspended(False))


async def test_a_knative_service_goes_while_its_service_is_stopped(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, engine=SERVERLESS)
    async with scene.manager():
        await there(scene, KNATIVE_SERVICES, f"{name}-engine")
        await make_knative_ready(scene, f"{name}-engine")
        await service_says(scene, name, "True")
        await stop(scene, name)
        await scene.gone(KNATIVE_SERVICES, f"{name}-engine")
        await service_says(scene, name, "False", "Stopped")
        await there(scene, SERVICES, name)
        await stop(scene, name, None)
        await there(scene, KNATIVE_SERVICES, f"{name}-engine")
        await make_knative_ready(scene, f"{name}-engine")
        await service_says(scene, name, "True")


async def test_a_stopped_service_that_changes_its_mode_keeps_no_pods_of_the_old_one(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await stop(scene, name)
        await set_engine(scene, name, RAY)
        await scene.gone(DEPLOYMENTS, f"{name}-engine")
        assert (await there(scene, RAY_CLUSTERS, f"{name}-engine-0"))["spec"]["suspend"] is True


async def test_another_word_is_told_and_stops_nothing(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await stop(scene, name, "yes")
        service = await service_says(scene, name, "False", "InvalidSpec")
        assert f"annotation {STOP}: wanted true or false, found 'yes'" in condition(service)["message"]
        assert (await deployment_of(scene, name))["spec"]["replicas"] == 2
