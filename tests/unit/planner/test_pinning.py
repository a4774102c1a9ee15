"""Services that pin their runtime: what they keep, what drifts, and when they take it anew."""

from typing import Any

import pytest
from tests.unit.planner.build import (
    NAMESPACE,
    Runtime,
    child,
    condition,
    container_of,
    entry,
    inputs_for,
    made,
    runtime,
    service,
)

from omectl.api.codec import decode_as
from omectl.api.serving_runtime import ServingRuntime
from omectl.planner import Plan, plan
from omectl.planner.pinning import revision_name
from omectl.planner.report import report_of

Json = Any
SYNC = "ome.io/runtime-sync"


def one(image: str = "engine:1", *, namespace: str = "", **spec: Json) -> Runtime:
    runner = {"name": "ome-container", "image": image, "ports": [{"containerPort": 8080}]}
    return runtime("r", entry(), namespace=namespace, engineConfig={"runner": runner}, **spec)


def asked(token: str = "", *, auto: bool | None = False, **named: Json) -> Any:
    told = {SYNC: token} if token else {}
    reference = {"name": "r", **({"autoSync": auto} if auto is not None else {}), **named}
    return service(metadata={"annotations": told}, runtime=reference)


def planned(service: Any, *runtimes: Runtime, live: Json = None) -> Plan:
    return made(service, *(runtimes or (one("nothing", namespace="elsewhere"),)), live=live)


def kept(found: Plan) -> Json:
    return child(found, "ControllerRevision")


def image(found: Plan) -> Json:
    assert found.problem is None, found.problem
    return container_of(found)["image"]


def drift(found: Plan) -> tuple[str, str, str] | None:
    told = condition(found, "RuntimeDrifted")
    return (told["status"], told["reason"], told["message"]) if told is not None else None


def test_what_a_service_pins_is_kept_before_its_pods_are_made() -> None:
    found = planned(asked(), one())
    first = found.objects[0]
    assert first == kept(found)
    data: Json = first["data"]
    assert (data["kind"], data["metadata"], first["revision"]) == ("ClusterServingRuntime", {"name": "r"}, 1)
    assert data["spec"]["engineConfig"]["runner"]["image"] == "engine:1"
    metadata: Json = first["metadata"]
    assert metadata["name"] == revision_name("svc", data)
    assert metadata["namespace"] == NAMESPACE
    assert metadata["labels"] == {"ome.io/inferenceservice": "svc", "ome.io/runtime-of": "r"}
    assert found.status["pinnedRevisionName"] == metadata["name"]
    assert drift(found) is None


@pytest.mark.parametrize("auto", [None, True])
def test_a_service_that_does_not_pin_follows_its_runtime_and_keeps_nothing(auto: bool | None) -> None:
    before = kept(planned(asked(), one()))
    found = planned(asked(auto=auto), one("engine:2"), live=[before])
    assert image(found) == "engine:2"
    assert not [obj for obj in found.objects if obj["kind"] == "ControllerRevision"], "it is pruned"
    assert "pinnedRevisionName" not in found.status
    assert drift(found) is None


def test_an_edited_runtime_changes_nothing_and_is_told_field_by_field() -> None:
    before = planned(asked(), one())
    found = planned(asked(), one("engine:2", disabled=True), live=[kept(before)])
    assert found.objects == before.objects
    status, reason, message = drift(found) or ("", "", "")
    assert (status, reason) == ("True", "RevisionMismatch")
    name = kept(before)["metadata"]["name"]
    assert message == (
        f"ClusterServingRuntime r is another one than the service keeps as {name}, in spec.disabled, "
        "spec.engineConfig.runner.image; "
        f"next: to take it as it is now, set the service's annotation {SYNC} to a new value"
    )
    assert condition(found, "RuntimeDrifted")["severity"] == "Info"
    assert message in found.explanation.warnings


def test_many_fields_are_counted() -> None:
    old, new = ({f"key{number}": value for number in range(9)} for value in ("x", "y"))
    before = kept(planned(asked(), one(nodeSelector=old)))
    found = planned(asked(), one(nodeSelector=new), live=[before])
    assert "spec.nodeSelector.key5 and 3 more; next: " in (drift(found) or ("", "", ""))[2]


def test_how_an_amount_is_written_is_no_drift() -> None:
    def sized(cpu: Json) -> Runtime:
        runner = {"name": "ome-container", "image": "e:1", "resources": {"limits": {"cpu": cpu}}}
        return runtime("r", entry(), engineConfig={"runner": runner})

    before = kept(planned(asked(), sized("1")))
    assert drift(planned(asked(), sized("1000m"), live=[before])) is None
    assert drift(planned(asked(), sized("2"), live=[before])) is not None


