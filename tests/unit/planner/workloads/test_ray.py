"""RayClusters: how they are made, what live ones say, and names."""

from typing import Any

import pytest
from tests.unit.planner.build import RUNNER, child, condition, entry, live_pod, made, runtime, service

from omectl.planner import Plan
from omectl.planner.inputs import LiveState
from omectl.planner.workloads.ray import LONGEST_NAME, RAY_CLUSTER, cluster_name

Json = Any


def cluster(index: int = 0, *, generation: int = 1, conditions: Json = None, **status: Json) -> Json:
    """A live cluster; each condition is status, reason, message."""
    written = [
        {"type": kind, "status": found, "reason": reason, "message": message}
        for kind, (found, reason, message) in (conditions or {}).items()
    ]
    told = {**status, **({"conditions": written} if written else {})}
    return {
        "kind": "RayCluster",
        "metadata": {
            "name": f"svc-engine-{index}",
            "generation": generation,
            "labels": {"component": "engine"},
        },
        **({"status": told} if told else {}),
    }


def ready(index: int = 0, **status: Json) -> Json:
    """One whose head and workers serve."""
    workers = {"desiredWorkerReplicas": 1, "readyWorkerReplicas": 1, "availableWorkerReplicas": 1}
    head = {"HeadPodReady": ("True", "HeadPodRunningAndReady", "")}
    return cluster(index, conditions=head, **{"observedGeneration": 1, "state": "ready", **workers, **status})


def read(*clusters: Json, count: int = 1) -> Any:
    return RAY_CLUSTER.state(
        LiveState({("RayCluster", one["metadata"]["name"]): one for one in clusters}), "svc-engine", count
    )


def told(*clusters: Json, count: int = 1) -> tuple[bool, str, str, str]:
    found = read(*clusters, count=count)
    return found.available, found.verdict.status, found.verdict.reason, found.verdict.message


def test_without_a_cluster_there_is_no_workload() -> None:
    assert read() is None
    assert read(ready(1)) is None, "that one is too many, and goes"
    assert read(ready(1), count=0) is None


def test_without_a_number_that_is_wanted_all_clusters_there_are_count() -> None:
    assert told(ready(), ready(1), count=0)[3] == "2 of 2 Ray clusters serve"


def test_a_cluster_serves_once_its_head_is_ready_and_its_workers_have_joined() -> None:
    assert told(ready()) == (True, "True", "RayClustersReady", "1 of 1 Ray clusters serve")
    found = read(ready())
    assert (found.kind, found.name, found.rolled_out) == ("RayCluster", "svc-engine-0", True)


def test_d_14_a_cluster_that_was_ready_once_and_whose_head_fails_is_not_ready_any_more() -> None:
    fallen = ready()
    fallen["status"]["conditions"][0] |= {"status": "False", "reason": "ContainersNotReady", "message": "engine died"}
    assert fallen["status"]["state"] == "ready"
    assert told(fallen) == (
        False,
        "False",
        "ContainersNotReady",
        "0 of 1 Ray clusters serve; svc-engine-0: engine died",
    )


def test_a_cluster_without_its_workers_does_not_serve() -> None:
    assert told(ready(readyWorkerReplicas=0)) == (
        False,
        "False",
        "WorkersNotReady",
        "0 of 1 Ray clusters serve; svc-engine-0: 0 of 1 workers are ready",
    )
    old = ready()
    del old["status"]["readyWorkerReplicas"]
    assert told(old)[0], "an older KubeRay counts available ones only"


def test_an_older_kuberay_tells_of_the_head_by_the_state_alone() -> None:
    assert told(cluster(state="ready", desiredWorkerReplicas=1, availableWorkerReplicas=1))[0]
    assert told(cluster(state="", reason="no head yet", desiredWorkerReplicas=1))[1:] == (
        "Unknown",
        "HeadPodNotReady",
        "0 of 1 Ray clusters serve; svc-engine-0: no head yet",
    )


@pytest.mark.parametrize("found", [cluster(), ready(observedGeneration=0)])
def test_a_cluster_that_kuberay_has_not_looked_at_is_unknown(found: Json) -> None:
    assert told(found)[1:3] == ("Unknown", "Progressing")


def test_a_changed_cluster_is_not_rolled_out_until_kuberay_has_seen_it() -> None:
    assert not read(ready(observedGeneration=0)).rolled_out
    assert not read(ready(), count=2).rolled_out


def test_pods_that_cannot_be_made_are_told_before_all_else() -> None:
    found = ready()
    found["status"]["conditions"].append(
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreateHeadPod", "message": "quota"}
    )
    assert told(found)[1:] == ("False", "FailedCreateHeadPod", "0 of 1 Ray clusters serve; svc-engine-0: quota")


def test_a_suspended_cluster_is_told() -> None:
    assert told(ready(state="suspended"))[1:3] == ("False", "Suspended")


