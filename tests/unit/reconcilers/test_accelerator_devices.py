"""Devices that drivers publish, counted for the classes that name their DeviceClass."""

from __future__ import annotations

from typing import Any

from tests.unit.planner.accelerators.classes import accelerator_class
from tests.unit.planner.accelerators.cluster import container, node, pod
from tests.unit.planner.accelerators.test_devices import GPU, claim, device_class, resource_slice
from tests.unit.reconcilers.objects import added, deleted

from omectl.api.resource import ObjectKey
from omectl.planner.accelerators.recognition import recognition_of
from omectl.reconcilers.accelerator_devices import AcceleratorDevices
from omectl.reconcilers.accelerator_nodes import AcceleratorNodes

Json = Any
KEY = [ObjectKey("", "x")]


class Scene:
    """A class whose resource is a DeviceClass, on a cluster with two nodes."""

    def __init__(self, resource: str = "gpu", **first: Json) -> None:
        self.nodes = AcceleratorNodes()
        self.devices = AcceleratorDevices(self.nodes)
        self.recognition = recognition_of(accelerator_class("x", discovery={}, resources=[{"name": resource}]))
        for name, offers in (("n", first), ("other", {})):
            self.nodes.node_event(added(node(name, **offers)))
        self.count()

    def count(self) -> tuple[tuple[str, ...], int, int]:
        found = self.nodes.inventory(self.recognition)
        return found.nodes, found.allocatable, found.free


def test_devices_are_counted_where_they_are_and_less_what_claims_have_taken() -> None:
    """D 10, D 26."""
    scene = Scene()
    assert scene.devices.slice_event(added(resource_slice("g0", "g1", "g2"))) == []
    assert scene.devices.device_class_event(added(device_class(GPU))) == KEY
    assert scene.count() == (("n",), 3, 3)
    assert scene.devices.claim_event(added(claim("g0", "g2"))) == KEY
    assert scene.count() == (("n",), 3, 1)
    assert scene.devices.claim_event(added(claim("g0", "g2"))) == []
    assert scene.devices.claim_event(deleted(claim("g0", "g2"))) == KEY
    assert scene.count() == (("n",), 3, 3)
    assert scene.devices.slice_event(deleted(resource_slice("g0", "g1", "g2"))) == KEY
    assert scene.count() == ((), 0, 0)


def test_a_claim_before_its_devices_counts_when_they_come() -> None:
    scene = Scene()
    scene.devices.claim_event(added(claim("g0")))
    scene.devices.device_class_event(added(device_class(GPU)))
    scene.devices.slice_event(added(resource_slice("g0", "g1")))
    assert scene.count() == (("n",), 2, 1)
    scene.devices.device_class_event(deleted(device_class(GPU)))
    assert scene.count() == ((), 0, 0)


def test_a_pod_with_an_extended_resource_that_devices_stand_for_counts_once() -> None:
    scene = Scene("nvidia.com/gpu")
    scene.devices.device_class_event(added(device_class(GPU, extended="nvidia.com/gpu")))
    scene.devices.slice_event(added(resource_slice("g0", "g1")))
    scene.nodes.pod_event(added(pod("p", "n", container(1))))
    scene.devices.claim_event(added(claim("g0")))
    assert scene.count() == (("n",), 2, 1)


def test_where_a_device_plugin_offers_the_resource_its_count_stands() -> None:
    scene = Scene("nvidia.com/gpu", nvidia__gpu=8)
    scene.devices.device_class_event(added(device_class(GPU, extended="nvidia.com/gpu")))
    scene.devices.slice_event(added(resource_slice("g0")))
    scene.nodes.pod_event(added(pod("p", "n", container(3))))
    assert scene.count() == (("n",), 8, 5)
