"""A pass over one class: what its status says, and when it is written."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from tests.unit.planner.accelerators.cluster import container, node, pod
from tests.unit.planner.accelerators.test_devices import device_class
from tests.unit.reconcilers.objects import added, deleted, lister, record, updated

from omectl.api.json import JsonObject
from omectl.api.kinds import ACCELERATOR_CLASSES
from omectl.api.resource import ObjectKey
from omectl.clock import FakeClock
from omectl.kube.client import Client
from omectl.kube.errors import Conflict, NotFound
from omectl.manager import Result, TerminalError
from omectl.reconcilers.accelerator_class import AcceleratorClassReconciler
from omectl.reconcilers.accelerator_devices import AcceleratorDevices
from omectl.reconcilers.accelerator_nodes import AcceleratorNodes

Json = Any
KEY = ObjectKey("", "x")
FINALIZER = "acceleratorclasses.ome.io/finalizer"
H100 = {"gpu": "h100"}


class Scene:
    """One class in a cluster, and the server that keeps it."""

    def __init__(self, *, metadata: Json = None, **spec: Json) -> None:
        fields = {"discovery": {"nodeSelector": H100}, "capabilities": {}, "resources": [{"name": "nvidia.com/gpu"}]}
        self.object: Json = {
            "apiVersion": ACCELERATOR_CLASSES.api_version,
            "kind": ACCELERATOR_CLASSES.kind,
            "metadata": {"name": "x", "uid": "u", "generation": 1, "resourceVersion": "1", **(metadata or {})},
            "spec": {**fields, **spec},
        }
        self.writes: list[str] = []
        self.gone = False
        self.classes, self._store = lister(ACCELERATOR_CLASSES)
        self.nodes = AcceleratorNodes()
        self.devices = AcceleratorDevices(self.nodes)
        self.clock = FakeClock()
        self.reconciler = AcceleratorClassReconciler(
            cast("Client", self), self.classes, self.nodes, self.devices, self.clock, counts_interval_s=10
        )

    async def merge_patch(self, kind: object, name: str, patch: Any, namespace: str) -> Any:
        if self.gone:
            raise NotFound(404, "NotFound", "gone")
        self.writes.append("finalizers")
        self.object["metadata"]["finalizers"] = patch["metadata"]["finalizers"]
        return self.object

    async def replace_status(self, kind: object, obj: Any) -> Any:
        if obj["metadata"]["resourceVersion"] != self.object["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "stale")
        self.writes.append("status")
        self.object["metadata"]["resourceVersion"] = str(int(self.object["metadata"]["resourceVersion"]) + 1)
        self.object["status"] = obj["status"]
        return self.object

    async def run(self, *nodes: Json) -> Result:
        """A pass with these nodes beside those that are there."""
        for one in nodes:
            self.nodes.node_event(added(one))
        self._store.put(record(cast("JsonObject", self.object)))
        return await self.reconciler.reconcile(KEY)

    def lose(self) -> None:
        """The class is deleted."""
        self._store.remove(record(cast("JsonObject", self.object)))

    @property
    def status(self) -> Json:
        return self.object["status"]

    def verdict(self, kind: str) -> tuple[str, str]:
        (found,) = (one for one in self.status["conditions"] if one["type"] == kind)
        return found["status"], found["reason"]

    def message(self, kind: str) -> str:
        (found,) = (one for one in self.status["conditions"] if one["type"] == kind)
        return str(found["message"])


async def test_nodes_and_accelerators_are_counted() -> None:
    """Q31, D 10: the reference writes neither total nor free nor conditions."""
    scene = Scene()
    scene.nodes.pod_event(added(pod("p", "b", container(3))))
    scene.clock.advance(0)
    await scene.run(
        node("b", H100, nvidia__gpu=8), node("a", H100, nvidia__gpu=8), node("c", H100, cordoned=True, nvidia__gpu=8)
    )
    found = {name: value for name, value in scene.status.items() if name not in ("conditions", "lastUpdated")}
    assert found == {
        "nodes": ["a", "b"],
        "availableNodes": 2,
        "totalAccelerators": 16,
        "availableAccelerators": 13,
        "acceleratorsPerNode": 8,
    }
    assert scene.verdict("Ready") == ("True", "NodesFound")
    assert scene.verdict("Consistent") == ("True", "AllReadable")
    assert scene.message("NodesFound") == (
        "2 nodes with 16 accelerators: 3 requested, 13 free, at most 8 of them on one node; "
        "node c not ready or cordoned"
    )


async def test_nothing_is_written_while_nothing_changes_and_the_time_moves_with_changes_only() -> None:
    scene = Scene()
    await scene.run(node("a", H100, nvidia__gpu=8))
    first = scene.status["lastUpdated"]
    scene.clock.advance(60)
    await scene.run()
    assert (scene.writes, scene.status["lastUpdated"]) == (["status"], first)
    await scene.run(node("b", H100, nvidia__gpu=8))
    assert scene.writes == ["status", "status"]
    assert scene.status["lastUpdated"] != first


@pytest.mark.looptime
async def test_counts_that_move_with_pods_are_written_at_intervals() -> None:
    scene = Scene()
    await scene.run(node("a", H100, nvidia__gpu=8))
    transition = [one["lastTransitionTime"] for one in scene.status["conditions"]]
    scene.nodes.pod_event(added(pod("p", "a", container(3))))
    scene.clock.advance(60)
    assert await scene.run() == Result(requeue_after_s=10)
    assert scene.status["availableAccelerators"] == 8
    await asyncio.sleep(10)
    assert await scene.run() == Result()
    assert scene.status["availableAccelerators"] == 5
    assert [one["lastTransitionTime"] for one in scene.status["conditions"]] == transition


@pytest.mark.looptime
async def test_nodes_that_come_or_go_are_written_at_once() -> None:
    scene = Scene()
    await scene.run(node("a", H100, nvidia__gpu=8))
    scene.nodes.node_event(deleted(node("a", H100, nvidia__gpu=8)))
    assert await scene.run() == Result()
    assert (scene.status["availableNodes"], scene.verdict("Ready")) == (0, ("False", "NoMatchingNode"))


@pytest.mark.parametrize(
    ("spec", "nodes", "reason", "told"),
    [
        (
            {"discovery": {}, "resources": []},
            [node("a", nvidia__gpu=8)],
            "NothingToRecognise",
            "spec.discovery: wanted a node selector",
        ),
        ({}, [], "NoMatchingNode", "none of 0 nodes is of the class; next: label a node"),
        ({}, [node("a", nvidia__gpu=8)], "NoMatchingNode", "none of 1 node is of the class (a: discovery.nodeSelector"),
        ({}, [node("a", H100)], "NoMatchingNode", "(a: the node offers no nvidia.com/gpu)"),
        (
            {},
            [node("a", H100, nvidia__gpu=8, ready="False")],
            "NodesNotReady",
            "node a not ready or cordoned; next: mend",
        ),
    ],
)
async def test_a_class_without_nodes_says_why(spec: Json, nodes: Json, reason: str, told: str) -> None:
    """Q29, D 11: and an empty selector is one of the reasons."""
    scene = Scene(**spec)
    await scene.run(*nodes)
    assert scene.verdict("NodesFound") == scene.verdict("Ready") == ("False", reason)
    assert told in scene.message("Ready")
    assert (scene.status["availableNodes"], scene.status["totalAccelerators"]) == (0, 0)


async def test_what_cannot_be_read_is_the_reason_and_the_rest_is_counted() -> None:
    scene = Scene(capabilities={"memoryGB": "0"}, cost={"perHour": "-1"})
    await scene.run(node("a", H100, nvidia__gpu=8))
    assert scene.verdict("NodesFound") == ("True", "NodesFound")
    assert scene.verdict("Consistent") == scene.verdict("Ready") == ("False", "MemoryUnreadable")
    assert "AcceleratorClass x: spec.capabilities.memoryGB: wanted a quantity above 0" in scene.message("Ready")
    assert "spec.cost.perHour" in scene.message("Consistent")
    assert scene.status["totalAccelerators"] == 8


async def test_a_unit_that_was_assumed_is_told_and_does_no_harm() -> None:
    """Q32, D 13."""
    scene = Scene(capabilities={"memoryGB": "80"})
    await scene.run(node("a", H100, nvidia__gpu=8))
    assert scene.verdict("Consistent") == ("False", "MemoryUnitAssumed")
    assert scene.verdict("Ready") == ("True", "NodesFound")


async def test_a_node_that_lies_is_named_and_the_class_is_ready() -> None:
    scene = Scene()
    await scene.run(node("a", H100, nvidia__gpu=8, amd__gpu="many"))
    assert scene.verdict("Consistent") == ("False", "NodeUnreadable")
    assert scene.message("Consistent").startswith("Node a: status.allocatable[amd.com/gpu]: wanted a whole number")
    assert scene.verdict("Ready") == ("True", "NodesFound")


async def test_the_references_finalizer_is_taken_off_and_none_is_set() -> None:
    scene = Scene(metadata={"finalizers": [FINALIZER, "other.io/f"]})
    await scene.run()
    assert scene.object["metadata"]["finalizers"] == ["other.io/f"]
    assert scene.writes == ["finalizers", "status"]
    plain = Scene()
    await plain.run()
    assert plain.writes == ["status"]


async def test_a_class_that_is_being_deleted_is_let_go_and_not_counted() -> None:
    scene = Scene(metadata={"finalizers": [FINALIZER], "deletionTimestamp": "2026-01-01T00:00:00Z"})
    await scene.run(node("a", H100, nvidia__gpu=8))
    assert scene.writes == ["finalizers"]
    gone = Scene(metadata={"finalizers": [FINALIZER], "deletionTimestamp": "2026-01-01T00:00:00Z"})
    gone.gone = True
    assert await gone.run() == Result()


async def test_a_class_that_is_gone_concerns_no_node_any_more() -> None:
    scene = Scene()
    await scene.run(node("a", H100, nvidia__gpu=8))
    scene.lose()
    assert await scene.reconciler.reconcile(KEY) == Result()
    assert scene.nodes.node_event(updated(node("a", H100, nvidia__gpu=8), node("a", H100, nvidia__gpu=4))) == []


async def test_a_class_that_cannot_be_read_is_left_until_it_changes() -> None:
    scene = Scene(capabilities=[])
    with pytest.raises(TerminalError, match=r"spec\.capabilities"):
        await scene.run()


async def test_a_device_class_that_cannot_be_read_is_named() -> None:
    """D 26."""
    scene = Scene(discovery={}, resources=[{"name": "gpu"}])
    await scene.run(node("a"))
    assert scene.devices.device_class_event(added(device_class("device.allowMultipleAllocations"))) == [KEY]
    await scene.run()
    assert scene.verdict("Consistent") == ("False", "DeviceClassUnreadable")
    assert scene.message("Consistent").startswith("DeviceClass gpu: spec.selectors: wanted comparisons joined by &&")
