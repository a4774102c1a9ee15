"""An accelerator class read once: numbers for its texts, and a finding for each text that is no number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Final

from omectl.api.accelerator_class import AcceleratorClass, AcceleratorPerformance
from omectl.api.quantity import Quantity, QuantityError
from omectl.planner.accelerators.findings import Finding, FindingCode, Wrong
from omectl.planner.accelerators.memory import normalised
from omectl.planner.accelerators.versions import version_parts
from omectl.planner.once import once_per_version

PRECISIONS: Final = ("fp32", "fp16", "int8", "int4")
FP8: Final = "fp8"
_UNKNOWN: Final = "taken as unknown"
_TIERS: Final = {"low": 1, "medium": 2, "high": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What the controller counted, from the class's status; unknown (`nodes` is None) until it has.

    `per_node` is how many the node has that has the most.
    """

    nodes: int | None = None
    total: int | None = None
    free: int | None = None
    per_node: int | None = None

    def room_for(self, accelerators: int) -> bool:
        """Whether one more pod may find its accelerators, all on one node; what nobody counted may be there."""
        return all(count is None or count >= accelerators for count in (self.free, self.per_node))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What policies and constraints read of a class. Memory is bytes, prices are dollars, None is unknown."""

    name: str
    vendor: str = ""
    family: str = ""
    memory: Fraction | None = None
    memory_text: str = ""
    bandwidth: Fraction | None = None
    version: str = ""
    features: frozenset[str] = frozenset()
    performance: Mapping[str, int] = field(default_factory=dict[str, int])
    has_performance: bool = False
    per_hour: Fraction | None = None
    spot_per_hour: Fraction | None = None
    per_million_tokens: Fraction | None = None
    tier: int | None = None
    capacity: Capacity = field(default_factory=Capacity)
    deleting: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def hourly(self) -> Fraction | None:
        """The price that counts: of spot where there is one, else on demand."""
        return self.spot_per_hour if self.spot_per_hour is not None else self.per_hour

    def speed(self, precision: str) -> int:
        """TFLOPS or TOPS at a precision, 0 when unknown; fp8 runs as fast as int8."""
        name = precision.strip().lower()
        return self.performance.get("int8" if name == FP8 else name, 0)


@once_per_version
def traits_of(one: AcceleratorClass) -> Traits:
    """The traits of a class. Never raises."""
    spec, findings = one.spec, list[Finding]()
    abilities, cost = spec.capabilities, spec.cost
    told = _Reader(f"AcceleratorClass {one.name}", findings)
    version = (abilities.compute_capability or "").strip()
    if version and version_parts(version) is None:
        wrong = Wrong("numbers with dots such as 9.0", f"{version!r:.40}", "it only equals the same text")
        told.add("spec.capabilities.computeCapability", FindingCode.VERSION_UNREADABLE, wrong)
    tier = (cost.tier or "").strip().lower() if cost is not None else ""
    return Traits(
        name=one.name,
        vendor=(spec.vendor or "").strip().lower(),
        family=(spec.family or "").strip().lower(),
        memory=told.memory(abilities.memory_gb),
        memory_text="" if abilities.memory_gb is None else str(abilities.memory_gb),
        bandwidth=told.amount("spec.capabilities.memoryBandwidthGBps", abilities.memory_bandwidth_gbps),
        version=version,
        features=frozenset(feature.strip().lower() for feature in abilities.features or ()),
        performance=told.performance(abilities.performance),
        has_performance=abilities.performance is not None,
        per_hour=told.amount("spec.cost.perHour", cost.per_hour) if cost is not None else None,
        spot_per_hour=told.amount("spec.cost.spotPerHour", cost.spot_per_hour) if cost is not None else None,
        per_million_tokens=told.amount("spec.cost.perMillionTokens", cost.per_million_tokens)
        if cost is not None
        else None,
        tier=_TIERS.get(tier, 2) if tier else None,
        capacity=_capacity(one),
        deleting=one.metadata.deleting,
        findings=tuple(findings),
    )


class _Reader:
    """Reads numbers of one class and keeps what cannot be read."""

    def __init__(self, name: str, findings: list[Finding]) -> None:
        self._name = name
        self._findings = findings

    def add(self, field_name: str, code: FindingCode, wrong: Wrong) -> None:
        self._findings.append(Finding(self._name, field_name, code, wrong))

    def memory(self, text: str | int | None) -> Fraction | None:
        if text is None:
            return None
        where = "spec.capabilities.memoryGB"
        try:
            amount, assumed = normalised(text)
        except QuantityError:
            wrong = Wrong("a quantity above 0 such as 80Gi", f"{text!r:.40}", _UNKNOWN)
            self.add(where, FindingCode.MEMORY_UNREADABLE, wrong)
            return None
        if assumed is not None:
            self.add(where, FindingCode.MEMORY_UNIT_ASSUMED, assumed)
        return amount

    def amount(self, where: str, text: str | int | None) -> Fraction | None:
        if text is None:
            return None
        amount = _amount(text)
        if amount is None:
            wrong = Wrong("a quantity of 0 or more", f"{text!r:.40}", _UNKNOWN)
            self.add(where, FindingCode.QUANTITY_UNREADABLE, wrong)
            return None
        return amount

    def performance(self, known: AcceleratorPerformance | None) -> dict[str, int]:
        if known is None:
            return {}
        values = dict(
            zip(PRECISIONS, (known.fp32_tflops, known.fp16_tflops, known.int8_tops, known.int4_tops), strict=True)
        )
        for precision, value in values.items():
            if value is not None and value < 0:
                wrong = Wrong("0 or more", str(value), _UNKNOWN)
                self.add(f"spec.capabilities.performance ({precision})", FindingCode.QUANTITY_UNREADABLE, wrong)
        return {precision: value for precision, value in values.items() if value is not None and value > 0}


@lru_cache(maxsize=1024)
def _amount(text: str | int) -> Fraction | None:
    """A quantity of 0 or more. The same few are read for every service."""
    try:
        amount = Quantity.parse(text).amount
    except QuantityError:
        return None
    return amount if amount >= 0 else None


def _capacity(one: AcceleratorClass) -> Capacity:
    status = one.status
    if status is None or (status.last_updated is None and status.available_nodes is None):
        return Capacity()
    nodes = status.available_nodes if status.available_nodes is not None else len(status.nodes or ())
    return Capacity(
        nodes=max(nodes, 0),
        total=status.total_accelerators,
        free=status.available_accelerators,
        per_node=status.accelerators_per_node or None,
    )