def test_of_several_clusters_all_have_to_serve_and_the_worst_tells_why() -> None:
    assert told(ready(), ready(1), count=2) == (True, "True", "RayClustersReady", "2 of 2 Ray clusters serve")
    assert told(ready(), cluster(1), ready(2, readyWorkerReplicas=0), count=3)[1:] == (
        "False",
        "WorkersNotReady",
        "1 of 3 Ray clusters serve; svc-engine-2: 0 of 1 workers are ready",
    )
    assert told(ready(), count=2)[1:] == (
        "Unknown",
        "RayClusterMissing",
        "1 of 2 Ray clusters serve; the others are not there yet",
    )


def test_names_are_short_enough_for_kuberay_and_differ_by_the_whole_name() -> None:
    assert cluster_name("svc-engine", 0) == "svc-engine-0"
    assert cluster_name("7b-engine", 12) == "r7b-engine-12"
    long = ["a" * 60 + f"{letter}-engine" for letter in "xy"] + ["x" + "a" * 59 + "x-engine"]
    names = {cluster_name(one, 3) for one in long}
    assert len(names) == len(long)
    assert all(len(name) == LONGEST_NAME and name.endswith("-engine-3") and name[0].isalpha() for name in names)


RAY = {"ome.io/deploymentMode": "MultiNodeRayVLLM"}
ENGINE = {"annotations": RAY, "minReplicas": 2, "maxReplicas": 2}


def planned(engine: Json = None, *, runner: Json = None, live: Json = None, **given: Json) -> Plan:
    """The plan of a service on Ray, of the runtime's engine with this runner."""
    taken = runtime("r", entry(), engineConfig={"runner": {**RUNNER, **(runner or {})}})
    return made(service(engine={**ENGINE, **(engine or {})}, **given), taken, live=live)


def clusters(found: Plan) -> list[Json]:
    return [obj for obj in found.objects if obj["kind"] == "RayCluster"]


def pods(found: Plan) -> tuple[Json, Json]:
    """The templates of head and workers."""
    spec = clusters(found)[0]["spec"]
    (group,) = spec["workerGroupSpecs"]
    return spec["headGroupSpec"]["template"], group["template"]


def test_there_is_a_cluster_for_each_replica_and_one_service_for_all_heads() -> None:
    found = planned()
    assert found.explanation.mode == "MultiNodeRayVLLM"
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in found.objects] == [
        ("ConfigMap", "modelconfig-svc"),
        ("RayCluster", "svc-engine-0"),
        ("RayCluster", "svc-engine-1"),
        ("Service", "svc-engine"),
        ("Service", "svc"),
    ]
    assert found.initial_replicas == {}
    assert [one["spec"]["headGroupSpec"]["headService"]["metadata"]["name"] for one in clusters(found)] == [
        "svc-engine-0",
        "svc-engine-1",
    ]


def test_d_15_without_a_number_of_replicas_there_is_one_cluster() -> None:
    assert len(clusters(made(service(engine={"annotations": RAY})))) == 1
    assert len(clusters(planned({"minReplicas": 0}))) == 1


def test_d_14_and_d_5_both_services_select_heads_of_the_service_only() -> None:
    wanted = {"ome.io/inferenceservice": "svc", "component": "engine", "ray.io/node-type": "head"}
    found = planned()
    assert child(found, "Service", "svc-engine")["spec"]["selector"] == wanted
    assert child(found, "Service", "svc")["spec"]["selector"] == wanted
    for template in pods(found):
        assert {key: template["metadata"]["labels"].get(key) for key in ("ome.io/inferenceservice", "component")} == {
            "ome.io/inferenceservice": "svc",
            "component": "engine",
        }


def test_ray_s_own_ports_are_reachable_where_the_engine_has_not_taken_them() -> None:
    def ports(*own: Json) -> Json:
        service_ports = child(planned(runner={"ports": list(own)}), "Service", "svc-engine")["spec"]["ports"]
        return [(port["name"], port["port"]) for port in service_ports]

    ray = [("dashboard", 8265), ("metrics", 8000), ("redis", 6379)]
    assert ports({"name": "http1", "containerPort": 8080}) == [("http1", 8080), *ray]
    assert ports({"name": "http1", "containerPort": 8000}) == [("http1", 8000), ray[0], ray[2]]
    assert ports({"name": "redis", "containerPort": 80}) == [("redis", 80), *ray[:2]]


def test_the_head_serves_and_a_worker_joins_it_and_is_asked_for_nothing() -> None:
    probe = {"httpGet": {"path": "/health", "port": 8080}}
    probes = dict.fromkeys(("readinessProbe", "livenessProbe", "startupProbe"), probe)
    head, worker = pods(planned(runner={"command": ["serve"], **probes}))
    stop = {"preStop": {"exec": {"command": ["/bin/bash", "-lc", "ray stop"]}}}
    (serving,), (joining,) = head["spec"]["containers"], worker["spec"]["containers"]
    assert serving["command"] == ["serve"]
    assert {name: serving[name] for name in probes} == probes
    assert joining["command"] == ["/bin/bash", "-lc", "--"]
    assert joining["args"] == ["ulimit -n 65536; echo worker; $KUBERAY_GEN_RAY_START_CMD"]
    assert not probes.keys() & joining.keys()
    assert serving["lifecycle"] == joining["lifecycle"] == stop
    assert joining["image"] == serving["image"]
    assert worker["spec"]["nodeSelector"] == head["spec"]["nodeSelector"]


