"""Istio's Sidecar of a group on a real API server."""

from __future__ import annotations

import pytest
from tests.envtest.conftest import Shipped
from tests.envtest.reconcilers.conftest import Scene
from tests.envtest.reconcilers.groups import grouped_spec
from tests.envtest.reconcilers.other_workloads import there
from tests.envtest.reconcilers.services import make_model, make_service

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.kube.third_party_kinds import LEADER_WORKER_SETS, SIDECARS


@pytest.fixture(scope="module")
def shipped(everybodys: Shipped) -> Shipped:
    """The control plane with everybody's kinds."""
    return everybodys


async def test_d_29_a_sidecar_is_the_service_s_own_and_goes_with_the_label_that_asks_for_it(scene: Scene) -> None:
    runtime = scene.name("groups")
    await scene.create(SERVING_RUNTIMES, runtime, grouped_spec(1))
    labels: JsonObject = {"sidecar.istio.io/inject": "true"}
    engine: JsonObject = {"minReplicas": 1, "labels": labels}
    name = await make_service(scene, (await make_model(scene)).name, runtime, engine=engine)
    async with scene.manager(capabilities_interval_s=1.0):
        found = await there(scene, SIDECARS, f"{name}-engine")
        assert [one["name"] for one in found["metadata"]["ownerReferences"]] == [name]
        group = await there(scene, LEADER_WORKER_SETS, f"lws-{name}-engine")
        pods = group["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["metadata"]["labels"]
        assert found["spec"]["workloadSelector"]["labels"].items() <= pods.items()
        off: JsonObject = {"spec": {"engine": {"labels": {"sidecar.istio.io/inject": None}}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, off, scene.namespace)
        await scene.gone(SIDECARS, f"{name}-engine")
