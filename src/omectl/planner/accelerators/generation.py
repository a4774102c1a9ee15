"""Accelerator classes from the labels that GPU operators put on nodes.

One class for each product; where a node's devices are cut into partitions of several sizes (NVIDIA's MIG with the
mixed strategy), one for each size. What the labels do not tell comes from the table of products; a product that the
table lacks is described by its labels alone, and the class says so.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from omectl.api.json import JsonObject, JsonValue
from omectl.api.kinds import ACCELERATOR_CLASSES
from omectl.planner.accelerators.memory import GIB, told_by_labels
from omectl.planner.accelerators.nodes import NodeView
from omectl.planner.accelerators.products import Product, known_product
from omectl.planner.accelerators.resources import is_accelerator
from omectl.planner.accelerators.versions import version_parts

GENERATED_FROM: Final = "omectl.io/generated-from"
"""Annotation of a generated class: where its numbers come from."""
LABELS_ALONE: Final = "node-labels"
LABELS_AND_TABLE: Final = "node-labels-and-data-sheet"

_MIG: Final = "nvidia.com/mig-"
_PARTITION: Final = "-mig-"
_PRODUCT_LABELS: Final = {
    "nvidia": "nvidia.com/gpu.product",
    "amd": "amd.com/gpu.product-name",
    "intel": "gpu.intel.com/product",
}
_FAMILY_LABELS: Final = {
    "nvidia": "nvidia.com/gpu.family",
    "amd": "amd.com/gpu.family",
    "intel": "gpu.intel.com/family",
}
_OF_VENDOR: Final = {"nvidia": "nvidia.com/", "amd": "amd.com/", "intel": "gpu.intel.com/"}
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 63
_BY_HAND: Final = "its vendor's labels are not known here: write the class by hand"
_FEATURES: Final = {"bf16": (8,), "fp8": (8, 9), "fp4": (10,)}


@dataclass(frozen=True, slots=True)
class Generated:
    """The classes in the order of their names, and what could not become one, in words."""

    classes: tuple[JsonObject, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class _Group:
    """What one class is made for: the product as its label has it, and the resource that pods ask for."""

    vendor: str
    product: str
    resource: str


def generate_classes(nodes: Iterable[NodeView]) -> Generated:
    """The classes that these nodes need. Nodes that are not ready count too: the class outlives that."""
    groups: dict[_Group, list[NodeView]] = defaultdict(list)
    notes: list[str] = []
    for node in sorted(nodes, key=lambda one: one.name):
        for resource in sorted(name for name, count in node.allocatable.items() if count and is_accelerator(name)):
            vendor = next((name for name, prefix in _OF_VENDOR.items() if resource.startswith(prefix)), "")
            product = node.labels.get(_PRODUCT_LABELS.get(vendor, ""), "")
            if product:
                groups[_Group(vendor, product, resource)].append(node)
            else:
                wanted = _PRODUCT_LABELS.get(vendor)
                reason = f"has no label {wanted}: install the vendor's feature discovery" if wanted else _BY_HAND
                notes.append(f"node {node.name} offers {resource} and {reason}")
    notes += [
        f"{group.product} is not in the table of products: AcceleratorClass {_name(group)} has what labels tell"
        for group in sorted(groups)
        if _table(group) is None
    ]
    made = sorted((_class(group, groups[group]) for group in groups), key=lambda one: str(one["metadata"]))
    return Generated(tuple(made), tuple(notes))


def _table(group: _Group) -> Product | None:
    """What is known of the product, whole or in parts."""
    return known_product(group.product.lower().partition(_PARTITION)[0])


def _class(group: _Group, nodes: list[NodeView]) -> JsonObject:
    whole = group.product.lower().partition(_PARTITION)[0]
    partitioned = group.resource.startswith(_MIG) or whole != group.product.lower()
    table = _table(group)
    labels = nodes[0].labels
    spec: JsonObject = {"vendor": group.vendor}
    family = table.family if table is not None else labels.get(_FAMILY_LABELS[group.vendor], "").lower()
    if family:
        spec["family"] = family
    spec["model"] = group.product
    spec["discovery"] = {"nodeSelector": {_PRODUCT_LABELS[group.vendor]: group.product}}
    spec["capabilities"] = dict(_capabilities(group, nodes, table, partitioned=partitioned))
    spec["resources"] = [{"name": group.resource, "quantity": "1"}]
    return {
        "apiVersion": ACCELERATOR_CLASSES.api_version,
        "kind": ACCELERATOR_CLASSES.kind,
        "metadata": _metadata(group, LABELS_ALONE if table is None else LABELS_AND_TABLE),
        "spec": spec,
    }


def _capabilities(
    group: _Group, nodes: list[NodeView], table: Product | None, *, partitioned: bool
) -> Iterator[tuple[str, JsonValue]]:
    """Of a partition only what labels tell: no data sheet has its share of speed and bandwidth."""
    memory = _memory(group, nodes, None if partitioned else table)
    if memory:
        yield "memoryGB", memory
    version = _version(nodes[0].labels) or (table.version if table is not None else "")
    if table is not None and not partitioned:
        yield "memoryBandwidthGBps", str(table.bandwidth)
    if version:
        yield "computeCapability", version
    features = _features(version)
    if table is not None and table.linked and not partitioned:
        features.append("nvlink" if group.vendor == "nvidia" else "infinity-fabric")
    if features:
        yield "features", list[JsonValue](features)
    if table is not None and not partitioned:
        speeds = (
            ("fp32Tflops", table.fp32),
            ("fp16Tflops", table.fp16),
            ("int8Tops", table.int8),
            ("int4Tops", table.int4),
        )
        yield "performance", {name: value for name, value in speeds if value is not None}


def _memory(group: _Group, nodes: list[NodeView], table: Product | None) -> str:
    """As sold where the table knows it, else the least that any node's label tells."""
    if table is not None:
        return f"{table.memory}Gi"
    told = [amount for node in nodes if (amount := _labelled_memory(group, node.labels)) is not None]
    if not told:
        return ""
    least = min(told)
    return f"{least // GIB}Gi" if least % GIB == 0 else f"{least >> 20}Mi"


def _labelled_memory(group: _Group, labels: Mapping[str, str]) -> int | None:
    if group.resource.startswith(_MIG):
        text = labels.get(f"{group.resource}.memory", "")
        return int(text) << 20 if text.isascii() and text.isdigit() and int(text) else None
    amount, _, _ = told_by_labels(labels)
    return int(amount) if amount is not None else None


def _version(labels: Mapping[str, str]) -> str:
    found = f"{labels.get('nvidia.com/gpu.compute.major', '')}.{labels.get('nvidia.com/gpu.compute.minor', '')}"
    return found if version_parts(found) is not None else ""


def _features(version: str) -> list[str]:
    """What the tensor cores of a compute capability can do."""
    parts = version_parts(version) or ()
    return [name for name, since in _FEATURES.items() if parts >= since]


def _metadata(group: _Group, source: str) -> JsonObject:
    return {"name": _name(group), "annotations": {GENERATED_FROM: source}}


def _name(group: _Group) -> str:
    parts = [group.product]
    if group.resource.startswith(_MIG):
        parts.append(group.resource.partition("/")[2])
    elif group.vendor == "intel":
        parts = ["intel", *parts]
    return _NOT_IN_NAMES.sub("-", "-".join(parts).lower())[:_LONGEST].strip("-")