def test_a_lifecycle_of_the_engine_s_own_stays() -> None:
    own = {"preStop": {"sleep": {"seconds": 5}}}
    head, worker = pods(planned(runner={"lifecycle": own}))
    assert [one["spec"]["containers"][0]["lifecycle"] for one in (head, worker)] == [own, own]


@pytest.mark.parametrize(("size", "workers"), [(None, 1), (0, 1), (1, 1), (3, 3)])
def test_a_cluster_has_as_many_workers_as_are_asked_for_and_one_at_least(size: int | None, workers: int) -> None:
    found = planned({"worker": {"size": size}} if size is not None else None)
    assert [one["spec"]["workerGroupSpecs"][0]["replicas"] for one in clusters(found)] == [workers, workers]


def test_the_leader_of_a_runtime_for_several_nodes_is_the_head() -> None:
    leader = {"runner": {**RUNNER, "image": "leader:1"}}
    taken = runtime("r", entry(), engineConfig={"leader": leader, "worker": {"size": 2, "runner": RUNNER}})
    found = made(service(engine=ENGINE), taken)
    assert [one["spec"]["containers"][0]["image"] for one in pods(found)] == ["leader:1", "leader:1"]
    assert len(clusters(found)) == 2
    assert clusters(found)[0]["spec"]["workerGroupSpecs"][0]["replicas"] == 2


def test_d_21_of_a_service_s_own_labels_and_annotations_only_those_that_act_on_pods_reach_them() -> None:
    found = planned(metadata={"annotations": {"note": "mine", "prometheus.io/port": "1"}, "labels": {"team": "x"}})
    for template in pods(found):
        assert "note" not in template["metadata"]["annotations"]
        assert template["metadata"]["annotations"]["prometheus.io/port"] == "1"
        assert "team" not in template["metadata"]["labels"]
    assert clusters(found)[0]["metadata"]["annotations"]["note"] == "mine"


def test_the_status_tells_of_all_clusters() -> None:
    found = planned(live=[ready(), ready(1, readyWorkerReplicas=0)])
    assert condition(found, "EngineReady")["reason"] == "WorkersNotReady"
    assert "1 of 2 Ray clusters serve" in condition(found, "EngineReady")["message"]
    found = planned(live=[ready(), ready(1)])
    assert condition(found, "Ready")["status"] == "True"
    assert found.status["components"]["engine"]["url"] == "http://svc-engine.team.svc.cluster.local:8080"
    assert found.status["modelStatus"]["modelRevisionStates"]["targetModelState"] == "Loaded"


def test_a_replica_costs_its_workers_too() -> None:
    assert [(one.pods, one.least, one.most) for one in planned().explanation.scales] == [(2, 2, 2)]
    sized = planned({"worker": {"size": 3}}).explanation.scales
    assert [(one.pods, one.least, one.most) for one in sized] == [(4, 2, 2)]


def test_pods_of_an_older_template_are_told_with_what_to_do() -> None:
    annotations = pods(planned())[0]["metadata"]["annotations"]
    mark = annotations["omectl.io/pod-template"]
    assert pods(planned())[1]["metadata"]["annotations"]["omectl.io/pod-template"] == mark
    other = pods(planned(runner={"image": "engine:2"}))[0]["metadata"]["annotations"]["omectl.io/pod-template"]
    assert len(mark) == 16
    assert mark != other

    def seen(of: str, cluster_of_pod: str = "svc-engine-1") -> Plan:
        live = [ready(), ready(1)]
        live[1]["spec"] = {"headGroupSpec": {"template": {"metadata": {"annotations": annotations}}}}
        pod = live_pod()
        pod["metadata"] |= {
            "labels": {"component": "engine", "ray.io/cluster": cluster_of_pod},
            "annotations": {"omectl.io/pod-template": of},
        }
        return planned(live=[*live, pod])

    assert condition(seen(mark), "EngineReady")["message"] == "2 of 2 Ray clusters serve"
    assert condition(seen(other, "else"), "EngineReady")["message"] == "2 of 2 Ray clusters serve"
    old = seen(other)
    assert condition(old, "EngineReady")["status"] == "True"
    assert condition(old, "EngineReady")["message"] == (
        "2 of 2 Ray clusters serve; pods of svc-engine-1 are of an older version, and their controller leaves them as "
        "they are; next: delete RayCluster svc-engine-1, which is made anew"
    )
    assert old.status["modelStatus"]["transitionStatus"] == "InProgress"
