"""What a live autoscaler says is wrong with it reaches the component's condition."""

from typing import Any

import pytest
from tests.unit.planner.build import condition, live_deployment
from tests.unit.planner.scaling.scalers import keda, prometheus, scaled

Json = Any
UP = ("True", "MinimumReplicasAvailable", "")
KEDA = keda(prometheus())


def scaler(kind: str, *conditions: tuple[str, str, str]) -> Json:
    name = "scaledobject-svc-engine" if kind == "ScaledObject" else "svc-engine"
    written = [{"type": one, "status": status, "reason": reason, "message": "m"} for one, status, reason in conditions]
    return {"kind": kind, "metadata": {"name": name}, "status": {"conditions": written}}


@pytest.mark.parametrize(
    ("engine", "live", "told"),
    [
        (
            KEDA,
            scaler("ScaledObject", ("Ready", "False", "R")),
            "ScaledObject scaledobject-svc-engine does not work: R: m",
        ),
        (KEDA, scaler("ScaledObject", ("Ready", "True", "R"), ("Paused", "True", "P")), "is paused: P: m; next: take"),
        (
            KEDA,
            scaler("ScaledObject", ("Fallback", "True", "F")),
            "keeps to its fallback: F: m; next: kubectl",
        ),
        (KEDA, scaler("ScaledObject", ("HPAActive", "False", "H")), "does not scale: H; next: kubectl describe"),
        (
            {},
            scaler("HorizontalPodAutoscaler", ("AbleToScale", "False", "G")),
            "cannot set the replicas: G; next: kubectl",
        ),
        ({}, scaler("HorizontalPodAutoscaler", ("ScalingActive", "False", "N")), "svc-engine does not scale: N; next"),
    ],
)
def test_a_component_that_serves_stays_true_and_tells_of_the_fault(engine: Json, live: Json, told: str) -> None:
    found = condition(scaled(engine, live=[live_deployment(Available=UP), live]), "EngineReady")
    assert found["status"] == "True"
    assert found["message"].startswith("serving, but ")
    assert told in found["message"]


@pytest.mark.parametrize(
    ("engine", "live"),
    [
        (KEDA, scaler("ScaledObject")),
        (KEDA, scaler("ScaledObject", ("Ready", "True", "R"), ("Paused", "False", "P"), ("Fallback", "Unknown", ""))),
        (KEDA, scaler("ScaledObject", ("Active", "False", "ScalerNotActive"))),
        ({}, scaler("HorizontalPodAutoscaler", ("ScalingActive", "False", "ScalingDisabled"))),
        ({}, scaler("HorizontalPodAutoscaler", ("ScalingActive", "False", "FailedGetResourceMetric"))),
        ({"autoscaler": {"class": "None"}}, scaler("HorizontalPodAutoscaler", ("AbleToScale", "False", "G"))),
    ],
)
def test_what_is_no_fault_is_not_told(engine: Json, live: Json) -> None:
    found = condition(scaled(engine, live=[live_deployment(Available=UP), live]), "EngineReady")
    assert found == {"type": "EngineReady", "status": "True", "reason": "MinimumReplicasAvailable"}


def test_a_component_that_does_not_serve_keeps_its_own_reason() -> None:
    down = live_deployment(Available=("False", "MinimumReplicasUnavailable", "too few"))
    found = condition(scaled(KEDA, live=[down, scaler("ScaledObject", ("Ready", "False", "R"))]), "EngineReady")
    assert (found["status"], found["reason"]) == ("False", "MinimumReplicasUnavailable")
