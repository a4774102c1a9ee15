"""The sheet's worked examples of the policies (B.5), with what holds instead of the quirks to fix."""

from __future__ import annotations

from fractions import Fraction

import pytest
from tests.unit.planner.accelerators.classes import (
    WORLD,
    Json,
    accelerator_class,
    chosen,
    codes,
    counted,
    name_of,
    scores,
)

from omectl.planner.accelerators.decision import Outcome

EXAMPLES: list[tuple[str, str, Json, Json, str]] = [
    (
        "memory 40, fp16",
        "BestFit",
        {"minMemory": 40, "preferredPrecisions": ["fp16"]},
        {"H100": 0.65, "A100": 1},
        "A100",
    ),
    ("memory 16", "BestFit", {"minMemory": 16}, {"H100": 0.44, "A100": 0.58, "T4": 1}, "T4"),
    (
        "memory 16, 300 TFLOPS, fp16",
        "BestFit",
        {"minMemory": 16, "minComputePerformanceTFLOPS": 300, "preferredPrecisions": ["fp16"]},
        {"H100": 0.44, "A100": 0.58, "T4": 0.765},
        "T4",
    ),
    (
        "1000 TFLOPS, fp16",
        "BestFit",
        {"minComputePerformanceTFLOPS": 1000, "preferredPrecisions": ["fp16"]},
        {"H100": 1, "A100": 0.7936, "T4": 0.7195},
        "H100",
    ),
    ("only candidate", "BestFit", {"minMemory": 80}, {"H100": None}, "H100"),
    ("features", "BestFit", {"minMemory": 16, "requiredFeatures": ["nvlink"]}, {"H100": 0.44, "A100": 0.58}, "A100"),
    ("memory 16", "Cheapest", {"minMemory": 16}, {"H100": 2, "A100": 1, "T4": 0}, "T4"),
    ("memory 40", "Cheapest", {"minMemory": 40}, {"H100": 2, "A100": 1}, "A100"),
    (
        "memory 16, fp16",
        "MostCapable",
        {"minMemory": 16, "preferredPrecisions": ["fp16"]},
        {"H100": 1, "A100": 0.437, "T4": 0.1386},
        "H100",
    ),
    ("memory 16 to 50", "MostCapable", {"minMemory": 16, "maxMemory": 50}, {"A100": 1, "T4": 0.3034}, "A100"),
    ("memory 16", "FirstAvailable", {"minMemory": 16}, {"H100": None, "A100": None, "T4": None}, "H100"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "constraints", "wanted", "winner"),
    [one[1:] for one in EXAMPLES],
    ids=[f"{e[1]} {e[0]}" for e in EXAMPLES],
)
def test_a_worked_example_has_the_sheets_scores_and_winner(
    policy: str, constraints: Json, wanted: Json, winner: str
) -> None:
    found = chosen(policy, **constraints)
    assert scores(found) == wanted
    assert name_of(found) == winner
    assert found.decision.outcome is Outcome.CHOSEN_BY_POLICY


@pytest.mark.parametrize("policy", ["BestFit", "Cheapest", "MostCapable", "FirstAvailable"])
def test_no_class_large_enough_fails_closed_where_the_reference_deploys_without_one(policy: str) -> None:
    """Q33, D 12: none and a problem, not none and no error."""
    found = chosen(policy, minMemory=100)
    assert name_of(found) == ""
    assert found.problem is not None
    assert found.problem.reason == "AcceleratorClassError"
    assert found.decision.outcome is Outcome.NONE_ELIGIBLE
    assert codes(found) == dict.fromkeys(("A100", "H100", "T4"), ("MemoryTooSmall",))


@pytest.mark.parametrize("policy", ["BestFit", "Cheapest", "MostCapable", "FirstAvailable"])
def test_a_policy_without_constraints_is_answered(policy: str) -> None:
    """Q35: the reference's scorer needs a constraints object when several classes are left."""
    assert name_of(chosen(policy)) == {"Cheapest": "T4", "BestFit": "A100"}.get(policy, "H100")


def test_best_fit_without_any_demand_is_a_tie_that_is_told() -> None:
    found = chosen("BestFit")
    assert scores(found) == {"H100": 1, "A100": 1, "T4": 1}
    assert (found.decision.class_name, found.decision.tied) == ("A100", ("H100", "T4"))
    assert "A100, H100, T4 do equally well and only the name decided" in found.decision.warnings[-1]
    assert chosen("MostCapable").decision.tied == ()


def test_a_class_without_performance_gets_nothing_for_compute() -> None:
    plain = accelerator_class("plain", capabilities={"memoryGB": "40Gi"})
    found = chosen("BestFit", (*WORLD, plain), names=("A100", "plain"), minMemory=40)
    assert scores(found) == {"A100": 1, "plain": 0.7}


@pytest.mark.parametrize(
    ("precisions", "score"),
    [
        (["int4", "fp16"], 0.15),
        (["fp8"], 0.3),
        (["FP8"], 0.3),
        (["bf16", "int4"], 0.075),
        (["bf16", "int4", "fp16"], 0.075),
        (["nothing", "fp16", "int8"], 0.15),
    ],
    ids=["second", "fp8 is int8", "whatever the case", "fp16 after the list", "fp16 in the list", "unknown first"],
)
def test_a_later_precision_counts_half_as_much_as_the_one_before(precisions: Json, score: float) -> None:
    found = chosen("BestFit", names=("A100", "H100"), minMemory=40, preferredPrecisions=precisions)
    compute = scores(found)["A100"]
    assert compute is not None
    assert round(compute - 0.7, 4) == score


def priced(name: str, **cost: Json) -> Json:
    return accelerator_class(name, cost=cost)


