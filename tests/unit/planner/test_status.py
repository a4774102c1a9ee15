"""The status: conditions with reason and next step, addresses, what the pods have loaded."""

from typing import Any

import pytest
from tests.unit.planner.build import child, condition, entry, live_deployment, live_pod, made, model, runtime, service

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
RAW = {"deploymentMode": "RawDeployment"}


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


def revision(found: Plan) -> str:
    """What the Deployment says of its pods."""
    return child(found, "Deployment")["metadata"]["labels"]["ome.io/revision-hash"]


def test_a_service_without_a_deployment_is_not_known_to_be_ready() -> None:
    found = seen()
    assert condition(found, "EngineReady")["status"] == "Unknown"
    assert condition(found, "Ready")["status"] == "Unknown"
    assert condition(found, "IngressReady")["reason"] == "IngressDisabled"
    assert states(found) == ("InProgress", "Pending")
    assert found.status["components"] == {"engine": {**RAW, "autoscaler": SCALED, "revisionHash": revision(found)}}


def test_a_service_whose_engine_is_available_is_ready() -> None:
    found = seen(live_deployment(Available=UP), live_pod(**READY))
    assert condition(found, "Ready") == {"type": "Ready", "status": "True"}
    assert condition(found, "EngineReady")["reason"] == "MinimumReplicasAvailable"
    assert states(found) == ("UpToDate", "Loaded")
    assert found.status["modelStatus"]["modelCopies"] == {"failedCopies": 0, "totalCopies": 1}
    assert found.status["components"] == {
        "engine": {
            **RAW,
            "autoscaler": {**SCALED, "currentReplicas": 1, "desiredReplicas": 1},
            "latestCreatedRevision": "3",
            "readyReplicas": 1,
            "replicas": 1,
            "revisionHash": revision(found),
            "url": "http://svc-engine.team.svc.cluster.local:8080",
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
        (crashed(137, "OOMKilled"), "OutOfMemory", "OOMKilled", "memory limit"),
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
    """D 42."""
    found = made(service(metadata={"generation": 7}), live=[live_deployment(Available=UP)])
    assert found.status["observedGeneration"] == 7


def test_conditions_are_sorted_and_have_no_times() -> None:
    conditions: Json = seen(live_deployment(Available=UP)).status["conditions"]
    assert [one["type"] for one in conditions] == sorted(one["type"] for one in conditions)
    assert all("lastTransitionTime" not in one for one in conditions)


def test_d11_and_d12_the_failure_in_the_way_has_its_pod_node_and_time_and_goes_with_it() -> None:
    """D11, D12."""
    crash = live_pod("p-1", **crashed(137, "OOMKilled"))
    crash["spec"] = {"nodeName": "n-1"}
    crash["status"]["containerStatuses"][0]["lastState"]["terminated"]["finishedAt"] = "2026-01-02T03:04:05Z"
    found = seen(live_deployment(Available=DOWN), crash, live_pod("p-0", **READY))
    assert found.status["modelStatus"]["lastFailureInfo"] == {
        "location": "engine",
        "reason": "ModelLoadFailed",
        "message": "pod p-1 on node n-1, container ome-container ended with exit code 137 (OOMKilled): out of luck",
        "pod": "p-1",
        "node": "n-1",
        "time": "2026-01-02T03:04:05Z",
        "exitCode": 137,
    }
    well = seen(live_deployment(Available=UP), live_pod("p-1", **READY), live_pod("p-0", **READY))
    assert "lastFailureInfo" not in well.status["modelStatus"]


@pytest.mark.parametrize(
    ("status", "ready", "reason", "state"),
    [
        (waiting("ErrImagePull", "denied"), True, "RuntimeUnhealthy", ("BlockedByFailedLoad", "FailedToLoad")),
        (waiting("CreateContainerError", "x"), True, "RuntimeUnhealthy", ("BlockedByFailedLoad", "FailedToLoad")),
        (unscheduled("no gpu"), True, "RuntimeUnhealthy", ("InProgress", "Pending")),
        (unscheduled("no gpu"), False, "BaseModelNotReady", ("InProgress", "Pending")),
    ],
    ids=["image", "configuration", "scheduling", "model"],
)
def test_each_state_of_a_pod_is_told_in_ome_s_reasons(status: Json, ready: bool, reason: str, state: Json) -> None:
    found = seen(live_deployment(Available=DOWN), live_pod(**status), model=READY_MODEL if ready else model())
    assert found.status["modelStatus"]["lastFailureInfo"]["reason"] == reason
    assert states(found) == state


def test_a_pod_that_starts_without_trouble_loads_the_model() -> None:
    assert states(seen(live_deployment(Available=DOWN), live_pod())) == ("InProgress", "Loading")


def test_a_container_that_runs_between_two_crashes_has_not_recovered_until_it_is_ready() -> None:
    again = {"name": "ome-container", "state": {"running": {}}, "lastState": {"terminated": ended(3)}}
    found = seen(live_deployment(Available=DOWN), live_pod(containerStatuses=[{**again, "ready": False}]))
    assert condition(found, "EngineReady")["reason"] == "ModelLoadFailed"
    found = seen(live_deployment(Available=DOWN), live_pod(containerStatuses=[{**again, "ready": True}]))
    assert condition(found, "EngineReady")["reason"] == DOWN[1]


def test_what_the_kubelet_says_between_two_pulls_is_the_same_as_what_it_says_of_one() -> None:
    cause = 'failed to pull image "e:1": not found'
    first, second = (
        seen(live_deployment(Available=DOWN), live_pod(**told))
        for told in (
            waiting("ErrImagePull", cause),
            waiting("ImagePullBackOff", f'Back-off pulling image "e:1": ErrImagePull: {cause}'),
        )
    )
    assert first.status == second.status
    assert cause in condition(first, "Ready")["message"]


def test_how_many_pods_have_the_same_failure_is_told() -> None:
    """D 10."""
    pods = [live_pod(f"p-{index}", **crashed(3)) for index in range(3)]
    text = condition(seen(live_deployment(Available=DOWN), *pods), "EngineReady")["message"]
    assert text.startswith("pod p-0, container ome-container ended with exit code 3 (Error): out of luck")
    assert "(2 more likewise)" in text
    assert "(Deployment: MinimumReplicasUnavailable)" in text, "the workload's own reason stays"


def test_an_evicted_pod_is_told_only_while_no_other_pod_serves_in_its_place() -> None:
    evicted = live_pod("gone", phase="Failed", reason="Evicted", message="The node was low on memory")
    found = seen(live_deployment(Available=DOWN), evicted)
    assert condition(found, "EngineReady")["reason"] == "PodFailed"
    assert "Evicted: The node was low on memory" in condition(found, "EngineReady")["message"]
    found = seen(live_deployment(Available=DOWN), evicted, live_pod("new", **waiting("ErrImagePull", "x")))
    assert condition(found, "EngineReady")["reason"] == "ImagePullFailed"
    found = seen(live_deployment(Available=UP), live_pod("new", **READY), evicted)
    assert condition(found, "EngineReady") == {"type": "EngineReady", "status": "True", "reason": UP[1]}
    assert found.status["modelStatus"]["modelCopies"] == {"failedCopies": 0, "totalCopies": 1}


def test_a_pod_that_a_queue_holds_back_waits_for_the_queue() -> None:
    gate = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "gated"}
    found = seen(live_deployment(Available=DOWN), live_pod(conditions=[gate]), model=model())
    assert condition(found, "EngineReady")["reason"] == "SchedulingGated"
    assert "admit" in condition(found, "EngineReady")["message"]


@pytest.mark.parametrize(
    ("done", "told"),
    [
        (0, "0 % of 10.0 GiB are there"),
        (4.9, "40 % of 10.0 GiB are there"),
        (5, "50 % of 10.0 GiB are there"),
        (10, "100 % of 10.0 GiB are there"),
    ],
)
def test_the_download_is_told_in_tenths_while_the_pods_wait_for_it(done: float, told: str) -> None:
    loading = {"type": "Ready", "status": "False", "reason": "Downloading", "message": "a", "lastTransitionTime": ""}
    progress = {"totalBytes": 10 * 2**30, "completedBytes": int(done * 2**30)}
    waiting_for = model(status={"state": "In_Transit", "conditions": [loading], "progress": progress})
    found = seen(live_deployment(Available=DOWN), live_pod(**unscheduled("no node")), model=waiting_for)
    assert f"Downloading: a; {told}" in condition(found, "EngineReady")["message"]
    assert condition(found, "ModelReady") == {
        "type": "ModelReady",
        "status": "False",
        "severity": "Info",
        "reason": "Downloading",
        "message": f"model m: a; {told}",
    }


def test_a_model_that_is_there_says_so_and_its_progress_is_no_longer_told() -> None:
    ready = model(status={"state": "Ready", "progress": {"totalBytes": 10, "completedBytes": 5}})
    told = condition(seen(model=ready), "ModelReady")
    assert (told["status"], told["message"]) == ("True", "model m can be mounted")


def test_a_service_that_cannot_be_planned_tells_of_its_model_too() -> None:
    found = made(service(runtime={"name": "nothing"}), model=model())
    assert condition(found, "Ready")["reason"] == "RuntimeValidationError"
    assert condition(found, "ModelReady")["reason"] == "NotReported"


def test_replicas_and_selector_are_those_of_the_engine() -> None:
    live = live_deployment(Available=UP)
    live["spec"], live["status"] = {"replicas": 4}, {**live["status"], "replicas": 3, "readyReplicas": 2}
    found = seen(live)
    assert (found.status["replicas"], found.status["labelSelector"]) == (
        3, "ome.io/inferenceservice=svc,component=engine",
    )  # fmt: skip
    engine = found.status["components"]["engine"]
    assert (engine["replicas"], engine["readyReplicas"]) == (3, 2)
    assert engine["autoscaler"] == {**SCALED, "currentReplicas": 3, "desiredReplicas": 4}
    unplanned = made(service(status=found.status), model=None, live=[live])
    assert (unplanned.status["replicas"], unplanned.status["labelSelector"]) == (3, found.status["labelSelector"])


@pytest.mark.parametrize(("wanted", "told"), [(0, 2), (5, 5)], ids=["nothing measured", "measured"])
def test_what_an_autoscaler_wants_is_told_once_it_has_measured(wanted: int, told: int) -> None:
    live = live_deployment(Available=UP)
    live["spec"] = {"replicas": 2}
    hpa = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "svc-engine"}, "status": {"desiredReplicas": wanted}}
    scaler = seen(live, hpa).status["components"]["engine"]["autoscaler"]
    assert (scaler["currentReplicas"], scaler["desiredReplicas"]) == (1, told)
    hpa["status"]["lastScaleTime"] = "2026-01-02T03:04:05Z"
    assert seen(live, hpa).status["components"]["engine"]["autoscaler"]["lastScaleTime"] == "2026-01-02T03:04:05Z"


