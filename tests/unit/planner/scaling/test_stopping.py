"""Services that are stopped: without pods in every mode, and as before once they go on."""

from typing import Any

import pytest
from tests.unit.planner.build import (
    RUNNER,
    child,
    condition,
    entry,
    live_deployment,
    live_pod,
    made,
    runtime,
    service,
)

from omectl.planner import Plan

Json = Any
STOP = "omectl.io/stop"
BEFORE = "omectl.io/replicas-before-stop"
PAUSED = "autoscaling.keda.sh/paused-replicas"
TRIGGER = {"type": "prometheus", "metadata": {"query": "sum(gateway_queue)", "threshold": "5"}}
KEDA = {"class": "KEDA", "keda": {"triggers": [TRIGGER]}}
GROUP = {"leader": {"runner": RUNNER}, "worker": {"size": 1, "runner": RUNNER}}
ROUTER = {"runner": {"name": "router", "image": "router:1", "ports": [{"containerPort": 9000}]}}


def asked(word: str | None = "true", **spec: Json) -> Any:
    return service(metadata={"annotations": {STOP: word} if word is not None else {}}, **spec)


def deployment(replicas: int, component: str = "engine", before: str | None = None) -> Json:
    live = live_deployment(component, Available=("True", "MinimumReplicasAvailable", "enough"))
    live["spec"] = {"replicas": replicas}
    live["metadata"]["labels"] = {"component": component}
    if before is not None:
        live["metadata"]["annotations"][BEFORE] = before
    return live


def told(found: Plan, kind: str = "EngineReady") -> tuple[str, str, str]:
    one = condition(found, kind)
    return one["status"], one["reason"], one["message"]


def workload(found: Plan, component: str = "engine") -> tuple[Any, Any]:
    made_of = child(found, "Deployment", f"svc-{component}")
    return made_of["spec"].get("replicas"), made_of["metadata"]["annotations"].get(BEFORE)


def test_a_stopped_deployment_has_no_replicas_and_remembers_how_many_it_had() -> None:
    found = made(asked(), live=[deployment(5)])
    assert workload(found) == (0, "5")
    assert found.stopped
    assert found.initial_replicas == {}
    kinds = [obj["kind"] for obj in found.objects]
    running = made(asked(None), live=[deployment(5)])
    assert kinds == [obj["kind"] for obj in running.objects], "all that belongs to it stays"
    assert not running.stopped


def test_a_stop_touches_nothing_but_the_workload() -> None:
    stopped, running = made(asked(), live=[deployment(5)]), made(asked(None), live=[deployment(5)])
    pairs = zip(stopped.objects, running.objects, strict=True)
    assert {one["kind"] for one, other in pairs if one != other} == {"Deployment"}


def test_what_was_remembered_stays_as_long_as_the_service_is_stopped() -> None:
    assert workload(made(asked(), live=[deployment(0, before="5")])) == (0, "5")
    assert workload(made(asked(), live=[deployment(2, before="5")])) == (0, "5"), "somebody scaled it by hand"


def test_a_service_that_is_made_stopped_begins_with_its_least_number() -> None:
    found = made(asked(engine={"minReplicas": 2}))
    assert workload(found) == (0, "2")


def test_a_service_goes_on_with_the_number_that_it_had() -> None:
    found = made(asked("false", engine={"maxReplicas": 9}), live=[deployment(0, before="5")])
    assert workload(found) == (None, None)
    place = ("Deployment", "svc-engine")
    assert (found.initial_replicas, found.resumed) == ({place: 5}, {place})


def test_the_number_that_it_had_keeps_to_bounds_that_were_lowered_since() -> None:
    found = made(asked(None, engine={"maxReplicas": 3}), live=[deployment(0, before="5")])
    assert found.initial_replicas == {("Deployment", "svc-engine"): 3}
    external = {"maxReplicas": 3, "annotations": {"ome.io/autoscalerClass": "external"}}
    found = made(asked(None, engine=external), live=[deployment(0, before="5")])
    assert found.initial_replicas == {("Deployment", "svc-engine"): 5}, "somebody else knows the bounds"


