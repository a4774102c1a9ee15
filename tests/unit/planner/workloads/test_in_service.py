"""Whose pods the Services lead to while one kind of workload takes the place of another."""

from typing import Any

import pytest
from tests.unit.planner.build import child, live_deployment, made, service
from tests.unit.planner.workloads.test_ray import ENGINE, ready

from omectl.planner import Plan

Json = Any
OURS = {"ome.io/inferenceservice": "svc", "component": "engine"}
HEADS = {**OURS, "ray.io/node-type": "head"}
DEPLOYMENT = live_deployment(Available=("True", "", ""))
BROKEN = live_deployment(Available=("False", "", ""))


def selectors(engine: Json, *live: Json) -> tuple[Json, Json]:
    """Of the component's Service and the stable one."""
    found: Plan = made(service(engine=engine), live=list(live))
    return child(found, "Service", "svc-engine")["spec"]["selector"], child(found, "Service", "svc")["spec"]["selector"]


def test_at_rest_each_kind_has_its_own_pods() -> None:
    assert selectors({}) == ({"app": "svc-engine"}, OURS)
    assert selectors(ENGINE) == (HEADS, HEADS)


def test_a_deployment_keeps_the_traffic_until_all_ray_clusters_serve() -> None:
    """Ray's workers, which serve nothing and have no probe, have the other labels too."""
    alone = ({"app": "svc-engine"}, {**OURS, "app": "svc-engine"})
    assert selectors(ENGINE, DEPLOYMENT) == alone
    assert selectors(ENGINE, DEPLOYMENT, ready()) == alone
    assert selectors(ENGINE, DEPLOYMENT, ready(), ready(1)) == (HEADS, HEADS)


def test_ray_clusters_keep_the_traffic_until_the_deployment_serves() -> None:
    assert selectors({}, ready(), ready(1)) == (HEADS, HEADS)
    assert selectors({}, BROKEN, ready()) == (HEADS, HEADS)
    assert selectors({}, DEPLOYMENT, ready()) == ({"app": "svc-engine"}, OURS)


@pytest.mark.parametrize("live", [[BROKEN], [BROKEN, ready(readyWorkerReplicas=0)]])
def test_what_does_not_serve_keeps_no_traffic(live: Json) -> None:
    assert selectors(ENGINE, *live) == (HEADS, HEADS)
