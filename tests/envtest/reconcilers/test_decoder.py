"""The life of a service whose engine and decoder are apart, against a real API server under the shipped roles."""

from __future__ import annotations

import asyncio

from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import (
    deployment_of,
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
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
)

COMPONENTS = ("engine", "decoder", "router")
EACH: tuple[ResourceKind, ...] = (DEPLOYMENTS, SERVICES, HORIZONTAL_POD_AUTOSCALERS, POD_DISRUPTION_BUDGETS)
ACCESS: tuple[ResourceKind, ...] = (SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS)
ROUTER: JsonObject = {
    "name": "router",
    "image": "example.org/router:1",
    "args": ["--prefill-selector", "component=engine", "--decode-selector", "component=decoder"],
    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
}


async def make_pair(scene: Scene) -> str:
    """A runtime whose engine only prefills."""
    name, spec = scene.name("pair"), runtime_spec()
    await scene.create(
        SERVING_RUNTIMES,
        name,
        {**spec, "decoderConfig": spec["engineConfig"], "routerConfig": {"runner": ROUTER}},
    )
    return name


async def make_apart(scene: Scene) -> str:
    """A service of engine, decoder and router."""
    model, runtime = await make_model(scene), await make_pair(scene)
    return await make_service(scene, model.name, runtime, decoder={"minReplicas": 2}, router={})


async def change(scene: Scene, name: str, **spec: JsonObject | None) -> None:
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, {"spec": {**spec}}, scene.namespace)


async def children(scene: Scene, name: str) -> set[tuple[str, str]]:
    """What belongs to the service of all kinds that a component has: kind and component."""
    uid = (await scene.get(INFERENCE_SERVICES, name))["metadata"]["uid"]
    found: set[tuple[str, str]] = set()
    for kind in (*EACH, *ACCESS):
        for component in COMPONENTS:
            try:
                obj = await scene.get(kind, f"{name}-{component}")
            except NotFound:
                continue
            assert [owner["uid"] for owner in obj["metadata"]["ownerReferences"]] == [uid]
            found.add((kind.kind, component))
    return found


async def children_are(scene: Scene, name: str, *components: str) -> None:
    wanted = {(kind.kind, component) for kind in EACH for component in components}
    wanted |= {(kind.kind, "router") for kind in ACCESS if "router" in components}

    async def look() -> bool:
        found = await children(scene, name)
        assert found == wanted, found ^ wanted
        return True

    await eventually(look)


async def test_the_life_of_a_service_with_a_decoder(scene: Scene) -> None:
    """Created, made available, the decoder failing (D55), decoder and router removed, and deleted."""
    name = await make_apart(scene)
    async with scene.manager():
        await service_says(scene, name, "Unknown")
        await children_are(scene, name, *COMPONENTS)
        router = (await deployment_of(scene, name, "router"))["spec"]["template"]["spec"]
        assert router["serviceAccountName"] == f"{name}-router"
        assert (await scene.get(SERVICES, name))["spec"]["selector"]["component"] == "router"
        await make_available(scene, name)
        await make_available(scene, name, component="router")
        await service_says(scene, name, "Unknown")
        await make_available(scene, name, component="decoder")
        service = await service_says(scene, name, "True")
        assert set(service["status"]["components"]) == set(COMPONENTS)
        assert service["status"]["annotations"]["omectl.io/mode"] == "PDDisaggregated"

        await make_available(scene, name, available=False, component="decoder")
        service = await service_says(scene, name, "False", "Told")
        assert condition(service, "DecoderReady")["status"] == "False"

        await change(scene, name, decoder=None)
        service = await service_says(scene, name, "True")
        assert "decoder" not in service["status"]["components"]
        assert not [one for one in service["status"]["conditions"] if one["type"] == "DecoderReady"]
        assert service["status"]["annotations"]["omectl.io/mode"] == "RawDeployment"
        await children_are(scene, name, "engine", "router")

        await change(scene, name, router=None)
        await children_are(scene, name, "engine")
        assert (await scene.get(SERVICES, name))["spec"]["selector"]["component"] == "engine"
        await service_says(scene, name, "True")

        await scene.admin.delete(INFERENCE_SERVICES, name, scene.namespace)
        await scene.gone(INFERENCE_SERVICES, name)


async def test_d_13_decoder_and_router_added_later_leave_the_engine_s_pods_serving(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_pair(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        before = (await deployment_of(scene, name))["metadata"]["generation"]
        await change(scene, name, decoder={}, router={})
        await children_are(scene, name, *COMPONENTS)
        await service_says(scene, name, "Unknown")
        assert (await deployment_of(scene, name))["metadata"]["generation"] == before
        assert (await scene.get(SERVICES, name))["spec"]["selector"]["component"] == "engine"
        for component in ("router", "decoder"):
            await make_available(scene, name, component=component)
        await service_says(scene, name, "True")
        assert (await scene.get(SERVICES, name))["spec"]["selector"]["component"] == "router"


async def test_a_service_without_an_engine_has_the_components_of_its_runtime(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_pair(scene)
    name = scene.name("svc")
    wanted: JsonObject = {"model": {"name": model.name}, "runtime": {"name": runtime}}
    await scene.create(INFERENCE_SERVICES, name, wanted)
    async with scene.manager():
        await children_are(scene, name, *COMPONENTS)
        for component in COMPONENTS:
            await make_available(scene, name, component=component)
        await service_says(scene, name, "True")
        await change(scene, name, engine={})
        await children_are(scene, name, "engine")
        await service_says(scene, name, "True")


async def test_a_second_look_at_a_service_with_a_decoder_writes_nothing(scene: Scene) -> None:
    name = await make_apart(scene)
    async with scene.manager():
        for component in COMPONENTS:
            await make_available(scene, name, component=component)
        await service_says(scene, name, "True")
        await asyncio.sleep(0.5)
    before = len(scene.writes())
    async with scene.manager():
        await asyncio.sleep(1)
    assert [one for one in scene.writes()[before:] if scene.namespace in one and "events" not in one] == []
