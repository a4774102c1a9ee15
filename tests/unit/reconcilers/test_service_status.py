from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.kube.apply import ApplyRefused, NotOurs
from omectl.kube.errors import Cause, Details, Forbidden, Invalid, KubeError, NotFound
from omectl.planner.result import Problem
from omectl.reconcilers.service_events import Tale, event_reason, transitions
from omectl.reconcilers.service_status import Failure, failure_of, service_status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PLANNED: JsonObject = {
    "conditions": [
        {"type": "Ready", "status": "True"},
        {"type": "EngineReady", "status": "True", "reason": "MinimumReplicasAvailable", "message": "fine"},
        {"type": "IngressReady", "status": "True"},
    ],
    "url": "http://a.example.org",
    "annotations": {"omectl.io/mode": "RawDeployment"},
    "components": {"engine": {"url": "http://e.example.org"}},
}


def written(planned: JsonObject, *failures: Failure, previous: JsonObject | None = None, later: int = 0) -> JsonObject:
    before = InferenceServiceStatus.model_validate(previous) if previous is not None else None
    return service_status(planned, failures, generation=7, previous=before, now=NOW + timedelta(hours=later))


def conditions(status: JsonObject) -> dict[str, JsonObject]:
    found = status["conditions"]
    assert isinstance(found, list)
    return {str(each["type"]): each for each in found if isinstance(each, dict)}


def test_what_is_planned_is_written_with_generation_and_times() -> None:
    status = written(PLANNED)
    assert status["observedGeneration"] == 7
    assert status["url"] == "http://a.example.org"
    assert status["components"] == {"engine": {"url": "http://e.example.org"}}
    assert conditions(status)["Ready"] == {
        "type": "Ready",
        "status": "True",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }


def test_the_same_again_later_is_equal_so_nothing_is_written() -> None:
    status = written(PLANNED)
    assert written(PLANNED, previous=status, later=1) == status


def test_a_leftover_that_cannot_be_deleted_is_told_and_keeps_nothing_from_being_ready() -> None:
    status = written(PLANNED, Failure("engine", "Forbidden", "delete Service a: no; allow it", leftover=True))
    found = conditions(status)
    assert {name: found[name]["status"] for name in found} == {
        "Ready": "True",
        "EngineReady": "True",
        "IngressReady": "True",
        "Pruned": "False",
    }
    assert found["Pruned"]["reason"] == "Forbidden"
    assert found["Pruned"]["severity"] == "Info"
    assert found["Pruned"]["message"] == "delete Service a: no; allow it"
    assert "Pruned" not in conditions(written(PLANNED, previous=status))


def test_beside_a_leftover_the_first_real_failure_stands_for_the_service() -> None:
    leftover = Failure("engine", "Forbidden", "x", leftover=True)
    found = conditions(written(PLANNED, leftover, Failure("engine", "ManifestRefused", "y; do z")))
    assert (found["Ready"]["reason"], found["EngineReady"]["reason"]) == ("ManifestRefused", "ManifestRefused")


def test_a_change_moves_only_its_own_time() -> None:
    status = written(PLANNED)
    changed = written(PLANNED, Failure("engine", "NotOurs", "x; do y"), previous=status, later=1)
    assert conditions(changed)["EngineReady"]["lastTransitionTime"] == "2026-01-02T04:04:05Z"
    assert conditions(changed)["IngressReady"]["lastTransitionTime"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("component", "condition", "severity"),
    [
        ("engine", "EngineReady", None),
        ("router", "RouterReady", None),
        ("decoder", "DecoderReady", None),
        ("", "IngressReady", None),
        ("external-service", "IngressReady", None),
    ],
)
def test_a_failure_shows_in_its_component_and_in_ready(component: str, condition: str, severity: str | None) -> None:
    found = conditions(written(PLANNED, Failure(component, "ManifestRefused", "wanted; found; do")))
    for name in (condition, "Ready"):
        assert found[name]["status"] == "False"
        assert (found[name]["reason"], found[name]["message"]) == ("ManifestRefused", "wanted; found; do")
    assert found[condition].get("severity") == severity


def test_the_first_of_several_failures_stands_for_the_service() -> None:
    found = conditions(written(PLANNED, Failure("engine", "A", "a"), Failure("router", "B", "b")))
    assert found["Ready"]["reason"] == "A"
    assert found["RouterReady"]["reason"] == "B"


INSIDE = "http://s.team.svc.cluster.local:8080"


@pytest.mark.parametrize(
    ("kind", "name", "lost"),
    [
        ("Service", "s", {"address"}),
        ("Ingress", "s", {"url"}),
        ("HTTPRoute", "s", {"url"}),
        ("VirtualService", "s", {"url"}),
        ("Service", "s-engine", {"engine"}),
        ("ConfigMap", "s", set()),
        ("Deployment", "s-engine", set()),
    ],
)
def test_no_address_leads_to_an_object_of_somebody_else(kind: str, name: str, lost: set[str]) -> None:
    engine: JsonObject = {"url": INSIDE.replace("//s.", "//s-engine."), "replicas": 1}
    planned: JsonObject = {**PLANNED, "address": {"url": INSIDE}, "components": {"engine": engine}}
    error = NotOurs(kind, ObjectKey("team", name), "InferenceService team/s", "")
    status = written(planned, failure_of("", error))
    components = status["components"]
    assert isinstance(components, dict)
    assert {key for key in ("url", "address") if key not in status} == lost - {"engine"}
    assert components["engine"] == ({"replicas": 1} if "engine" in lost else engine)


