"""The status: conditions with reason and next step, addresses, what the pods have loaded."""

from typing import Any

import pytest
from tests.unit.planner.build import condition, entry, live_deployment, live_pod, made, model, runtime, service

from omectl.planner import Plan

Json = Any
UP = ("True", "MinimumReplicasAvailable", "")
DOWN = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
READY_MODEL = model(status={"state": "Ready"})
ROUTER = {"runner": {"name": "router", "image": "router:1"}}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def waiting(reason: str, message: str = "", **more: Json) -> Json:
    return {
        "containerStatuses": [
            {"name": "ome-container", "state": {"waiting": {"reason": reason, "message": message}}, **more}
        ]
    }


SCALED = {"class": "HPA", "managedBy": "ome", "specSource": "default"}


def ended(code: int, reason: str = "Error") -> Json:
    return {"exitCode": code, "reason": reason, "message": "out of luck"}


def crashed(code: int, reason: str = "Error") -> Json:
    return waiting("CrashLoopBackOff", lastState={"terminated": ended(code, reason)})


def unscheduled(message: str) -> Json:
    return {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}


def seen(*live: Json, **inputs: Any) -> Plan:
    return made(live=list(live), **{"model": READY_MODEL, **inputs})


def states(found: Plan) -> Json:
    status: Json = found.status["modelStatus"]
    return status["transitionStatus"], status["modelRevisionStates"]["targetModelState"]


def test_a_service_without_a_deployment_is_not_known_to_be_ready() -> None:
    found = seen()
    assert condition(found, "EngineReady")["status"] == "Unknown"
    assert condition(found, "Ready")["status"] == "Unknown"
    assert condition(found, "IngressReady")["reason"] == "IngressDisabled"
    assert states(found) == ("InProgress", "Pending")
    assert found.status["components"] == {"engine": {"autoscaler": SCALED}}


def test_a_service_whose_engine_is_available_is_ready() -> None:
    found = seen(live_deployment(Available=UP), live_pod(**READY))
    assert condition(found, "Ready") == {"type": "Ready", "status": "True"}
    assert condition(found, "EngineReady")["reason"] == "MinimumReplicasAvailable"
    assert states(found) == ("UpToDate", "Loaded")
    assert found.status["modelStatus"]["modelCopies"] == {"failedCopies": 0, "totalCopies": 1}
    assert found.status["components"] == {
        "engine": {
            "autoscaler": SCALED,
            "latestCreatedRevision": "3",
            "url": "http://svc-engine.team.svc.cluster.local",
        }
    }
    assert found.status["url"] == "http://svc.team.svc.cluster.local:8080"
    assert found.status["annotations"] == {"omectl.io/mode": "RawDeployment"}


def test_a_router_that_is_not_ready_keeps_the_service_from_it() -> None:
    found = made(
        service(router={}), runtime("r", entry(), routerConfig=ROUTER), model=READY_MODEL,
        live=[live_deployment(Available=UP), live_deployment("router", Available=DOWN)],
    )  # fmt: skip
    assert condition(found, "EngineReady")["status"] == "True"
    assert condition(found, "Ready")["reason"] == "MinimumReplicasUnavailable"
    assert condition(found, "Ready")["message"] == condition(found, "RouterReady")["message"]


@pytest.mark.parametrize(
    ("status", "reason", "told", "step"),
    [
        (waiting("ImagePullBackOff", "no such tag"), "ImagePullFailed", "no such tag", "correct the image"),
        (waiting("CreateContainerConfigError", "no secret"), "PodConfigurationInvalid", "no secret", "correct what"),
        (crashed(3), "ModelLoadFailed", "exit code 3", "kubectl logs"),
        (crashed(137, "OOMKilled"), "ModelLoadFailed", "OOMKilled", "memory limit"),
        (unscheduled("0/3 nodes: insufficient gpu"), "Unschedulable", "insufficient gpu", "free or add a node"),
    ],
    ids=["image", "configuration", "crash", "memory", "scheduling"],
)  # fmt: skip
def test_a_pods_failure_is_the_engines_reason_with_what_to_do(status: Json, reason: str, told: str, step: str) -> None:
    found = seen(live_deployment(Available=DOWN), live_pod("pod-1", **status))
    for kind in ("EngineReady", "Ready"):
        assert condition(found, kind)["status"] == "False"
        assert condition(found, kind)["reason"] == reason
        text = condition(found, kind)["message"]
        assert told in text
        assert "pod-1" in text
        assert step in text.split("next: ")[1]


