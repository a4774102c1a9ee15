"""Who scales a component, whoever says it and wherever."""

import re
from typing import Any

import pytest
from tests.unit.planner.build import child, service
from tests.unit.planner.scaling.scalers import hpa_of, keda, prometheus, refusal, scaled, scalers_of

from omectl.api.settings import KedaSettings
from omectl.planner.component import Component
from omectl.planner.metadata import Metadata
from omectl.planner.scaling import EngineMetrics, ScaleTarget, scale

Json = Any
HPA, SCALED_OBJECT = ["HorizontalPodAutoscaler"], ["ScaledObject"]


def annotated(name: str) -> Json:
    return {"annotations": {"ome.io/autoscalerClass": name}}


@pytest.mark.parametrize(
    ("engine", "spec", "kinds", "scaler", "source"),
    [
        ({}, {}, HPA, "HPA", "default"),
        (annotated("hpa"), {}, HPA, "HPA", "legacy"),
        (annotated("keda"), {}, SCALED_OBJECT, "KEDA", "legacy"),
        ({}, {"metadata": annotated("keda")}, SCALED_OBJECT, "KEDA", "legacy"),
        (annotated("hpa"), {"metadata": annotated("keda")}, HPA, "HPA", "legacy"),
        (annotated("external"), {}, [], "External", "legacy"),
        (annotated("none"), {}, [], "None", "legacy"),
        ({"kedaConfig": {"enableKeda": True}}, {}, SCALED_OBJECT, "KEDA", "legacy"),
        ({}, {"kedaConfig": {"enableKeda": True}}, SCALED_OBJECT, "KEDA", "legacy"),
        ({"kedaConfig": {"enableKeda": False}}, {"kedaConfig": {"enableKeda": True}}, HPA, "HPA", "legacy"),
        ({"kedaConfig": {"promServerAddress": "http://p"}}, {}, HPA, "HPA", "default"),
        ({"autoscaler": {"class": "HPA"}}, {}, HPA, "HPA", "isvc"),
        (keda(prometheus()), {}, SCALED_OBJECT, "KEDA", "isvc"),
        ({"autoscaler": {"class": "External"}}, {}, [], "External", "isvc"),
        ({"autoscaler": {"class": "None"}}, {}, [], "None", "isvc"),
    ],
)
def test_d_19_the_narrower_word_of_the_service_decides(
    engine: Json, spec: Json, kinds: list[str], scaler: str, source: str
) -> None:
    found = scaled(engine, **spec)
    assert scalers_of(found) == kinds
    told = found.status["components"]["engine"]["autoscaler"]
    managed_by = {"External": "external", "None": "none"}.get(scaler, "ome")
    assert told == {"class": scaler, "managedBy": managed_by, "specSource": source}


@pytest.mark.parametrize(
    ("engine", "template", "kinds", "source"),
    [
        ({}, keda(prometheus()), SCALED_OBJECT, "runtime"),
        ({"autoscaler": {"class": "HPA"}}, keda(prometheus()), HPA, "isvc"),
        (annotated("hpa"), keda(prometheus()), HPA, "legacy"),
        ({}, annotated("keda"), SCALED_OBJECT, "legacy"),
        ({}, {"kedaConfig": {"enableKeda": True}}, SCALED_OBJECT, "legacy"),
        ({}, {**annotated("hpa"), **keda(prometheus())}, SCALED_OBJECT, "runtime"),
    ],
)
def test_the_runtimes_word_holds_where_the_service_has_none(
    engine: Json, template: Json, kinds: list[str], source: str
) -> None:
    found = scaled(engine, template=template)
    assert scalers_of(found) == kinds
    assert found.status["components"]["engine"]["autoscaler"]["specSource"] == source


def test_a_block_of_the_service_is_taken_whole() -> None:
    own = {"autoscaler": {"class": "HPA"}}
    found = scaled(own, template={"autoscaler": {"class": "HPA", "hpa": {"behavior": {"scaleDown": {}}}}})
    assert "behavior" not in hpa_of(found)


