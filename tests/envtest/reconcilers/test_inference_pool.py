"""A pool of pods with its endpoint picker on a real API server: without the kind, then with it, and off again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.envtest.conftest import kubectl
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.gateways import make_gateway, set_settings, tell_gateway, tell_parents
from tests.envtest.reconcilers.other_workloads import there
from tests.envtest.reconcilers.own_plane import shipped as shipped
from tests.envtest.reconcilers.services import make_available, make_model, make_runtime, make_service, service_says

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.kube.errors import NotFound
from omectl.kube.resources import DEPLOYMENTS, NAMESPACES, PODS, ROLE_BINDINGS, ROLES, SERVICE_ACCOUNTS, SERVICES
from omectl.kube.third_party_kinds import HTTP_ROUTES, INFERENCE_POOLS
from omectl.local.third_party import Project, definition_files

GATEWAY_API: JsonObject = {
    "disableIngressCreation": False,
    "enableGatewayAPI": True,
    "omeIngressGateway": "infra/gate",
}
PICKED: JsonObject = {"inferencePool": {"picker": {"image": "example.org/epp:1"}}}


async def backend_is(scene: Scene, name: str, kind: str) -> None:
    """Until the route leads to that kind of object."""

    async def look() -> bool:
        route = await scene.get(HTTP_ROUTES, name)
        return route["spec"]["rules"][0]["backendRefs"][0]["kind"] == kind

    await eventually(look)


async def annotate(scene: Scene, name: str, **annotations: str) -> None:
    patch: JsonObject = {"metadata": {"annotations": {f"omectl.io/{key}": one for key, one in annotations.items()}}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)


async def runs_where_pods_are_restricted(scene: Scene, deployment: Any) -> None:
    """The API server itself takes the Deployment's pod in a namespace that enforces `restricted`."""
    label: JsonObject = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await scene.admin.merge_patch(NAMESPACES, scene.namespace, label)
    template = deployment["spec"]["template"]
    pod: JsonObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "trial", "namespace": scene.namespace, **template["metadata"]},
        "spec": template["spec"],
    }
    await scene.admin.create(PODS, pod)
    await scene.admin.delete(PODS, "trial", scene.namespace)


def may(scene: Scene, account: str, verb: str, *what: str) -> bool:
    """Whether the service account may do that in the test's namespace."""
    user = f"system:serviceaccount:{scene.namespace}:{account}"
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "resourceAttributes": dict(
                zip(("verb", "group", "resource", "name"), (verb, *what), strict=False), namespace=scene.namespace
            ),
        },
    }
    file = scene.shipped.control_plane.directory / "review.json"
    file.write_text(json.dumps(review))
    told = kubectl(scene.shipped.control_plane, "create", "-f", str(file), "-o", "json")
    return bool(json.loads(told)["status"]["allowed"])


