"""Which mode each component has."""

import json
from typing import Any

import pytest
from tests.unit.planner.build import RUNNER, entry, made, runtime, service

from omectl.api.labels import CHOSEN_MODE
from omectl.api.settings import Settings, parse_settings
from omectl.planner import Plan

Json = Any
MODE = "ome.io/deploymentMode"
ROUTER = {"runner": {"name": "router", "image": "router:1"}}


def mode(engine: Json = None, *, own: str = "", default: str = "RawDeployment", **given: Json) -> str:
    """The engine's mode; `own` is the service's annotation, `default` the settings' mode."""
    return modes(engine, own=own, default=default, **given)["engine"]


def modes(engine: Json = None, *, own: str = "", default: str = "RawDeployment", **given: Json) -> dict[str, str]:
    found = plan_of(engine, own=own, default=default, **given)
    kinds = {"Deployment": "RawDeployment", "RayCluster": "MultiNodeRayVLLM"}
    return {
        obj["metadata"]["labels"]["component"]: kinds.get(obj["kind"], "Serverless")
        for obj in found.objects
        if obj["kind"] in kinds or obj["apiVersion"] == "serving.knative.dev/v1"
    }


def plan_of(engine: Json = None, *, own: str = "", default: str = "RawDeployment", **given: Json) -> Plan:
    settings: Settings = parse_settings({"deploy": json.dumps({"defaultDeploymentMode": default})})
    taken = runtime("r", entry(), engineConfig={"runner": RUNNER}, routerConfig=ROUTER)
    metadata = {"annotations": {MODE: own} if own else {}}
    return made(service(engine=engine or {}, metadata=metadata, **given), taken, settings=settings)


@pytest.mark.parametrize(
    ("engine", "own", "wanted"),
    [
        ({}, "", "RawDeployment"),
        ({"minReplicas": 0}, "", "Serverless"),
        ({"minReplicas": 0}, "RawDeployment", "Serverless"),
        ({"minReplicas": 0, "annotations": {MODE: "RawDeployment"}}, "Serverless", "RawDeployment"),
        ({"minReplicas": 1, "annotations": {MODE: "Serverless"}}, "", "Serverless"),
        ({"annotations": {MODE: "MultiNodeRayVLLM"}}, "Serverless", "MultiNodeRayVLLM"),
        ({"annotations": {MODE: "no mode"}}, "", "RawDeployment"),
    ],
)
def test_an_engine_s_own_annotation_comes_before_its_replicas(engine: Json, own: str, wanted: str) -> None:
    assert mode(engine, own=own) == wanted


@pytest.mark.parametrize("wanted", ["Serverless", "MultiNodeRayVLLM"])
def test_d_25_a_service_s_annotation_steers_its_engine_and_is_recorded(wanted: str) -> None:
    found = plan_of({"minReplicas": 1}, own=wanted)
    assert mode({"minReplicas": 1}, own=wanted) == wanted
    assert found.explanation.mode == wanted
    assert found.status["annotations"][CHOSEN_MODE] == wanted


def test_a_router_is_serverless_by_its_own_replicas_alone() -> None:
    assert modes(own="Serverless", router={}) == {"engine": "Serverless", "router": "RawDeployment"}
    assert modes(router={"minReplicas": 0}) == {"engine": "RawDeployment", "router": "Serverless"}
    assert modes(router={"annotations": {MODE: "Serverless"}})["router"] == "RawDeployment"


def test_the_settings_mode_is_that_of_engines_of_which_nothing_is_said() -> None:
    """D 24."""
    assert mode(default="Serverless") == "Serverless"
    assert mode({"minReplicas": 1}, default="Serverless") == "RawDeployment"
    assert mode(own="RawDeployment", default="Serverless") == "RawDeployment"
    assert mode({"autoscaler": {"class": "HPA"}}, default="Serverless") == "RawDeployment"
    assert modes(router={}, default="Serverless")["router"] == "RawDeployment"


def test_a_changed_setting_does_not_move_an_engine_that_runs_as_a_deployment() -> None:
    assert mode(default="Serverless", status={"annotations": {CHOSEN_MODE: "RawDeployment"}}) == "RawDeployment"
    assert mode(default="Serverless", status={"annotations": {CHOSEN_MODE: "Serverless"}}) == "Serverless"


@pytest.mark.parametrize("scaler", ["HPA", "None"])
def test_no_replica_and_an_autoscaler_that_needs_one_contradict_each_other(scaler: str) -> None:
    found = plan_of({"minReplicas": 0, "autoscaler": {"class": scaler}})
    assert found.problem is not None
    assert found.problem.reason == "InvalidSpec"
    assert found.problem.message == (
        f"spec.engine.minReplicas is 0, but spec.engine.autoscaler.class is {scaler}, which needs a pod at least"
    )


def test_somebody_else_may_scale_a_deployment_to_nothing() -> None:
    assert mode({"minReplicas": 0, "autoscaler": {"class": "External"}}) == "RawDeployment"


def test_an_old_autoscaler_annotation_leaves_no_replica_to_knative() -> None:
    assert mode({"minReplicas": 0, "annotations": {"ome.io/autoscalerClass": "external"}}) == "Serverless"


GROUP = {"leader": {"runner": RUNNER}, "worker": {"size": 1, "runner": RUNNER}}


def test_a_service_s_annotation_has_a_runtime_for_several_nodes_run_on_ray() -> None:
    assert mode(GROUP, own="MultiNodeRayVLLM") == "MultiNodeRayVLLM"


@pytest.mark.parametrize(
    ("own", "annotations", "where"),
    [("Serverless", {}, "service"), ("", {MODE: "Serverless"}, "engine")],
)
def test_serverless_and_several_nodes_contradict_each_other(own: str, annotations: Json, where: str) -> None:
    found = plan_of({**GROUP, "annotations": annotations}, own=own)
    assert found.problem is not None
    assert found.problem.reason == "InvalidSpec"
    assert found.problem.message == (
        f"annotation {MODE} of the {where} asks for Serverless, but spec.engine.leader for a group of pods, which "
        "Knative does not run"
    )