def test_a_crash_is_the_models_last_failure_and_is_forgotten_when_it_is_over() -> None:
    crash = live_pod(**crashed(3))
    found = seen(live_deployment(Available=DOWN), crash)
    assert states(found) == ("BlockedByFailedLoad", "FailedToLoad")
    failure: Json = found.status["modelStatus"]["lastFailureInfo"]
    assert (failure["reason"], failure["exitCode"], failure["location"]) == ("ModelLoadFailed", 3, "engine")
    assert "lastFailureInfo" not in seen(live_deployment(Available=UP), live_pod(**READY)).status["modelStatus"]


def test_a_new_version_that_crashes_while_the_old_one_serves_is_told_without_losing_ready() -> None:
    crash = live_pod("new", **crashed(3))
    found = seen(live_deployment(Available=UP), live_pod("old", **READY), crash)
    assert condition(found, "Ready")["status"] == "True"
    assert "still serving, but pod new" in condition(found, "EngineReady")["message"]
    assert states(found) == ("BlockedByFailedLoad", "FailedToLoad")
    assert found.status["modelStatus"]["modelRevisionStates"]["activeModelState"] == "Loaded"


def test_a_rollout_that_is_under_way_is_in_progress() -> None:
    live = live_deployment(Available=UP)
    live["status"] |= {"replicas": 2, "updatedReplicas": 1}
    assert states(seen(live, live_pod(**READY))) == ("InProgress", "Pending")


def test_pods_that_wait_for_the_model_say_so_with_the_models_own_reason() -> None:
    told = {"type": "Ready", "status": "False", "reason": "Downloading", "message": "node a", "lastTransitionTime": ""}
    loading = model(status={"state": "In_Transit", "conditions": [told]})
    found = seen(live_deployment(Available=DOWN), live_pod(**unscheduled("0/1 nodes match")), model=loading)
    assert condition(found, "Ready")["reason"] == "WaitingForModel"
    assert "Downloading: node a" in condition(found, "Ready")["message"]


def test_pods_that_the_server_refuses_are_told() -> None:
    refused = ("True", "FailedCreate", "exceeded quota")
    found = seen(live_deployment(Available=DOWN, ReplicaFailure=refused))
    assert condition(found, "Ready")["reason"] == "FailedCreate"
    assert "exceeded quota" in condition(found, "Ready")["message"]


def test_pods_of_other_services_and_pods_on_their_way_out_do_not_count() -> None:
    other = live_pod("other", "decoder", **waiting("ImagePullBackOff"))
    going = live_pod("going", **waiting("ImagePullBackOff"))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert condition(seen(live_deployment(Available=DOWN), other, going), "Ready")["reason"] == DOWN[1]


def test_a_problem_is_told_while_what_runs_goes_on() -> None:
    previous = {"url": "http://before", "address": {"url": "http://before"}, "annotations": {"omectl.io/mode": "M"}}
    found = made(service(status=previous), model=None, live=[live_deployment(Available=UP), live_pod(**READY)])
    assert condition(found, "Ready")["status"] == "False"
    assert condition(found, "Ready")["reason"] == "ModelReconcileError"
    assert "; next: create it" in condition(found, "Ready")["message"]
    assert condition(found, "EngineReady")["status"] == "True"
    assert found.status["url"] == "http://before"
    assert found.status["modelStatus"]["transitionStatus"] == "InvalidSpec"
    assert found.status["modelStatus"]["lastFailureInfo"]["reason"] == "BaseModelNotFound"


def test_a_problem_of_a_service_that_does_not_run_is_every_components() -> None:
    found = made(service(router={}), model=None)
    assert {one["type"]: one["status"] for one in found.status["conditions"]} == {
        "EngineReady": "False", "Ready": "False", "RouterReady": "False", "RuntimeSelected": "Unknown",
    }  # fmt: skip
    assert "url" not in found.status


def test_observed_generation_is_the_services_own() -> None:
    found = made(service(metadata={"generation": 7}), live=[live_deployment(Available=UP)])
    assert found.status["observedGeneration"] == 7


def test_conditions_are_sorted_and_have_no_times() -> None:
    conditions: Json = seen(live_deployment(Available=UP)).status["conditions"]
    assert [one["type"] for one in conditions] == sorted(one["type"] for one in conditions)
    assert all("lastTransitionTime" not in one for one in conditions)
