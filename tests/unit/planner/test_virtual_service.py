"""The route to a serverless service through Istio."""

import json
import re
from typing import Any

import pytest
from tests.unit.planner.build import child, condition, live_deployment, made, service
from tests.unit.planner.workloads.test_knative import GOOD, knative

from omectl.api.settings import parse_settings
from omectl.planner import Plan

Json = Any
INGRESS = {
    "ingressGateway": "outer",
    "ingressService": "i",
    "localGateway": "local",
    "localGatewayService": "local.istio.svc",
    "knativeLocalGatewayService": "knative.istio.svc",
    "ingressDomain": "example.com",
}
INSIDE = "svc.team.svc.cluster.local"


def routed(
    url: str = "http://svc-engine.team.example.com", name: str = "svc", *, live: Json = None, **given: Json
) -> Plan:
    """The plan of a serverless service behind an Ingress, whose engine Knative serves at that address."""
    settings = parse_settings({"ingress": json.dumps({**INGRESS, **given.pop("ingress", {})})})
    ready = knative(conditions=GOOD, **({"url": url} if url else {}))
    ready["metadata"]["name"] = f"{name}-engine"
    asked = service(name, engine={"minReplicas": 0}, **given)
    return made(asked, live=[ready] if live is None else live, settings=settings)


def spec_of(found: Plan) -> Json:
    return child(found, "VirtualService")["spec"]


def hosts_of(found: Plan) -> Json:
    return spec_of(found)["hosts"]


def test_the_stable_service_leads_to_the_gateway_and_the_gateway_to_knative() -> None:
    found = routed()
    assert child(found, "Service", "svc")["spec"] == {"type": "ExternalName", "externalName": "local.istio.svc"}
    spec = spec_of(found)
    assert spec["hosts"] == [INSIDE, "svc.team.example.com"]
    assert spec["gateways"] == ["local", "mesh", "outer"]
    (http,) = spec["http"]
    assert http["route"] == [{"destination": {"host": "knative.istio.svc", "port": {"number": 8080}}, "weight": 100}]
    assert http["headers"]["request"]["set"] == {
        "Host": "svc-engine.team.svc.cluster.local",
        "OME-Isvc-Namespace": "team",
        "OMe-Isvc-Name": "svc",
    }
    assert (found.status["url"], found.status["address"]) == (
        "http://svc.team.example.com",
        {"url": f"http://{INSIDE}"},
    )
    assert condition(found, "IngressReady")["status"] == "True"
    assert [obj["kind"] for obj in found.objects if obj["kind"] == "Ingress"] == []


@pytest.mark.parametrize(
    ("host", "gateways"),
    [
        (INSIDE, ["local", "mesh"]),
        ("svc.team", ["local", "mesh"]),
        ("svc.team.svc:8080", ["local", "mesh"]),
        ("svc.team.example.com", ["outer"]),
        ("svc.team.example.com:80", ["outer"]),
        ("svc.teamXexample.com", []),
        ("svc.team.example.com.evil", []),
        ("a.svc.team", []),
    ],
)
def test_each_host_is_matched_at_its_gateways_and_no_other_host_is(host: str, gateways: list[str]) -> None:
    (http,) = spec_of(routed())["http"]
    found = [one["gateways"] for one in http["match"] if re.search(one["authority"]["regex"], host)]
    assert found == ([gateways] if gateways else [])


def test_until_knative_has_an_address_only_the_service_s_name_is_there() -> None:
    found = routed("")
    assert [obj for obj in found.objects if obj["kind"] == "VirtualService"] == []
    assert child(found, "Service", "svc")["spec"]["type"] == "ExternalName"
    assert found.status["url"] == f"http://{INSIDE}"


@pytest.mark.parametrize(
    ("name", "url", "public"),
    [
        ("my-engine-x", "http://my-engine-x-engine.team.example.com", "my-engine-x.team.example.com"),
        ("svc", "http://svc-engine.team-default.example.com", "svc.team-default.example.com"),
        ("svc", "http://svc-engine-team.example.com", "svc-team.example.com"),
        ("svc", "http://other.example.com", "other.example.com"),
    ],
)
def test_d_63_the_suffix_is_cut_from_the_first_label_alone(name: str, url: str, public: str) -> None:
    assert hosts_of(routed(url, name))[1] == public


@pytest.mark.parametrize(
    "found",
    [
        routed(metadata={"labels": {"networking.knative.dev/visibility": "cluster-local"}}),
        routed("http://svc-engine.team.svc.cluster.local"),
    ],
)
def test_what_is_for_the_cluster_only_has_no_public_host(found: Plan) -> None:
    spec = spec_of(found)
    assert spec["hosts"] == [INSIDE]
    assert spec["gateways"] == ["local", "mesh"]
    assert len(spec["http"][0]["match"]) == 1


def test_further_domains_get_the_same_host_once() -> None:
    found = routed(ingress={"additionalIngressDomains": ["a.org", "example.com", "a.org"]})
    assert hosts_of(found) == [INSIDE, "svc.team.example.com", "svc.team.a.org"]
    assert hosts_of(routed("http://x.y", ingress={"additionalIngressDomains": ["a.org"]})) == [INSIDE, "x.y"]


