"""The life of a service whose decoder runs on several nodes, with LeaderWorkerSet's own definition."""

from __future__ import annotations

import pytest
from tests.envtest.conftest import Shipped
from tests.envtest.reconcilers.conftest import Scene, condition
from tests.envtest.reconcilers.other_workloads import tell, there
from tests.envtest.reconcilers.services import make_available, make_model, make_service, runtime_spec, service_says
from tests.envtest.reconcilers.test_decoder import ROUTER, change

from omectl.api.json import JsonObject
from omectl.api.kinds import SERVING_RUNTIMES
from omectl.kube.resources import SERVICES
from omectl.kube.third_party_kinds import LEADER_WORKER_SETS

AVAILABLE: JsonObject = {
    "type": "Available",
    "status": "True",
    "reason": "AllGroupsReady",
    "message": "All replicas are ready",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def shipped(everybodys: Shipped) -> Shipped:
    """The control plane with everybody's kinds."""
    return everybodys


async def test_the_life_of_a_service_whose_decoder_is_a_group(scene: Scene) -> None:
    model, name = await make_model(scene), scene.name("pair")
    spec = runtime_spec()
    group: JsonObject = {
        "leader": spec["engineConfig"],
        "worker": {"size": 1, "runner": spec["engineConfig"]["runner"]},
    }
    await scene.create(SERVING_RUNTIMES, name, {**spec, "decoderConfig": group, "routerConfig": {"runner": ROUTER}})
    name = await make_service(scene, model.name, name, decoder={}, router={})
    decoder = f"lws-{name}-decoder"
    async with scene.manager():
        found = await there(scene, LEADER_WORKER_SETS, decoder)
        assert found["spec"]["leaderWorkerTemplate"]["size"] == 2
        selector = (await there(scene, SERVICES, f"{name}-decoder"))["spec"]["selector"]
        assert selector["leaderworkerset.sigs.k8s.io/worker-index"] == "0"
        await make_available(scene, name)
        await make_available(scene, name, component="router")
        service = await service_says(scene, name, "Unknown")
        assert condition(service, "DecoderReady")["status"] == "Unknown"
        await tell(
            scene,
            LEADER_WORKER_SETS,
            decoder,
            {"conditions": [AVAILABLE], "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1},
        )
        await service_says(scene, name, "True")
        await change(scene, name, decoder=None)
        await scene.gone(LEADER_WORKER_SETS, decoder)
        await scene.gone(SERVICES, f"{name}-decoder")
        await service_says(scene, name, "True")
