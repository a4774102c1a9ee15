"""What a plan costs: bytes on the nodes, accelerators, and money for them. What nobody told is unknown, not nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Self

from omectl.api.base_model import BaseModel, ClusterBaseModel
from omectl.api.storage_uri import LocalUri, PvcUri, StorageUriError, parse_storage_uri
from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.fit import Verdict
from omectl.planner.result import Plan, Scale


class Source(StrEnum):
    """Who told how large a model's files are."""

    LISTING = "listing"
    """A listing of the files, of which those count that an agent would choose."""
    NODE = "node"
    """The entry of the one node that is at work on them: `progress.totalBytes`."""
    WEIGHTS = "weights"
    """The model's facts, which know the size of the weights alone, where need be by the number of parameters."""
    IN_PLACE = "in_place"
    """The storage URI: no agent downloads such files, they are used where they lie."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesCost:
    """Bytes that a node without the model downloads, and that the files then take on its disk; None when unknown.

    `nodes_ready` is how many nodes have them already, and download nothing.
    """

    source: Source = Source.UNKNOWN
    download_bytes: int | None = None
    disk_bytes: int | None = None
    nodes_ready: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Accelerators, and dollars an hour for all of them: on demand and on spot, None when the class states none."""

    accelerators: int
    per_hour: Fraction | None = None
    spot_per_hour: Fraction | None = None

    @classmethod
    def total(cls, prices: Iterable["Price"]) -> Self:
        """The sum, which is unknown when one price is. What has no accelerator is no part of it."""
        counted = [one for one in prices if one.accelerators]
        return cls(
            accelerators=sum(one.accelerators for one in counted),
            per_hour=_sum(one.per_hour for one in counted),
            spot_per_hour=_sum(one.spot_per_hour for one in counted),
        )

    def times(self, count: int) -> "Price":
        """The price of so many; of none, or of no accelerators, it is 0."""
        if not self.accelerators * count:
            return Price(accelerators=0, per_hour=Fraction(), spot_per_hour=Fraction())
        return Price(
            accelerators=self.accelerators * count,
            per_hour=self.per_hour * count if self.per_hour is not None else None,
            spot_per_hour=self.spot_per_hour * count if self.spot_per_hour is not None else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentCost:
    """One component: the price of one replica, and how many there are. `most` is None where others scale it."""

    component: str
    class_name: str
    replica: Price
    least: int
    most: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCost:
    """What a service costs. `fit` is the engine's verdict, None when it has no accelerators.

    `most` is None when nobody bounds a component that has accelerators.
    """

    files: FilesCost
    components: tuple[ComponentCost, ...] = ()
    fit: Verdict | None = None
    least: Price
    most: Price | None


def cost_of(plan: Plan, model: BaseModel | ClusterBaseModel | None, listed_bytes: int | None = None) -> PlanCost:
    """What a plan without a problem costs. `listed_bytes` are those of the files that an agent would choose."""
    told = plan.explanation
    decisions = {one.component: one for one in told.accelerators}
    parts = tuple(_component(scale, decisions.get(scale.component)) for scale in told.scales)
    paid = [one for one in parts if one.replica.accelerators]
    bounds = [(one.replica, one.most) for one in paid]
    bounded = [replica.times(most) for replica, most in bounds if most is not None]
    return PlanCost(
        files=_files(model, listed_bytes),
        components=parts,
        fit=told.fit.report.verdict if told.fit is not None else None,
        least=Price.total(one.replica.times(one.least) for one in paid),
        most=Price.total(bounded) if len(bounded) == len(bounds) else None,
    )


def _component(scale: Scale, decision: ClassDecision | None) -> ComponentCost:
    """The decision is of one pod, and a replica may have several."""
    pod = Price(accelerators=0)
    if decision is not None:
        pod = Price(
            accelerators=decision.accelerators,
            per_hour=decision.cost_per_hour,
            spot_per_hour=decision.spot_cost_per_hour,
        )
    return ComponentCost(
        component=scale.component,
        class_name=decision.class_name if decision is not None else "",
        replica=pod.times(scale.pods),
        least=scale.least,
        most=scale.most,
    )


def _files(model: BaseModel | ClusterBaseModel | None, listed_bytes: int | None) -> FilesCost:
    if model is None:
        return FilesCost()
    status = model.status
    ready = len(status.nodes_ready or ()) if status is not None else 0
    if _in_place(model.spec.storage.storage_uri):
        return FilesCost(source=Source.IN_PLACE, download_bytes=0, disk_bytes=0, nodes_ready=ready)
    source, size = Source.LISTING, listed_bytes
    if size is None:
        source, size = Source.NODE, _of_a_node(model)
    if size is None and status is not None and status.facts is not None:
        source, size = Source.WEIGHTS, status.facts.size_bytes
    if size is None:
        source = Source.UNKNOWN
    return FilesCost(source=source, download_bytes=size, disk_bytes=size, nodes_ready=ready)


def _of_a_node(model: BaseModel | ClusterBaseModel) -> int | None:
    """The bytes of one node's copy. A status adds up the nodes at work, so that only of a single one it is known."""
    status = model.status
    progress = status.progress if status is not None else None
    if status is None or progress is None or not progress.total_bytes:
        return None
    at_work = (progress.nodes_wanted or 0) - (progress.nodes_ready or 0) - len(status.nodes_failed or ())
    return progress.total_bytes if at_work == 1 else None


def _in_place(uri: str) -> bool:
    try:
        return isinstance(parse_storage_uri(uri), LocalUri | PvcUri)
    except StorageUriError:
        return False


def _sum(prices: Iterable[Fraction | None]) -> Fraction | None:
    """Of no prices 0; unknown when one is."""
    total = Fraction()
    for price in prices:
        if price is None:
            return None
        total += price
    return total
