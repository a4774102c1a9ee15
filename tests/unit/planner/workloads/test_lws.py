"""Components on several nodes: a LeaderWorkerSet, whose leaders serve."""

from typing import Any

import pytest
from tests.unit.planner.build import RUNNER, child, entry, live_pod, made, runtime, service

from omectl.planner import Plan
from omectl.planner.inputs import LiveState
from omectl.planner.workloads.lws import read_leader_worker_set, set_name
from omectl.planner.workloads.table import live_state

Json = dict[str, Any]
LEADER: Json = {**RUNNER, "args": ["--lead", "$(LWS_LEADER_ADDRESS)"]}
WORKER: Json = {**RUNNER, "args": ["--follow", "$(LWS_LEADER_ADDRESS)"]}
GROUP: Json = {"leader": {"runner": LEADER}, "worker": {"size": 3, "runner": WORKER}}


def planned(engine: Json | None = None, group: Json | None = None, **metadata: Any) -> Plan:
    asked = service(engine=engine or {}, **({"metadata": metadata} if metadata else {}))
    return made(asked, runtime("several", entry(), engineConfig=GROUP if group is None else group))


def the_set(found: Plan) -> Json:
    assert found.problem is None, found.problem
    return child(found, "LeaderWorkerSet", "lws-svc-engine")


def template(found: Plan, role: str) -> Json:
    return the_set(found)["spec"]["leaderWorkerTemplate"][f"{role}Template"]


def test_a_group_is_a_leader_and_its_workers() -> None:
    spec = the_set(planned())["spec"]
    assert (spec["leaderWorkerTemplate"]["size"], spec["replicas"]) == (4, 1)
    assert spec["leaderWorkerTemplate"]["restartPolicy"] == "RecreateGroupOnPodRestart"
    assert (spec["startupPolicy"], spec["networkConfig"]) == ("LeaderCreated", {"subdomainPolicy": "Shared"})
    containers = [template(planned(), role)["spec"]["containers"][0] for role in ("leader", "worker")]
    assert [one["args"][0] for one in containers] == ["--lead", "--follow"]


def test_every_pod_of_a_group_mounts_the_model_on_a_node_that_has_it() -> None:
    for role in ("leader", "worker"):
        spec = template(planned(), role)["spec"]
        assert any("hostPath" in volume for volume in spec["volumes"])
        assert "models.ome.io/clusterbasemodel.m" in spec["nodeSelector"]
        assert "MODEL_PATH" in {one["name"] for one in spec["containers"][0]["env"]}


def test_runtimes_for_either_kind_of_group_find_their_variables() -> None:
    own = {"runner": {**LEADER, "env": [{"name": "OME_INSTANCE_POD_RANK", "value": "mine"}]}}
    found = planned(group={**GROUP, "leader": own})
    env = {one["name"]: one.get("value") for one in template(found, "leader")["spec"]["containers"][0]["env"]}
    assert env["OME_LEADER_ADDRESS"] == "$(LWS_LEADER_ADDRESS)"
    assert env["OME_INSTANCE_POD_COUNT"] == "$(LWS_GROUP_SIZE)"
    assert env["OME_INSTANCE_POD_RANK"] == "mine"
    env = {one["name"]: one.get("value") for one in template(found, "worker")["spec"]["containers"][0]["env"]}
    assert env["OME_INSTANCE_POD_RANK"] == "$(LWS_WORKER_INDEX)"


def test_d4_the_service_has_the_leaders_of_its_own_groups() -> None:
    found = planned()
    for name in ("svc-engine", "svc"):
        selector = child(found, "Service", name)["spec"]["selector"]
        assert selector["leaderworkerset.sigs.k8s.io/worker-index"] == "0"
        assert (selector["ome.io/inferenceservice"], selector["component"]) == ("svc", "engine")
    for role in ("leader", "worker"):
        labels = template(found, role)["metadata"]["labels"]
        assert (labels["ome.io/inferenceservice"], labels["component"]) == ("svc", "engine")
    assert "app" not in template(found, "worker")["metadata"]["labels"]


def test_a_worker_is_not_asked_whether_its_port_is_open() -> None:
    found = planned()
    assert "readinessProbe" in template(found, "leader")["spec"]["containers"][0]
    assert "readinessProbe" not in template(found, "worker")["spec"]["containers"][0]


