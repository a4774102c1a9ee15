"""What goes before the plan can come true."""

from omectl.api.json import JsonObject
from omectl.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, INGRESSES, SERVICES
from omectl.kube.third_party_kinds import HTTP_ROUTES, KNATIVE_SERVICES
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


def test_d_13_a_service_stays_until_no_route_leads_to_it_that_is_to_lead_elsewhere() -> None:
    def routes(name: str) -> list[Child]:
        path: JsonObject = {"backend": {"service": {"name": name}}}
        ingress: JsonObject = {"metadata": {"name": "svc"}, "spec": {"rules": [{"http": {"paths": [path]}}]}}
        http: JsonObject = {"metadata": {"name": "svc"}, "spec": {"rules": [{"backendRefs": [{"name": name}]}]}}
        return [(INGRESSES, ingress), (HTTP_ROUTES, http)]

    there: list[Child] = [SERVICE, KNATIVE]
    for old, new, other in zip(routes("svc-engine"), routes("svc-engine"), routes("svc"), strict=True):
        assert in_the_way([*there, old], [KNATIVE, other]) == []
        assert in_the_way([*there, other], [KNATIVE, other]) == [SERVICE]
        assert in_the_way([*there, old], [KNATIVE, new]) == [SERVICE], "nothing is to change there"


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
