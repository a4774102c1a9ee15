"""Services on several nodes: real groups of pods, made by the real LeaderWorkerSet controller, on simulated nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.cluster.history import history
from tests.envtest.conftest import Shipped, ship
from tests.envtest.reconcilers.conftest import Scene, condition, eventually, scene_on
from tests.envtest.reconcilers.groups import change_runtime, grouped_spec
from tests.envtest.reconcilers.services import make_model, make_runtime, make_service, service_says

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import AUTOSCALER_CLASS, ModelKey, model_label_key
from omectl.api.resource import ResourceKind
from omectl.kube.resources import DEPLOYMENTS, ENDPOINT_SLICES, HORIZONTAL_POD_AUTOSCALERS, PODS
from omectl.kube.third_party_kinds import LEADER_WORKER_SETS
from omectl.local.control_plane import ControlPlane

WAIT_S = 60.0
WORKER_INDEX = "leaderworkerset.sigs.k8s.io/worker-index"


@pytest.fixture(scope="session")
def shipped_on_groups(groups_cluster: ControlPlane) -> Shipped:
    """The shipped manifests on the cluster that makes groups."""
    return ship(groups_cluster)


@pytest.fixture
async def scene(shipped_on_groups: Shipped) -> AsyncIterator[Scene]:
    async with scene_on(shipped_on_groups) as made:
        yield made


async def make_groups(scene: Scene, *stems: str, replicas: int = 2, engine: JsonObject | None = None) -> list[str]:
    """Services of that many groups of two pods, of one model and runtime, and a node that has the model."""
    model = await make_model(scene)
    await scene.node(**{model_label_key(ModelKey(model.kind, model.namespace, model.name)): "Ready"})
    await scene.create(SERVING_RUNTIMES, scene.name("runtime"), grouped_spec(1))
    asked: JsonObject = engine or {"minReplicas": replicas}
    return [await make_service(scene, model.name, scene.name("runtime"), stem, engine=asked) for stem in stems]


async def pods_of(scene: Scene, service: str) -> dict[str, Any]:
    """The service's pods by name."""
    found = await scene.admin.list(PODS, scene.namespace, label_selector=f"ome.io/inferenceservice={service}")
    pods: list[Any] = found.items
    return {pod["metadata"]["name"]: pod for pod in pods}


async def endpoints_of(scene: Scene, name: str) -> set[str]:
    """The pods that a Service sends requests to."""
    found = await scene.admin.list(
        ENDPOINT_SLICES, scene.namespace, label_selector=f"kubernetes.io/service-name={name}"
    )
    slices: list[Any] = found.items
    return {
        one["targetRef"]["name"]
        for each in slices
        for one in each.get("endpoints") or ()
        if one["conditions"].get("ready")
    }


async def test_service_is_ready_by_its_groups_and_serves_by_their_leaders(scene: Scene) -> None:
    """Leader and worker of each group are real pods, which know their group by LWS's and by OME's variables."""
    (name,) = await make_groups(scene, "groups")
    async with scene.manager():
        await ready(scene, name)
        pods = await pods_of(scene, name)
        set_name = f"lws-{name}-engine"
        assert set(pods) == {f"{set_name}-0", f"{set_name}-0-1", f"{set_name}-1", f"{set_name}-1-1"}
        for pod in pods.values():
            variables = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
            order = list(variables)
            assert order.index("LWS_LEADER_ADDRESS") < order.index("OME_LEADER_ADDRESS")
            assert variables["OME_INSTANCE_POD_RANK"] == "$(LWS_WORKER_INDEX)"
            assert variables["LWS_WORKER_INDEX"] == pod["metadata"]["labels"][WORKER_INDEX]
            assert variables["LWS_GROUP_SIZE"] == "2"
        leaders = {f"{set_name}-0", f"{set_name}-1"}
        for front in (f"{name}-engine", name):
            await eventually(lambda front=front: _are(scene, front, leaders))


