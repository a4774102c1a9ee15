"""An object of somebody else that has the name of a child: left alone, told with what to do, and made once it is gone.

Every kind that a plan may hold, in the mode that has it, each held up by an object that nobody owns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from tests.envtest.conftest import Shipped
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.groups import grouped_spec
from tests.envtest.reconcilers.other_workloads import RAY, SERVERLESS, make_knative_ready, there
from tests.envtest.reconcilers.scalers import KEDA
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_available,
    make_model,
    make_service,
    runtime_spec,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.resource import ResourceKind
from omectl.kube.errors import NotFound
from omectl.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESSES,
    POD_DISRUPTION_BUDGETS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
)
from omectl.kube.third_party_kinds import (
    HTTP_ROUTES,
    KNATIVE_SERVICES,
    LEADER_WORKER_SETS,
    RAY_CLUSTERS,
    SCALED_OBJECTS,
    SIDECARS,
    VIRTUAL_SERVICES,
)

SETTINGS = "inferenceservice-config"
ROUTER: JsonObject = {"runner": {"name": "router", "image": "example.org/router:1"}}
POD: JsonObject = {
    "metadata": {"labels": {"x": "y"}},
    "spec": {"containers": [{"name": "c", "image": "example.org/c"}]},
}
PART: JsonObject = {"spec": POD["spec"]}
GROUP: JsonObject = {"leaderWorkerTemplate": {"size": 1, "workerTemplate": POD}}
SELECTED: JsonObject = {"selector": {"matchLabels": {"x": "y"}}}
ROLE: JsonObject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}
TARGET: JsonObject = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
OUTSIDE: JsonObject = {"metadata": {"annotations": {"ome.io/ingress-disable-creation": "false"}}}
"""What is given to a service that is to be reached from outside."""


@dataclass(frozen=True)
class Case:
    """A kind of child, how it is called after its service, what else it has, and the service that has such a child."""

    kind: ResourceKind
    named: str
    body: JsonObject
    service: dict[str, Any]
    tells: str = "EngineReady"


ENGINE: dict[str, Any] = {"engine": {"minReplicas": 2}}
CASES = {
    "deployment": Case(DEPLOYMENTS, "{}-engine", {"spec": {**SELECTED, "template": POD}}, ENGINE),
    "service": Case(SERVICES, "{}-engine", {"spec": {"ports": [{"port": 1234}]}}, ENGINE),
    "hpa": Case(
        HORIZONTAL_POD_AUTOSCALERS, "{}-engine", {"spec": {"maxReplicas": 1, "scaleTargetRef": TARGET}}, ENGINE
    ),
    "budget": Case(POD_DISRUPTION_BUDGETS, "{}-engine", {"spec": SELECTED}, ENGINE),
    "config": Case(CONFIG_MAPS, "modelconfig-{}", {"data": {"a": "b"}}, ENGINE, "IngressReady"),
    "stable": Case(SERVICES, "{}", {"spec": {"ports": [{"port": 1234}]}}, ENGINE, "IngressReady"),
    "ingress": Case(
        INGRESSES,
        "{}",
        {"spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 1}}}}},
        {**ENGINE, **OUTSIDE},
        "IngressReady",
    ),
    "keda": Case(
        SCALED_OBJECTS,
        "scaledobject-{}-engine",
        {"spec": {"scaleTargetRef": {"name": "x"}, "triggers": [{"type": "cpu", "metadata": {}}]}},
        {"engine": {"autoscaler": KEDA}},
    ),
    "account": Case(SERVICE_ACCOUNTS, "{}-router", {}, {"router": {}}, "RouterReady"),
    "role": Case(ROLES, "{}-router", {}, {"router": {}}, "RouterReady"),
    "binding": Case(ROLE_BINDINGS, "{}-router", {"roleRef": ROLE}, {"router": {}}, "RouterReady"),
    "group": Case(LEADER_WORKER_SETS, "lws-{}-engine", {"spec": GROUP}, {"runtime": "groups"}),
    "sidecar": Case(
        SIDECARS,
        "{}-engine",
        {"spec": {}},
        {"runtime": "groups", "engine": {"labels": {"sidecar.istio.io/inject": "true"}}},
    ),
    "ray": Case(
        RAY_CLUSTERS,
        "{}-engine-0",
        {"spec": {"headGroupSpec": {"rayStartParams": {}, "template": PART}}},
        {"engine": RAY},
    ),
    "knative": Case(KNATIVE_SERVICES, "{}-engine", {"spec": {"template": PART}}, {"engine": SERVERLESS}),
    "istio": Case(
        VIRTUAL_SERVICES, "{}", {"spec": {"hosts": ["x"]}}, {"engine": SERVERLESS, **OUTSIDE}, "IngressReady"
    ),
}


@pytest.fixture(scope="module")
def shipped(everybodys: Shipped) -> Shipped:
    """The control plane with everybody's kinds."""
    return everybodys


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an object that goes nobody tells, so that it is looked at again and again."""
    monkeypatch.setattr("omectl.reconcilers.service.LOOK_AGAIN_S", 0.5)


async def make(scene: Scene, case: Case, stem: str, model: str) -> str:
    given: dict[str, Any] = {**case.service}
    groups = given.pop("runtime", "") == "groups"
    runtime = scene.name("groups" if groups else "runtime")
    return await make_service(scene, model, runtime, stem, **given)


async def occupy(scene: Scene, case: Case, service: str) -> JsonObject:
    """Somebody else's object of the name that the child of the service is to have."""
    metadata: JsonObject = {"name": case.named.format(service), "namespace": scene.namespace}
    body: JsonObject = {"apiVersion": case.kind.api_version, "kind": case.kind.kind, "metadata": metadata, **case.body}
    return await scene.admin.create(case.kind, body)


