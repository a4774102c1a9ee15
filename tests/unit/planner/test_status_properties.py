"""What holds for every status, whatever is live: nothing makes it lie, and what is equal is not rewritten."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.planner.build import RUNNER, entry, live_deployment, live_pod, made, model, runtime, service

from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.settings import Settings
from omectl.planner import Plan
from omectl.reconcilers.service_events import transitions
from omectl.reconcilers.service_status import Failure, service_status

Json = Any
NOW = datetime(2026, 1, 2, tzinfo=UTC)
PARTS = {"engine": "EngineReady", "decoder": "DecoderReady", "router": "RouterReady"}
ROUTER = {"runner": {"name": "router", "image": "router:1", "ports": [{"containerPort": 9000}]}}
RUNTIMES = (
    runtime("alone", entry(), routerConfig=ROUTER),
    runtime("apart", entry(), decoderConfig={"runner": RUNNER}, routerConfig=ROUTER),
)
DEFAULTS = Settings.defaults()
INGRESS = DEFAULTS.model_copy(
    update={"ingress": DEFAULTS.ingress.model_copy(update={"disable_ingress_creation": False})}
)

terminated = st.fixed_dictionaries(
    {"exitCode": st.sampled_from([0, 1, 137]), "reason": st.sampled_from(["Error", "OOMKilled", "Completed"])},
    optional={"message": st.sampled_from(["", "why"]), "finishedAt": st.just("2026-01-01T00:00:00Z")},
)
states = st.one_of(
    st.just({"running": {}}),
    st.builds(lambda found: {"terminated": found}, terminated),
    st.builds(
        lambda reason, message: {"waiting": {"reason": reason, "message": message}},
        st.sampled_from(["ContainerCreating", "CrashLoopBackOff", "ErrImagePull", "CreateContainerError", ""]),
        st.sampled_from(["", "x", "Back-off: ErrImagePull: x"]),
    ),
)
containers = st.fixed_dictionaries(
    {"name": st.just("ome-container"), "state": states, "ready": st.booleans()},
    optional={"lastState": st.builds(lambda found: {"terminated": found}, terminated), "image": st.just("i")},
)
pod_conditions = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["Ready", "PodScheduled"]), "status": st.sampled_from(["True", "False"])},
        optional={
            "reason": st.sampled_from(["Unschedulable", "SchedulingGated"]),
            "message": st.just("m"),
            "lastTransitionTime": st.just("2026-01-01T00:00:00Z"),
        },
    ),
    max_size=2,
)
pods = st.builds(
    lambda name, part, node, gone, status: {
        **(pod := live_pod(f"p-{name}", part, **status)),
        "spec": {"nodeName": node} if node else {},
        "metadata": {**pod["metadata"], **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if gone else {})},
    },
    st.integers(0, 5),
    st.sampled_from(list(PARTS)),
    st.sampled_from(["", "n"]),
    st.booleans(),
    st.fixed_dictionaries(
        {"conditions": pod_conditions, "containerStatuses": st.lists(containers, max_size=2)},
        optional={"phase": st.sampled_from(["Running", "Failed"]), "reason": st.just("Evicted")},
    ),
)
verdicts = st.tuples(st.sampled_from(["True", "True", "False", "Unknown"]), st.sampled_from(["", "R"]), st.just("m"))
available = st.fixed_dictionaries({"Available": verdicts}, optional={"ReplicaFailure": verdicts})


def deployment(part: str) -> Any:
    made_with = st.builds(
        lambda conditions, replicas, ready: {
            **(found := live_deployment(part, **conditions)),
            "spec": {"replicas": replicas},
            "status": {**found["status"], "replicas": replicas, "readyReplicas": ready},
        },
        available | st.just({}),
        st.integers(0, 3),
        st.integers(0, 3),
    )
    return st.lists(made_with, min_size=0 if part == "engine" else 1, max_size=1)


def name_of(live: Json) -> tuple[str, str]:
    return live["kind"], live["metadata"]["name"]


models = st.sampled_from(
    [
        model(status={"state": "Ready"}),
        model(),
        model(status={"state": "Ready"}),
        model(status={"state": "In_Transit", "progress": {"totalBytes": 100, "completedBytes": 31}}),
        None,
    ]
)
worlds = st.fixed_dictionaries(
    {
        "parts": st.sets(st.sampled_from(["decoder", "router"])),
        "live": st.builds(
            lambda *lists: [one for some in lists for one in some],
            *map(deployment, PARTS),
            st.lists(pods, max_size=4, unique_by=name_of),
        ),
        "model": models,
        "ingress": st.booleans(),
    }
)


def planned(world: Json, status: Json = None, *, turned: bool = False) -> Plan:
    live = list(reversed(world["live"])) if turned else world["live"]
    return made(
        service(status=status, **{name: {} for name in world["parts"]}),
        *RUNTIMES,
        live=live,
        model=world["model"],
        settings=INGRESS if world["ingress"] else DEFAULTS,
    )


def written(found: Plan, *failures: Failure, before: Json = None, later: int = 0) -> Json:
    previous = InferenceServiceStatus.model_validate(before) if before is not None else None
    return service_status(found.status, failures, generation=1, previous=previous, now=NOW + timedelta(minutes=later))


def by_type(status: Json) -> dict[str, Json]:
    return {one["type"]: one for one in status["conditions"]}


failing = st.sampled_from([(), (Failure("engine", "NotOurs", "x; do y"),), (Failure("", "Forbidden", "z"),)])


@settings(max_examples=300, deadline=None)
@given(worlds, failing)
def test_ready_is_true_exactly_when_every_component_and_the_route_are(world: Json, failures: Any) -> None:
    """D55, and 12.2.4."""
    found = planned(world)
    conditions = by_type(written(found, *failures))
    parts = {kind for name, kind in PARTS.items() if name == "engine" or name in world["parts"]}
    told = set(PARTS.values()) & set(conditions)
    # What a runtime brought is told too while nothing can be planned.
    assert told == parts if found.problem is None else told >= parts
    needed = parts | {"IngressReady"}
    well = found.problem is None and all(conditions[kind]["status"] == "True" for kind in needed)
    assert (conditions["Ready"]["status"] == "True") is well
    for kind in {*needed, "Ready"} & set(conditions):
        assert "severity" not in conditions[kind]
        assert conditions[kind]["status"] == "True" or (conditions[kind]["reason"] and conditions[kind]["message"])


@settings(max_examples=200, deadline=None)
@given(worlds, failing)
def test_a_second_pass_over_the_same_writes_and_tells_nothing(world: Json, failures: Any) -> None:
    first = written(planned(world), *failures)
    again = written(planned(world, first, turned=True), *failures, before=first, later=5)
    third = written(planned(world, again), *failures, before=again, later=9)
    assert third == again
    without_choices = {key: value for key, value in again.items() if key not in ("selection", "conditions")}
    assert without_choices == {key: first[key] for key in without_choices}
    before, after = (InferenceServiceStatus.model_validate(one) for one in (again, third))
    assert transitions("a/b", before, after, failures=failures) == []


@settings(max_examples=200, deadline=None)
@given(worlds)
def test_what_is_told_of_loading_agrees_with_the_pods(world: Json) -> None:
    found = planned(world)
    told = found.status["modelStatus"]
    loaded = told["modelRevisionStates"]["targetModelState"] in ("Loaded", "Standby")
    assert loaded is (told["transitionStatus"] == "UpToDate")
    conditions = by_type(found.status)
    if loaded:
        assert all(
            conditions[kind]["status"] == "True" for kind in ("EngineReady", "DecoderReady") if kind in conditions
        )
    failure = told.get("lastFailureInfo", {})
    assert failure.get("pod", "") in {"", *(one["metadata"]["name"] for one in world["live"] if one["kind"] == "Pod")}
    assert (told["transitionStatus"] == "BlockedByFailedLoad") <= bool(failure)
    assert failure.get("location") != "router"


@settings(max_examples=100, deadline=None)
@given(worlds)
def test_the_summary_is_one_line_that_says_whether_it_is_ready(world: Json) -> None:
    status = written(planned(world))
    assert "\n" not in status["summary"]
    assert len(status["summary"]) < 400
    assert status["summary"].startswith("Ready: ") is (by_type(status)["Ready"]["status"] == "True")
