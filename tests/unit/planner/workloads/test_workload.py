"""The shape that all workloads share: each mode's kind, and what a live one says of itself."""

from typing import Any

from tests.unit.planner.build import condition, live_deployment, made, model, service

from omectl.api.labels import CHOSEN_MODE, MODEL_REVISION
from omectl.planner.inputs import LiveState
from omectl.planner.verdict import Verdict
from omectl.planner.workloads.raw import DEPLOYMENT, read_deployment
from omectl.planner.workloads.table import WORKLOAD_KINDS, live_state

Json = Any


def live(*objects: Json) -> LiveState:
    return LiveState({(obj["kind"], obj["metadata"]["name"]): obj for obj in objects})


def test_the_raw_mode_makes_deployments_of_the_component_s_name() -> None:
    assert WORKLOAD_KINDS["RawDeployment"] is DEPLOYMENT
    assert (DEPLOYMENT.api_version, DEPLOYMENT.kind, DEPLOYMENT.named("svc-engine", 0)) == (
        "apps/v1",
        "Deployment",
        "svc-engine",
    )


def test_a_plan_states_and_records_the_mode_of_its_engine() -> None:
    found = made()
    assert found.explanation.mode == "RawDeployment"
    assert found.status["annotations"][CHOSEN_MODE] == "RawDeployment"


def test_a_deployment_that_says_nothing_is_rolled_out_but_not_available() -> None:
    state = read_deployment({"metadata": {"name": "svc-engine"}})
    assert (state.kind, state.name, state.available, state.rolled_out) == ("Deployment", "svc-engine", False, True)
    assert (state.verdict, state.failure, state.revision) == (Verdict(""), None, "")


def test_a_deployment_is_rolled_out_when_every_pod_is_of_the_newest_template() -> None:
    def rolled_out(replicas: int, updated: int) -> bool:
        return read_deployment({"status": {"replicas": replicas, "updatedReplicas": updated}}).rolled_out

    assert [rolled_out(2, 1), rolled_out(2, 2), rolled_out(1, 2)] == [False, True, True]


def test_a_deployment_tells_its_availability_its_failure_and_its_revision() -> None:
    state = read_deployment(
        live_deployment(Available=("True", "MinimumReplicasAvailable", "fine"), ReplicaFailure=("True", "Quota", "no"))
    )
    assert state.available
    assert state.verdict == Verdict("True", "MinimumReplicasAvailable", "fine")
    assert state.failure == Verdict("True", "Quota", "no")
    assert state.revision == "3"


def test_a_failure_that_is_over_is_none() -> None:
    assert read_deployment(live_deployment(ReplicaFailure=("False", "Quota", "no"))).failure is None


def test_the_live_workload_of_a_component_is_found_by_its_name() -> None:
    seen = live(live_deployment(Available=("True", "", "")))
    state = live_state(seen, "svc-engine")
    assert state is not None
    assert state.available
    assert live_state(seen, "svc-router") is None


def test_the_live_revision_is_that_of_the_pod_template() -> None:
    tagged = live_deployment()
    tagged["spec"] = {"template": {"metadata": {"annotations": {MODEL_REVISION: "abc"}}}}
    assert DEPLOYMENT.live_revision(live(tagged), "svc-engine") == "abc"
    assert DEPLOYMENT.live_revision(live(live_deployment()), "svc-engine") == ""
    assert DEPLOYMENT.live_revision(live(), "svc-engine") == ""


def test_a_workload_that_is_not_there_yet_is_named_with_its_kind() -> None:
    found = condition(made(service(), model=model(status={"state": "Ready"})), "EngineReady")
    assert (found["status"], found["reason"]) == ("Unknown", "DeploymentMissing")
    assert found["message"] == "Deployment svc-engine is not there yet; next: wait"