def test_metrics_are_read_from_leaders_only() -> None:
    group = {**GROUP, "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}}
    found = planned(group=group)
    assert template(found, "leader")["metadata"]["annotations"]["prometheus.io/scrape"] == "true"
    assert not [key for key in template(found, "worker")["metadata"]["annotations"] if "prometheus" in key]


def test_d15_a_leader_without_workers_is_a_group_of_one() -> None:
    group = the_set(planned(group={"leader": {"runner": LEADER}}))["spec"]["leaderWorkerTemplate"]
    assert group["size"] == 1
    assert group["workerTemplate"]["spec"] == group["leaderTemplate"]["spec"]


def test_workers_without_a_leader_follow_the_components_own_container() -> None:
    found = planned(group={"runner": LEADER, "worker": {"size": 1, "runner": WORKER}})
    assert template(found, "leader")["spec"]["containers"][0]["args"][0] == "--lead"
    assert template(found, "worker")["spec"]["containers"][0]["args"][0] == "--follow"


def test_a_worker_without_a_container_is_refused_by_its_field() -> None:
    found = planned(group={"leader": {"runner": LEADER}, "worker": {"size": 1}})
    assert found.problem is not None
    assert found.problem.field == "spec.engine.worker.runner"
    assert "engine worker: neither the service nor runtime several gives it a container" in found.problem.message


def test_d38_the_workload_has_the_labels_for_a_queue() -> None:
    found = planned(annotations={"ome.io/volcano-queue": "q"}, name="svc", namespace="default")
    assert the_set(found)["metadata"]["labels"]["volcano.sh/queue-name"] == "q"
    assert template(found, "worker")["metadata"]["labels"]["volcano.sh/queue-name"] == "q"


def test_groups_are_scaled_only_when_it_is_asked() -> None:
    """SCL-13: a replica is a group of nodes, so a default for pods does not multiply it."""
    found = planned({"minReplicas": 2, "maxReplicas": 5})
    assert the_set(found)["spec"]["replicas"] == 2
    assert not [obj for obj in found.objects if obj["kind"] == "HorizontalPodAutoscaler"]
    assert any("spec.engine.maxReplicas has no effect" in text for text in found.explanation.warnings)
    asked = {"minReplicas": 2, "maxReplicas": 5, "annotations": {"ome.io/autoscalerClass": "hpa"}}
    found = planned(asked)
    assert "replicas" not in the_set(found)["spec"]
    target = child(found, "HorizontalPodAutoscaler", "svc-engine")["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "lws-svc-engine"}
    assert found.initial_replicas == {("LeaderWorkerSet", "lws-svc-engine"): 2}


def test_keda_scales_groups() -> None:
    found = planned(
        {
            "kedaConfig": {
                "enableKeda": True,
                "promServerAddress": "http://p:9090",
                "customPromQuery": "q",
                "scalingThreshold": "1",
            }
        }
    )
    target = child(found, "ScaledObject")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("LeaderWorkerSet", "lws-svc-engine")


def test_a_disruption_budget_for_leaders_exists_when_it_is_asked_for() -> None:
    assert not [obj for obj in planned().objects if obj["kind"] == "PodDisruptionBudget"]
    selector = child(planned({"maxUnavailable": 1}), "PodDisruptionBudget", "svc-engine")["spec"]["selector"]
    labels = template(planned(), "leader")["metadata"]["labels"]
    assert selector["matchLabels"].items() <= labels.items()


def test_an_update_makes_as_many_groups_anew_at_a_time_as_the_strategy_says() -> None:
    def rolling(found: Plan) -> Json:
        return the_set(found)["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"]

    assert rolling(planned()) == {"maxSurge": 1, "maxUnavailable": 1}
    stated = {"deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}}
    assert rolling(planned(stated)) == {"maxSurge": 1, "maxUnavailable": 0}


def test_who_wrote_what_is_known_of_both_pods() -> None:
    found = planned({"worker": {"runner": {"image": "mine:2"}}})
    path = "spec.leaderWorkerTemplate.workerTemplate.spec.containers[0].image"
    assert str(found.provenance["engine", "worker"].origins[path]) == "service"
    assert "engine", "leader" in found.provenance


@pytest.mark.parametrize(("length", "whole"), [(44, True), (45, False), (63, False)])
def test_d47_a_name_leaves_room_for_what_is_made_of_it(length: int, whole: bool) -> None:
    name = "n" * length
    assert len(set_name(name)) <= 48
    assert (set_name(name) == f"lws-{name}") is whole


def live(ready: int, wanted: int = 2, updated: int = 2, **conditions: bool) -> Json:
    told = [
        {"type": kind, "status": str(status), "reason": f"{kind}Reason", "message": f"{kind} text"}
        for kind, status in conditions.items()
    ]
    status = {"replicas": wanted, "readyReplicas": ready, "updatedReplicas": updated, "conditions": told}
    return {"metadata": {"name": "lws-svc-engine"}, "spec": {"replicas": wanted}, "status": status}


def test_a_set_serves_when_its_controller_says_so() -> None:
    state = read_leader_worker_set(live(2, Available=True))
    assert (state.available, state.rolled_out) == (True, True)
    assert (state.verdict.reason, state.verdict.message) == ("AvailableReason", "2 of 2 groups are ready")


def test_a_set_goes_on_serving_while_a_group_is_made_anew() -> None:
    state = read_leader_worker_set(live(1, updated=1, Available=False, UpdateInProgress=True, Progressing=True))
    assert (state.available, state.rolled_out) == (True, False)
    assert (state.verdict.reason, state.verdict.message) == (
        "UpdateInProgressReason",
        "1 of 2 groups are ready; UpdateInProgress text",
    )


@pytest.mark.parametrize(("ready", "wanted", "serves"), [(0, 1, False), (1, 1, True), (1, 3, False), (2, 3, True)])
def test_all_groups_but_one_have_to_serve_and_one_at_least(ready: int, wanted: int, serves: bool) -> None:
    state = read_leader_worker_set(live(ready, wanted, wanted, Progressing=True))
    assert state.available is serves
    assert state.verdict.status == ("True" if serves else "False")


def test_a_set_that_nobody_has_looked_at_is_unknown() -> None:
    state = read_leader_worker_set({"metadata": {"name": "x"}, "spec": {"replicas": 1}})
    assert (state.verdict.status, state.verdict.reason) == ("Unknown", "LeaderWorkerSetNotReady")
    assert not state.available


def test_the_live_set_of_a_component_is_found() -> None:
    children = {("LeaderWorkerSet", "lws-svc-engine"): live(2, Available=True)}
    state = live_state(LiveState(children), "svc-engine")
    assert state is not None
    assert state.kind == "LeaderWorkerSet"


def pod(name: str, index: int, **status: Any) -> Json:
    found = live_pod(name, **status)
    labels = {"component": "engine", "leaderworkerset.sigs.k8s.io/worker-index": str(index)}
    return {**found, "metadata": {**found["metadata"], "labels": labels}}


def test_d11_pods_of_every_role_tell_and_groups_are_counted() -> None:
    """D11."""
    live = {
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "lws-svc-engine"},
        "spec": {"replicas": 2},
        "status": {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 2, "conditions": []},
    }
    ended = {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}
    crash = [{"name": "ome-container", "state": {"terminated": ended}}]
    ready = [{"type": "Ready", "status": "True"}]
    pods = [pod("p-0", 0, conditions=ready), pod("p-0-1", 1, conditions=ready), pod("p-1", 0)]
    asked = service(engine={"minReplicas": 2})
    several = runtime("several", entry(), engineConfig=GROUP)
    found = made(asked, several, live=[live, *pods, pod("p-1-1", 1, containerStatuses=crash)])
    assert found.status["modelStatus"]["lastFailureInfo"]["pod"] == "p-1-1"
    assert found.status["modelStatus"]["modelCopies"] == {"failedCopies": 1, "totalCopies": 2}
    engine = found.status["components"]["engine"]
    assert (engine["deploymentMode"], engine["replicas"], engine["readyReplicas"]) == ("MultiNode", 2, 1)
    selector = found.status["labelSelector"]
    assert "leaderworkerset.sigs.k8s.io/worker-index=0" in selector.split(","), "one pod for each group"
