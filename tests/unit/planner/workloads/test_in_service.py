"""Whose pods the Services lead to while one kind of workload takes the place of another."""

from typing import Any

import pytest
from tests.unit.planner.build import child, condition, entry, live_deployment, made, runtime, service
from tests.unit.planner.workloads.test_lws import GROUP
from tests.unit.planner.workloads.test_ray import ENGINE, ready

from omectl.planner import Plan

Json = Any
OURS = {"ome.io/inferenceservice": "svc", "component": "engine"}
HEADS = {**OURS, "ray.io/node-type": "head"}
DEPLOYMENT = live_deployment(Available=("True", "", ""))
BROKEN = live_deployment(Available=("False", "", ""))
BROKEN["status"]["readyReplicas"] = 0
LEADERS = {**OURS, "leaderworkerset.sigs.k8s.io/worker-index": "0"}
APP = {**OURS, "app": "svc-engine"}
GROUPS = runtime("several", entry(), engineConfig=GROUP)
SERVES = ("True", "", "")


def groups(*, serve: bool = True, **metadata: Json) -> Json:
    """A live LeaderWorkerSet of one group."""
    told = {"replicas": 1, "readyReplicas": int(serve), "updatedReplicas": 1}
    conditions = [{"type": "Available", "status": "True" if serve else "False"}]
    pod = {"containers": [{"name": "ome-container", "ports": [{"containerPort": 8080}]}]}
    return {
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "lws-svc-engine", "labels": {"component": "engine"}, **metadata},
        "spec": {"replicas": 1, "leaderWorkerTemplate": {"leaderTemplate": {"spec": pod}}},
        "status": {**told, "conditions": conditions},
    }


def pod(name: str, made: str = "2026-01-01T00:00:01Z", **labels: str) -> Json:
    """A live pod of the set."""
    own = {"component": "engine", "leaderworkerset.sigs.k8s.io/name": "lws-svc-engine", **labels}
    return {"kind": "Pod", "metadata": {"name": name, "labels": own, "creationTimestamp": made}}


LEADER_POD = {"leaderworkerset.sigs.k8s.io/worker-index": "0"}


def selectors(engine: Json, *live: Json, runtime: Json = None) -> tuple[Json, Json]:
    """Of the component's Service and the stable one."""
    found: Plan = made(service(engine=engine), *([runtime] if runtime else []), live=list(live))
    return child(found, "Service", "svc-engine")["spec"]["selector"], child(found, "Service", "svc")["spec"]["selector"]


def test_at_rest_each_kind_has_its_own_pods() -> None:
    assert selectors({}) == ({"app": "svc-engine"}, OURS)
    assert selectors(ENGINE) == (HEADS, HEADS)


def test_a_deployment_keeps_the_traffic_until_all_ray_clusters_serve() -> None:
    """Ray's workers, which serve nothing and have no probe, have the other labels too."""
    alone = ({"app": "svc-engine"}, APP)
    assert selectors(ENGINE, DEPLOYMENT) == alone
    assert selectors(ENGINE, DEPLOYMENT, ready()) == alone
    assert selectors(ENGINE, DEPLOYMENT, ready(), ready(1)) == (HEADS, HEADS)


def test_ray_clusters_keep_the_traffic_until_the_deployment_serves() -> None:
    assert selectors({}, ready(), ready(1)) == (HEADS, HEADS)
    assert selectors({}, BROKEN, ready()) == (HEADS, HEADS)
    assert selectors({}, DEPLOYMENT, ready()) == ({"app": "svc-engine"}, APP), "Ray's workers are still there"


@pytest.mark.parametrize("live", [[BROKEN], [BROKEN, ready(readyWorkerReplicas=0)]])
def test_what_does_not_serve_keeps_no_traffic(live: Json) -> None:
    assert selectors(ENGINE, *live) == (HEADS, HEADS)


def test_d_13_while_there_are_a_deployment_and_groups_both_services_lead_to_all_that_serve() -> None:
    """`app` is on the Deployment's pods and on leaders, and not on workers, which have no probe."""
    for live in ((DEPLOYMENT, groups(serve=False)), (DEPLOYMENT, groups()), (BROKEN, groups())):
        for engine in (GROUPS, None):
            assert [*selectors({}, *live, runtime=engine)][1] == APP
            assert selectors({}, *live, runtime=engine)[0]["app"] == "svc-engine"
    assert selectors({}, groups(), runtime=GROUPS) == (LEADERS, LEADERS)


def test_workers_that_are_left_over_are_in_no_service_until_they_are_gone() -> None:
    assert selectors({}, DEPLOYMENT, pod("lws-svc-engine-0-1")) == ({"app": "svc-engine"}, APP)
    other = pod("elsewhere", component="router")
    assert selectors({}, DEPLOYMENT, other) == ({"app": "svc-engine"}, OURS)


def test_a_set_whose_leader_is_older_than_itself_tells_of_one_that_is_gone() -> None:
    """LeaderWorkerSet counts the pods of a set of the same name that was deleted just before."""
    made_anew = groups(creationTimestamp="2026-01-01T00:00:01Z")
    own, old = pod("own", **LEADER_POD), pod("old", "2026-01-01T00:00:00Z", **LEADER_POD)

    def told(*pods: Json) -> tuple[str, str]:
        found = made(service(engine={}), GROUPS, live=[made_anew, *pods])
        verdict = condition(found, "EngineReady")
        return verdict["status"], verdict.get("reason", "")

    assert told() == ("True", "")
    assert told(own)[0] == "True"
    assert told(old, own)[0] == "True"
    assert told(old) == ("Unknown", "PodsLeftOver")
    assert told(old, pod("a-worker"))[1] == "PodsLeftOver", "a worker does not serve"


def test_other_ports_keep_the_traffic_on_the_old_pods_until_the_new_workload_serves() -> None:
    """With the routes, which lead to the port of the Service."""
    moved: Json = groups(serve=False)
    moved["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["spec"]["containers"][0]["ports"][0]["containerPort"] = 9000
    moved["status"]["readyReplicas"] = 1
    for deployment, port, selector in ((BROKEN, 9000, LEADERS), (DEPLOYMENT, 8080, APP)):
        found: Plan = made(service(engine={}), live=[deployment, moved])
        for name in ("svc", "svc-engine"):
            assert child(found, "Service", name)["spec"]["ports"][0]["port"] == port
        assert child(found, "Service", "svc")["spec"]["selector"].items() >= selector.items()
        assert found.status["address"]["url"].endswith(f":{port}")


def test_an_old_predictor_has_the_traffic_until_the_engine_serves() -> None:
    predictor = live_deployment("predictor", Available=SERVES)
    theirs = {**OURS, "component": "predictor"}
    assert selectors({}, predictor, BROKEN) == (theirs, theirs)
    assert selectors({}, predictor, DEPLOYMENT)[1] == APP
