"""Devices of dynamic resource allocation (`resource.k8s.io/v1`), counted like other resources of their nodes.

A class whose resource is the name of a DeviceClass, or the extended resource that the DeviceClass stands for, has the
devices that this DeviceClass selects. Of its CEL expressions the form is read that drivers ship: comparisons of the
driver and of attributes with constants, joined by `&&`. A DeviceClass with any other expression selects nothing here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from omectl.api.document import as_number, as_object, as_objects, as_text, at
from omectl.api.json import JsonObject
from omectl.planner.accelerators.findings import Wrong

_IMPLIED: Final = "deviceclass.resource.kubernetes.io/"
"""Before a DeviceClass's name: the extended resource that every DeviceClass stands for."""
_DRIVER: Final = "device.driver"
_COMPARISON: Final = re.compile(
    r"""(?P<left>device\.driver|device\.attributes\[(?P<q>["'])(?P<domain>[^"']+)(?P=q)\]\.(?P<name>\w+))"""
    r"""\s*==\s*(?:(?P<r>["'])(?P<text>[^"']*)(?P=r)|(?P<number>-?\d{1,18})|(?P<flag>true|false))"""
)
_VALUES: Final = ("string", "version", "int", "bool")

DeviceId: TypeAlias = tuple[str, str, str]
"""Driver, pool and name of a device."""
Value: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a node, with the driver and its attributes under the names that expressions use."""

    id: DeviceId
    node: str
    traits: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class DeviceSelector:
    """A DeviceClass: the resource names that mean it, and what its devices are. `problem` says what cannot be read."""

    resources: tuple[str, ...]
    wanted: tuple[tuple[str, Value], ...] = ()
    problem: Wrong | None = None

    def selects(self, device: Device) -> bool:
        """Whether the device is of the class; nothing is of one that cannot be read."""
        return self.problem is None and all(_same(device.traits.get(name), value) for name, value in self.wanted)


def view_device_class(obj: JsonObject) -> DeviceSelector:
    """The view of a DeviceClass. Never raises."""
    name = as_text(at(obj, "metadata", "name"))
    resources = tuple(filter(None, (name, f"{_IMPLIED}{name}", as_text(at(obj, "spec", "extendedResourceName")))))
    wanted: list[tuple[str, Value]] = []
    for selector in as_objects(at(obj, "spec", "selectors")):
        expression = as_text(at(selector, "cel", "expression"))
        for part in expression.split("&&"):
            match = _COMPARISON.fullmatch(part.strip().removeprefix("(").removesuffix(")").strip())
            if match is None:
                problem = Wrong("comparisons joined by &&", f"{part.strip()!r:.80}", "no device counts")
                return DeviceSelector(resources, problem=problem)
            left = _DRIVER if match["left"] == _DRIVER else f"{match['domain']}/{match['name']}"
            wanted.append((left, _constant(match)))
    return DeviceSelector(resources, tuple(wanted))


def devices_of(slices: Iterable[JsonObject]) -> Iterator[Device]:
    """The devices that are tied to one node, of the newest generation of each pool."""
    known = list(slices)
    newest: dict[tuple[str, str], int] = {}
    for one in known:
        newest[_pool(one)] = max(_generation(one), newest.get(_pool(one), 0))
    for one in known:
        node = as_text(at(one, "spec", "nodeName"))
        if not node or _generation(one) < newest[_pool(one)]:
            continue
        driver, pool = _pool(one)
        for device in as_objects(at(one, "spec", "devices")):
            name = as_text(device.get("name"))
            yield Device((driver, pool, name), node, dict(_traits(driver, as_object(device.get("attributes")))))


def devices_taken(claim: JsonObject) -> frozenset[DeviceId]:
    """The devices that a ResourceClaim has been given."""
    results = as_objects(at(claim, "status", "allocation", "devices", "results"))
    return frozenset(
        (as_text(one.get("driver")), as_text(one.get("pool")), as_text(one.get("device"))) for one in results
    )


def what_is_read_of_claims(claim: JsonObject) -> JsonObject:
    """A ResourceClaim with nothing but its identity and what it has been given."""
    kept: JsonObject = {name: value for name, value in claim.items() if name in ("apiVersion", "kind", "metadata")}
    kept["status"] = {"allocation": at(claim, "status", "allocation")}
    return kept


def _traits(driver: str, attributes: JsonObject) -> Iterator[tuple[str, Value]]:
    yield _DRIVER, driver
    for name, holder in attributes.items():
        value = next((found for kind in _VALUES if (found := as_object(holder).get(kind)) is not None), None)
        if isinstance(value, str | int):
            yield (name if "/" in name else f"{driver}/{name}"), value


def _constant(match: re.Match[str]) -> Value:
    if match["number"] is not None:
        return int(match["number"])
    return match["flag"] == "true" if match["flag"] is not None else match["text"]


def _same(found: Value | None, wanted: Value) -> bool:
    return type(found) is type(wanted) and found == wanted


def _pool(one: JsonObject) -> tuple[str, str]:
    return as_text(at(one, "spec", "driver")), as_text(at(one, "spec", "pool", "name"))


def _generation(one: JsonObject) -> int:
    return as_number(at(one, "spec", "pool", "generation"))
