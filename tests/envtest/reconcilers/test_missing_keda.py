"""A cluster without KEDA, which then gets it."""

from __future__ import annotations

from tests.envtest.reconcilers.conftest import Scene, condition
from tests.envtest.reconcilers.own_plane import shipped as shipped
from tests.envtest.reconcilers.scalers import KEDA, LOOK_S, autoscaler, change, scaled_object, scaled_service
from tests.envtest.reconcilers.services import deployment_of, make_available, service_says

from omectl.kube.resources import HORIZONTAL_POD_AUTOSCALERS
from omectl.local.third_party import Project, definition_files


async def test_d_41_without_keda_it_is_said_and_what_scales_stays_and_all_works_once_keda_comes(scene: Scene) -> None:
    born = await scaled_service(scene, KEDA, stem="born")
    changed = await scaled_service(scene, {"class": "HPA"}, stem="changed")
    async with scene.manager(capabilities_interval_s=LOOK_S):
        service = await service_says(scene, born, "False", "DependencyMissing")
        told = condition(service, "EngineReady")["message"]
        assert "ScaledObject (keda.sh/v1alpha1)" in told
        assert "install its CRD" in told
        assert (await deployment_of(scene, born))["spec"]["replicas"] == 2, "the engine runs without its autoscaler"
        before = await autoscaler(scene, changed)
        await change(scene, changed, KEDA)
        await service_says(scene, changed, "False", "DependencyMissing")
        assert (await autoscaler(scene, changed))["metadata"]["uid"] == before["metadata"]["uid"]

        await scene.shipped.control_plane.install_crds(definition_files(Project.KEDA))
        for name in (born, changed):
            await scaled_object(scene, name)
            await make_available(scene, name)
            await service_says(scene, name, "True")
        await scene.gone(HORIZONTAL_POD_AUTOSCALERS, f"{changed}-engine")
