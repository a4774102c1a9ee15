"""D 26: devices of dynamic resource allocation, read as accelerators."""

from __future__ import annotations

from typing import Any

import pytest

from omectl.planner.accelerators.devices import (
    devices_of,
    devices_taken,
    view_device_class,
    what_is_read_of_claims,
)

Json = Any
GPU = "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'"


def device_class(*expressions: str, extended: str | None = None) -> Json:
    spec: Json = {"selectors": [{"cel": {"expression": one}} for one in expressions]}
    if extended:
        spec["extendedResourceName"] = extended
    return {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": spec}


def resource_slice(*names: str, node: str = "n", generation: int = 1, pool: str = "p", **attributes: Json) -> Json:
    told = {key: {kind: value} for key, (kind, value) in attributes.items()} or {"type": {"string": "gpu"}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node}-{pool}-{generation}"},
        "spec": {
            "driver": "gpu.nvidia.com",
            "nodeName": node,
            "pool": {"name": pool, "generation": generation, "resourceSliceCount": 1},
            "devices": [{"name": name, "attributes": told} for name in names],
        },
    }


def claim(*devices: str, pool: str = "p") -> Json:
    results = [{"driver": "gpu.nvidia.com", "pool": pool, "device": one, "request": "r"} for one in devices]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": "c", "namespace": "team"},
        "spec": {"devices": {}},
        "status": {"allocation": {"devices": {"results": results}}} if devices else {},
    }


@pytest.mark.parametrize(
    ("expressions", "selects"),
    [
        ([], True),
        ([GPU], True),
        ([GPU.replace("'", '"')], True),
        (["device.driver == 'gpu.nvidia.com'", "device.attributes['gpu.nvidia.com'].type == 'gpu'"], True),
        (["(device.driver == 'gpu.nvidia.com')"], True),
        (["device.driver == 'gpu.amd.com'"], False),
        (["device.attributes['gpu.nvidia.com'].type == 'mig'"], False),
        (["device.attributes['gpu.nvidia.com'].cores == 8"], True),
        (["device.attributes['gpu.nvidia.com'].cores == 9"], False),
        (["device.attributes['gpu.nvidia.com'].shared == true"], True),
        (["device.attributes['gpu.nvidia.com'].cores == '8'"], False),
        (["device.attributes['other.io'].type == 'gpu'"], False),
    ],
)
def test_a_device_class_selects_by_driver_and_attributes(expressions: list[str], selects: bool) -> None:
    attributes = {"type": ("string", "gpu"), "cores": ("int", 8), "shared": ("bool", True)}
    (device,) = devices_of([resource_slice("g0", **attributes)])
    found = view_device_class(device_class(*expressions))
    assert (found.selects(device), found.problem) == (selects, None)


@pytest.mark.parametrize("expression", ["device.capacity['x'].memory > quantity('1Gi')", "a || b", "", "has(device.x)"])
def test_an_expression_that_cannot_be_read_selects_nothing_and_says_so(expression: str) -> None:
    found = view_device_class(device_class(expression))
    (device,) = devices_of([resource_slice("g0")])
    assert not found.selects(device)
    assert str(found.problem).startswith("wanted comparisons joined by &&, found")


def test_a_device_class_is_meant_by_its_name_and_by_the_resources_that_it_stands_for() -> None:
    assert view_device_class(device_class()).resources == ("gpu", "deviceclass.resource.kubernetes.io/gpu")
    named = view_device_class(device_class(extended="nvidia.com/gpu"))
    assert named.resources == ("gpu", "deviceclass.resource.kubernetes.io/gpu", "nvidia.com/gpu")


def test_only_the_newest_generation_of_a_pool_and_devices_of_one_node_count() -> None:
    anywhere = resource_slice("g9", pool="shared")
    del anywhere["spec"]["nodeName"]
    anywhere["spec"]["allNodes"] = True
    slices = [
        resource_slice("g0", "g1", generation=1),
        resource_slice("g0", generation=2),
        resource_slice("g5", pool="q"),
        anywhere,
        {"spec": "broken"},
    ]
    assert [device.id for device in devices_of(slices)] == [
        ("gpu.nvidia.com", "p", "g0"),
        ("gpu.nvidia.com", "q", "g5"),
    ]


def test_a_claim_takes_what_it_was_given() -> None:
    given = claim("g0", "g1")
    assert devices_taken(given) == {("gpu.nvidia.com", "p", "g0"), ("gpu.nvidia.com", "p", "g1")}
    assert devices_taken(what_is_read_of_claims(given)) == devices_taken(given)
    assert devices_taken(claim()) == devices_taken({"status": []}) == frozenset()
