"""With nothing changing, nothing is written; a restart changes nothing either."""

import asyncio

from tests.envtest.reconcilers.conftest import Scene, eventually
from tests.envtest.reconcilers.services import (
    make_available,
    make_model,
    make_runtime,
    make_service,
    service_says,
)

REST_S = 10.0


async def settled(scene: Scene) -> int:
    """How much was written, once two looks a second apart find the same."""

    async def look() -> int:
        before = len(scene.writes())
        await asyncio.sleep(1)
        return before if len(scene.writes()) == before else 0

    return await eventually(look)


async def test_nothing_is_written_at_rest_nor_after_a_restart(scene: Scene) -> None:
    """D 59."""
    node = await scene.node()
    model, runtime = await make_model(scene), await make_runtime(scene)
    waiting = await scene.model(stem="elsewhere", disabled=False)
    good = await make_service(scene, model.name, runtime)
    broken = await make_service(scene, scene.name("nothing"), stem="broken")
    refused = await make_service(scene, model.name, await make_runtime(scene, "bad", port=70_000), stem="refused")
    async with scene.manager():
        await scene.report(node, model, "Ready", facts={"architecture": "BertModel", "contextLength": 512})
        await scene.report(node, waiting, "Failed", reason="X", message="m", nextStep="n")
        await make_available(scene, good)
        await service_says(scene, good, "True")
        await service_says(scene, broken, "False")
        await service_says(scene, refused, "False")
        await scene.model_says(model, state="Ready")
        await scene.model_says(waiting, state="Failed")
        before = await settled(scene)
        await asyncio.sleep(REST_S)
        # The server goes on refusing what it refuses, each time later; nothing else is even tried.
        assert [write for write in scene.writes()[before:] if not write.endswith(" 422")] == []
    before = len(scene.writes())
    async with scene.manager() as manager:

        async def reconciled() -> bool:
            done = {controller.name: controller.statistics().reconciles for controller in manager.controllers}
            return done["inferenceservice"] > 0 and done["clusterbasemodel"] > 0

        await eventually(reconciled)
        await asyncio.sleep(REST_S)
    assert [write for write in scene.writes()[before:] if not write.endswith(" 422")] == []
