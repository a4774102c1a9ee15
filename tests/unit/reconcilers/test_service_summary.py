"""The line that `kubectl get` prints of a service."""

import pytest

from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.json import JsonObject
from omectl.reconcilers.service_summary import summary_of


def line(ready: JsonObject | None, *others: JsonObject, **more: object) -> str:
    conditions: list[JsonObject] = [*others, *([{"type": "Ready", **ready}] if ready is not None else [])]
    return summary_of(InferenceServiceStatus.model_validate({"conditions": conditions, **more}))


ENGINE = {"replicas": 2, "readyReplicas": 1}


@pytest.mark.parametrize(
    ("components", "said"),
    [
        ({"engine": ENGINE}, "Ready: engine 1 of 2"),
        ({"engine": {"replicas": 2}}, "Ready: engine 0 of 2"),
        ({"engine": {**ENGINE, "autoscaler": {"desiredReplicas": 4}}}, "Ready: engine 1 of 4"),
        ({"engine": {**ENGINE, "autoscaler": {"desiredReplicas": 0}}}, "Ready: engine 1 of 0"),
        (
            {"router": ENGINE, "decoder": ENGINE, "engine": ENGINE},
            "Ready: engine 1 of 2, decoder 1 of 2, router 1 of 2",
        ),
        ({"predictor": {"url": "http://x"}}, "Ready: yes"),
        ({}, "Ready: yes"),
    ],
)
def test_a_ready_service_tells_its_replicas(components: JsonObject, said: str) -> None:
    assert line({"status": "True"}, components=components) == said


def test_a_service_without_pods_of_its_own_tells_what_it_is() -> None:
    assert line({"status": "True", "message": "only an entry"}) == "Ready: only an entry"


def test_what_is_wrong_with_a_component_that_serves_is_told_with_the_next_step() -> None:
    engine: JsonObject = {"type": "EngineReady", "status": "True", "message": "still serving, but x; next: do y"}
    fine: JsonObject = {"type": "EngineReady", "status": "True", "message": "all is well"}
    choice: JsonObject = {"type": "RuntimeSelected", "status": "True", "message": "r; next: nothing"}
    assert line({"status": "True"}, choice, engine) == "Ready: yes; still serving, but x; next: do y"
    assert line({"status": "True"}, choice, fine) == "Ready: yes"


@pytest.mark.parametrize(
    ("ready", "said"),
    [
        ({"status": "False", "reason": "R", "message": "a\n  b; next: c"}, "R: a b; next: c"),
        ({"status": "Unknown", "reason": "R", "message": "only this"}, "R: only this"),
        ({"status": "Unknown"}, "Unknown: wait"),
    ],
)
def test_a_service_that_is_not_ready_tells_why_and_what_to_do_in_one_line(ready: JsonObject, said: str) -> None:
    assert line(ready) == said


def test_a_long_message_is_cut_and_keeps_its_next_step() -> None:
    said = line({"status": "False", "reason": "R", "message": f"{'a' * 161}; next: {'b' * 101}"})
    assert said == f"R: {'a' * 160}...; next: {'b' * 100}..."
    said = line({"status": "False", "reason": "R", "message": f"{'a' * 160}; next: {'b' * 100}"})
    assert said == f"R: {'a' * 160}; next: {'b' * 100}"


def test_a_status_without_ready_has_no_summary() -> None:
    assert line(None) == ""