async def test_d4_leaders_of_two_services_in_one_namespace_are_no_endpoints_of_each_other(scene: Scene) -> None:
    first, second = await make_groups(scene, "one", "two", replicas=1)
    async with scene.manager():
        for name in (first, second):
            await ready(scene, name)
        for name in (first, second):
            for front in (f"{name}-engine", name):
                await eventually(lambda name=name, front=front: _are(scene, front, {f"lws-{name}-engine-0"}))


async def test_group_that_loses_a_worker_is_made_anew_and_the_service_is_ready_again(scene: Scene) -> None:
    """The worker ends slowly, as on a node: the set's controller overlooks a pod that is gone before it looks."""
    (name,) = await make_groups(scene, "loses", replicas=1)
    async with scene.manager():
        await ready(scene, name)
        leader, worker = f"lws-{name}-engine-0", f"lws-{name}-engine-0-1"
        before = (await pods_of(scene, name))[leader]["metadata"]["uid"]
        held: JsonObject = {"metadata": {"finalizers": ["example.org/ends-slowly"]}}
        await scene.admin.merge_patch(PODS, worker, held, scene.namespace)
        await scene.admin.delete(PODS, worker, scene.namespace)

        async def leader_goes() -> bool:
            found = (await pods_of(scene, name)).get(leader)
            return found is None or found["metadata"]["uid"] != before or "deletionTimestamp" in found["metadata"]

        await eventually(leader_goes, wait_s=WAIT_S)
        ended: JsonObject = {"metadata": {"finalizers": None}}
        await scene.admin.merge_patch(PODS, worker, ended, scene.namespace)

        async def made_anew() -> bool:
            pods = await pods_of(scene, name)
            return leader in pods and worker in pods and pods[leader]["metadata"]["uid"] != before

        await eventually(made_anew, wait_s=WAIT_S)
        await ready(scene, name)


