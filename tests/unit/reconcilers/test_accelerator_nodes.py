"""Which classes an event of a node or a pod concerns, and that counts are right after any of them."""

from __future__ import annotations

from typing import Any

from tests.unit.planner.accelerators.classes import accelerator_class
from tests.unit.planner.accelerators.cluster import container, node, pod
from tests.unit.reconcilers.objects import added, deleted, updated

from omectl.api.resource import ObjectKey
from omectl.planner.accelerators.inventory import Inventory
from omectl.planner.accelerators.recognition import recognition_of
from omectl.reconcilers.accelerator_nodes import AcceleratorNodes

Json = Any


class Scene:
    """Classes h100, h200 and any, each asked for once."""

    def __init__(self) -> None:
        self.nodes = AcceleratorNodes()
        gpu = [{"name": "nvidia.com/gpu"}]
        specs: Json = {
            name: {"discovery": {"nodeSelector": {"gpu": name}}, "resources": gpu} for name in ("h100", "h200")
        } | {"any": {"discovery": {}, "resources": gpu}}
        self.classes = {name: recognition_of(accelerator_class(name, **spec)) for name, spec in specs.items()}
        for name in self.classes:
            self.count(name)

    def count(self, name: str) -> Inventory:
        return self.nodes.inventory(self.classes[name])

    def node(self, *event: Json) -> list[str]:
        return sorted(key.name for key in self.nodes.node_event(*event))

    def pod(self, *event: Json) -> list[str]:
        return sorted(key.name for key in self.nodes.pod_event(*event))

    def settled(self) -> Scene:
        """With one node of each class, all counted again."""
        for name in ("h100", "h200"):
            self.nodes.node_event(added(node(name, {"gpu": name}, nvidia__gpu=8)))
        for name in self.classes:
            self.count(name)
        return self


H100 = node("h100", {"gpu": "h100"}, nvidia__gpu=8)


def test_a_new_node_concerns_its_classes_and_those_that_still_look_for_one() -> None:
    scene = Scene()
    assert scene.node(added(H100)) == ["any", "h100", "h200"]
    assert [scene.count(name).allocatable for name in ("h100", "h200", "any")] == [8, 0, 8]
    assert Scene().settled().node(added(node("new", {"gpu": "h100"}, nvidia__gpu=8))) == ["any", "h100"]


def test_a_heartbeat_and_the_agents_labels_concern_nobody() -> None:
    scene = Scene().settled()
    beat = node("h100", {"gpu": "h100", "models.ome.io/clusterbasemodel.m": "Ready"}, nvidia__gpu=8)
    beat["status"]["conditions"][1]["lastHeartbeatTime"] = "2026-01-01T00:00:01Z"
    beat["metadata"]["resourceVersion"] = "2"
    assert scene.node(updated(H100, beat)) == []


def test_a_change_of_label_concerns_the_class_that_loses_and_the_one_that_wins_the_node() -> None:
    scene = Scene().settled()
    assert scene.node(updated(H100, node("h100", {"gpu": "h200"}, nvidia__gpu=8))) == ["any", "h100", "h200"]
    assert (scene.count("h100").nodes, scene.count("h200").nodes) == ((), ("h100", "h200"))


def test_devices_and_readiness_and_cordons_concern_the_nodes_classes() -> None:
    for changed in (
        node("h100", {"gpu": "h100"}, nvidia__gpu=7),
        node("h100", {"gpu": "h100"}, nvidia__gpu=8, ready="False"),
        node("h100", {"gpu": "h100"}, nvidia__gpu=8, cordoned=True),
    ):
        assert Scene().settled().node(updated(H100, changed)) == ["any", "h100"]


def test_a_node_that_goes_takes_its_accelerators_along() -> None:
    scene = Scene().settled()
    assert scene.node(deleted(H100)) == ["any", "h100"]
    assert (scene.count("h100").nodes, scene.count("any").allocatable) == ((), 8)


def test_a_pod_concerns_the_classes_of_its_node_as_it_comes_and_goes() -> None:
    scene = Scene().settled()
    waiting, bound = pod("p", "", container(3)), pod("p", "h100", container(3))
    assert scene.pod(added(waiting)) == []
    assert scene.pod(updated(waiting, bound)) == ["any", "h100"]
    assert (scene.count("h100").free, scene.count("h200").free, scene.count("any").free) == (5, 8, 13)
    assert scene.pod(updated(bound, bound)) == []
    assert scene.pod(updated(bound, pod("p", "h100", container(3), phase="Succeeded"))) == ["any", "h100"]
    assert scene.count("h100").free == 8
    assert scene.pod(deleted(bound)) == []
    scene.pod(added(bound))
    assert scene.pod(deleted(bound)) == ["any", "h100"]
    assert scene.count("any").free == 16


def test_a_pod_without_accelerators_concerns_nobody() -> None:
    assert Scene().settled().pod(added(pod("p", "h100", container({"cpu": "4"})))) == []


def test_pods_of_a_node_that_comes_later_count() -> None:
    scene = Scene()
    scene.pod(added(pod("p", "h100", container(3))))
    scene.node(added(H100))
    assert scene.count("h100").free == 5


def test_a_class_that_changes_is_asked_anew_and_one_that_goes_is_forgotten() -> None:
    scene = Scene().settled()
    changed = recognition_of(accelerator_class("h100", discovery={"nodeSelector": {"gpu": "h200"}}))
    assert scene.nodes.inventory(changed).nodes == ("h200",)
    scene.nodes.forget("h100")
    assert ObjectKey("", "h100") not in scene.nodes.node_event(deleted(node("h200", {"gpu": "h200"}, nvidia__gpu=8)))
