"""A manager that dies after any single write for a new model and its service leaves what the next one makes whole."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.envtest.reconcilers.conftest import Scene
from tests.envtest.reconcilers.mortal import NEVER, MortalClient
from tests.envtest.reconcilers.services import MODEL, runtime_spec
from tests.envtest.reconcilers.states import bare, differences

from omectl.api.json import JsonObject
from omectl.api.kinds import BASE_MODELS, INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import ModelKey
from omectl.kube.client import Client
from omectl.kube.resources import NAMESPACES
from omectl.manager import Manager, ManagerOptions
from omectl.reconcilers import ReconcilerOptions, set_up
from omectl.reconcilers.children import CHILD_KINDS

QUIET_S = 0.4
RUN_S = 60.0
FACTS: JsonObject = {
    "architecture": "BertModel",
    "modelType": "bert",
    "contextLength": 512,
    "parameterCount": 22_000_000,
}


class Run:
    """One service and its model in a namespace of their own, and the managers that come and go over them."""

    def __init__(self, scene: Scene, number: int, node: str) -> None:
        self.scene = scene
        self.node = node
        self.namespace = f"test-{scene.suffix}-{number:02d}"

    async def begin(self) -> None:
        admin = self.scene.admin
        self.scene.namespace = self.namespace
        await admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        storage: JsonObject = {"storageUri": "hf://a/b", "nodeSelector": {"test": self.scene.suffix}}
        spec = {name: value for name, value in MODEL.items() if name != "modelArchitecture"}
        await self.scene.create(BASE_MODELS, "model", {"storage": storage, **spec})
        await self.scene.report(self.node, ModelKey("BaseModel", self.namespace, "model"), "Ready", facts=FACTS)
        await self.scene.create(SERVING_RUNTIMES, "runtime", runtime_spec())
        service: JsonObject = {
            "model": {"name": "model", "kind": "BaseModel"},
            "runtime": {"name": "runtime", "kind": "ServingRuntime"},
            "engine": {"minReplicas": 2},
        }
        await self.scene.create(INFERENCE_SERVICES, "svc", service)

    async def manage(self, die_after: int = NEVER) -> list[str]:
        """A manager until it is dead, or everything is done; what it wrote."""
        async with MortalClient(self.scene.manager_config, die_after) as client:
            manager = Manager(client, ManagerOptions(graceful_shutdown_s=0))
            set_up(manager, ReconcilerOptions(progress_interval_s=0.05))
            task = asyncio.create_task(manager.run())
            ends = [asyncio.create_task(client.dead.wait()), asyncio.create_task(idle(manager))]
            try:
                done, _ = await asyncio.wait(ends, timeout=RUN_S, return_when=asyncio.FIRST_COMPLETED)
                assert done, f"neither dead nor done after {RUN_S} s"
            finally:
                for each in (task, *ends):
                    each.cancel()
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, *ends, return_exceptions=True)
            return client.written

    async def state(self) -> JsonObject:
        """Everything in the namespace, without what differs from run to run."""
        found: dict[str, Any] = {}
        async with Client(self.scene.shipped.control_plane.admin_config) as client:
            for kind in (BASE_MODELS, INFERENCE_SERVICES, *CHILD_KINDS):
                for obj in (await client.list(kind, self.namespace)).items:
                    found[f"{kind.kind}/{obj['metadata']['name']}"] = obj
        uids = {obj["metadata"]["uid"]: f"uid-of-{name}" for name, obj in found.items()}
        text = json.dumps({name: bare(obj) for name, obj in found.items()})
        for uid, name in uids.items():
            text = text.replace(uid, name)
        return json.loads(text.replace(self.namespace, "NAMESPACE"))


async def idle(manager: Manager) -> None:
    """Until every controller has worked and then had nothing to do for a while."""
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    while loop.time() - quiet_since < QUIET_S:
        await asyncio.sleep(0.03)
        found = [controller.statistics() for controller in manager.controllers]
        busy = any(
            each.state != "running" or each.active or each.queue.ready or each.queue.processing or each.queue.waiting
            for each in found
        )
        if busy or not found:
            quiet_since = loop.time()


@pytest.mark.timeout(400)
async def test_a_manager_killed_after_each_write_in_turn_leaves_the_same_end(scene: Scene) -> None:
    node = await scene.node()

    async def prepared(number: int) -> Run:
        run = Run(scene, number, node)
        await run.begin()
        return run

    undisturbed = await prepared(0)
    writes = await undisturbed.manage()
    wanted = await undisturbed.state()
    assert len(writes) > 4
    assert "Deployment/svc-engine" in wanted
    for number in range(1, len(writes) + 1):
        run = await prepared(number)
        written = await run.manage(die_after=number)
        await run.manage()
        found = await run.state()
        assert found == wanted, f"killed after {written}:\n" + "\n".join(differences(wanted, found))