async def test_more_groups_are_made_and_a_scale_of_the_set_by_hand_is_undone(scene: Scene) -> None:
    (name,) = await make_groups(scene, "scaled", replicas=1)
    async with scene.manager():
        await ready(scene, name)
        patch: JsonObject = {"spec": {"engine": {"minReplicas": 3}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)

        async def three_groups() -> bool:
            found = await scene.get(LEADER_WORKER_SETS, f"lws-{name}-engine")
            return found["status"].get("readyReplicas") == 3 and len(await pods_of(scene, name)) == 6

        await eventually(three_groups, wait_s=WAIT_S)
        await ready(scene, name)
        by_hand: JsonObject = {"spec": {"replicas": 1}}
        await scene.admin.merge_patch(LEADER_WORKER_SETS, f"lws-{name}-engine", by_hand, scene.namespace)
        await asyncio.sleep(0.5)
        await eventually(three_groups, wait_s=WAIT_S)


async def test_autoscaler_that_is_asked_for_sets_the_number_of_groups_and_nobody_undoes_it(scene: Scene) -> None:
    """SCL-13: Kubernetes' own autoscaler reads and writes the set through its scale subresource."""
    asked: JsonObject = {"annotations": {AUTOSCALER_CLASS: "hpa"}, "minReplicas": 1, "maxReplicas": 4}
    (name,) = await make_groups(scene, "by-hpa", engine=asked)
    async with scene.manager():
        await ready(scene, name)
        patch: JsonObject = {"spec": {"engine": {"minReplicas": 2}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)

        async def scaled() -> bool:
            scaler = await scene.get(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
            assert condition(scaler, "AbleToScale")["status"] == "True"
            found = await scene.get(LEADER_WORKER_SETS, f"lws-{name}-engine")
            return (found["spec"]["replicas"], found["status"].get("readyReplicas")) == (2, 2)

        await eventually(scaled, wait_s=WAIT_S)
        await ready(scene, name)
        await asyncio.sleep(0.5)
        assert await scaled()


async def test_template_that_changes_rolls_the_groups_one_by_one(scene: Scene) -> None:
    (name,) = await make_groups(scene, "rolls")
    async with scene.manager():
        await ready(scene, name)
        spec: Any = grouped_spec(1)
        for role in ("leader", "worker"):
            spec["engineConfig"][role]["runner"]["image"] = "example.org/vllm:2"
        await scene.admin.merge_patch(SERVING_RUNTIMES, scene.name("runtime"), {"spec": spec}, scene.namespace)
        least = 2

        async def all_new() -> bool:
            nonlocal least
            least = min(least, len(await endpoints_of(scene, f"{name}-engine")))
            pods = await pods_of(scene, name)
            images = [pod["spec"]["containers"][0]["image"] for pod in pods.values()]
            return images == ["example.org/vllm:2"] * 4

        await eventually(all_new, wait_s=WAIT_S)
        await ready(scene, name)
        assert least >= 1


async def test_change_to_groups_and_back_leaves_one_kind_and_never_an_empty_service(scene: Scene) -> None:
    """12.4 and D13: both Services have ready endpoints all the time, and new ones before an old workload goes."""
    (name,) = await make_groups(scene, "moves", replicas=1)
    await make_runtime(scene, "plain")
    fronts, leaders = (name, f"{name}-engine"), frozenset({f"lws-{name}-engine-0"})
    async with scene.manager():
        await ready(scene, name)
        for front in fronts:
            await eventually(lambda front=front: _are(scene, front, leaders), wait_s=WAIT_S)
        async with history(scene, (DEPLOYMENTS, LEADER_WORKER_SETS)) as seen:
            for runtime, kind, other in (
                ("plain", DEPLOYMENTS, LEADER_WORKER_SETS),
                ("runtime", LEADER_WORKER_SETS, DEPLOYMENTS),
            ):
                await change_runtime(scene, name, scene.name(runtime))
                await eventually(lambda kind=kind, other=other: _only(scene, name, kind, other), wait_s=WAIT_S)
                await ready(scene, name)
                scalers = [f"{name}-engine"] if kind is DEPLOYMENTS else []
                await eventually(lambda scalers=scalers: _scalers_are(scene, scalers), wait_s=WAIT_S)
            for front in fronts:
                await eventually(lambda front=front: _are(scene, front, leaders), wait_s=WAIT_S)
    (groups_went,), (deployment_went,) = seen.went(LEADER_WORKER_SETS), seen.went(DEPLOYMENTS)
    for front in fronts:
        assert [revision for revision, pods in seen.endpoints(front) if not pods] == [], front
        assert seen.endpoints_at(front, groups_went) - leaders, front
        assert seen.endpoints_at(front, deployment_went) >= leaders, front
        workers = {pod for _, pods in seen.endpoints(front) for pod in pods if pod.endswith("-engine-0-1")}
        assert workers == set(), front


async def test_deleted_service_takes_its_groups_with_it(scene: Scene) -> None:
    (name,) = await make_groups(scene, "goes", replicas=1)
    async with scene.manager():
        await ready(scene, name)
        await scene.admin.delete(INFERENCE_SERVICES, name, scene.namespace, propagation="Background")
        await scene.gone(LEADER_WORKER_SETS, f"lws-{name}-engine")

        async def no_pods() -> bool:
            return not await pods_of(scene, name)

        await eventually(no_pods, wait_s=WAIT_S)


async def ready(scene: Scene, name: str) -> Any:
    """The service once it is Ready, which groups take longer for than Deployments."""
    return await service_says(scene, name, "True", wait_s=WAIT_S)


async def names_of(scene: Scene, kind: ResourceKind) -> list[str]:
    """What the test's namespace has of a kind."""
    found: list[Any] = (await scene.admin.list(kind, scene.namespace)).items
    return [each["metadata"]["name"] for each in found]


async def _only(scene: Scene, service: str, kind: ResourceKind, other: ResourceKind) -> bool:
    """Whether the service has a workload of the one kind, and none of the other."""
    name = f"lws-{service}-engine" if kind is LEADER_WORKER_SETS else f"{service}-engine"
    assert {each: await names_of(scene, each) for each in (kind, other)} == {kind: [name], other: []}
    return True


async def _scalers_are(scene: Scene, wanted: list[str]) -> bool:
    assert await names_of(scene, HORIZONTAL_POD_AUTOSCALERS) == wanted
    return True


async def _are(scene: Scene, front: str, wanted: set[str]) -> bool:
    assert await endpoints_of(scene, front) == wanted
    return True
