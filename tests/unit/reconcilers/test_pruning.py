import pytest

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
    STATEFUL_SETS,
)
from omectl.kube.third_party_kinds import KNATIVE_SERVICES, RAY_CLUSTERS
from omectl.reconcilers.pruning import Child, is_held, is_serving, may_go, waiting


def child(kind: ResourceKind, name: str, component: str = "engine", *, available: bool | None = None) -> Child:
    obj: JsonObject = {"metadata": {"name": name, "generation": 2, "labels": {"component": component}}}
    if available is not None:
        status = "True" if available else "False"
        obj["status"] = {"observedGeneration": 2, "conditions": [{"type": "Available", "status": status}]}
    return kind, obj


def names(children: list[Child]) -> list[str]:
    return [f"{kind.kind}/{key_of(obj).name}" for kind, obj in children]


OLD = [
    child(STATEFUL_SETS, "old"),
    child(SERVICES, "old"),
    child(POD_DISRUPTION_BUDGETS, "old"),
    child(HORIZONTAL_POD_AUTOSCALERS, "old"),
    child(CONFIG_MAPS, "old", ""),
]


def test_a_workload_and_its_service_stay_until_the_new_one_serves() -> None:
    going = may_go(OLD, [child(DEPLOYMENTS, "new", available=False)])
    assert names(going) == ["HorizontalPodAutoscaler/old", "ConfigMap/old"]


@pytest.mark.parametrize("available", [None, False])
def test_a_new_workload_that_nobody_has_looked_at_yet_does_not_serve(available: bool | None) -> None:
    assert not is_serving(*child(DEPLOYMENTS, "new", available=available))


def test_everything_goes_once_the_new_one_serves() -> None:
    assert may_go(OLD, [child(DEPLOYMENTS, "new", available=True)]) == OLD


def test_a_component_that_nothing_replaces_goes_at_once() -> None:
    stale = [child(DEPLOYMENTS, "router", "router"), child(SERVICES, "router", "router")]
    assert may_go(stale, [child(DEPLOYMENTS, "engine", available=False)]) == stale


def test_an_old_predictor_stays_until_the_engine_serves() -> None:
    stale = [child(DEPLOYMENTS, "predictor", "predictor")]
    assert may_go(stale, [child(DEPLOYMENTS, "engine", available=False)]) == []
    assert may_go(stale, [child(DEPLOYMENTS, "engine", available=True)]) == stale


def test_an_object_beside_a_workload_that_stays_planned_goes_at_once() -> None:
    stale = [child(SERVICES, "extra"), child(POD_DISRUPTION_BUDGETS, "extra")]
    assert may_go(stale, [child(DEPLOYMENTS, "engine", available=False)]) == stale


def test_availability_of_an_older_spec_does_not_count() -> None:
    _, workload = child(DEPLOYMENTS, "new", available=True)
    assert is_serving(DEPLOYMENTS, workload)
    status = workload["status"]
    assert isinstance(status, dict)
    status["observedGeneration"] = 1
    assert not is_serving(DEPLOYMENTS, workload)


def test_a_deployment_stays_until_the_knative_service_in_its_place_serves() -> None:
    stale = [child(DEPLOYMENTS, "svc-engine")]
    kind, coming = child(KNATIVE_SERVICES, "svc-engine")
    assert may_go(stale, [(kind, coming)]) == []
    coming["status"] = {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}
    assert may_go(stale, [(kind, coming)]) == stale


def test_a_deployment_stays_until_all_ray_clusters_in_its_place_serve() -> None:
    stale = [child(DEPLOYMENTS, "svc-engine")]
    clusters = [child(RAY_CLUSTERS, f"svc-engine-{index}") for index in range(2)]
    assert may_go(stale, clusters) == []
    for count, (_, cluster) in enumerate(clusters, 1):
        cluster["status"] = {"state": "ready", "observedGeneration": 2}
        assert (may_go(stale, clusters) == stale) == (count == len(clusters))


@pytest.mark.parametrize(
    ("kind", "component", "held"),
    [
        (SERVICES, "engine", True),
        (SERVICES, "external-service", True),
        (SERVICES, "router", False),
        (DEPLOYMENTS, "engine", False),
        (CONFIG_MAPS, "", False),
    ],
)
def test_what_selects_pods_is_held_while_its_component_waits(kind: ResourceKind, component: str, held: bool) -> None:
    coming = [child(DEPLOYMENTS, "new", available=False)]
    assert is_held(kind, component, waiting([child(STATEFUL_SETS, "old")], coming)) is held
    assert not is_held(
        kind, component, waiting([child(STATEFUL_SETS, "old")], [child(DEPLOYMENTS, "new", available=True)])
    )
    assert not is_held(kind, component, waiting([], coming))


def test_the_engines_service_is_held_while_an_old_predictor_serves() -> None:
    staying = waiting([child(DEPLOYMENTS, "predictor", "predictor")], [child(DEPLOYMENTS, "engine", available=False)])
    assert staying == {"predictor"}
    assert is_held(SERVICES, "engine", staying)
    assert not is_held(SERVICES, "router", staying)
