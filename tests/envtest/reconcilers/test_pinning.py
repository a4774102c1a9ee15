"""Services that pin their runtime, and what becomes of services whose runtime or model goes, on a real API server."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.envtest.cli.command import omectl
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_available,
    make_model,
    make_runtime,
    make_service,
    runtime_spec,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import RUNTIME_SYNC
from omectl.kube.resources import CONTROLLER_REVISIONS

TWO = "example.org/vllm:2"


async def make_pinned(scene: Scene) -> tuple[str, str]:
    """A service that pins its runtime, and is ready once the manager runs; and the runtime."""
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = scene.name("svc")
    reference: JsonObject = {"name": runtime, "kind": "ServingRuntime", "autoSync": False}
    wanted: JsonObject = {"model": {"name": model.name}, "engine": {"minReplicas": 2}, "runtime": reference}
    await scene.create(INFERENCE_SERVICES, name, wanted)
    return name, runtime


async def edit(scene: Scene, runtime: str, image: str) -> None:
    patch: JsonObject = {"spec": {"engineConfig": runtime_spec(image=image)["engineConfig"]}}
    await scene.admin.merge_patch(SERVING_RUNTIMES, runtime, patch, scene.namespace)


async def ask(scene: Scene, name: str, token: str) -> None:
    patch: JsonObject = {"metadata": {"annotations": {RUNTIME_SYNC: token}}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)


async def drifted(scene: Scene, name: str, reason: str | None) -> Any:
    """The service once it tells of such a drift, or of none."""

    async def look() -> Any:
        service = await scene.get(INFERENCE_SERVICES, name)
        told = {one["type"]: one for one in service.get("status", {}).get("conditions", [])}
        assert told
        assert told.get("RuntimeDrifted", {}).get("reason") == reason, told
        return service

    return await eventually(look)


async def has_image(scene: Scene, name: str, image: str) -> Any:
    async def look() -> Any:
        found = await deployment_of(scene, name)
        assert found["spec"]["template"]["spec"]["containers"][0]["image"] == image
        return found

    return await eventually(look)


async def revisions(scene: Scene) -> list[Any]:
    return list((await scene.admin.list(CONTROLLER_REVISIONS, scene.namespace)).items)


async def test_a_pinned_service_outlives_the_edit_and_the_deletion_of_its_runtime(scene: Scene) -> None:
    name, runtime = await make_pinned(scene)
    async with scene.manager():
        await make_available(scene, name)
        service = await service_says(scene, name, "True")
        (kept,) = await revisions(scene)
        assert service["status"]["pinnedRevisionName"] == kept["metadata"]["name"]
        (owner,) = kept["metadata"]["ownerReferences"]
        assert owner["uid"] == service["metadata"]["uid"]
        before = await deployment_of(scene, name)

        await edit(scene, runtime, TWO)
        service = await drifted(scene, name, "RevisionMismatch")
        message = condition(service, "RuntimeDrifted")["message"]
        assert "spec.engineConfig.runner.image" in message
        assert RUNTIME_SYNC in message
        assert condition(service)["status"] == "True"

        await scene.admin.delete(SERVING_RUNTIMES, runtime, scene.namespace)
        service = await drifted(scene, name, "SourceRuntimeMissing")
        assert condition(service)["status"] == "True"
        where = ("-n", scene.namespace, "--kubeconfig", scene.shipped.control_plane.kubeconfig())
        told = await asyncio.to_thread(omectl, "explain", name, *where)
        assert told.code == 0, told
        assert f"runtime  {runtime} (" in told.out
    async with scene.manager():
        # Whoever takes over knows no more than what is kept.
        await scene.admin.merge_patch(
            INFERENCE_SERVICES, name, {"metadata": {"labels": {"team": "a"}}}, scene.namespace
        )

        async def look() -> Any:
            found = await deployment_of(scene, name)
            assert found["metadata"]["labels"].get("team") == "a"
            return found

        after = await eventually(look)
        assert after["spec"] == before["spec"]
        assert [one["metadata"]["uid"] for one in await revisions(scene)] == [kept["metadata"]["uid"]]
        found = {reason for _, reason in await events_of(scene, name)}
        assert {"RuntimePinned", "RuntimeDrifted"} <= found


async def test_a_pinned_service_takes_its_runtime_anew_once_for_each_value(scene: Scene) -> None:
    name, runtime = await make_pinned(scene)
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        (first,) = await revisions(scene)
        await edit(scene, runtime, TWO)
        await drifted(scene, name, "RevisionMismatch")
        await ask(scene, name, "a")
        await has_image(scene, name, TWO)
        await drifted(scene, name, None)

        async def replaced() -> bool:
            (left,) = found if len(found := await revisions(scene)) == 1 else (first,)
            assert left["metadata"]["name"] != first["metadata"]["name"]
            return left["revision"] == 2

        await eventually(replaced)
        await edit(scene, runtime, "example.org/vllm:3")
        await drifted(scene, name, "RevisionMismatch")
        await has_image(scene, name, TWO)
        await edit(scene, runtime, TWO)
        await drifted(scene, name, None)


async def test_a_service_that_pins_no_more_follows_its_runtime_and_keeps_nothing(scene: Scene) -> None:
    name, runtime = await make_pinned(scene)
    async with scene.manager():
        await make_available(scene, name)
        await edit(scene, runtime, TWO)
        await drifted(scene, name, "RevisionMismatch")
        patch: JsonObject = {"spec": {"runtime": {"autoSync": None}}}
        await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)
        await has_image(scene, name, TWO)
        service = await drifted(scene, name, None)

        async def none_left() -> bool:
            return await revisions(scene) == []

        await eventually(none_left)
        assert "pinnedRevisionName" not in service["status"]


async def test_a_runtime_that_is_deleted_while_it_is_in_use_takes_no_pods_with_it(scene: Scene) -> None:
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name, runtime)
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        before = await deployment_of(scene, name)
        await scene.admin.delete(SERVING_RUNTIMES, runtime, scene.namespace)
        service = await service_says(scene, name, "False", "RuntimeValidationError")
        assert runtime in condition(service)["message"]
        assert condition(service, "EngineReady")["status"] == "True"
        after = await deployment_of(scene, name)
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_snapshot_that_is_deleted_by_hand_is_made_of_the_runtime_as_it_is(scene: Scene) -> None:
    name, runtime = await make_pinned(scene)
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        (kept,) = await revisions(scene)
        await edit(scene, runtime, TWO)
        await drifted(scene, name, "RevisionMismatch")
        await scene.admin.delete(CONTROLLER_REVISIONS, kept["metadata"]["name"], scene.namespace)
        await has_image(scene, name, TWO)
        await drifted(scene, name, None)


async def test_a_deleted_pinned_service_goes_and_leaves_its_snapshot_to_the_garbage_collector(scene: Scene) -> None:
    name, runtime = await make_pinned(scene)
    async with scene.manager():
        await make_available(scene, name)
        await service_says(scene, name, "True")
        await scene.admin.delete(SERVING_RUNTIMES, runtime, scene.namespace)
        await drifted(scene, name, "SourceRuntimeMissing")
        await scene.admin.delete(INFERENCE_SERVICES, name, scene.namespace)
        await scene.gone(INFERENCE_SERVICES, name)
        (kept,) = await revisions(scene)
        (owner,) = kept["metadata"]["ownerReferences"]
        assert (owner["controller"], owner["name"]) == (True, name)
