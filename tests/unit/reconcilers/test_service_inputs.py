"""Services that cannot be read are not passed over in silence: their status says why."""

from omectl.api.json import JsonObject
from omectl.planner import PlanInputs, refused
from omectl.reconcilers.service_inputs import live_state, readable

STATUS: JsonObject = {"url": "http://before", "labelSelector": "a=b"}


def raw(**changes: object) -> JsonObject:
    made: JsonObject = {"metadata": {"name": "svc", "namespace": "team", "uid": "1", "generation": 3}, "spec": {}}
    return {**made, **changes}  # type: ignore[dict-item]


def test_a_service_that_can_be_read_has_no_problem() -> None:
    service, problem = readable(raw(spec={"engine": {"minReplicas": 2}}, status=STATUS))
    assert problem is None
    assert service.spec.engine is not None
    assert service.spec.engine.min_replicas == 2


def test_of_one_that_cannot_be_read_its_components_and_status_are_known() -> None:
    """D 27."""
    service, problem = readable(raw(spec={"engine": {"minReplicas": "many"}, "router": {}}, status=STATUS))
    assert problem is not None
    assert problem.reason == "InvalidSpec"
    assert "minReplicas" in problem.message
    assert service.key == ("team", "svc")
    assert service.status is not None
    assert service.status.url == "http://before"
    told = refused(PlanInputs(service=service, live=live_state([], [])), problem).status
    conditions = {one["type"]: one["reason"] for one in told["conditions"]}  # type: ignore[index,union-attr,call-overload]
    assert (conditions["Ready"], conditions["RouterReady"]) == ("InvalidSpec", "InvalidSpec")
    assert told["observedGeneration"] == 3


def test_a_status_that_cannot_be_read_either_is_written_anew() -> None:
    service, problem = readable(raw(spec={"engine": {"minReplicas": "many"}}, status={"conditions": "none"}))
    assert problem is not None
    assert service.status is None
