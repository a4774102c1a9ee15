"""Many equal services, a namespace each, that live through the same steps under managers that meet faults."""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.envtest.reconcilers.conftest import Scene
from tests.envtest.reconcilers.faults import Fault, FaultyClient, Kind
from tests.envtest.reconcilers.services import MODEL, runtime_spec

from omectl.api.json import JsonObject
from omectl.api.kinds import BASE_MODELS, INFERENCE_SERVICES, SERVING_RUNTIMES
from omectl.api.labels import ModelKey
from omectl.api.resource import ResourceKind
from omectl.kube.resources import DEPLOYMENTS, NAMESPACES
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, RAY_CLUSTERS
from omectl.manager import Manager, ManagerOptions
from omectl.reconcilers import ReconcilerOptions, set_up
from omectl.reconcilers.children import CHILD_KINDS, OPTIONAL_KINDS

QUIET_S = 0.8
RUN_S = 90.0
FACTS: JsonObject = {
    "architecture": "BertModel",
    "modelType": "bert",
    "contextLength": 512,
    "parameterCount": 22_000_000,
}
ROUTER: JsonObject = {"runner": {"name": "router", "image": "example.org/router:1"}}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a service asks for: annotations (None removes) and spec fields, and the image of its runtime."""

    annotations: Mapping[str, str | None] = field(default_factory=dict)
    spec: JsonObject = field(default_factory=lambda: {"engine": {"minReplicas": 2}})
    image: str = "example.org/vllm:1"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to every service: it takes a shape, or (None) whatever it runs becomes available."""

    name: str
    shape: Shape | None = None


class Life:
    """One service in a namespace of its own."""

    def __init__(self, scene: Scene, number: int, fault: Fault | None = None, faulty: str = "") -> None:
        self.scene = scene
        self.namespace = f"test-{scene.suffix}-{number:03d}"
        self.fault = fault
        self.faulty = faulty
        self.met: list[str] = []

    def __str__(self) -> str:
        return f"{self.faulty}, {self.fault.kind.value} write {self.fault.number}" if self.fault else "undisturbed"

    async def begin(self, node: str) -> None:
        admin, scene = self.scene.admin, self.scene
        await admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        scene.namespace = self.namespace
        storage: JsonObject = {"storageUri": "hf://a/b", "nodeSelector": {"test": scene.suffix}}
        spec = {name: value for name, value in MODEL.items() if name != "modelArchitecture"}
        await scene.create(BASE_MODELS, "model", {"storage": storage, **spec})
        await scene.report(node, ModelKey("BaseModel", self.namespace, "model"), "Ready", facts=FACTS)
        await scene.create(SERVING_RUNTIMES, "runtime", runtime_spec() | {"routerConfig": ROUTER})

    async def take(self, shape: Shape) -> None:
        admin = self.scene.admin
        runtime: JsonObject = {"spec": runtime_spec(image=shape.image)}
        await admin.merge_patch(SERVING_RUNTIMES, "runtime", runtime, self.namespace)
        spec: JsonObject = {
            "model": {"name": "model", "kind": "BaseModel"},
            "runtime": {"name": "runtime", "kind": "ServingRuntime"},
            **shape.spec,
        }
        metadata: JsonObject = {"annotations": dict(shape.annotations)}
        existing = await admin.list(INFERENCE_SERVICES, self.namespace)
        if existing.items:
            patch: JsonObject = {"metadata": metadata, "spec": spec}
            await admin.merge_patch(INFERENCE_SERVICES, "svc", patch, self.namespace)
            return
        annotations = {name: value for name, value in shape.annotations.items() if value is not None}
        self.scene.namespace = self.namespace
        await self.scene.create(INFERENCE_SERVICES, "svc", spec, annotations=annotations)

    async def become_available(self) -> None:
        """Say, as each workload's controller would, that it serves."""
        admin = self.scene.admin
        for kind, told in _SERVING.items():
            for obj in (await admin.list(kind, self.namespace)).items:
                metadata: Any = obj["metadata"]
                status = {**told, "observedGeneration": metadata["generation"]}
                patch: JsonObject = {"status": status}
                await admin.merge_patch(kind, metadata["name"], patch, self.namespace, subresource="status")

    async def state(self) -> JsonObject:
        """Everything in the namespace, without what differs from run to run."""
        found: dict[str, Any] = {}
        for kind in (BASE_MODELS, INFERENCE_SERVICES, *CHILD_KINDS, *OPTIONAL_KINDS):
            for obj in (await self.scene.admin.list(kind, self.namespace)).items:
                found[f"{kind.kind}.{kind.group}/{obj['metadata']['name']}"] = obj
        uids = {obj["metadata"]["uid"]: f"uid-of-{name}" for name, obj in found.items()}
        text = json.dumps({name: bare(obj, "omectl.io/pod-template") for name, obj in found.items()})
        for uid, name in uids.items():
            text = text.replace(uid, name)
        return json.loads(text.replace(self.namespace, "NAMESPACE"))


