"""Least and most replicas."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planner.scaling.scalers import hpa_of, keda, prometheus, refusal, scaled, scaled_object_of

Json = Any


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ({"minReplicas": -1}, "spec.engine.minReplicas: wanted a number from 0 to 10000, found -1"),
        ({"maxReplicas": -1}, "spec.engine.maxReplicas: wanted a number from 0 to 10000, found -1"),
        ({"minReplicas": 10_001}, "found 10001"),
        ({"minReplicas": 3, "maxReplicas": 2}, "wanted at least minReplicas (3), found 2; raise maxReplicas"),
    ],
)
def test_absurd_bounds_are_refused_by_name(engine: Json, told: str) -> None:
    assert told in refusal(scaled(engine))


def test_a_service_may_ask_for_more_than_its_runtimes_most() -> None:
    spec = hpa_of(scaled({"minReplicas": 5}, template={"maxReplicas": 2}))
    assert (spec["minReplicas"], spec["maxReplicas"]) == (5, 5)


def test_the_largest_bounds_are_served() -> None:
    spec = hpa_of(scaled({"minReplicas": 10_000, "maxReplicas": 10_000}))
    assert (spec["minReplicas"], spec["maxReplicas"]) == (10_000, 10_000)


def test_zero_asks_for_another_mode_unless_keda_can_wake_it() -> None:
    assert scaled({"minReplicas": 0}).explanation.mode == "Serverless"
    found = scaled({"minReplicas": 0, **keda(prometheus())})
    spec = scaled_object_of(found)
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 3)
    assert found.initial_replicas == {("Deployment", "svc-engine"): 1}


def workload(kind: str, name: str, component: str, replicas: int) -> Json:
    labels = {"component": component}
    return {"kind": kind, "metadata": {"name": name, "labels": labels}, "spec": {"replicas": replicas}}


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ([], 2),
        ([workload("LeaderWorkerSet", "lws-svc-engine", "engine", 5)], 5),
        ([workload("LeaderWorkerSet", "lws-svc-engine", "engine", 1)], 2),
        ([workload("LeaderWorkerSet", "lws-svc-engine", "engine", 9)], 8),
        ([workload("Deployment", "svc", "predictor", 4), workload("Deployment", "old", "engine", 3)], 4),
        ([workload("Deployment", "svc-router", "router", 5)], 2),
        ([workload("Deployment", "svc-engine", "engine", 5)], 2),
        ([workload("HorizontalPodAutoscaler", "x", "engine", 5)], 2),
    ],
    ids=["none", "another mode", "fewer", "too many", "the old form", "another component", "itself", "no workload"],
)
def test_a_workload_begins_with_as_many_as_the_one_that_it_replaces(live: list[Json], wanted: int) -> None:
    found = scaled({"minReplicas": 2, "maxReplicas": 8}, live=live)
    assert found.initial_replicas == {("Deployment", "svc-engine"): wanted}


numbers = st.none() | st.integers(-3, 12_000)


@given(numbers.filter(lambda number: number != 0), numbers)
def test_bounds_are_refused_or_in_order(least: int | None, most: int | None) -> None:
    bounds = {"minReplicas": least, "maxReplicas": most}
    found = scaled({name: number for name, number in bounds.items() if number is not None})
    if found.problem is None:
        spec = hpa_of(found)
        assert 1 <= spec["minReplicas"] <= spec["maxReplicas"] <= 10_000
        assert spec["minReplicas"] == (least if least is not None else 1)
        assert not most or spec["maxReplicas"] >= most
    else:
        assert found.problem.next_step
