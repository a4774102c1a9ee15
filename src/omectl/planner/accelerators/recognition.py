"""Which nodes carry a class: labels and required affinity and PCI ids and the class's resource, all of what it states.

A class that states none of them matches no node. What the labels tell of an accelerator's memory is compared with the
class's; a node that tells nothing is taken at the class's word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from omectl.api.accelerator_class import AcceleratorClass, AcceleratorDiscovery
from omectl.api.document import as_object, as_objects, at
from omectl.api.json import JsonObject
from omectl.api.matching import matches_node_selector
from omectl.planner.accelerators.findings import Finding, FindingCode, Wrong
from omectl.planner.accelerators.memory import LEAST_SHARE, in_words, told_by_labels
from omectl.planner.accelerators.nodes import NodeView
from omectl.planner.accelerators.resources import counted, is_accelerator, whole
from omectl.planner.accelerators.traits import traits_of

_REQUIRED: Final = ("nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
_PCI: Final = "feature.node.kubernetes.io/pci-"
_PRESENT: Final = ".present"
_DEVICE_LABELS: Final = ("gpu.intel.com/device-id.", "amd.com/gpu.device-id")
_VENDORS: Final[Mapping[str, str]] = {"gpu.intel.com/": "8086", "amd.com/": "1002"}
_NOT_IN_IDS: Final = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """How one class is recognised, read once for all nodes. `units`: how much of each resource one accelerator is."""

    name: str
    selector: Mapping[str, str]
    affinity: JsonObject | None
    pci_vendor: str
    device_ids: tuple[str, ...]
    resources: tuple[str, ...]
    units: Mapping[str, int]
    memory: Fraction | None
    findings: tuple[Finding, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the class states nothing by which a node could be recognised."""
        return not (self.selector or self.affinity is not None or self.pci_vendor or self.device_ids or self.resources)

    def refusal(self, node: NodeView) -> str:
        """Why the node is not of the class, "" when it is."""
        if self.empty:
            return "the class states nothing by which it could be recognised"
        for key, value in self.selector.items():
            found = node.labels.get(key)
            if found != value:
                state = f"has {key}={found}" if found is not None else f"has no label {key}"
                return f"discovery.nodeSelector wants {key}={value}, the node {state}"
        if self.affinity is not None and not matches_node_selector(self.affinity, node.facts):
            return "no required term of discovery.affinity matches the node"
        if not self._pci_matches(node.labels):
            wanted = " ".join(filter(None, (self.pci_vendor, *self.device_ids)))
            return f"discovery wants PCI ids {wanted}, no label of the node tells of them"
        if self.resources and not any(node.allocatable.get(name) for name in self.resources):
            return f"the node offers no {' or '.join(self.resources)}"
        return self._memory_refusal(node)

    def closeness(self, node: NodeView) -> int:
        """How much of what recognises the class the node has, for telling which refused node comes nearest."""
        return (
            sum(node.labels.get(key) == value for key, value in self.selector.items())
            + (self.affinity is not None and matches_node_selector(self.affinity, node.facts))
            + self._pci_matches(node.labels)
            + any(node.allocatable.get(name) for name in self.resources)
        )

    def accelerators(self, amounts: Mapping[str, int]) -> int:
        """How many accelerators of the class amounts of resources are; with no resource listed, of every known name."""
        if not self.resources:
            return sum(count for name, count in amounts.items() if is_accelerator(name))
        return sum(amounts.get(name, 0) // self.units.get(name, 1) for name in self.resources)

    def memory_finding(self, node: NodeView) -> Finding | None:
        """What is wrong with the label that should tell the memory of the node's accelerators."""
        _, key, wrong = told_by_labels(node.labels)
        if wrong is None:
            return None
        return Finding(f"Node {node.name}", f"label {key}", FindingCode.MEMORY_UNREADABLE, wrong)

    def _memory_refusal(self, node: NodeView) -> str:
        told, key, _ = told_by_labels(node.labels)
        if self.memory is None or told is None or told >= self.memory * LEAST_SHARE:
            return ""
        return f"capabilities.memoryGB wants {in_words(self.memory)}, label {key} tells {in_words(told)}"

    def _pci_matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a PCI device with these ids is there. Without such labels other things that are asked must do."""
        if not (self.pci_vendor or self.device_ids):
            return True
        told = [set(_words(key, value)) for key, value in labels.items() if _tells_devices(key)]
        if not told:
            return bool(self.selector or self.affinity is not None or self.resources)
        wanted = [self.pci_vendor] if self.pci_vendor else []
        by_vendor = any(set(wanted) <= words for words in told)
        names_devices = any(words & set(self.device_ids) for words in told)
        return by_vendor and (not self.device_ids or names_devices)


def recognition_of(one: AcceleratorClass) -> Recognition:
    """How a class is recognised. Never raises; what cannot be read is a finding."""
    discovery: AcceleratorDiscovery = one.spec.discovery
    traits = traits_of(one)
    findings = list(traits.findings)
    listed = one.spec.resources or ()
    units: dict[str, int] = {}
    for resource in listed:
        unit = whole(resource.quantity)
        if not unit:
            where = f"spec.resources[{resource.name}].quantity"
            wrong = Wrong("a whole number of 1 or more", f"{resource.quantity!r:.40}", "taken as 1")
            findings.append(Finding(f"AcceleratorClass {one.name}", where, FindingCode.QUANTITY_UNREADABLE, wrong))
        units[resource.name] = unit or 1
    required = at(as_object(discovery.affinity), *_REQUIRED)
    terms = as_objects(as_object(required).get("nodeSelectorTerms"))
    made = Recognition(
        name=one.name,
        selector=discovery.node_selector or {},
        affinity=as_object(required) if terms else None,
        pci_vendor=_hexadecimal(discovery.pci_vendor_id or ""),
        device_ids=tuple(_hexadecimal(text) for text in discovery.device_ids or () if text.strip()),
        resources=counted(resource.name for resource in listed),
        units=units,
        memory=traits.memory,
        findings=tuple(findings),
    )
    if not made.empty:
        return made
    wrong = Wrong("a node selector, a required node affinity, PCI ids or resources", "none", "it matches no node")
    nothing = Finding(f"AcceleratorClass {one.name}", "spec.discovery", FindingCode.NOTHING_TO_RECOGNISE, wrong)
    return replace(made, findings=(nothing, *made.findings))


def _tells_devices(key: str) -> bool:
    return (key.startswith(_PCI) and key.endswith(_PRESENT)) or key.startswith(_DEVICE_LABELS)


def _words(key: str, value: str) -> list[str]:
    """The ids in a label: Node Feature Discovery has them in the key (`pci-0302_10de.present`), others in the value."""
    vendor = next((vendor for prefix, vendor in _VENDORS.items() if key.startswith(prefix)), "")
    return [vendor, *_NOT_IN_IDS.split(f"{key} {value}".lower())]


def _hexadecimal(text: str) -> str:
    return text.strip().lower().removeprefix("0x")
