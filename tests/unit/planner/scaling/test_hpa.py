"""The HorizontalPodAutoscaler: its metrics and its behaviour."""

from typing import Any

import pytest
from tests.unit.planner.scaling.scalers import hpa_of, refusal, scaled

Json = Any


def block(*metrics: Json, **hpa: Json) -> Json:
    return {"autoscaler": {"class": "HPA", "hpa": {"metrics": list(metrics), **hpa}}}


def average(value: Json = "10") -> Json:
    return {"type": "AverageValue", "averageValue": value}


RESOURCE = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
}
CONTAINER = {
    "type": "ContainerResource",
    "containerResource": {"name": "memory", "container": "c", "target": average("2Gi")},
}
PODS = {"type": "Pods", "pods": {"metric": {"name": "queue"}, "target": average("500m")}}
OBJECT = {
    "type": "Object",
    "object": {
        "metric": {"name": "rps"},
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "s"},
        "target": {"type": "Value", "value": "1k"},
    },
}
EXTERNAL = {
    "type": "External",
    "external": {"metric": {"name": "q", "selector": {"matchLabels": {"a": "b"}}}, "target": average(7)},
}
BEHAVIOR = {
    "scaleDown": {
        "stabilizationWindowSeconds": 600,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
        "selectPolicy": "Min",
    }
}


def test_stated_metrics_of_every_type_and_the_behaviour_pass_as_they_are() -> None:
    metrics = [RESOURCE, CONTAINER, PODS, OBJECT, EXTERNAL]
    spec = hpa_of(scaled(block(*metrics, behavior=BEHAVIOR)))
    assert spec["metrics"] == metrics
    assert spec["behavior"] == BEHAVIOR


def test_behaviour_alone_leaves_the_default_metric() -> None:
    spec = hpa_of(scaled(block(behavior=BEHAVIOR)))
    target = {"type": "Utilization", "averageUtilization": 80}
    assert spec["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


@pytest.mark.parametrize(
    ("engine", "metric", "share"),
    [
        ({"scaleMetric": "memory", "scaleTarget": 60}, "memory", 60),
        ({"annotations": {"ome.io/targetUtilizationPercentage": "55"}, "scaleTarget": 60}, "cpu", 55),
        ({"annotations": {"ome.io/metrics": "memory"}}, "memory", 80),
        ({"annotations": {"ome.io/metrics": "memory"}, "scaleMetric": "cpu"}, "cpu", 80),
        ({"scaleTarget": 0}, "cpu", 80),
        ({"scaleTarget": 100}, "cpu", 100),
    ],
)
def test_the_one_metric_of_the_old_fields(engine: Json, metric: str, share: int) -> None:
    (found,) = hpa_of(scaled(engine))["metrics"]
    assert found["resource"] == {"name": metric, "target": {"type": "Utilization", "averageUtilization": share}}


def changed(metric: Json, source: str, **target: Json) -> Json:
    return {**metric, source: {**metric[source], "target": target}}


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        (block({"type": "Gpu"}), "hpa.metrics[0].type: wanted one of Resource"),
        (block(RESOURCE, {}), "hpa.metrics[1].type: wanted one of Resource"),
        (block({"type": "Pods"}), "hpa.metrics[0].pods.metric.name: wanted a name, found nothing"),
        (block({**OBJECT, "object": {**OBJECT["object"], "describedObject": {}}}), "describedObject.kind"),
        (
            block(changed(RESOURCE, "resource", type="Value", value=1)),
            "wanted Utilization or AverageValue, found Value",
        ),
        (block(changed(PODS, "pods", type="Utilization", averageUtilization=1)), "wanted AverageValue, found Utiliz"),
        (block(changed(PODS, "pods", type="AverageValue", averageValue="many")), "wanted a quantity above 0"),
        (
            block(changed(PODS, "pods", type="AverageValue", averageValue="0")),
            "averageValue: wanted a quantity above 0",
        ),
        (block(changed(PODS, "pods", type="AverageValue")), "found None"),
        (block(changed(RESOURCE, "resource", type="Utilization", averageUtilization="60")), "whole number of percent"),
        (block(changed(RESOURCE, "resource", type="Utilization", averageUtilization=0)), "whole number of percent"),
        (block(behavior={"scaleDown": {"stabilizationWindowSeconds": 3601}}), "seconds from 0 to 3600, found 3601"),
        (block(behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1}]}}), "[0].value"),
        (block(behavior={"scaleSideways": {}}), "hpa.behavior: wanted scaleUp and scaleDown, found scaleSideways"),
        (block(behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 1}]}}), "policies[0].periodSeconds"),
        ({"scaleMetric": "tps"}, "wanted cpu or memory for a HorizontalPodAutoscaler, found tps; choose one of them"),
        ({"annotations": {"ome.io/metrics": "rps"}}, "annotation ome.io/metrics: wanted cpu or memory"),
        ({"scaleTarget": 101}, "spec.engine.scaleTarget: wanted a percentage from 1 to 100, found 101"),
    ],
)
def test_what_kubernetes_could_not_read_is_refused_by_its_path(engine: Json, told: str) -> None:
    assert told in refusal(scaled(engine))