def test_a_deleted_runtime_breaks_nothing_and_is_told() -> None:
    before = planned(asked(), one())
    found = planned(asked(), live=[kept(before)])
    assert found.objects == before.objects
    status, reason, message = drift(found) or ("", "", "")
    assert (status, reason) == ("True", "SourceRuntimeMissing")
    assert message.startswith("ClusterServingRuntime r is gone; ")


def test_a_new_value_takes_the_runtime_as_it_is_now_once() -> None:
    first = kept(planned(asked(), one()))
    found = planned(asked("a"), one("engine:2"), live=[first])
    assert image(found) == "engine:2"
    second = kept(found)
    assert (second["revision"], second["metadata"]["annotations"]) == (2, {SYNC: "a"})
    assert second["metadata"]["name"] != first["metadata"]["name"]
    assert drift(found) is None
    found = planned(asked("a"), one("engine:3"), live=[first, second])
    assert image(found) == "engine:2", "the value was spent"
    assert kept(found) == second
    assert image(planned(asked("b"), one("engine:3"), live=[second])) == "engine:3"


def test_without_the_annotation_nothing_is_asked_and_nothing_remembered() -> None:
    taken = kept(planned(asked("a"), one()))
    found = planned(asked(), one("engine:2"), live=[taken])
    assert image(found) == "engine:1"
    assert "annotations" not in kept(found)["metadata"]
    assert image(planned(asked("a"), one("engine:2"), live=[kept(found)])) == "engine:2"


def test_a_value_for_an_equal_runtime_is_remembered_with_it() -> None:
    before = kept(planned(asked(), one()))
    found = kept(planned(asked("a"), one(), live=[before]))
    assert found["metadata"]["name"] == before["metadata"]["name"]
    assert (found["revision"], found["metadata"]["annotations"]) == (2, {SYNC: "a"})
    assert kept(planned(asked("a"), one("engine:2"), live=[found])) == found


def test_another_name_takes_that_runtime() -> None:
    before = kept(planned(asked(), one()))
    other = runtime("other", entry(), engineConfig={"runner": {"name": "ome-container", "image": "other:1"}})
    found = planned(asked(name="other"), one(), other, live=[before])
    assert image(found) == "other:1"
    assert (kept(found)["data"]["metadata"]["name"], kept(found)["revision"]) == ("other", 2)


def test_a_runtime_of_that_name_that_comes_later_is_not_taken() -> None:
    """Unpinned, the namespace's own would be the one that is meant."""
    before = kept(planned(asked(), one()))
    own = one("own:1", namespace=NAMESPACE)
    assert image(planned(asked(), one(), own, live=[before])) == "engine:1"
    assert image(planned(asked(auto=None), one(), own, live=[before])) == "own:1"
    assert image(planned(asked(kind="ServingRuntime"), one(), own, live=[before])) == "own:1"


def test_the_namespace_s_own_runtime_is_kept_with_its_namespace() -> None:
    own = one(namespace=NAMESPACE)
    found = planned(asked(), own)
    data = kept(found)["data"]
    assert data["metadata"] == {"name": "r", "namespace": NAMESPACE}
    assert decode_as(ServingRuntime, data).spec == own.spec
    assert planned(asked(), live=[kept(found)]).objects == found.objects


def test_what_cannot_be_read_and_what_is_somebody_else_s_keeps_nothing() -> None:
    before = kept(planned(asked(), one()))
    broken = {**before, "data": {**before["data"], "spec": {"supportedModelFormats": 5}}}
    assert image(planned(asked(), one("engine:2"), live=[broken])) == "engine:2"
    foreign = {**before, "data": {"spec": {"template": {}}}}
    assert image(planned(asked(), one("engine:2"), live=[foreign])) == "engine:2"


def test_a_service_that_cannot_be_planned_still_tells_what_it_has() -> None:
    name = kept(planned(asked(), one()))["metadata"]["name"]
    asking = service(runtime={"name": "r", "autoSync": False}, status={"pinnedRevisionName": name})
    found = made(asking, one(), model=None)
    assert found.problem is not None
    assert found.status["pinnedRevisionName"] == name


def test_a_pinned_runtime_that_was_never_there_is_told_as_ever() -> None:
    found = planned(asked())
    assert found.problem is not None
    assert found.problem.reason == "RuntimeValidationError"
    assert found.objects == ()


def test_a_report_on_a_service_whose_pinned_runtime_is_gone_tells_of_what_it_has() -> None:
    inputs = inputs_for(asked(), one("nothing", namespace="elsewhere"), live=[kept(planned(asked(), one()))])
    told = report_of(inputs, plan(inputs))
    assert (told.problem, [each.name for each in told.runtimes]) == (None, ["r"])
