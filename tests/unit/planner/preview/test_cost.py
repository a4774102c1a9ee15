"""Build 6: what a plan costs, in bytes on the nodes and in dollars."""

from fractions import Fraction
from typing import Any

import pytest
from tests.unit.planner.accelerators.classes import accelerator_class
from tests.unit.planner.build import RUNNER, model, with_class

from omectl.planner.accelerators.decision import ClassDecision
from omectl.planner.fit import Verdict
from omectl.planner.preview import FilesCost, Price, Source, cost_of
from omectl.planner.result import Explanation, Plan, Scale

Json = Any
FREE = Price(accelerators=0, per_hour=Fraction(), spot_per_hour=Fraction())


def plan_of(*scales: Scale, **prices: tuple[int, str | None, str | None]) -> Plan:
    """A plan with these components, and by component what a pod has: accelerators, the price, that on spot."""
    decisions = tuple(
        ClassDecision(
            component=name,
            class_name="H100",
            accelerators=count,
            cost_per_hour=Fraction(price) if price is not None else None,
            spot_cost_per_hour=Fraction(spot) if spot is not None else None,
        )
        for name, (count, price, spot) in prices.items()
    )
    return Plan(explanation=Explanation(scales=scales, accelerators=decisions))


def price(count: int, per_hour: str | None, spot: str | None = None) -> Price:
    return Price(
        accelerators=count,
        per_hour=Fraction(per_hour) if per_hour is not None else None,
        spot_per_hour=Fraction(spot) if spot is not None else None,
    )


ENGINE = Scale(component="engine", pods=1, least=2, most=5)
DECODER = Scale(component="decoder", pods=1, least=1, most=1)


@pytest.mark.parametrize(
    ("scales", "prices", "least", "most"),
    [
        ([ENGINE], {"engine": (4, "12", "6.5")}, price(8, "24", "13"), price(20, "60", "32.5")),
        ([ENGINE], {"engine": (4, "12", None)}, price(8, "24"), price(20, "60")),
        ([ENGINE], {"engine": (4, None, "6")}, price(8, None, "12"), price(20, None, "30")),
        ([ENGINE], {"engine": (0, None, None)}, FREE, FREE),
        ([ENGINE], {}, FREE, FREE),
        (
            [ENGINE, DECODER],
            {"engine": (1, "3", "1"), "decoder": (2, "10", None)},
            price(4, "16"),
            price(7, "25"),
        ),
        (
            [ENGINE, DECODER],
            {"engine": (1, "3", "1"), "decoder": (0, None, None)},
            price(2, "6", "2"),
            price(5, "15", "5"),
        ),
        (
            [Scale(component="engine", pods=1, least=0, most=None)],
            {"engine": (1, None, None)},
            FREE,
            None,
        ),
        (
            [ENGINE, Scale(component="router", pods=1, least=1, most=None)],
            {"engine": (1, "3", None)},
            price(2, "6"),
            price(5, "15"),
        ),
    ],
    ids=["both", "no-spot", "only-spot", "none", "undecided", "one-unpriced", "one-without", "unbounded", "router"],
)
def test_the_least_and_the_most_replicas_are_added_up(
    scales: list[Scale], prices: Json, least: Price, most: Price | None
) -> None:
    found = cost_of(plan_of(*scales, **prices), model())
    assert (found.least, found.most) == (least, most)


def test_a_replica_costs_all_its_pods() -> None:
    scale = Scale(component="engine", pods=3, least=1, most=2)
    found = cost_of(plan_of(scale, engine=(8, "16", "4")), model())
    (one,) = found.components
    assert (one.component, one.class_name, one.least, one.most) == ("engine", "H100", 1, 2)
    assert one.replica == price(24, "48", "12")
    assert (found.least, found.most) == (price(24, "48", "12"), price(48, "96", "24"))


def test_the_verdict_is_the_engines() -> None:
    assert cost_of(plan_of(ENGINE), model()).fit is None
    asked = {"runner": {**RUNNER, "resources": {"limits": {"nvidia.com/gpu": 1}}}}
    assert cost_of(with_class(template=asked), model()).fit is Verdict.FITS


WORKING = {"phase": "Downloading", "nodesWanted": 4, "nodesReady": 2, "totalBytes": 700}


@pytest.mark.parametrize(
    ("status", "listed", "source", "size", "ready"),
    [
        (None, None, Source.UNKNOWN, None, 0),
        (None, 900, Source.LISTING, 900, 0),
        (None, 0, Source.LISTING, 0, 0),
        ({"state": "Ready", "nodesReady": ["a", "b"]}, None, Source.UNKNOWN, None, 2),
        ({"state": "Ready", "facts": {"sizeBytes": 600}}, None, Source.WEIGHTS, 600, 0),
        ({"state": "Ready", "facts": {}}, None, Source.UNKNOWN, None, 0),
        (
            {"state": "Ready", "nodesReady": ["a", "b"], "nodesFailed": ["c"], "progress": WORKING},
            None,
            Source.NODE,
            700,
            2,
        ),
        ({"state": "Ready", "progress": WORKING, "facts": {"sizeBytes": 600}}, None, Source.WEIGHTS, 600, 0),
        ({"state": "Ready", "progress": WORKING}, 900, Source.LISTING, 900, 0),
        ({"state": "Ready", "progress": {**WORKING, "nodesReady": 3, "totalBytes": 0}}, None, Source.UNKNOWN, None, 0),
        ({"state": "Ready", "progress": {**WORKING, "nodesReady": 3}}, 900, Source.LISTING, 900, 0),
        ({"state": "Ready", "progress": {**WORKING, "nodesReady": 3}}, None, Source.NODE, 700, 0),
    ],
)
def test_the_bytes_of_a_node_and_who_told_them(
    status: Json, listed: int | None, source: Source, size: int | None, ready: int
) -> None:
    found = cost_of(Plan(), model(status=status), listed).files
    assert found == FilesCost(source=source, download_bytes=size, disk_bytes=size, nodes_ready=ready)


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("local:///models/m", Source.IN_PLACE),
        ("pvc://claim/m", Source.IN_PLACE),
        ("hf://org/m", Source.LISTING),
        ("odd", Source.LISTING),
    ],
)
def test_files_that_are_used_where_they_lie_are_not_downloaded(uri: str, source: Source) -> None:
    found = cost_of(Plan(), model(storage={"storageUri": uri}), 900).files
    size = 0 if source is Source.IN_PLACE else 900
    assert (found.source, found.download_bytes, found.disk_bytes) == (source, size, size)


def test_of_a_model_that_is_not_known_nothing_is() -> None:
    assert cost_of(Plan(), None).files == FilesCost()


@pytest.mark.parametrize(
    ("unit", "asked", "accelerators", "dollars"), [("1", 4, 4, 12), ("2", 4, 2, 6), ("2", 3, 2, 6), ("8", 1, 1, 3)]
)
def test_an_accelerator_of_several_units_of_a_resource_is_paid_once(
    unit: str, asked: int, accelerators: int, dollars: int
) -> None:
    one = accelerator_class("h100", cost={"perHour": "3"}, resources=[{"name": "nvidia.com/gpu", "quantity": unit}])
    engine = {"runner": {"resources": {"limits": {"nvidia.com/gpu": asked}}}}
    (found,) = with_class(engine, accelerator_classes=(one,)).explanation.accelerators
    assert (found.accelerators, found.cost_per_hour) == (accelerators, dollars)
