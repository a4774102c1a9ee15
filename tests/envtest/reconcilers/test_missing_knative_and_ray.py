"""A cluster without Knative and KubeRay, which then gets both."""

from __future__ import annotations

from functools import partial

from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.other_workloads import (
    RAY,
    SERVERLESS,
    make_cluster_ready,
    make_knative_ready,
    set_engine,
)
from tests.envtest.reconcilers.own_plane import shipped as shipped
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.kube.resources import DEPLOYMENTS, SERVICES
from omectl.local.third_party import Project, definition_files

LOOK_S = 0.1


async def was_told(scene: Scene, name: str, event: str) -> bool:
    return ("Warning", event) in await events_of(scene, name)


async def test_d_41_without_knative_and_kuberay_it_is_said_and_all_works_once_they_come(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    serverless = await make_service(scene, model.name, runtime, "serverless", engine=SERVERLESS)
    ray = await make_service(scene, model.name, runtime, "ray", engine=RAY)
    changed = await make_service(scene, model.name, runtime, "changed")
    async with scene.manager(capabilities_interval_s=LOOK_S):
        await make_available(scene, changed)
        await service_says(scene, changed, "True")
        await set_engine(scene, changed, SERVERLESS)
        for name, kind in (
            (serverless, "Service (serving.knative.dev/v1)"),
            (ray, "RayCluster (ray.io/v1)"),
            (changed, "Service (serving.knative.dev/v1)"),
        ):
            service = await service_says(scene, name, "False", "DependencyMissing")
            told = condition(service, "EngineReady")["message"]
            assert kind in told
            assert "install its CRD" in told
        for name, event in ((serverless, "ServerlessModeRejected"), (ray, "InternalError")):
            await eventually(partial(was_told, scene, name, event))
        assert await deployment_of(scene, changed), "what serves goes on serving"
        assert await scene.get(SERVICES, f"{changed}-engine"), "and keeps its name"

        for project in (Project.KNATIVE_SERVING, Project.KUBERAY):
            await scene.shipped.control_plane.install_crds(definition_files(project))
        for name in (serverless, changed):
            await make_knative_ready(scene, f"{name}-engine")
        for index in range(2):
            await make_cluster_ready(scene, f"{ray}-engine-{index}")
        for name in (serverless, ray, changed):
            await service_says(scene, name, "True")
        patch: JsonObject = {"metadata": {"annotations": {"ome.io/ingress-disable-creation": "false"}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, serverless, patch, scene.namespace)
        routeless = await service_says(scene, serverless, "False", "DependencyMissing")
        assert "VirtualService (networking.istio.io/v1)" in condition(routeless, "IngressReady")["message"]
        await scene.shipped.control_plane.install_crds(definition_files(Project.ISTIO))
        await service_says(scene, serverless, "True")
        await scene.gone(DEPLOYMENTS, f"{changed}-engine")
        await scene.gone(SERVICES, f"{changed}-engine")