async def ours(scene: Scene, case: Case, service: str) -> Any:
    """The child once it is there and is the service's."""

    async def look() -> Any:
        try:
            found = await scene.get(case.kind, case.named.format(service))
        except NotFound:
            return None
        return [one["name"] for one in found["metadata"].get("ownerReferences", [])] == [service] and found

    return await eventually(look)


async def prepare(scene: Scene) -> str:
    model = (await make_model(scene)).name
    await scene.create(SERVING_RUNTIMES, scene.name("runtime"), {**runtime_spec(), "routerConfig": ROUTER})
    await scene.create(SERVING_RUNTIMES, scene.name("groups"), grouped_spec(1))
    return model


async def tells_of(scene: Scene, case: Case, service: str) -> None:
    """The service tells of the object in its way, and what to do."""
    name = case.named.format(service)
    found = await service_says(scene, service, "False", "NotOurs")
    part, wanted = condition(found, case.tells), f"wanted to write {case.kind.kind} {scene.namespace}/{name} for"
    assert (part["status"], part["reason"]) == ("False", "NotOurs")
    assert part["message"].startswith(wanted)
    assert "found it owned by nobody; next: delete or rename that object, or make InferenceService" in part["message"]
    assert "next: delete or rename that object" in found["status"]["summary"]


async def told(scene: Scene, service: str) -> None:
    """An Event tells of it too."""

    async def look() -> bool:
        return ("Warning", "InternalError") in await events_of(scene, service)

    await eventually(look)


@pytest.mark.timeout(180)
async def test_an_object_of_somebody_else_is_left_alone_and_told_in_every_mode(scene: Scene) -> None:
    """D 2."""
    model = await prepare(scene)
    services = {stem: await make(scene, case, stem, model) for stem, case in CASES.items()}
    before = {stem: await occupy(scene, case, services[stem]) for stem, case in CASES.items()}
    async with scene.manager(capabilities_interval_s=0.1):
        await there(scene, KNATIVE_SERVICES, f"{services['istio']}-engine")
        await make_knative_ready(scene, f"{services['istio']}-engine")
        for stem, case in CASES.items():
            await tells_of(scene, case, services[stem])
            found = await scene.get(case.kind, case.named.format(services[stem]))
            assert found == before[stem], f"{stem} was touched"
            await told(scene, services[stem])
        foreign = [one for one in services if CASES[one].kind is DEPLOYMENTS]
        for kind in (HORIZONTAL_POD_AUTOSCALERS, POD_DISRUPTION_BUDGETS, SERVICES):
            for stem in foreign:
                with pytest.raises(NotFound):
                    await scene.get(kind, f"{services[stem]}-engine")
        stable = await scene.get(INFERENCE_SERVICES, services["stable"])
        assert {"url", "address"}.isdisjoint(stable["status"]), "no address leads to somebody else's Service"
        for stem, case in CASES.items():
            await scene.admin.delete(case.kind, case.named.format(services[stem]), scene.namespace)
        for stem, case in CASES.items():
            await ours(scene, case, services[stem])

            async def recovered(service: str = services[stem]) -> bool:
                found = await scene.get(INFERENCE_SERVICES, service)
                return all(one.get("reason") != "NotOurs" for one in found["status"]["conditions"])

            await eventually(recovered)