def test_a_path_leads_there_too_and_is_the_url() -> None:
    found = routed(ingress={"pathTemplate": "/serving/{{ .Namespace }}/{{ .Name }}"})
    spec = spec_of(found)
    assert spec["hosts"][-1] == "example.com"
    by_path = spec["http"][1]
    assert [one["uri"] for one in by_path["match"]] == [
        {"prefix": "/serving/team/svc/"},
        {"exact": "/serving/team/svc"},
    ]
    assert by_path["rewrite"] == {"uri": "/"}
    assert by_path["route"] == spec["http"][0]["route"]
    assert found.status["url"] == "http://example.com/serving/team/svc"


def test_without_virtual_hosts_knative_s_own_address_is_told() -> None:
    found = routed(ingress={"disableIstioVirtualHost": True})
    assert {obj["kind"] for obj in found.objects} == {"ConfigMap", "Service"}
    assert [obj["metadata"]["name"] for obj in found.objects if obj["kind"] == "Service"] == ["svc-engine"]
    assert found.status["url"] == "http://svc-engine.team.example.com"


def test_a_router_is_the_way_in() -> None:
    router = {"minReplicas": 0, "runner": {"name": "router", "image": "router:1"}}
    ready = knative(conditions=GOOD, url="http://svc-router.team.example.com")
    ready["metadata"]["name"] = "svc-router"
    found = routed(router=router, live=[ready])
    assert hosts_of(found)[1] == "svc.team.example.com"
    headers = spec_of(found)["http"][0]["headers"]["request"]["set"]
    assert headers["Host"] == "svc-router.team.svc.cluster.local"


def test_a_deployment_keeps_its_ingress_until_knative_serves() -> None:
    coming = knative(conditions={"Ready": ("Unknown", "", "")}, url="http://svc-engine.team.example.com")
    found = routed(live=[live_deployment(Available=("True", "", "")), coming])
    (rule,) = child(found, "Ingress")["spec"]["rules"]
    # Knative takes the name of the component's Service long before it serves.
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == "svc"
    assert child(found, "Service", "svc")["spec"]["type"] == "ClusterIP"


def test_d_30_the_route_carries_the_service_s_label_so_that_it_is_pruned() -> None:
    found = child(routed(metadata={"labels": {"team": "x"}}), "VirtualService")
    assert found["metadata"]["labels"] == {"team": "x", "ome.io/inferenceservice": "svc"}


GATEWAY = {"enableGatewayAPI": True, "omeIngressGateway": "infra/gate"}


def test_behind_a_gateway_requests_go_to_knative_s_own_gateway_under_the_host_that_it_knows() -> None:
    found = routed(ingress={**GATEWAY, "pathTemplate": "/serving/{{ .Name }}"})
    assert [obj for obj in found.objects if obj["kind"] == "VirtualService"] == []
    spec = child(found, "HTTPRoute", "svc")["spec"]
    assert spec["hostnames"] == ["svc.team.example.com"]
    (rule,) = spec["rules"]
    assert rule["backendRefs"] == [
        {"group": "", "kind": "Service", "namespace": "istio", "name": "knative", "port": 80, "weight": 1}
    ]
    rewrite = {"type": "URLRewrite", "urlRewrite": {"hostname": "svc-engine.team.svc.cluster.local"}}
    assert rule["filters"][1] == rewrite
    (rule,) = child(found, "HTTPRoute", "svc-path")["spec"]["rules"]
    assert rule["filters"][1]["urlRewrite"] == {
        "hostname": "svc-engine.team.svc.cluster.local",
        "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"},
    }
    assert found.status["url"] == "http://example.com/serving/svc"
    assert found.status["address"] == {"url": "http://svc-engine.team.svc.cluster.local"}


def test_a_gateway_s_route_needs_no_word_of_knative_s() -> None:
    found = routed("", ingress=GATEWAY)
    assert child(found, "HTTPRoute")["spec"]["hostnames"] == ["svc.team.example.com"]
    assert found.status["address"] == {"url": "http://svc-engine.team.svc.cluster.local"}


def test_knative_s_gateway_may_have_another_port() -> None:
    found = routed(ingress={**GATEWAY, "knativeLocalGatewayService": "kourier-internal.kourier.svc:8081"})
    (backend,) = child(found, "HTTPRoute")["spec"]["rules"][0]["backendRefs"]
    assert (backend["namespace"], backend["name"], backend["port"]) == ("kourier", "kourier-internal", 8081)


@pytest.mark.parametrize("host", ["", "alone", ".ns", "a.ns:http"])
def test_knative_s_gateway_has_to_be_a_service(host: str) -> None:
    problem = routed(ingress={**GATEWAY, "knativeLocalGatewayService": host}).problem
    assert problem is not None
    assert problem.field == "ingress.knativeLocalGatewayService of the settings"
