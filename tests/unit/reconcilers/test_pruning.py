import pytest

from omectl.api.json import JsonObject, JsonValue
from omectl.api.resource import ResourceKind, key_of
from omectl.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESSES,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
)
from omectl.kube.third_party_kinds import (
    HTTP_ROUTES,
    KNATIVE_SERVICES,
    LEADER_WORKER_SETS,
    RAY_CLUSTERS,
    VIRTUAL_SERVICES,
)
from omectl.reconcilers.pruning import Child, is_serving, may_go, replaced, waiting


def child(kind: ResourceKind, name: str, component: str = "engine", *, available: bool | None = None) -> Child:
    obj: JsonObject = {"metadata": {"name": name, "generation": 2, "labels": {"component": component}}}
    if available is not None:
        status = "True" if available else "False"
        obj["status"] = {"observedGeneration": 2, "conditions": [{"type": "Available", "status": status}]}
    return kind, obj


def names(children: list[Child]) -> list[str]:
    return [f"{kind.kind}/{key_of(obj).name}" for kind, obj in children]


OLD = [
    child(LEADER_WORKER_SETS, "old"),
    child(SERVICES, "old"),
    child(POD_DISRUPTION_BUDGETS, "old"),
    child(HORIZONTAL_POD_AUTOSCALERS, "old"),
    child(CONFIG_MAPS, "old", ""),
]


def test_a_workload_and_its_service_stay_until_the_new_one_serves() -> None:
    found = going(OLD, [child(DEPLOYMENTS, "new", available=False)])
    assert names(found) == ["HorizontalPodAutoscaler/old", "ConfigMap/old"]


@pytest.mark.parametrize("available", [None, False])
def test_a_new_workload_that_nobody_has_looked_at_yet_does_not_serve(available: bool | None) -> None:
    assert not is_serving(*child(DEPLOYMENTS, "new", available=available))


def test_everything_goes_once_the_new_one_serves() -> None:
    assert going(OLD, [child(DEPLOYMENTS, "new", available=True)]) == OLD


def test_a_component_that_nothing_replaces_goes_at_once() -> None:
    stale = [child(DEPLOYMENTS, "router", "router"), child(SERVICES, "router", "router")]
    assert going(stale, [child(DEPLOYMENTS, "engine", available=False)]) == stale


def test_an_old_predictor_stays_until_the_engine_serves() -> None:
    stale = [child(DEPLOYMENTS, "predictor", "predictor")]
    assert going(stale, [child(DEPLOYMENTS, "engine", available=False)]) == []
    assert going(stale, [child(DEPLOYMENTS, "engine", available=True)]) == stale


def test_an_object_beside_a_workload_that_stays_planned_goes_at_once() -> None:
    stale = [child(SERVICES, "extra"), child(POD_DISRUPTION_BUDGETS, "extra")]
    assert going(stale, [child(DEPLOYMENTS, "engine", available=False)]) == stale


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
    assert going(stale, [(kind, coming)]) == []
    coming["status"] = {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}
    assert going(stale, [(kind, coming)]) == stale


def test_a_deployment_stays_until_all_ray_clusters_in_its_place_serve() -> None:
    stale = [child(DEPLOYMENTS, "svc-engine")]
    clusters = [child(RAY_CLUSTERS, f"svc-engine-{index}") for index in range(2)]
    assert going(stale, clusters) == []
    for count, (_, cluster) in enumerate(clusters, 1):
        cluster["status"] = {"state": "ready", "observedGeneration": 2}
        assert (going(stale, clusters) == stale) == (count == len(clusters))


def test_what_is_on_its_way_out_does_not_serve() -> None:
    kind, workload = child(DEPLOYMENTS, "new", available=True)
    metadata = workload["metadata"]
    assert isinstance(metadata, dict)
    metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not is_serving(kind, workload)


def test_what_is_replaced_is_told_with_what_replaces_it() -> None:
    new = [child(DEPLOYMENTS, "engine"), child(DEPLOYMENTS, "router", "router"), child(SERVICES, "engine")]
    predictor, set_of_groups = child(DEPLOYMENTS, "predictor", "predictor"), child(LEADER_WORKER_SETS, "old")
    gone = child(DEPLOYMENTS, "decoder", "decoder")
    assert replaced([*OLD[1:], predictor, set_of_groups, gone], new) == ([predictor, set_of_groups], [new[0]])
    assert replaced([gone], new) == ([], [])


def http_route(name: str, *statuses: str, generation: int = 2) -> Child:
    conditions: list[JsonValue] = [
        {"type": kind, "status": status, "observedGeneration": generation}
        for kind, status in zip(("Accepted", "ResolvedRefs"), statuses, strict=False)
    ]
    parent: JsonObject = {"name": "gate", "namespace": "infra"}
    kind, obj = child(HTTP_ROUTES, name, "")
    obj["spec"] = {"parentRefs": [parent]}
    obj["status"] = {"parents": [{"parentRef": parent, "conditions": conditions}]}
    return kind, obj


@pytest.mark.parametrize("kind", [INGRESSES, VIRTUAL_SERVICES])
@pytest.mark.parametrize(
    ("routes", "goes"),
    [
        ([http_route("svc", "True", "True")], True),
        ([http_route("svc", "True", "True"), http_route("svc-path")], False),
        ([http_route("svc", "True", "False")], False),
        ([http_route("svc", "True")], False),
        ([http_route("svc", "True", "True", generation=1)], False),
        ([child(HTTP_ROUTES, "svc", "")], False),
        ([], True),
        ([child(INGRESSES, "other", "")], True),
    ],
)
def test_a_route_stays_until_a_gateway_has_taken_those_in_its_place(
    kind: ResourceKind, routes: list[Child], goes: bool
) -> None:
    stale = [child(kind, "svc", ""), child(CONFIG_MAPS, "old", "")]
    assert going(stale, routes) == (stale if goes else stale[1:])


def test_a_route_of_the_same_kind_that_is_not_planned_any_more_goes_at_once() -> None:
    stale = [http_route("svc-path", "True", "True")]
    assert going(stale, [child(HTTP_ROUTES, "svc", "")]) == stale


def going(stale: list[Child], planned: list[Child]) -> list[Child]:
    return may_go(stale, planned, waiting(stale, planned))