_TRUE: list[Any] = [
    {"type": name, "status": "True"} for name in ("Ready", "RoutesReady", "ConfigurationsReady", "HeadPodReady")
]
_SERVING: dict[ResourceKind, JsonObject] = {
    DEPLOYMENTS: {
        **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2),
        "conditions": [{"type": "Available", "status": "True", "reason": "Told", "message": "told"}],
    },
    KNATIVE_SERVICES: {
        "conditions": _TRUE[:3],
        "latestCreatedRevisionName": "svc-engine-00001",
        "latestReadyRevisionName": "svc-engine-00001",
        "url": "http://svc-engine.example.org",
        "address": {"url": "http://svc-engine.NAMESPACE.svc.cluster.local"},
    },
    RAY_CLUSTERS: {
        "state": "ready",
        "conditions": [{**_TRUE[3], "reason": "Told", "message": "told", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "desiredWorkerReplicas": 1,
        "readyWorkerReplicas": 1,
    },
}
"""The status of each kind when it serves, as its controller tells it."""


async def manage(client: FaultyClient, lives: Sequence[Life]) -> None:
    """A manager until nothing more comes; notes for each life what was written."""
    manager = Manager(client, ManagerOptions(graceful_shutdown_s=0))
    set_up(manager, ReconcilerOptions(progress_interval_s=0.05, service_workers=128))
    task = asyncio.create_task(manager.run())
    try:
        async with asyncio.timeout(RUN_S):
            await _idle(manager, client)
    finally:
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(task, return_exceptions=True)
    for life in lives:
        tally = client.tallies.get(life.namespace)
        life.met = tally.written if tally is not None else []


async def _idle(manager: Manager, client: FaultyClient) -> None:
    """Until every controller has nothing to do for a while but what hangs in dead namespaces."""
    loop = asyncio.get_running_loop()
    quiet_since, writes = loop.time(), -1
    while loop.time() - quiet_since < QUIET_S:
        await asyncio.sleep(0.03)
        found = [controller.statistics() for controller in manager.controllers]
        states = {each.state for each in found}
        waiting = sum(each.queue.ready + each.queue.waiting for each in found)
        active = sum(each.active for each in found)
        if states != {"running"} or waiting or active > client.dead or writes != client.writes:
            quiet_since, writes = loop.time(), client.writes


async def live(
    scene: Scene, steps: Sequence[Step], lives: Sequence[Life], node: str, client: type[FaultyClient] = FaultyClient
) -> dict[str, list[str]]:
    """Let them live through the steps; what the first wrote in each step.

    In its step a life meets its fault, and the next manager finds what that left.
    """
    for one in lives:
        await one.begin(node)
    await _managed(scene, lives, client, {})
    wrote: dict[str, list[str]] = {}
    for step in steps:
        for one in lives:
            await (one.take(step.shape) if step.shape is not None else one.become_available())
        await _managed(
            scene, lives, client, {one.namespace: one.fault for one in lives if one.fault and one.faulty == step.name}
        )
        wrote[step.name] = lives[0].met
        if len(lives) > 1:
            await _managed(scene, lives, client, {})
    return wrote


async def rewrites(scene: Scene, lives: Sequence[Life]) -> list[str]:
    """What another manager writes, which finds everything as it was left."""
    await _managed(scene, lives, FaultyClient, {})
    return [write for one in lives for write in one.met]


async def _managed(
    scene: Scene, lives: Sequence[Life], client: type[FaultyClient], faults: Mapping[str, Fault]
) -> None:
    async with client(scene.manager_config, faults) as made:
        await manage(made, lives)


def every_fault(scene: Scene, wrote: Mapping[str, Sequence[str]]) -> list[Life]:
    """A life for each write of each step, and for each kind of fault; the first is undisturbed."""
    lives = [Life(scene, 100)]
    for step, writes in wrote.items():
        for number in range(1, len(writes) + 1):
            for kind in Kind:
                lives.append(Life(scene, 100 + len(lives), Fault(kind, number), step))
    return lives


def bare(obj: Any, *masked: str) -> Any:
    """The object without times, versions and the desired hash, nor the annotations that are masked."""
    metadata = {
        name: value
        for name, value in obj["metadata"].items()
        if name not in ("uid", "resourceVersion", "creationTimestamp", "generation")
    }
    metadata["managedFields"] = sorted(
        (
            {name: value for name, value in entry.items() if name != "time"}
            for entry in metadata.pop("managedFields")
            if entry["manager"] != "aiohttp"
        ),
        key=lambda entry: (entry["manager"], entry.get("subresource", ""), entry["operation"]),
    )
    text = json.dumps({**obj, "metadata": metadata})
    hidden = "|".join(map(re.escape, ("lastTransitionTime", "omectl.io/desired-hash", *masked)))
    text = re.sub(rf'"({hidden})": "[^"]*"', r'"\1": "-"', text)
    text = re.sub(r'"observedGeneration": \d+', '"observedGeneration": 0', text)
    text = re.sub(r'"(clusterIPs?)": ("[^"]*"|\[[^]]*\])', r'"\1": "-"', text)
    return json.loads(text)


def differences(wanted: JsonObject, found: JsonObject) -> list[str]:
    lines = (json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (wanted, found))
    return list(difflib.unified_diff(*lines, "undisturbed", "disturbed", n=2, lineterm=""))
