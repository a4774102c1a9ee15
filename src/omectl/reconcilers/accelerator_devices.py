"""DeviceClasses, ResourceSlices and ResourceClaims, folded into what nodes offer and what is taken of it.

A slice or a DeviceClass changes seldom, and then everything is worked out anew; a claim comes and goes with pods and
costs its own devices only.

Runs on the event loop's thread only. Each method is told of every event of its kind, in order, and answers the
accelerator classes that may be counted differently by it.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import EventType, ObjectEvent
from omectl.planner.accelerators.devices import (
    DeviceId,
    DeviceSelector,
    devices_of,
    devices_taken,
    view_device_class,
)
from omectl.planner.accelerators.findings import Finding, FindingCode
from omectl.planner.accelerators.recognition import Recognition
from omectl.reconcilers.accelerator_nodes import AcceleratorNodes


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a device is, and the resource names that count it."""

    node: str
    resources: tuple[str, ...]


class AcceleratorDevices:
    """The devices of nodes that drivers of dynamic resource allocation publish."""

    def __init__(self, nodes: AcceleratorNodes) -> None:
        self._nodes = nodes
        self._selectors: dict[str, DeviceSelector] = {}
        self._slices: dict[str, JsonObject] = {}
        self._claims: dict[ObjectKey, frozenset[DeviceId]] = {}
        self._takers: Counter[DeviceId] = Counter()
        self._found: dict[DeviceId, _Found] = {}
        self._offered: dict[str, Counter[str]] = {}

    def device_class_event(self, event: ObjectEvent) -> list[ObjectKey]:
        """Take in an event of a DeviceClass."""
        before = self._selectors.pop(event.key.name, None)
        if event.type is not EventType.DELETED:
            self._selectors[event.key.name] = view_device_class(event.object())
        after = self._selectors.get(event.key.name)
        if before == after:
            return []
        named = {name for one in (before, after) if one is not None for name in one.resources}
        return sorted({*self._work_out(), *self._nodes.of_resources(named)})

    def slice_event(self, event: ObjectEvent) -> list[ObjectKey]:
        """Take in an event of a ResourceSlice."""
        if event.type is EventType.DELETED:
            self._slices.pop(event.key.name, None)
        else:
            self._slices[event.key.name] = event.object()
        return self._work_out()

    def claim_event(self, event: ObjectEvent) -> list[ObjectKey]:
        """Take in an event of a ResourceClaim."""
        before = self._claims.pop(event.key, frozenset())
        after = frozenset[DeviceId]() if event.type is EventType.DELETED else devices_taken(event.object())
        if after:
            self._claims[event.key] = after
        if before == after:
            return []
        self._takers.subtract(before)
        self._takers.update(after)
        self._takers = +self._takers
        nodes = {self._found[device].node for device in before ^ after if device in self._found}
        return self._tell(nodes)

    def findings(self, recognition: Recognition) -> tuple[Finding, ...]:
        """What cannot be read of the DeviceClasses that an accelerator class names."""
        named = set(recognition.resources)
        return tuple(
            Finding(f"DeviceClass {name}", "spec.selectors", FindingCode.DEVICE_CLASS_UNREADABLE, one.problem)
            for name, one in sorted(self._selectors.items())
            if one.problem and not named.isdisjoint(one.resources)
        )

    def _work_out(self) -> list[ObjectKey]:
        before = self._offered
        self._found, self._offered = {}, {}
        for device in devices_of(self._slices.values()):
            named = {name for one in self._selectors.values() if one.selects(device) for name in one.resources}
            self._found[device.id] = _Found(device.node, tuple(sorted(named)))
        for found in self._found.values():
            self._offered.setdefault(found.node, Counter()).update(found.resources)
        return self._tell(before.keys() | self._offered.keys())

    def _tell(self, nodes: set[str]) -> list[ObjectKey]:
        taken: dict[str, Counter[str]] = defaultdict(Counter)
        for device in self._takers:
            found = self._found.get(device)
            if found is not None and found.node in nodes:
                taken[found.node].update(found.resources)
        concerned: set[ObjectKey] = set()
        for node in sorted(nodes):
            concerned.update(self._nodes.devices(node, self._offered.get(node, Counter()), taken[node]))
        return sorted(concerned)
