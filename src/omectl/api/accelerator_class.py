"""AcceleratorClass: a kind of accelerator and the nodes that carry it."""

from typing import Annotated

from omectl.api.conditions import Condition
from omectl.api.json import JsonObject
from omectl.api.kinds import ACCELERATOR_CLASSES
from omectl.api.object import Resource
from omectl.api.wire import (
    ATOMIC,
    EMPTY_IS_ABSENT,
    Flag,
    Int32,
    Int64,
    PodPart,
    QuantityText,
    StringMap,
    Strings,
    Time,
    WireType,
)


class AcceleratorDiscovery(WireType):
    """How nodes that carry the accelerator are recognised."""

    node_selector: StringMap | None = None
    affinity: Annotated[JsonObject, PodPart("Affinity")] | None = None
    pci_vendor_id: str | None = None
    device_ids: Strings | None = None


class AcceleratorLatency(WireType):
    """Latencies in milliseconds."""

    average_millis: Int64 | None = None
    maximum_millis: Int64 | None = None


class AcceleratorPerformance(WireType):
    """Throughput by precision."""

    fp32_tflops: Int64 | None = None
    fp16_tflops: Int64 | None = None
    int8_tops: Int64 | None = None
    int4_tops: Int64 | None = None
    latency: AcceleratorLatency | None = None


class AcceleratorCapabilities(WireType):
    """What one accelerator can do. `memory_gb` is a quantity in bytes (`80Gi`)."""

    memory_gb: QuantityText | None = None
    compute_capability: str | None = None
    level_zero_version: str | None = None
    clock_speed_mhz: Int32 | None = None
    memory_bandwidth_gbps: QuantityText | None = None
    features: Strings | None = None
    performance: AcceleratorPerformance | None = None


class AcceleratorResource(WireType):
    """An extended resource that containers of the class ask for."""

    name: str
    quantity: QuantityText = "1"
    divisible: Flag | None = None


class AcceleratorIntegration(WireType):
    """Names in other schedulers."""

    kueue_resource_flavor: str | None = None
    volcano_gpu_type: str | None = None


class AcceleratorCost(WireType):
    """Prices in dollars."""

    per_hour: QuantityText | None = None
    per_million_tokens: QuantityText | None = None
    spot_per_hour: QuantityText | None = None
    tier: str | None = None


class AcceleratorClassSpec(WireType):
    """Recognition, abilities, resources and price of a class."""

    discovery: AcceleratorDiscovery
    capabilities: AcceleratorCapabilities
    vendor: str | None = None
    family: str | None = None
    model: str | None = None
    resources: Annotated[tuple[AcceleratorResource, ...], ATOMIC] | None = None
    integration: AcceleratorIntegration | None = None
    cost: AcceleratorCost | None = None


class AcceleratorClassStatus(WireType):
    """The nodes of the class, as OME has them; `accelerators_per_node`, of the largest one, is ours."""

    nodes: Strings | None = None
    total_accelerators: Int32 | None = None
    available_accelerators: Int32 | None = None
    last_updated: Time | None = None
    conditions: Annotated[tuple[Condition, ...], ATOMIC] | None = None
    available_nodes: Int32 | None = None
    accelerators_per_node: Int32 | None = None


class AcceleratorClass(Resource):
    """A class of accelerators."""

    resource_kind = ACCELERATOR_CLASSES
    spec: AcceleratorClassSpec
    status: Annotated[AcceleratorClassStatus | None, EMPTY_IS_ABSENT] = None
