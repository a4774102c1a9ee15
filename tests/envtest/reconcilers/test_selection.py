"""What a service keeps of its choices, against a real API server, over managers that come and go (D 2, D 16)."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from tests.envtest.conftest import kubectl
from tests.envtest.reconcilers.conftest import Scene, condition, eventually
from tests.envtest.reconcilers.services import (
    deployment_of,
    events_of,
    make_model,
    make_runtime,
    make_service,
    runtime_spec,
    service_says,
)

from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_BASE_MODELS, INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.metrics import exposition


async def picks(scene: Scene, name: str, runtime: str, reason: str = "Chosen", better: str = "") -> Any:
    """The service once its status says so of its runtime."""

    async def look() -> Any:
        service = await scene.get(INFERENCE_SERVICES, name)
        told = service.get("status", {}).get("selection", {})
        found = (told.get("runtime", {}).get("name"), told.get("reason"), told.get("betterCandidate", {}).get("name"))
        assert found == (runtime, reason, better or None), told
        return service

    return await eventually(look)


async def told(scene: Scene, name: str, *reasons: str) -> None:
    """Until there are these Events about the service, each once."""

    async def look() -> bool:
        found = [reason for _, reason in await events_of(scene, name)]
        assert sorted(found) == sorted(reasons), found
        return True

    await eventually(look)


async def image_of(scene: Scene, name: str, image: str) -> None:
    """Until the engine has this image."""

    async def look() -> bool:
        (container,) = (await deployment_of(scene, name))["spec"]["template"]["spec"]["containers"]
        assert container["image"] == image
        return True

    await eventually(look)


def better_than(image: str, priority: int) -> JsonObject:
    spec: Any = runtime_spec(image=image)
    spec["supportedModelFormats"][0]["priority"] = priority
    return spec


async def annotate(scene: Scene, name: str, value: str | None) -> None:
    patch: JsonObject = {"metadata": {"annotations": {"omectl.io/reselect": value}}}
    await scene.admin.merge_patch(INFERENCE_SERVICES, name, patch, scene.namespace)


async def test_a_pick_outlives_a_restart_and_a_better_runtime_until_somebody_asks(scene: Scene) -> None:
    """D 16."""
    model, old = await make_model(scene), await make_runtime(scene, "old", image="example.org/old:1")
    new = scene.name("new")
    name = await make_service(scene, model.name)
    async with scene.manager():
        service = await picks(scene, name, old)
        assert service["status"]["selection"]["runtime"] == {"kind": "ServingRuntime", "name": old, "entry": 0}
        await image_of(scene, name, "example.org/old:1")
        told_of = condition(service, "RuntimeSelected")
        assert (told_of["status"], told_of["reason"], told_of["severity"]) == ("True", "Chosen", "Info")
        await told(scene, name, "RuntimeSelected")
    await scene.create(SERVING_RUNTIMES, new, better_than("example.org/new:1", 2))
    async with scene.manager():
        service = await picks(scene, name, old, "Kept", better=new)
        assert condition(service, "RuntimeSelected")["reason"] == "BetterCandidate"
        assert "set the service's annotation omectl.io/reselect" in condition(service, "RuntimeSelected")["message"]
        await image_of(scene, name, "example.org/old:1")
        await annotate(scene, name, "1")
        service = await picks(scene, name, new)
        assert service["status"]["selection"]["reselect"] == "1"
        await image_of(scene, name, "example.org/new:1")
        await told(scene, name, "RuntimeSelected", "BetterRuntimeAvailable", "RuntimeSelected")
        await scene.create(SERVING_RUNTIMES, scene.name("newer"), better_than("example.org/newer:1", 3))
        await picks(scene, name, new, "Kept", better=scene.name("newer"))
        await annotate(scene, name, None)
        service = await service_says(scene, name, "Unknown")
        await picks(scene, name, new, "Kept", better=scene.name("newer"))


async def test_a_runtime_that_goes_is_replaced_and_one_that_returns_is_not_taken_back(scene: Scene) -> None:
    """D 16: the loss of the runtime."""
    model = await make_model(scene)
    old, second = await make_runtime(scene, "a-old", image="example.org/old:1"), await make_runtime(scene, "b-second")
    name = await make_service(scene, model.name)
    async with scene.manager():
        service = await picks(scene, name, old)
        assert service["status"]["selection"]["ambiguous"] is True
        assert condition(service, "RuntimeSelected")["reason"] == "Ambiguous"
        await scene.admin.delete(SERVING_RUNTIMES, old, scene.namespace)
        service = await picks(scene, name, second)
        assert "ambiguous" not in service["status"]["selection"]
        await image_of(scene, name, "example.org/vllm:1")
        await scene.create(SERVING_RUNTIMES, scene.name("c-third"), runtime_spec())
        await eventually(lambda: _ambiguous(scene, name, second))
        await scene.admin.merge_patch(SERVING_RUNTIMES, second, {"spec": {"disabled": True}}, scene.namespace)
        await picks(scene, name, scene.name("c-third"))


async def _ambiguous(scene: Scene, name: str, runtime: str) -> bool:
    told = (await scene.get(INFERENCE_SERVICES, name))["status"]["selection"]
    return told.get("ambiguous") is True and told["runtime"]["name"] == runtime


async def test_a_model_that_changes_is_chosen_for_afresh(scene: Scene) -> None:
    """D 16: a change of the model."""
    model = await make_model(scene)
    bert, other = await make_runtime(scene, "bert"), await make_runtime(scene, "other", architecture="OtherModel")
    name = await make_service(scene, model.name)
    async with scene.manager():
        await picks(scene, name, bert)
        await scene.admin.merge_patch(CLUSTER_BASE_MODELS, model.name, {"spec": {"modelArchitecture": "OtherModel"}})
        await picks(scene, name, other)


async def test_the_nearest_misses_are_told_and_what_there_was_is_remembered(scene: Scene) -> None:
    """D 25, and D 16: a runtime that returns is taken up again as the one that was picked."""
    model, old = await make_model(scene), await make_runtime(scene, "old")
    name = await make_service(scene, model.name)
    misses = 'omectl_selection_misses_total{code="Disabled"}'
    kept = 'omectl_selections_total{ambiguous="false",cause="Kept",outcome="Chosen"}'
    async with scene.manager():
        first = await picks(scene, name, old)
        before = _metric(misses)
        await scene.admin.merge_patch(SERVING_RUNTIMES, old, {"spec": {"disabled": True}}, scene.namespace)
        service = await picks(scene, name, old, "NoneFits")
        told_of = service["status"]["selection"]
        assert told_of["nearest"][0] == {"kind": "ServingRuntime", "name": old, "codes": ["Disabled"]}
        assert told_of["passedOver"] >= 1
        assert told_of["inputs"] == first["status"]["selection"]["inputs"]
        assert condition(service, "RuntimeSelected")["status"] == "False"
        await _counted(misses, before)
        before = _metric(kept)
        await scene.admin.merge_patch(SERVING_RUNTIMES, old, {"spec": {"disabled": False}}, scene.namespace)
        await picks(scene, name, old)
        await _counted(kept, before)


async def test_a_second_manager_finds_nothing_to_write(scene: Scene) -> None:
    """D 2: the status says the same on the next pass, after a restart too."""
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name)
    async with scene.manager():
        await picks(scene, name, runtime)
        await service_says(scene, name, "Unknown", "Progressing")
        await told(scene, name, "RuntimeSelected")
    before = _writes(scene, name)
    service = await scene.get(INFERENCE_SERVICES, name)
    passes = 'controller_runtime_reconcile_total{controller="inferenceservice",result="success"}'
    # The counts of a manager that is gone leave the sum when its memory is freed: not while the next one is watched.
    gc.collect()
    made = _metric(passes)
    async with scene.manager():
        await _counted(passes, made)
        marker = await make_model(scene, "marker")
        await scene.model_says(marker, observedGeneration=1)
    assert _writes(scene, name) == before
    assert (await scene.get(INFERENCE_SERVICES, name))["metadata"] == service["metadata"]


def _writes(scene: Scene, name: str) -> list[str]:
    return [write for write in scene.writes() if f"/{name}" in write]


async def _counted(series: str, before: float) -> None:
    """Until there are more than before: a manager counts a moment after it wrote."""

    async def look() -> bool:
        if _metric(series) > before:
            return True
        # Reading all metrics of a long test run holds the loop up, which the manager shares.
        await asyncio.sleep(0.5)
        return False

    await eventually(look)


def _metric(series: str) -> float:
    lines = [line for line in exposition()[0].decode().splitlines() if line.startswith(f"{series} ")]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0


async def test_kubectl_describes_the_choices_and_waits_for_them(scene: Scene) -> None:
    """D 2: a user needs no other tool."""
    model, runtime = await make_model(scene), await make_runtime(scene)
    name = await make_service(scene, model.name)
    async with scene.manager():
        await picks(scene, name, runtime)
        about = ("inferenceservices.ome.io/" + name, "--namespace", scene.namespace)
        plane = scene.shipped.control_plane
        await asyncio.to_thread(kubectl, plane, "wait", "--for=condition=RuntimeSelected", "--timeout=10s", *about)
        text = await asyncio.to_thread(kubectl, plane, "describe", *about)
    told = " ".join(text.partition("Selection:")[2].split())
    assert told.startswith("Fit: Context: ")
    assert f"Ranking: default Reason: Chosen Runtime: Entry: 0 Kind: ServingRuntime Name: {runtime}" in told
