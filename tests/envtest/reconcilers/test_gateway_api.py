"""HTTPRoutes on a real API server: without Gateway API's own definitions, then with them, and off again."""

from __future__ import annotations

from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.gateways import make_gateway, set_settings, tell_gateway, tell_parents
from tests.envtest.reconcilers.other_workloads import there
from tests.envtest.reconcilers.own_plane import shipped as shipped
from tests.envtest.reconcilers.services import make_available, make_model, make_runtime, make_service, service_says

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.kube.resources import INGRESSES
from omectl.kube.third_party_kinds import HTTP_ROUTES
from omectl.local.third_party import Project, definition_files


async def test_d_3_a_route_is_ready_by_its_gateway_s_word_and_goes_when_it_is_switched_off(scene: Scene) -> None:
    await set_settings(
        scene, {"disableIngressCreation": False, "enableGatewayAPI": True, "omeIngressGateway": "infra/gate"}
    )
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager(capabilities_interval_s=0.1):
        await make_available(scene, name)
        service = await service_says(scene, name, "False", "DependencyMissing")
        assert "HTTPRoute (gateway.networking.k8s.io/v1)" in condition(service, "IngressReady")["message"]
        await scene.shipped.control_plane.install_crds(definition_files(Project.GATEWAY_API))
        await there(scene, HTTP_ROUTES, name)
        service = await service_says(scene, name, "False", "GatewayMissing")
        assert "infra/gate" in condition(service, "IngressReady")["message"]
        await make_gateway(scene)
        await service_says(scene, name, "Unknown", "GatewayNotReady")
        await tell_gateway(scene, Accepted="True", Programmed="False")
        service = await service_says(scene, name, "False", "WhyProgrammed")
        assert "Gateway infra/gate, Programmed: of Programmed" in condition(service, "IngressReady")["message"]
        await tell_gateway(scene, Accepted="True", Programmed="True")
        await service_says(scene, name, "Unknown", "ParentStatusNotAvailable")
        await tell_parents(scene, HTTP_ROUTES, name, Accepted="True", ResolvedRefs="True")
        await service_says(scene, name, "True")
        off: JsonObject = {"metadata": {"annotations": {"ome.io/ingress-disable-creation": "true"}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, off, scene.namespace)
        await scene.gone(HTTP_ROUTES, name)
        await service_says(scene, name, "True")


async def test_an_ingress_stays_until_the_gateway_s_controller_has_taken_the_route_in_its_place(scene: Scene) -> None:
    await scene.shipped.control_plane.install_crds(definition_files(Project.GATEWAY_API))
    ways: JsonObject = {"disableIngressCreation": False, "omeIngressGateway": "infra/gate"}
    await set_settings(scene, {**ways, "enableGatewayAPI": False})
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager(capabilities_interval_s=0.1):
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await set_settings(scene, {**ways, "enableGatewayAPI": True})

        async def told_of_the_route() -> bool:
            found = condition(await scene.get(INFERENCE_SERVICES, name), "IngressReady")
            return found["status"] != "True"

        # The status is the last thing that a pass writes: what it deletes is gone by then.
        await eventually(told_of_the_route)
        assert await scene.get(INGRESSES, name)
        await tell_parents(scene, HTTP_ROUTES, name, Accepted="True", ResolvedRefs="True")
        await scene.gone(INGRESSES, name)
        assert await scene.get(HTTP_ROUTES, name)
