"""Queues, priorities and schedulers on the workload and its pods (D38; SCH-1, SCH-8)."""

from typing import Any

import pytest
from tests.unit.planner.build import child, entry, made, pod_of, runtime, service

Json = Any
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"


def labels(component: str = "engine", **asked: Json) -> list[Json]:
    """The labels of a component's Deployment, and of its pods."""
    router = {"runner": {"name": "router", "image": "r:1"}}
    found = made(service(router={}, **asked), runtime("r", entry(), routerConfig=router))
    deployment = child(found, "Deployment", f"svc-{component}")
    return [deployment["metadata"]["labels"], deployment["spec"]["template"]["metadata"]["labels"]]


@pytest.mark.parametrize("component", ["engine", "router"])
def test_d38_a_queue_and_a_priority_of_the_service_are_on_every_workload_and_its_pods(component: str) -> None:
    tags = {QUEUE: "gpus", PRIORITY: "high"}
    for found in labels(component, metadata={"labels": tags}):
        assert tags.items() <= found.items()


@pytest.mark.parametrize("component", ["engine", "router"])
def test_d38_queues_that_annotations_ask_for_are_on_every_workload_and_its_pods(component: str) -> None:
    kueue = {"ome.io/dedicated-ai-cluster": "dac", "kueue-enabled": "true"}
    for found in labels(component, metadata={"annotations": kueue}):
        assert (found[QUEUE], found[PRIORITY]) == ("dac", "kueue-scheduling-high-priority")
    volcano = {"ome.io/volcano-queue": "q", "ome.io/dedicated-ai-cluster": "dac", "volcano": "true"}
    for found in labels(component, metadata={"annotations": volcano}):
        assert (found["volcano.sh/queue-name"], found["ray.io/scheduler-name"]) == ("q", "volcano")
        assert QUEUE not in found


def test_a_priority_that_is_named_counts_before_the_one_that_an_annotation_gives() -> None:
    kueue = {"ome.io/dedicated-ai-cluster": "dac", "kueue-enabled": "true"}
    for found in labels(metadata={"annotations": kueue, "labels": {PRIORITY: "low"}}):
        assert (found[QUEUE], found[PRIORITY]) == ("dac", "low")
    for found in labels(metadata={"annotations": kueue}, engine={"labels": {QUEUE: "mine"}}):
        assert found[QUEUE] == "mine"


def test_priority_class_and_scheduler_are_fields_of_each_component() -> None:
    fields = {"priorityClassName": "serving", "schedulerName": "kai"}
    assert fields.items() <= pod_of(made(service(engine=fields))).items()
    of_runtime = runtime("r", entry(), engineConfig={"runner": {"image": "e:1"}, **fields})
    assert fields.items() <= pod_of(made(service(), of_runtime)).items()