@pytest.mark.parametrize(
    ("engine", "spec", "told"),
    [
        ({**annotated("hpa"), "kedaConfig": {"enableKeda": True}}, {}, "enableKeda is true"),
        ({**annotated("keda"), "kedaConfig": {"enableKeda": False}}, {}, "enableKeda is false"),
        ({}, {"metadata": annotated("external"), "kedaConfig": {"enableKeda": True}}, "spec.kedaConfig.enableKeda"),
        ({"autoscaler": {"class": "HPA"}, **annotated("keda")}, {}, "asks for KEDA; remove one of the two"),
        ({"autoscaler": {"class": "HPA"}}, {"kedaConfig": {"enableKeda": True}}, "spec.engine.autoscaler.class is HPA"),
        (annotated("vpa"), {}, "wanted one of hpa, keda, external, none, found vpa"),
        ({"autoscaler": {"class": "VPA"}}, {}, "wanted one of HPA, KEDA, External, None, found VPA"),
        ({"autoscaler": {}, **annotated("keda")}, {}, "spec.engine.autoscaler.class: wanted one of HPA"),
        ({"autoscaler": {"class": "KEDA"}}, {}, "spec.engine.autoscaler.keda: wanted triggers"),
        ({"autoscaler": {"class": "KEDA", "keda": {}}}, {}, "keda.triggers: wanted one trigger at least"),
        ({"autoscaler": {"class": "HPA", "keda": {"triggers": [prometheus()]}}}, {}, "nothing beside class HPA"),
        ({"autoscaler": {"class": "None", "hpa": {}}}, {}, "nothing beside class None"),
    ],
)
def test_a_contradiction_is_refused_with_both_sides(engine: Json, spec: Json, told: str) -> None:
    assert told in refusal(scaled(engine, **spec))


def test_d_20_what_nobody_scales_has_its_least_number_pinned() -> None:
    found = scaled({"minReplicas": 3, "autoscaler": {"class": "None"}})
    assert child(found, "Deployment")["spec"]["replicas"] == 3
    assert not found.initial_replicas


def test_d_20_what_others_scale_begins_with_its_least_number_and_names_what_to_scale() -> None:
    found = scaled({"minReplicas": 3, "autoscaler": {"class": "External"}})
    assert "replicas" not in child(found, "Deployment")["spec"]
    assert found.initial_replicas == {("Deployment", "svc-engine"): 3}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "svc-engine"}
    assert found.status["components"]["engine"]["scaleTargetRef"] == target


@pytest.mark.parametrize(
    ("scaler", "most"), [("hpa", 3), ("external", None), ("none", 1)], ids=["hpa", "external", "none"]
)
def test_the_explanation_tells_how_far_a_component_may_go(scaler: str, most: int | None) -> None:
    (scale,) = scaled(annotated(scaler)).explanation.scales
    assert (scale.component, scale.least, scale.most) == ("engine", 1, most)


def test_a_policy_of_autoscaling_is_refused_by_name() -> None:
    told = refusal(scaled({"autoscalerPolicyRef": {"name": "p"}}), "NotSupportedYet")
    assert "spec.engine.autoscalerPolicyRef asks for an AutoscalerPolicy" in told


@pytest.mark.parametrize("block", [{"class": "HPA"}, keda(prometheus("{{.GPUUtilization}}"))["autoscaler"]])
def test_scl_13_groups_of_pods_are_scaled_as_wholes(block: Json) -> None:
    """Whatever has a scale subresource is a target: a LeaderWorkerSet's replica is one group."""
    component = Component.merged("engine", service(engine={"autoscaler": block}), None)
    target = ScaleTarget("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "lws-svc-engine")
    found = scale(component, Metadata({}, {}, {}, {}), target, KedaSettings(), EngineMetrics("vllm", published=True))
    assert found.scaler is not None
    spec: Json = found.scaler["spec"]
    assert spec["scaleTargetRef"] == {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "name": "lws-svc-engine",
    }
    for query in [trigger["metadata"]["query"] for trigger in spec.get("triggers", [])]:
        pods = re.compile(re.findall(r'exported_pod=~"([^"]+)"', query)[0])
        assert all(pods.fullmatch(name) for name in ("lws-svc-engine-0", "lws-svc-engine-1-2"))
        assert not pods.fullmatch("lws-svc-engine-b-0")
