"""HTTPRoutes on a real API server: without Gateway API's own definitions, then with them, and off again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.envtest.conftest import Shipped, ship
from tests.envtest.reconcilers.conftest import Scene, condition
from tests.envtest.reconcilers.other_workloads import there
from tests.envtest.reconcilers.services import make_available, make_model, make_runtime, make_service, service_says

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.kube.resources import CONFIG_MAPS
from omectl.kube.third_party_kinds import HTTP_ROUTES
from omectl.local.control_plane import ControlPlaneOptions, Profile
from omectl.local.third_party import Project, definition_files
from omectl.testing.plugin import running_control_plane

SETTINGS = "inferenceservice-config"


@pytest.fixture(scope="module")
def shipped() -> Iterator[Shipped]:
    """A control plane of its own: the test changes what it serves."""
    for control_plane in running_control_plane(ControlPlaneOptions(profile=Profile.FULL, audit=True)):
        yield ship(control_plane)


async def test_d_3_a_route_is_ready_by_its_gateway_s_word_and_goes_when_it_is_switched_off(scene: Scene) -> None:
    found = await scene.admin.get(CONFIG_MAPS, SETTINGS, "ome")
    ingress = json.loads(found["data"]["ingress"])  # type: ignore[index,call-overload,arg-type]
    ingress |= {"disableIngressCreation": False, "enableGatewayAPI": True, "omeIngressGateway": "infra/gate"}
    await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": {"ingress": json.dumps(ingress)}}, "ome")
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager(capabilities_interval_s=0.1):
        await make_available(scene, name)
        service = await service_says(scene, name, "False", "DependencyMissing")
        assert "HTTPRoute (gateway.networking.k8s.io/v1)" in condition(service, "IngressReady")["message"]
        await scene.shipped.control_plane.install_crds(definition_files(Project.GATEWAY_API))
        route = await there(scene, HTTP_ROUTES, name)
        await service_says(scene, name, "Unknown", "ParentStatusNotAvailable")
        told = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "observedGeneration": route["metadata"]["generation"],
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {"parentRef": {"name": "gate", "namespace": "infra"}, "controllerName": "x.y/z", "conditions": told}
        status: JsonObject = {"status": {"parents": [parent]}}  # type: ignore[list-item,dict-item]
        await scene.admin.merge_patch(HTTP_ROUTES, name, status, scene.namespace, subresource="status")
        await service_says(scene, name, "True")
        off: JsonObject = {"metadata": {"annotations": {"ome.io/ingress-disable-creation": "true"}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, off, scene.namespace)
        await scene.gone(HTTP_ROUTES, name)
        await service_says(scene, name, "True")
