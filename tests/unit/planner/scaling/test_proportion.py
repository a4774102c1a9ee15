"""A component that follows another."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planner.build import child
from tests.unit.planner.scaling.scalers import refusal, scaled, scalers_of

from omectl.planner.scaling import Proportion

Json = Any


def follows(ratio: Json = "500m", *, anchor: str = "engine", mode: str = "Proportional") -> Json:
    return {"mode": mode, "proportional": {"anchor": anchor, "ratios": {"router": ratio}}}


def engine_with(replicas: int) -> Json:
    return {"kind": "Deployment", "metadata": {"name": "svc-engine"}, "spec": {"replicas": replicas}, "status": {}}


@pytest.mark.parametrize(("live", "wanted"), [(1, 1), (2, 1), (3, 2), (8, 4), (0, 0)])
def test_the_follower_has_its_share_of_the_live_number_rounded_up(live: int, wanted: int) -> None:
    found = scaled(router={}, scalingPolicy=follows(), live=[engine_with(live)])
    assert child(found, "Deployment", "svc-router")["spec"]["replicas"] == wanted
    assert "replicas" not in child(found, "Deployment", "svc-engine")["spec"]
    assert scalers_of(found) == ["HorizontalPodAutoscaler"]
    assert found.initial_replicas == {("Deployment", "svc-engine"): 1}
    told = {"class": "None", "managedBy": "none", "specSource": "isvc"}
    assert found.status["components"]["router"]["autoscaler"] == told


def test_before_the_anchor_is_there_its_first_number_counts() -> None:
    found = scaled({"minReplicas": 4}, router={}, scalingPolicy=follows())
    assert child(found, "Deployment", "svc-router")["spec"]["replicas"] == 2


def test_a_pinned_anchor_sets_the_pace_whatever_is_live() -> None:
    engine = {"minReplicas": 4, "autoscaler": {"class": "None"}}
    found = scaled(engine, router={}, scalingPolicy=follows(2), live=[engine_with(1)])
    assert child(found, "Deployment", "svc-router")["spec"]["replicas"] == 8


def test_independent_components_are_scaled_each_for_itself() -> None:
    found = scaled(router={}, scalingPolicy={"mode": "Independent"})
    assert scalers_of(found) == ["HorizontalPodAutoscaler"] * 2


@pytest.mark.parametrize(
    ("policy", "router", "told"),
    [
        (follows(mode="Independent"), {}, "mode is Independent"),
        (follows(mode="Random"), {}, "wanted Independent, Proportional, found Random"),
        ({"mode": "Proportional"}, {}, "anchor: wanted a component of the service (engine, router), found nothing"),
        (follows(anchor="decoder"), {}, "found decoder"),
        (follows(anchor="router"), {}, "ratios.router: wanted another component of the service than the anchor"),
        ({"mode": "Proportional", "proportional": {"anchor": "engine", "ratios": {}}}, {}, "a ratio for one component"),
        (follows("half"), {}, "ratios.router: wanted a quantity above 0, such as 2 or 500m, found 'half'"),
        (follows(0), {}, "wanted a quantity above 0"),
        (follows("-1"), {}, "wanted a quantity above 0"),
        (follows(), {"annotations": {"ome.io/autoscalerClass": "hpa"}}, "follows the engine by spec.scalingPolicy"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(policy: Json, router: Json, told: str) -> None:
    assert told in refusal(scaled(router=router, scalingPolicy=policy))


def test_a_pinned_policy_is_refused_by_name() -> None:
    told = refusal(scaled(router={}, scalingPolicy={"mode": "Pinned"}), "NotSupportedYet")
    assert "spec.scalingPolicy.mode asks for Pinned" in told


@given(st.fractions(min_value=Fraction(1, 1000), max_value=100), st.integers(0, 10_000))
def test_the_share_is_never_short_and_never_one_too_many(ratio: Fraction, anchor: int) -> None:
    number = Proportion("engine", {"router": ratio}).replicas("router", anchor)
    assert number == 10_000 or ratio * anchor <= number < ratio * anchor + 1
    assert (number == 0) == (anchor == 0)
