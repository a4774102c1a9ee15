"""Knative Services: how one is made, and what a live one says."""

from typing import Any

import pytest
from tests.unit.planner.build import condition, live_deployment, live_pod, made, service

from omectl.planner import Plan
from omectl.planner.workloads.knative import read_knative_service

Json = Any


def knative(*, generation: int = 1, conditions: Json = None, **status: Json) -> Json:
    """A live Knative Service; each condition is status, reason, message."""
    written = [
        {"type": kind, "status": found, "reason": reason, "message": message}
        for kind, (found, reason, message) in (conditions or {}).items()
    ]
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "svc-engine", "generation": generation, "labels": {"component": "engine"}},
        "status": {"observedGeneration": 1, "conditions": written, **status},
    }


ROUTER = {"runner": {"name": "router", "image": "router:1", "ports": [{"name": "http", "containerPort": 9000}]}}
ROUTED = {"RoutesReady": ("True", "", "")}
REVISIONS = {"latestCreatedRevisionName": "svc-engine-2", "latestReadyRevisionName": "svc-engine-2"}


def test_a_ready_service_serves_also_without_a_pod() -> None:
    state = read_knative_service(knative(conditions={"Ready": ("True", "", "")}, **REVISIONS))
    assert (state.kind, state.name, state.revision) == ("Knative Service", "svc-engine", "svc-engine-2")
    assert state.available
    assert state.rolled_out


def test_a_service_that_knative_has_not_looked_at_says_nothing() -> None:
    state = read_knative_service({"metadata": {"name": "svc-engine"}})
    assert (state.available, state.rolled_out, state.verdict.status) == (False, False, "")


def test_a_service_without_a_revision_that_serves_is_not_ready_for_knative_s_reason() -> None:
    failed = {"Ready": ("False", "RevisionFailed", "image is missing"), **ROUTED}
    state = read_knative_service(knative(conditions=failed, latestCreatedRevisionName="svc-engine-1"))
    assert not state.available
    assert (state.verdict.status, state.verdict.reason, state.verdict.message) == (
        "False",
        "RevisionFailed",
        "image is missing",
    )


def test_while_a_new_revision_comes_or_fails_the_one_before_serves() -> None:
    revisions = {"latestCreatedRevisionName": "svc-engine-2", "latestReadyRevisionName": "svc-engine-1"}
    failed = {"Ready": ("False", "RevisionFailed", "image is missing"), **ROUTED}
    state = read_knative_service(knative(conditions=failed, **revisions))
    assert (state.available, state.rolled_out) == (True, False)
    assert (state.verdict.status, state.verdict.reason) == ("True", "RevisionFailed")
    assert state.verdict.message == "revision svc-engine-1 serves; of the newest: image is missing"
    coming = {"Ready": ("Unknown", "", ""), **ROUTED}
    assert read_knative_service(knative(conditions=coming, **revisions)).verdict.message.endswith(
        "nothing is known yet"
    )


def test_a_changed_service_is_not_rolled_out_until_knative_has_seen_it() -> None:
    assert not read_knative_service(
        knative(generation=2, conditions={"Ready": ("True", "", "")}, **REVISIONS)
    ).rolled_out


def planned(engine: Json = None, *, live: Json = None, **given: Json) -> Plan:
    """The plan of a service that may have no pods."""
    inputs = {"settings": given.pop("settings")} if "settings" in given else {}
    return made(service(engine={"minReplicas": 0, **(engine or {})}, **given), live=live, **inputs)


def knative_of(found: Plan) -> Json:
    (one,) = (obj for obj in found.objects if obj["apiVersion"] == "serving.knative.dev/v1")
    return one


def template(found: Plan) -> Json:
    return knative_of(found)["spec"]["template"]


def test_a_serverless_engine_is_a_knative_service_and_what_knative_makes_is_not_planned() -> None:
    found = planned()
    assert found.explanation.mode == "Serverless"
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in found.objects] == [
        ("ConfigMap", "modelconfig-svc"),
        ("Service", "svc-engine"),
        ("Service", "svc"),
    ]
    assert found.initial_replicas == {}
    assert "replicas" not in knative_of(found)["spec"]
    assert knative_of(found)["spec"]["traffic"] == [{"latestRevision": True, "percent": 100}]


