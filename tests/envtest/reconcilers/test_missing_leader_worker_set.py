"""A cluster without LeaderWorkerSet, which then gets it."""

from __future__ import annotations

from tests.envtest.reconcilers.conftest import Scene, condition
from tests.envtest.reconcilers.groups import change_runtime, grouped_spec, make_groups_ready
from tests.envtest.reconcilers.own_plane import shipped as shipped
from tests.envtest.reconcilers.services import (
    deployment_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    service_says,
)

from omectl.api.kinds import SERVING_RUNTIMES
from omectl.kube.resources import DEPLOYMENTS
from omectl.local.third_party import Project, definition_files

LOOK_S = 0.1


async def test_d_41_without_leader_worker_set_it_is_said_and_groups_are_made_once_it_comes(scene: Scene) -> None:
    model, plain = await make_model(scene), await make_runtime(scene, "plain")
    await scene.create(SERVING_RUNTIMES, scene.name("several"), grouped_spec(3))
    born = await make_service(scene, model.name, scene.name("several"), "born")
    changed = await make_service(scene, model.name, plain, "changed")
    async with scene.manager(capabilities_interval_s=LOOK_S):
        await make_available(scene, changed)
        await service_says(scene, changed, "True")
        await change_runtime(scene, changed, scene.name("several"))
        for name in (born, changed):
            service = await service_says(scene, name, "False", "DependencyMissing")
            told = condition(service, "EngineReady")["message"]
            assert "LeaderWorkerSet (leaderworkerset.x-k8s.io/v1)" in told
            assert "install its CRD" in told
        assert await deployment_of(scene, changed), "what serves goes on serving"

        await scene.shipped.control_plane.install_crds(definition_files(Project.LEADER_WORKER_SET))
        for name in (born, changed):
            await make_groups_ready(scene, name)
            await service_says(scene, name, "True")
        await scene.gone(DEPLOYMENTS, f"{changed}-engine")
