"""How many nodes and accelerators a class has, and how many are free."""

from __future__ import annotations

import random
from collections import defaultdict

from tests.unit.planner.accelerators.classes import accelerator_class
from tests.unit.planner.accelerators.cluster import Json, container, node, pod

from omectl.planner.accelerators.inventory import Inventory, take_inventory
from omectl.planner.accelerators.nodes import view_node
from omectl.planner.accelerators.pods import view_pod
from omectl.planner.accelerators.recognition import recognition_of


def counted(nodes: Json, pods: Json = (), **spec: Json) -> Inventory:
    fields = {"discovery": {"nodeSelector": {"gpu": "h100"}}, "resources": [{"name": "nvidia.com/gpu"}], **spec}
    requests: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in map(view_pod, pods):
        for name, count in one.requests.items():
            requests[one.node][name] += count
    recognition = recognition_of(accelerator_class("x", **fields))
    return take_inventory(recognition, [view_node(one) for one in nodes], requests)


H100 = {"gpu": "h100"}


def test_allocatable_requested_and_free_are_counted_over_nodes_that_take_pods() -> None:
    """D 10: nodes times resource less what pods asked for; only ready and schedulable nodes."""
    nodes = [
        node("b", H100, nvidia__gpu=8),
        node("a", H100, nvidia__gpu=4),
        node("cordoned", H100, nvidia__gpu=8, cordoned=True),
        node("down", H100, nvidia__gpu=8, ready="Unknown"),
        node("other", nvidia__gpu=8),
    ]
    pods = [
        pod("p1", "b", container(3)),
        pod("p2", "b", container(2), phase="Succeeded"),
        pod("p3", "a", container(4)),
        pod("p4", "down", container(8)),
        pod("p5", "", container(8), phase="Pending"),
    ]
    found = counted(nodes, pods)
    assert (found.nodes, found.held_back) == (("a", "b"), ("cordoned", "down"))
    assert (found.allocatable, found.requested, found.free, found.largest_free) == (12, 7, 5, 5)
    assert (found.looked_at, found.nearest) == (5, "")
    assert found.findings == ()


def test_of_no_node_the_one_is_told_that_comes_nearest() -> None:
    nodes = [node("bare"), node("c", H100), node("b", H100), node("gpu", nvidia__gpu=8)]
    assert counted(nodes, []).nearest == "b: the node offers no nvidia.com/gpu"
    assert counted([], []).nearest == ""


def test_the_most_that_one_node_has_free_is_told() -> None:
    nodes = [node(name, H100, nvidia__gpu=8) for name in ("a", "b")]
    found = counted(nodes, [pod("p", "a", container(6)), pod("q", "b", container(5))])
    assert (found.free, found.largest_free, found.largest) == (5, 3, 8)


def test_the_largest_node_counts_also_while_it_takes_no_pods() -> None:
    """D 4: whether one node can hold a pod is a matter of its size, and must not change with a cordon."""
    found = counted([node("a", H100, nvidia__gpu=4), node("b", H100, nvidia__gpu=8, cordoned=True)], [])
    assert (found.allocatable, found.largest_free, found.largest) == (4, 4, 8)
    assert counted([node("a", nvidia__gpu=8)], []).largest == 0


def test_a_node_that_lost_devices_has_none_free_and_is_told() -> None:
    found = counted([node("a", H100, nvidia__gpu=4), node("b", H100, nvidia__gpu=1)], [pod("p", "a", container(8))])
    assert (found.allocatable, found.requested, found.free) == (5, 8, 1)
    assert [(one.object, one.code) for one in found.findings] == [("Node a", "Overcommitted")]


def test_a_node_that_lies_does_not_keep_the_others_from_being_counted() -> None:
    labels = {**H100, "nvidia.com/gpu.memory": "huge"}
    nodes = [node("a", labels, nvidia__gpu="8", amd__gpu="x"), node("b", H100, nvidia__gpu=8)]
    found = counted(nodes, capabilities={"memoryGB": "80Gi"})
    assert found.allocatable == 16
    assert [one.code for one in found.findings] == ["NodeUnreadable", "MemoryUnreadable"]


def test_a_class_that_states_nothing_has_no_nodes() -> None:
    found = counted([node("a", nvidia__gpu=8)], discovery={}, resources=[])
    assert (found.nodes, found.allocatable) == ((), 0)
    assert [one.code for one in found.findings] == ["NothingToRecognise"]


def test_ten_thousand_clusters_are_counted_alike_in_every_order() -> None:
    """D 10, D 11, D.2 (1, 5): total and deterministic; what is taken or not ready is never free."""
    some: Json = ("8", 8, "4", "0", "-1", "x", None, "500m", {})
    for seed in range(10_000):
        dice = random.Random(seed)
        nodes = [
            node(
                f"n{number}",
                {"gpu": dice.choice(("h100", "h100", "t4")), "nvidia.com/gpu.memory": dice.choice(("81559", "x", "5"))},
                ready=dice.choice(("True", "True", "False", "Unknown")),
                cordoned=dice.random() < 0.2,
                nvidia__gpu=dice.choice(some),
            )
            for number in range(dice.randint(0, 3))
        ]
        pods = [pod("p", f"n{dice.randint(0, 3)}", container(dice.choice(("1", "2", "9", "y")))) for _ in range(2)]
        memory = dice.choice(({}, {"memoryGB": "80Gi"}, {"memoryGB": "?"}))
        found = counted(nodes, pods, capabilities=memory)
        assert 0 <= found.largest_free <= found.free <= found.allocatable, seed
        assert found.free >= found.allocatable - found.requested, seed
        assert set(found.nodes).isdisjoint(found.held_back), seed
        dice.shuffle(nodes)
        dice.shuffle(pods)
        assert counted(nodes, pods, capabilities=memory) == found, seed
        stranger = node("zz", {"gpu": "t4"}, nvidia__gpu=99)
        more = counted([*nodes, stranger], pods, capabilities=memory)
        assert (more.nodes, more.allocatable, more.free) == (found.nodes, found.allocatable, found.free), seed