def test_a_template_that_the_deployment_has_not_seen_is_not_rolled_out() -> None:
    live = live_deployment(Available=UP)
    live["metadata"]["generation"], live["status"]["observedGeneration"] = 2, 1
    assert states(seen(live, live_pod(**READY))) == ("InProgress", "Pending")
    live["status"]["observedGeneration"] = 2
    assert states(seen(live, live_pod(**READY))) == ("UpToDate", "Loaded")


def knative(**ready: Json) -> Json:
    conditions = [{"type": "Ready", **ready}]
    return {"kind": "Knative Service", "metadata": {"name": "svc-engine"}, "status": {"conditions": conditions}}


def test_d13_a_workload_of_another_kind_that_still_serves_is_not_missing() -> None:
    """D13."""
    found = seen(knative(status="True"))
    told = condition(found, "EngineReady")
    assert (told["status"], condition(found, "Ready")["status"]) == ("True", "True")
    assert "still served by" in told["message"]
    assert "svc-engine" in told["message"]
    assert states(found) == ("InProgress", "Pending"), "the new one is not there yet"
    assert found.status["modelStatus"]["modelRevisionStates"]["activeModelState"] == "Loaded"
    found = seen(knative(status="False"))
    assert condition(found, "EngineReady")["reason"] == "DeploymentMissing"
    found = seen(knative(status="True"), live_deployment(Available=DOWN))
    assert condition(found, "Ready")["status"] == "True"


def test_the_workload_that_serves_counts_while_nothing_can_be_planned() -> None:
    found = made(live=[live_deployment(Available=DOWN), knative(status="True")], model=None)
    assert condition(found, "EngineReady")["status"] == "True"


def test_what_runs_keeps_its_part_with_the_numbers_of_now_while_nothing_can_be_planned() -> None:
    engine = {"url": "http://e", "replicas": 9, "autoscaler": {"class": "HPA"}}
    previous = {"components": {"engine": engine, "router": {"url": "http://r"}}}
    live = live_deployment(Available=UP)
    live["status"] |= {"replicas": 2, "readyReplicas": 1}
    found = made(service(status=previous), model=None, live=[live])
    scaler = {"class": "HPA", "currentReplicas": 2, "desiredReplicas": 1}
    assert found.status["components"] == {"engine": {**engine, "replicas": 2, "readyReplicas": 1, "autoscaler": scaler}}
    assert "components" not in made(service(status=previous), model=None).status