async def test_an_http_route_of_somebody_else_is_left_alone_and_told(scene: Scene) -> None:
    found = await scene.admin.get(CONFIG_MAPS, SETTINGS, "ome")
    ingress = json.loads(found["data"]["ingress"])  # type: ignore[index,call-overload,arg-type]
    ingress |= {"disableIngressCreation": False, "enableGatewayAPI": True, "omeIngressGateway": "infra/gate"}
    await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": {"ingress": json.dumps(ingress)}}, "ome")
    try:
        case = Case(HTTP_ROUTES, "{}", {"spec": {"hostnames": ["x.example.com"]}}, ENGINE, "IngressReady")
        name = await make(scene, case, "route", await prepare(scene))
        before = await occupy(scene, case, name)
        async with scene.manager(capabilities_interval_s=0.1):
            await tells_of(scene, case, name)
            assert await scene.get(HTTP_ROUTES, name) == before
            assert "url" not in (await scene.get(INFERENCE_SERVICES, name))["status"]
            await scene.admin.delete(HTTP_ROUTES, name, scene.namespace)
            await ours(scene, case, name)
    finally:
        await scene.admin.merge_patch(CONFIG_MAPS, SETTINGS, {"data": {"ingress": found["data"]["ingress"]}}, "ome")  # type: ignore[index,call-overload]


async def test_no_autoscaler_of_ours_scales_a_deployment_that_took_the_place_of_ours(scene: Scene) -> None:
    case = CASES["deployment"]
    name = await make(scene, case, "svc", await prepare(scene))
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        assert await scene.get(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
    await scene.admin.delete(DEPLOYMENTS, f"{name}-engine", scene.namespace)
    before = await occupy(scene, case, name)
    async with scene.manager():
        await tells_of(scene, case, name)
        await scene.gone(HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")
        assert await deployment_of(scene, name) == before
        await scene.admin.delete(DEPLOYMENTS, f"{name}-engine", scene.namespace)
        await ours(scene, case, name)
        await there(scene, HORIZONTAL_POD_AUTOSCALERS, f"{name}-engine")


async def test_of_two_services_that_want_one_name_the_second_is_told_whose_it_is(scene: Scene) -> None:
    """`a` has a Service `a-engine`, and `a-engine` has one of its own name."""
    model = await prepare(scene)
    first = await make(scene, CASES["service"], "svc", model)
    async with scene.manager():
        await service_says(scene, first, "Unknown")
        second = f"{first}-engine"
        served: JsonObject = {"name": scene.name("runtime"), "kind": "ServingRuntime"}
        await scene.create(INFERENCE_SERVICES, second, {"model": {"name": model}, "runtime": served, "engine": {}})
        found = await service_says(scene, second, "False", "NotOurs")
        text = condition(found, "IngressReady")["message"]
        assert f"Service {scene.namespace}/{second}" in text
        assert f"found it owned by InferenceService {first}" in text
        another = f"make InferenceService {scene.namespace}/{second} anew under another name"
        assert f"next: have its owner give that name up, or {another}" in text
        assert condition(found, "EngineReady")["reason"] != "NotOurs"
        assert (await ours(scene, CASES["service"], first))["spec"]["selector"] == {"app": f"{first}-engine"}
        await service_says(scene, first, "Unknown")
        await scene.admin.delete(INFERENCE_SERVICES, first, scene.namespace)
        # The garbage collector's part, which does not run here.
        await scene.admin.delete(SERVICES, second, scene.namespace)

        async def has_it() -> bool:
            try:
                service = await scene.get(SERVICES, second)
            except NotFound:
                return False
            return [one["name"] for one in service["metadata"]["ownerReferences"]] == [second]

        await eventually(has_it)
        await service_says(scene, second, "Unknown")