def test_a_mark_that_is_no_number_counts_as_absent() -> None:
    found = made(asked(None), live=[deployment(4, before="five")])
    assert found.resumed == frozenset()
    assert workload(made(asked(), live=[deployment(4, before="five")])) == (0, "4")


def test_what_never_was_stopped_is_not_resumed() -> None:
    found = made(asked(None), live=[deployment(4)])
    assert found.resumed == frozenset()


def test_a_number_that_the_service_states_itself_is_stated_again() -> None:
    none = {"minReplicas": 3, "autoscaler": {"class": "None"}}
    assert workload(made(asked(engine=none), live=[deployment(3)])) == (0, "3")
    found = made(asked(None, engine=none), live=[deployment(0, before="3")])
    assert workload(found) == (3, None)
    assert (found.initial_replicas, found.resumed) == ({}, frozenset())


def test_keda_is_paused_meanwhile() -> None:
    engine = {"maxReplicas": 4, "autoscaler": KEDA}
    scaler = child(made(asked(engine=engine)), "ScaledObject")
    assert scaler["metadata"]["annotations"][PAUSED] == "0"
    scaler = child(made(asked("false", engine=engine)), "ScaledObject")
    assert PAUSED not in scaler["metadata"]["annotations"]


def test_that_keda_rests_is_no_fault_while_the_service_is_stopped() -> None:
    live = {
        "kind": "ScaledObject",
        "metadata": {"name": "scaledobject-svc-engine"},
        "status": {"conditions": [{"type": "Paused", "status": "True", "reason": "ScaledObjectPaused"}]},
    }
    found = made(asked(engine={"autoscaler": KEDA}), live=[{**deployment(0), "status": {}}, live])
    assert told(found)[1] == "Stopped"
    found = made(asked(None, engine={"autoscaler": KEDA}), live=[deployment(1), live])
    assert "is paused" in told(found)[2]


def test_engine_decoder_and_router_all_stop() -> None:
    pair = runtime("pair", entry(), decoderConfig={"runner": RUNNER}, routerConfig=ROUTER)
    live = [deployment(3), deployment(2, "decoder"), deployment(1, "router")]
    found = made(asked(decoder={}, router={}), pair, live=live)
    assert [workload(found, one) for one in ("engine", "decoder", "router")] == [(0, "3"), (0, "2"), (0, "1")]
    assert {told(found, one)[0] for one in ("EngineReady", "DecoderReady", "RouterReady")} == {"False"}


def test_a_follower_has_its_share_of_the_number_that_its_anchor_gets_again() -> None:
    pair = runtime("pair", entry(), decoderConfig={"runner": RUNNER}, routerConfig=ROUTER)
    policy = {"mode": "Proportional", "proportional": {"anchor": "engine", "ratios": {"decoder": 2}}}
    live = [deployment(0, before="3"), deployment(0, "decoder", before="6")]
    found = made(asked(None, decoder={}, router={}, scalingPolicy=policy), pair, live=live)
    assert workload(found, "decoder") == (6, None)
    found = made(asked(decoder={}, router={}, scalingPolicy=policy), pair, live=live)
    assert workload(found, "decoder") == (0, "6")


def test_a_group_of_nodes_stops_by_its_replicas() -> None:
    several = runtime("several", entry(), engineConfig=GROUP)
    live = {"kind": "LeaderWorkerSet", "metadata": {"name": "lws-svc-engine"}, "spec": {"replicas": 2}}
    found = child(made(asked(), several, live=[live]), "LeaderWorkerSet")
    assert (found["spec"]["replicas"], found["metadata"]["annotations"][BEFORE]) == (0, "2")


