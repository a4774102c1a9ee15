"""An Ingress switched on, off and on again on a real API server: whatever the status says leads somewhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import make_available, make_model, make_runtime, make_service, service_says

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.resource import ResourceKind
from omectl.kube.errors import NotFound
from omectl.kube.resources import DEPLOYMENTS, INGRESSES, SERVICES

PORT = 30000
SWITCH = "ome.io/ingress-disable-creation"


async def there_now(scene: Scene, kind: ResourceKind, name: str) -> Any:
    """The object, None when there is none."""
    try:
        return await scene.get(kind, name)
    except NotFound:
        return None


async def leads_to_the_engine(scene: Scene, name: str, service: str, port: int) -> bool:
    """Whether that Service hands on requests at that port to the port that the engine's container has."""
    found = await there_now(scene, SERVICES, service)
    pods = (await scene.get(DEPLOYMENTS, f"{name}-engine"))["spec"]["template"]
    labels, (container,) = pods["metadata"]["labels"], pods["spec"]["containers"]
    return (
        found is not None
        and found["spec"]["selector"].items() <= labels.items()
        and [one["targetPort"] for one in found["spec"]["ports"] if one["port"] == port] == [PORT]
        and [one["containerPort"] for one in container["ports"]] == [PORT]
    )


async def is_reached(scene: Scene, name: str, *, outside: bool) -> None:
    """Until every address in the status leads to the engine, from outside by an Ingress or not at all."""

    async def look() -> bool:
        service = await scene.get(INFERENCE_SERVICES, name)
        assert condition(service)["status"] == "True", service
        status = service["status"]
        url, address = urlsplit(status["url"]), urlsplit(status["address"]["url"])
        assert address.hostname == f"{name}.{scene.namespace}.svc.cluster.local"
        assert address.port == PORT
        assert await leads_to_the_engine(scene, name, name, PORT)
        ingress = await there_now(scene, INGRESSES, name)
        assert (ingress is not None) is outside
        assert (url != address) is outside, status
        if outside:
            (rule,) = ingress["spec"]["rules"]
            backend = rule["http"]["paths"][0]["backend"]["service"]
            assert url.hostname == rule["host"] == f"{name}.{scene.namespace}.models.example.com"
            assert await leads_to_the_engine(scene, name, backend["name"], backend["port"]["number"])
        return True

    await eventually(look)


async def switch(scene: Scene, name: str, disabled: str) -> None:
    patch: JsonObject = {"metadata": {"annotations": {SWITCH: disabled}}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)


async def test_d_6_and_d_7_with_an_ingress_on_and_off_and_on_every_address_resolves(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene, port=PORT)
    annotations: JsonObject = {SWITCH: "false", "ome.io/ingress-domain": "models.example.com"}
    name = await make_service(scene, model.name, runtime, metadata={"annotations": annotations})
    async with scene.manager():
        await make_available(scene, name)
        await is_reached(scene, name, outside=True)
        await switch(scene, name, "true")
        await is_reached(scene, name, outside=False)
        await switch(scene, name, "false")
        await is_reached(scene, name, outside=True)


async def test_what_an_ingress_s_controller_says_of_its_address_is_told_and_nothing_more(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime, metadata={"annotations": {SWITCH: "false"}})
    async with scene.manager():
        await make_available(scene, name)
        service = await service_says(scene, name, "True")
        assert condition(service, "IngressReady")["reason"] == "AddressUnknown"
        status: JsonObject = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
        await scene.admin.merge_patch(INGRESSES, name, status, scene.namespace, subresource="status")

        async def told() -> bool:
            found = condition(await scene.get(INFERENCE_SERVICES, name), "IngressReady")
            return found.get("message") == f"Ingress {name} is served at 192.0.2.7" and "reason" not in found

        await eventually(told)