async def test_net_13_requests_go_to_a_pool_once_it_and_its_picker_serve_and_past_it_before(scene: Scene) -> None:
    await set_settings(scene, GATEWAY_API, PICKED)
    control_plane = scene.shipped.control_plane
    await control_plane.install_crds(definition_files(Project.GATEWAY_API))
    await make_gateway(scene)
    await tell_gateway(scene, Accepted="True", Programmed="True")
    model, runtime = await make_model(scene), await make_runtime(scene, port=30000)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager(capabilities_interval_s=0.1):
        await make_available(scene, name)
        await there(scene, HTTP_ROUTES, name)
        await tell_parents(scene, HTTP_ROUTES, name, Accepted="True", ResolvedRefs="True")
        await service_says(scene, name, "True")

        await annotate(scene, name, **{"inference-pool": "true"})
        service = await service_says(scene, name, "False", "DependencyMissing")
        assert "InferencePool (inference.networking.k8s.io/v1)" in condition(service, "IngressReady")["message"]
        await backend_is(scene, name, "Service")

        await control_plane.install_crds(definition_files(Project.INFERENCE_EXTENSION))
        pool = await there(scene, INFERENCE_POOLS, name)
        assert pool["spec"]["targetPorts"] == [{"number": 30000}]
        assert pool["spec"]["endpointPickerRef"]["name"] == f"{name}-epp"
        service = await service_says(scene, name, "True")
        assert condition(service, "IngressReady")["reason"] == "InferencePoolPending"
        await backend_is(scene, name, "Service")
        await runs_where_pods_are_restricted(scene, await there(scene, DEPLOYMENTS, f"{name}-epp"))

        await make_available(scene, name, component="epp")
        await backend_is(scene, name, "InferencePool")
        await service_says(scene, name, "Unknown", "ParentStatusNotAvailable")
        await tell_parents(scene, HTTP_ROUTES, name, Accepted="True", ResolvedRefs="True")
        await tell_parents(scene, INFERENCE_POOLS, name, Accepted="True", ResolvedRefs="False")
        await service_says(scene, name, "False", "WhyResolvedRefs")
        await tell_parents(scene, INFERENCE_POOLS, name, Accepted="True", ResolvedRefs="True")
        await service_says(scene, name, "True")

        account, group = f"{name}-epp", "inference.networking.k8s.io"
        assert may(scene, account, "list", "", "pods")
        assert may(scene, account, "watch", group, "inferencepools", name)
        assert not may(scene, account, "list", group, "inferencepools")
        assert not may(scene, account, "list", "", "secrets")
        assert not may(scene, account, "delete", "", "pods")

        await annotate(scene, name, **{"inference-pool": "false"})
        await backend_is(scene, name, "Service")
        await scene.gone(INFERENCE_POOLS, name)
        for kind in (DEPLOYMENTS, SERVICES, ROLE_BINDINGS, ROLES, SERVICE_ACCOUNTS):
            await scene.gone(kind, f"{name}-epp")


async def test_a_picker_of_the_user_s_own_needs_no_wait_and_nothing_of_it_is_made(scene: Scene) -> None:
    await set_settings(scene, GATEWAY_API, {"inferencePool": {}})
    control_plane = scene.shipped.control_plane
    for project in (Project.GATEWAY_API, Project.INFERENCE_EXTENSION):
        await control_plane.install_crds(definition_files(project))
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager(capabilities_interval_s=0.1):
        await there(scene, HTTP_ROUTES, name)
        await annotate(scene, name, **{"inference-pool": "true"})
        service = await service_says(scene, name, "False", "InvalidSpec")
        assert "omectl.io/endpoint-picker" in condition(service)["message"]
        await backend_is(scene, name, "Service")

        await annotate(scene, name, **{"endpoint-picker": "mine:7000"})
        await backend_is(scene, name, "InferencePool")
        pool = await scene.get(INFERENCE_POOLS, name)
        assert pool["spec"]["endpointPickerRef"]["port"] == {"number": 7000}
        await scene.gone(DEPLOYMENTS, f"{name}-epp")


async def test_no_route_of_ours_leads_to_a_pool_of_somebody_else(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omectl.reconcilers.service.LOOK_AGAIN_S", 0.5)
    await set_settings(scene, GATEWAY_API, {"inferencePool": {}})
    control_plane = scene.shipped.control_plane
    for project in (Project.GATEWAY_API, Project.INFERENCE_EXTENSION):
        await control_plane.install_crds(definition_files(project))
    model, runtime = await make_model(scene), await make_runtime(scene)
    asked: JsonObject = {"annotations": {"omectl.io/endpoint-picker": "mine"}}
    name = await make_service(scene, model.name, runtime, metadata=asked)
    spec: JsonObject = {
        "selector": {"matchLabels": {"x": "y"}},
        "targetPorts": [{"number": 1}],
        "endpointPickerRef": {"name": "theirs", "port": {"number": 1}},
    }
    before = await scene.create(INFERENCE_POOLS, name, spec)
    async with scene.manager(capabilities_interval_s=0.1):
        service = await service_says(scene, name, "False", "NotOurs")
        assert "InferencePool" in condition(service, "IngressReady")["message"]
        assert "url" not in service["status"]
        assert await scene.get(INFERENCE_POOLS, name) == before
        with pytest.raises(NotFound):
            await scene.get(HTTP_ROUTES, name)
        await scene.admin.delete(INFERENCE_POOLS, name, scene.namespace)
        await there(scene, HTTP_ROUTES, name)
        await backend_is(scene, name, "InferencePool")
