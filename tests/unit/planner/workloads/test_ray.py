"""RayClusters: what a live one says, and names."""

from typing import Any

import pytest

from omectl.planner.workloads.ray import LONGEST_NAME, cluster_name, read_ray_clusters

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
        "metadata": {"name": f"svc-engine-{index}", "generation": generation},
        **({"status": told} if told else {}),
    }


def ready(index: int = 0, **status: Json) -> Json:
    """One whose head and workers serve."""
    workers = {"desiredWorkerReplicas": 1, "readyWorkerReplicas": 1, "availableWorkerReplicas": 1}
    head = {"HeadPodReady": ("True", "HeadPodRunningAndReady", "")}
    return cluster(index, conditions=head, **{"observedGeneration": 1, "state": "ready", **workers, **status})


def read(*clusters: Json, count: int = 1) -> Any:
    return read_ray_clusters(clusters, "svc-engine", count)


def told(*clusters: Json, count: int = 1) -> tuple[bool, str, str, str]:
    found = read(*clusters, count=count)
    return found.available, found.verdict.status, found.verdict.reason, found.verdict.message


def test_without_a_cluster_there_is_no_workload() -> None:
    assert read() is None
    assert read(ready(1)) is None, "that one is too many, and goes"


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