def test_a_service_of_one_address_loses_both_when_it_is_somebody_else_s() -> None:
    planned: JsonObject = {**PLANNED, "url": INSIDE, "address": {"url": INSIDE}}
    ours = failure_of("", NotOurs("Service", ObjectKey("team", "s"), "InferenceService team/s", ""))
    assert {"url", "address"}.isdisjoint(written(planned, ours))
    route = failure_of("", NotOurs("Ingress", ObjectKey("team", "s"), "InferenceService team/s", ""))
    assert written(planned, route)["url"] == INSIDE


def test_no_null_is_written_because_the_server_would_drop_it() -> None:
    assert written({"address": {"url": None, "name": "x"}, "modelStatus": None})["address"] == {"name": "x"}


INVALID = Invalid(422, "Invalid", "bad port", Details(causes=(Cause("FieldValueInvalid", "spec.ports[0]", "bad"),)))


@pytest.mark.parametrize(
    ("error", "reason", "said"),
    [
        (ApplyRefused("Deployment", ObjectKey("a", "b"), INVALID), "ManifestRefused", "spec.ports[0]"),
        (NotOurs("Service", ObjectKey("a", "b"), "InferenceService a/b", ""), "NotOurs", "nobody"),
        (Forbidden(403, "Forbidden", "exceeded quota"), "Forbidden", "exceeded quota"),
        (NotFound(404, "NotFound", "no such kind"), "DependencyMissing", "no such kind"),
        (NotFound(404, "NotFound", "gone", Details(name="x")), "ApplyFailed", "gone"),
        (KubeError("anything"), "ApplyFailed", "anything"),
    ],
)
def test_each_error_has_its_reason_and_keeps_its_words(error: KubeError, reason: str, said: str) -> None:
    failure = failure_of("engine", error)
    assert failure.reason == reason
    assert said in failure.message


def told(old: JsonObject | None, new: JsonObject, **more: object) -> list[Tale]:
    before = InferenceServiceStatus.model_validate({"conditions": [old]}) if old else None
    after = InferenceServiceStatus.model_validate({"conditions": [new]})
    return transitions("a/b", before, after, **more)  # type: ignore[arg-type]


TRUE: JsonObject = {"type": "Ready", "status": "True"}
FALSE: JsonObject = {"type": "Ready", "status": "False", "reason": "R", "message": "m"}


def test_becoming_ready_and_not_ready_are_told() -> None:
    assert [tale.reason for tale in told(None, TRUE)] == ["InferenceServiceReady"]
    assert [tale.reason for tale in told(FALSE, TRUE)] == ["InferenceServiceReady"]
    assert told(TRUE, FALSE) == [Tale("Warning", "InferenceServiceNotReady", "m")]


def test_a_stop_that_was_asked_for_is_no_warning() -> None:
    stopping, stopped = ({**FALSE, "reason": reason} for reason in ("Stopping", "Stopped"))
    assert told(TRUE, stopping) == [Tale("Normal", "InferenceServiceStopped", "m")]
    assert told(FALSE, stopped) == [Tale("Normal", "InferenceServiceStopped", "m")]
    assert told(stopping, {**stopped, "message": "other"}) == []
    resumed = Tale("Normal", "InferenceServiceResumed", "InferenceService a/b is started again")
    assert told(stopped, FALSE) == [resumed]
    assert [tale.reason for tale in told(stopped, TRUE)] == [resumed.reason, "InferenceServiceReady"]


@pytest.mark.parametrize("condition", [TRUE, FALSE])
def test_what_stays_as_it_is_is_not_told(condition: JsonObject) -> None:
    assert told(condition, condition, problem_event="ModelReconcileError") == []


def test_a_new_problem_is_told_under_the_references_reason() -> None:
    assert told(None, FALSE, problem_event="ModelReconcileError") == [Tale("Warning", "ModelReconcileError", "m")]


def test_a_failed_apply_is_an_internal_error() -> None:
    failures = (Failure("engine", "NotOurs", "found; do"),)
    assert told(None, FALSE, failures=failures) == [Tale("Warning", "InternalError", "found; do")]
    rejected = (replace(failures[0], event="ServerlessModeRejected"),)
    assert told(None, FALSE, failures=rejected) == [Tale("Warning", "ServerlessModeRejected", "found; do")]


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        ("ModelReconcileError", "ModelReconcileError"),
        ("RuntimeSelectionError", "RuntimeSelectionError"),
        ("InvalidSpec", "MergeSpecsError"),
        ("NotSupportedYet", "DeploymentModeError"),
        ("ModelNotReady", ""),
    ],
)
def test_events_have_only_reasons_of_the_reference(reason: str, event: str) -> None:
    assert event_reason(Problem(reason, "m", "n")) == event