def test_what_replaces_a_stopped_workload_goes_on_with_its_number() -> None:
    several = runtime("several", entry(), engineConfig=GROUP)
    scaled = {"minReplicas": 1, "maxReplicas": 9, "autoscaler": {"class": "HPA"}}
    found = made(asked(engine=scaled), several, live=[deployment(0, before="4")])
    assert child(found, "LeaderWorkerSet")["metadata"]["annotations"][BEFORE] == "4"


def test_ray_clusters_are_suspended() -> None:
    engine = {"annotations": {"ome.io/deploymentMode": "MultiNodeRayVLLM"}, "minReplicas": 2}
    found = made(asked(engine=engine))
    clusters = [obj for obj in found.objects if obj["kind"] == "RayCluster"]
    assert [one["metadata"]["name"] for one in clusters] == ["svc-engine-0", "svc-engine-1"]
    assert [one["spec"]["suspend"] for one in clusters] == [True, True]
    again = [obj for obj in made(asked(None, engine=engine)).objects if obj["kind"] == "RayCluster"]
    assert ["suspend" in one["spec"] for one in again] == [False, False], "a queue may suspend them itself"


def test_a_serverless_engine_has_no_knative_service_while_it_is_stopped() -> None:
    found = made(asked(engine={"minReplicas": 0}))
    assert found.problem is None
    assert not [obj for obj in found.objects if obj["apiVersion"].startswith("serving.knative.dev")]
    assert told(found)[1] == "Stopped"
    running = made(asked(None, engine={"minReplicas": 0}))
    assert [obj for obj in running.objects if obj["apiVersion"].startswith("serving.knative.dev")]


def test_the_status_says_that_it_is_stopped_and_how_it_goes_on() -> None:
    status, reason, message = told(made(asked(), live=[{**deployment(0), "status": {}}]), "Ready")
    assert (status, reason) == ("False", "Stopped")
    assert message == f"the service is stopped; next: remove the annotation {STOP} to start it again"


def test_the_status_says_how_many_pods_there_still_are() -> None:
    pods = [live_pod(name, phase="Running") for name in ("a", "b")]
    found = made(asked(), live=[deployment(0), *pods])
    assert told(found, "Ready")[:2] == ("False", "Stopping")
    assert "has 2 pods yet" in told(found, "Ready")[2]


def test_the_model_is_on_standby_once_no_pod_has_it() -> None:
    state = made(asked(), live=[{**deployment(0), "status": {}}]).status["modelStatus"]
    assert state["transitionStatus"] == "UpToDate"
    assert state["modelRevisionStates"] == {"activeModelState": "Standby", "targetModelState": "Standby"}
    state = made(asked(), live=[deployment(0)]).status["modelStatus"]
    assert state["transitionStatus"] == "InProgress", "a pod is still there"
    assert state["modelRevisionStates"] == {"activeModelState": "Loaded", "targetModelState": "Standby"}


@pytest.mark.parametrize("word", ["", "yes", "True", "1"])
def test_another_word_is_refused_by_name_and_what_runs_goes_on(word: str) -> None:
    found = made(asked(word), live=[deployment(2)])
    assert found.problem is not None
    assert (found.problem.reason, found.objects) == ("InvalidSpec", ())
    assert found.problem.message == f"annotation {STOP}: wanted true or false, found {word!r}"


def test_a_plan_tells_of_the_stop_and_costs_nothing_meanwhile() -> None:
    found = made(asked(), live=[deployment(2)])
    assert any(STOP in warning for warning in found.explanation.warnings)
    assert [(one.least, one.most) for one in found.explanation.scales] == [(0, 0)]


def test_the_annotation_is_on_nothing_that_the_service_owns() -> None:
    for obj in made(asked()).objects:
        assert STOP not in str(obj)


def test_a_virtual_service_has_nothing_to_stop() -> None:
    found = made(service(metadata={"annotations": {STOP: "true", "ome.io/deploymentMode": "VirtualDeployment"}}))
    assert condition(found, "Ready")["status"] == "True"
