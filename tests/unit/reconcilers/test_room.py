"""What goes before the plan can come true."""

from omectl.api.json import JsonObject
from omectl.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, SERVICES
from omectl.kube.third_party_kinds import KNATIVE_SERVICES
from omectl.reconcilers.pruning import Child
from omectl.reconcilers.room import in_the_way, is_knatives

SERVICE: Child = (SERVICES, {"metadata": {"name": "svc-engine"}})
OTHER: Child = (SERVICES, {"metadata": {"name": "svc"}})
KNATIVE: Child = (KNATIVE_SERVICES, {"metadata": {"name": "svc-engine"}})
DEPLOYMENT: Child = (DEPLOYMENTS, {"metadata": {"name": "svc-engine"}})


def test_d_13_a_service_leaves_its_name_to_knative_once_knative_s_object_is_there() -> None:
    assert in_the_way([SERVICE, OTHER, DEPLOYMENT, KNATIVE], [KNATIVE, OTHER]) == [SERVICE]


def test_a_service_stays_while_it_is_not_certain_that_knative_s_object_can_be_written() -> None:
    assert in_the_way([SERVICE, OTHER], [KNATIVE, OTHER]) == []


def test_a_service_stays_when_knative_s_object_is_about_to_go() -> None:
    assert in_the_way([SERVICE, KNATIVE], [SERVICE]) == []


def test_scalers_are_in_the_way_of_each_other() -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "svc-engine"}
    old, new = (
        (HORIZONTAL_POD_AUTOSCALERS, {"metadata": {"name": name}, "spec": {"scaleTargetRef": dict(target)}})
        for name in ("old", "new")
    )
    assert in_the_way([old], [new]) == [old]


def test_d_13_a_service_of_knative_s_is_known_by_its_controller() -> None:
    def owned(version: str, *, controller: bool = True) -> JsonObject:
        owner: JsonObject = {"apiVersion": version, "kind": "Route", "name": "svc-engine", "controller": controller}
        return {"metadata": {"name": "svc-engine", "ownerReferences": [owner]}}

    assert is_knatives(SERVICES, owned("serving.knative.dev/v1"))
    assert not is_knatives(SERVICES, owned("serving.knative.dev/v1", controller=False))
    assert not is_knatives(SERVICES, owned("serving.knative.developers.example.org/v1"))
    assert not is_knatives(SERVICES, owned("ome.io/v1beta1"))
    assert not is_knatives(SERVICES, SERVICE[1])
    assert not is_knatives(DEPLOYMENTS, owned("serving.knative.dev/v1"))