def test_no_problem_has_no_event() -> None:
    assert event_reason(None) == ""


def test_what_was_picked_is_remembered_also_when_nothing_can_be_planned() -> None:
    """D 16: a model that cannot be read for a while costs no service its runtime."""
    picked: JsonObject = {"reason": "Chosen", "runtime": {"kind": "ServingRuntime", "name": "r"}, "inputs": "1"}
    status = written({}, previous={"selection": picked})
    assert status["selection"] == picked
    other: JsonObject = {"reason": "OwnRunner"}
    assert written({**PLANNED, "selection": other}, previous={"selection": picked})["selection"] == other
    assert "selection" not in written(PLANNED, previous={"url": "http://x"})


def both(old: list[JsonObject], new: list[JsonObject], **more: object) -> list[Tale]:
    before, after = (InferenceServiceStatus.model_validate({"conditions": conditions}) for conditions in (old, new))
    return transitions("a/b", before, after, **more)  # type: ignore[arg-type]


def test_the_parts_of_a_service_that_stops_are_not_told_one_by_one() -> None:
    stopped = {**FALSE, "reason": "Stopped"}
    tales = both([FALSE, part("True")], [stopped, part("False")])
    assert [tale.reason for tale in tales] == ["InferenceServiceStopped"]


def part(status: str, kind: str = "EngineReady", reason: str = "R", message: str = "m") -> JsonObject:
    return {"type": kind, "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize("kind", ["EngineReady", "DecoderReady", "RouterReady", "IngressReady"])
def test_a_part_that_becomes_ready_or_is_so_no_more_is_told_when_the_service_stays_as_it_is(kind: str) -> None:
    up, down = part("True", kind), part("False", kind)
    said = f"InferenceService a/b: {kind} is True"
    assert both([down, FALSE], [up, FALSE]) == [Tale("Normal", kind, said)]
    assert both([part("Unknown", kind), FALSE], [up, FALSE]) == [Tale("Normal", kind, said)]
    assert both([up, FALSE], [down, FALSE]) == [Tale("Warning", kind.replace("Ready", "NotReady"), "m")]
    assert both([FALSE], [up, FALSE]) == [], "what is new was not otherwise before"
    assert both([up, FALSE], [FALSE]) == []
    assert both([part("Unknown", kind), FALSE], [down, FALSE]) == []


def test_a_part_is_not_told_beside_the_service_itself() -> None:
    assert [tale.reason for tale in both([part("True"), TRUE], [part("False"), FALSE])] == ["InferenceServiceNotReady"]
    assert [tale.reason for tale in both([part("False"), FALSE], [part("True"), TRUE])] == ["InferenceServiceReady"]


@pytest.mark.parametrize(
    "reason",
    ["ModelLoadFailed", "OutOfMemory", "ImagePullFailed", "PodConfigurationInvalid", "PodFailed", "Unschedulable"],
)
def test_a_fault_of_pods_is_told_once_for_each_reason(reason: str) -> None:
    fault, wait = part("False", reason=reason), part("False", reason="MinimumReplicasUnavailable")
    assert both([wait, FALSE], [fault, FALSE]) == [Tale("Warning", reason, "m")]
    assert both([fault, FALSE], [{**fault, "message": "another pod"}, FALSE]) == []
    assert both([fault, FALSE], [wait, FALSE]) == []
    assert both([wait, FALSE], [fault, FALSE], problem_event="MergeSpecsError") == []


def test_waiting_for_the_model_or_a_queue_is_no_fault() -> None:
    for reason in ("WaitingForModel", "SchedulingGated", "MinimumReplicasUnavailable"):
        assert both([part("Unknown"), FALSE], [part("False", reason=reason), FALSE]) == []


@pytest.mark.parametrize("kind", ["EngineReady", "DecoderReady", "RouterReady"])
def test_what_there_is_to_do_for_a_component_that_serves_is_told_once(kind: str) -> None:
    """A new version that does not come up, an autoscaler that does not work."""
    well = part("True", kind, message="fine")
    ill = part("True", kind, message="still serving, but pod x; next: do y")
    degraded = Tale("Warning", kind.replace("Ready", "Degraded"), "still serving, but pod x; next: do y")
    assert both([well, TRUE], [ill, TRUE]) == [degraded]
    assert both([ill, TRUE], [{**ill, "message": "serving, but z; next: do y"}, TRUE]) == []
    assert both([ill, TRUE], [well, TRUE]) == []
    after = InferenceServiceStatus.model_validate({"conditions": [ill, TRUE]})
    assert transitions("a/b", None, after)[1:] == [degraded]
    choice = part("True", "RuntimeSelected", message="x; next: y")
    assert both([TRUE], [choice, TRUE]) == [], "the choices have Events of their own"


def test_the_summary_is_of_what_is_written_in_the_end() -> None:
    assert written(PLANNED)["summary"] == "Ready: yes"
    assert written(PLANNED, Failure("engine", "NotOurs", "x; do y"))["summary"] == "NotOurs: x; do y"