@pytest.mark.parametrize(
    ("engine", "wanted"),
    [
        ({}, {"class": "kpa.autoscaling.knative.dev", "min-scale": "0", "max-scale": "3"}),
        (
            {"maxReplicas": 2, "scaleTarget": 10, "scaleMetric": "rps"},
            {
                "class": "kpa.autoscaling.knative.dev",
                "min-scale": "0",
                "max-scale": "2",
                "target": "10",
                "metric": "rps",
            },
        ),
        (
            {
                "minReplicas": 2,
                "maxReplicas": 5,
                "annotations": {
                    "ome.io/deploymentMode": "Serverless",
                    "autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev",
                    "autoscaling.knative.dev/min-scale": "7",
                },
            },
            {"class": "hpa.autoscaling.knative.dev", "min-scale": "2", "max-scale": "5"},
        ),
    ],
)
def test_knative_scales_between_the_bounds_by_the_metric_that_is_asked_for(engine: Json, wanted: Json) -> None:
    annotations = template(planned(engine))["metadata"]["annotations"]
    prefix = "autoscaling.knative.dev/"
    assert {key.removeprefix(prefix): value for key, value in annotations.items() if key.startswith(prefix)} == wanted


def test_the_service_s_own_bounds_annotations_are_not_copied_and_its_other_autoscaling_ones_are() -> None:
    own = {"autoscaling.knative.dev/min-scale": "9", "autoscaling.knative.dev/window": "30s", "note": "mine"}
    annotations = template(planned(metadata={"annotations": own}))["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/min-scale"] == "0"
    assert annotations["autoscaling.knative.dev/window"] == "30s"
    assert "note" not in annotations


def test_concurrency_and_timeout_reach_the_revision() -> None:
    spec = template(planned({"containerConcurrency": 20, "timeoutSeconds": 300}))["spec"]
    assert (spec["containerConcurrency"], spec["timeoutSeconds"], spec["responseStartTimeoutSeconds"]) == (20, 300, 300)
    assert (
        not {"containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds"}
        & template(planned())["spec"].keys()
    )


def test_what_knative_reads_on_its_service_stands_there_and_not_on_the_revision() -> None:
    rollout, passthrough = "serving.knative.dev/rollout-duration", "serving.knative.openshift.io/enablePassthrough"
    found = planned(
        {"annotations": {passthrough: "true"}},
        metadata={"annotations": {rollout: "60s"}, "labels": {"networking.knative.dev/visibility": "cluster-local"}},
    )
    metadata = knative_of(found)["metadata"]
    assert metadata["annotations"] == {rollout: "60s", passthrough: "true"}
    assert metadata["labels"]["networking.knative.dev/visibility"] == "cluster-local"
    assert not {rollout, passthrough} & template(found)["metadata"]["annotations"].keys()
    assert "networking.knative.dev/visibility" not in template(found)["metadata"]["labels"]


def test_d_38_queue_labels_are_on_the_knative_service_and_on_its_pods() -> None:
    found = planned(metadata={"annotations": {"ome.io/volcano-queue": "q"}})
    assert knative_of(found)["metadata"]["labels"]["volcano.sh/queue-name"] == "q"
    assert template(found)["metadata"]["labels"]["volcano.sh/queue-name"] == "q"


def test_a_canary_is_planned_from_what_the_status_remembers() -> None:
    status = {"components": {"engine": {"latestRolledoutRevision": "svc-engine-1"}}}
    found = planned({"canaryTrafficPercent": 20}, status=status)
    assert [one["percent"] for one in knative_of(found)["spec"]["traffic"]] == [20, 80]


LIVE_STATUS = {
    "url": "http://svc-engine.team.example.com",
    "address": {"url": "http://svc-engine.team.svc.cluster.local"},
    "traffic": [{"revisionName": "svc-engine-2", "percent": 100, "latestRevision": True}],
    **REVISIONS,
}
NO_PODS = {"deploymentMode": "Serverless", "replicas": 0, "readyReplicas": 0}
GOOD = dict.fromkeys(("Ready", "RoutesReady", "ConfigurationsReady"), ("True", "", ""))


def told_of_the_engine(found: Plan) -> Json:
    """The engine's part of the status, but for the hash of what its pods are made of."""
    told: Json = found.status["components"]
    return {key: value for key, value in told["engine"].items() if key != "revisionHash"}


def test_a_ready_engine_has_knative_s_address_revisions_and_conditions() -> None:
    found = planned(live=[knative(conditions=GOOD, **LIVE_STATUS)])
    assert told_of_the_engine(found) == {
        "url": LIVE_STATUS["url"],
        "address": LIVE_STATUS["address"],
        "traffic": LIVE_STATUS["traffic"],
        "latestCreatedRevision": "svc-engine-2",
        "latestReadyRevision": "svc-engine-2",
        "latestRolledoutRevision": "svc-engine-2",
        **NO_PODS,
    }
    assert condition(found, "Ready")["status"] == "True"
    assert (found.status["url"], found.status["address"]) == (LIVE_STATUS["url"], LIVE_STATUS["address"])
    for name in ("EngineRouteReady", "EngineConfigurationReady", "RoutesReady", "LatestDeploymentReady"):
        assert condition(found, name) == {"type": name, "status": "True", "severity": "Info"}