@pytest.mark.parametrize(
    ("costs", "winner", "unpriced"),
    [
        ({"a": {"perHour": "3"}, "b": {"perHour": "2.5"}}, "b", []),
        ({"a": {"perHour": "3", "spotPerHour": "1"}, "b": {"perHour": "2"}}, "a", []),
        ({"a": {"perHour": "1"}, "b": {"spotPerHour": "0"}}, "b", []),
        ({"a": {"perHour": "900"}, "b": {"perMillionTokens": "1m"}}, "a", ["b"]),
        ({"a": {"perMillionTokens": "500m"}, "b": {"perMillionTokens": "0.4"}, "c": {"tier": "low"}}, "b", ["c"]),
        ({"a": {"tier": "HIGH"}, "b": {"tier": "whatever"}, "c": {}}, "b", ["c"]),
        ({"a": {"tier": "medium"}, "b": {"tier": "low"}}, "b", []),
        ({"b": {"perHour": "1"}, "a": {"perHour": "1"}}, "a", []),
    ],
    ids=["on demand", "spot first", "spot of 0", "hourly group", "token group", "tiers", "low tier", "tie by name"],
)
def test_the_first_kind_of_price_that_anybody_states_decides(costs: Json, winner: str, unpriced: Json) -> None:
    found = chosen("Cheapest", [priced(name, **cost) for name, cost in costs.items()], names=tuple(costs))
    assert name_of(found) == winner
    assert [name for name, given in codes(found).items() if given == ("CostUnknown",)] == unpriced


def test_cheapest_without_any_price_fails_closed_unless_one_class_is_left() -> None:
    free = [accelerator_class(name, cost=None) for name in ("H100", "A100")]
    found = chosen("Cheapest", free, names=("H100", "A100"))
    assert found.problem is not None
    assert codes(found) == dict.fromkeys(("A100", "H100"), ("CostUnknown",))
    assert "set spec.cost of AcceleratorClass A100" in found.problem.next_step
    assert name_of(chosen("Cheapest", free, names=("H100",))) == "H100"


def test_most_capable_ignores_what_no_class_states() -> None:
    """A term whose largest value is 0 is 0 for everybody."""
    bare = [accelerator_class(name, capabilities={"memoryGB": memory}) for name, memory in (("a", "8Gi"), ("b", "4Gi"))]
    assert scores(chosen("MostCapable", bare, names=("a", "b"))) == {"a": 0.5, "b": 0.25}


def test_most_capable_takes_the_first_preferred_precision_that_a_class_has() -> None:
    found = chosen("MostCapable", preferredPrecisions=["int4", "int8"])
    assert scores(found) == {"H100": 1, "A100": round(0.25 + 0.3 * 1555 / 3000 + 0.2 * 624 / 7916, 4), "T4": 0.1353}


class TestFreeCapacity:
    """D 10: FirstAvailable is about availability, and a class without nodes is none."""

    def world(self, **free: Json) -> Json:
        return [accelerator_class(name, status=counted(*numbers)) for name, numbers in free.items()]

    @pytest.mark.parametrize("policy", ["BestFit", "Cheapest", "MostCapable", "FirstAvailable"])
    def test_a_class_without_nodes_is_skipped(self, policy: str) -> None:
        world = self.world(H100=(0, 0, 0), A100=(1, 8, 8), T4=(0, 0, 0))
        found = chosen(policy, world)
        assert name_of(found) == "A100"
        assert codes(found)["H100"] == ("NoNodes",)

    def test_a_class_is_first_available_when_a_pod_finds_its_accelerators(self) -> None:
        world = self.world(H100=(2, 16, 3), A100=(1, 8, 4), T4=(1, 4, 4))
        assert name_of(chosen("FirstAvailable", world, accelerators=3)) == "H100"
        found = chosen("FirstAvailable", world, accelerators=4)
        assert name_of(found) == "A100"
        assert codes(found)["H100"] == ("NoFreeAccelerators",)
        assert codes(found)["T4"] == ("RankedLower",)

    def test_a_full_class_comes_after_those_with_room_whatever_its_score(self) -> None:
        world = self.world(H100=(2, 16, 0), A100=(1, 8, 8), T4=(1, 4, 4))
        assert name_of(chosen("MostCapable", world, accelerators=2)) == "A100"

    def test_when_all_are_full_the_best_is_taken_with_a_warning(self) -> None:
        world = self.world(H100=(2, 16, 0), A100=(1, 8, 0))
        found = chosen("MostCapable", world, names=("A100", "H100"), accelerators=2)
        assert name_of(found) == "H100"
        assert "0 of 16 accelerators free, a pod wants 2: pods wait" in found.decision.warnings[-1]

    def test_of_equal_scores_the_class_with_more_free_is_taken(self) -> None:
        world = [
            accelerator_class(name, cost={"perHour": "1"}, status=counted(1, 8, free))
            for name, free in (("A100", 2), ("H100", 3))
        ]
        assert name_of(chosen("Cheapest", world, names=("A100", "H100"))) == "H100"

    def test_what_nobody_has_counted_may_be_free(self) -> None:
        world = [*self.world(H100=(2, 16, 0)), accelerator_class("A100")]
        assert name_of(chosen("FirstAvailable", world, names=("H100", "A100"))) == "A100"


def test_the_price_of_a_pick_is_that_of_all_accelerators_of_a_pod() -> None:
    one = accelerator_class("H100", cost={"perHour": "2.5", "spotPerHour": "900m"})
    found = chosen("Cheapest", [one], names=("H100",), accelerators=8)
    assert (found.decision.cost_per_hour, found.decision.spot_cost_per_hour) == (20, Fraction(36, 5))
    unknown = chosen("Cheapest", [one], names=("H100",))
    assert (unknown.decision.cost_per_hour, unknown.decision.spot_cost_per_hour) == (None, None)