def test_d_6_the_address_is_one_that_wakes_the_engine_and_not_that_of_pods_which_may_be_none() -> None:
    found = planned(live=[knative(conditions=GOOD, **{**LIVE_STATUS, "address": {}})])
    assert (found.status["url"], found.status["address"]) == (LIVE_STATUS["url"], {"url": LIVE_STATUS["url"]})
    behind_router = planned(router=ROUTER, live=[knative(conditions=GOOD, **LIVE_STATUS)])
    assert behind_router.status["url"] == "http://svc.team.svc.cluster.local:9000"


def test_an_engine_without_a_pod_is_on_standby_and_one_with_a_pod_has_the_model_loaded() -> None:
    ready = knative(conditions=GOOD, **LIVE_STATUS)
    states = planned(live=[ready]).status["modelStatus"]
    assert states["modelRevisionStates"] == {"activeModelState": "Standby", "targetModelState": "Standby"}
    assert (states["transitionStatus"], states["modelCopies"]["totalCopies"]) == ("UpToDate", 0)
    pod = live_pod(conditions=[{"type": "Ready", "status": "True"}])
    states = planned(live=[ready, pod]).status["modelStatus"]
    assert states["modelRevisionStates"] == {"activeModelState": "Loaded", "targetModelState": "Loaded"}
    assert states["modelCopies"]["totalCopies"] == 1


def test_the_stable_service_s_address_stays_while_a_deployment_still_serves() -> None:
    deployment = live_deployment(Available=("True", "", ""))
    coming = knative(conditions={"Ready": ("Unknown", "", "")}, url=LIVE_STATUS["url"])
    assert planned(live=[deployment, coming]).status["url"] == "http://svc.team.svc.cluster.local:8080"
    ready = knative(conditions=GOOD, **LIVE_STATUS)
    assert planned(live=[deployment, ready]).status["url"] == LIVE_STATUS["url"]


def test_an_engine_that_is_not_there_yet_says_so_and_has_no_address() -> None:
    found = planned()
    assert condition(found, "EngineReady")["message"] == "Knative Service svc-engine is not there yet; next: wait"
    assert told_of_the_engine(found) == {"deploymentMode": "Serverless"}
    assert condition(found, "EngineRouteReady") is None
    assert condition(found, "RoutesReady") == {
        "type": "RoutesReady",
        "status": "Unknown",
        "reason": "EngineRouteReady not ready",
        "severity": "Info",
    }


def test_an_address_stays_while_the_engine_is_not_ready() -> None:
    told = {"url": LIVE_STATUS["url"], "address": LIVE_STATUS["address"]}
    failed = {"Ready": ("False", "RevisionFailed", "crashed"), "RoutesReady": ("False", "RevisionMissing", "none")}
    live = [knative(conditions=failed, **told)]
    found = planned(status={"components": {"engine": told}}, live=live)
    assert told_of_the_engine(found) == {**told, **NO_PODS}
    assert found.status["url"] == told["url"]
    other = {"components": {"engine": {"url": "http://svc-engine.team.svc.cluster.local"}}}
    assert told_of_the_engine(planned(status=other, live=live)) == NO_PODS
    assert condition(found, "EngineReady")["reason"] == "RevisionFailed"
    assert condition(found, "RoutesReady")["status"] == "False"


def test_the_pods_of_a_revision_tell_what_is_wrong_with_them() -> None:
    pod = live_pod(containerStatuses=[{"name": "ome-container", "state": {"waiting": {"reason": "ErrImagePull"}}}])
    pod["metadata"]["labels"] = {"app": "svc-engine-2", "component": "engine"}
    found = planned(live=[knative(conditions={"Ready": ("Unknown", "", "")}), pod])
    assert condition(found, "EngineReady")["reason"] == "ImagePullFailed"


def test_while_knative_still_has_the_name_no_other_service_is_planned() -> None:
    found = made(service(), live=[knative(conditions=GOOD)])
    assert [obj["metadata"]["name"] for obj in found.objects if obj["kind"] == "Service"] == ["svc"]
    assert [obj["metadata"]["name"] for obj in made(service()).objects if obj["kind"] == "Service"] == [
        "svc-engine",
        "svc",
    ]


def test_an_autoscaler_that_has_no_say_is_warned_of() -> None:
    found = planned(metadata={"annotations": {"ome.io/autoscalerClass": "hpa"}})
    assert "engine: class HPA has no effect: a Service of serving.knative.dev/v1 has no replicas that it could set" in (
        found.explanation.warnings
    )
    assert "autoscaler" not in found.status["components"]["engine"]
