"""How services are reached from outside the cluster, other than through Istio."""

import json
from typing import Any

import pytest
from tests.unit.planner.build import child, condition, entry, live_deployment, made, runtime, service

from omectl.api.settings import SettingsError, parse_settings
from omectl.planner import Plan

Json = Any
BAD = ("False", "MinimumReplicasUnavailable", "")
GOOD = ("True", "MinimumReplicasAvailable", "")
INGRESS = {"ingressGateway": "outer", "ingressService": "i", "ingressDomain": "example.com"}
GATEWAY = {"enableGatewayAPI": True, "omeIngressGateway": "infra/gate"}
ROUTER = {"runner": {"name": "router", "image": "router:1", "ports": [{"containerPort": 9000}]}}


def settings_of(**ingress: Json) -> Any:
    return parse_settings({"ingress": json.dumps({**INGRESS, **ingress})})


def routed(
    annotations: Json = None, *, live: Json = None, labels: Json = None, asked: Json = None, **ingress: Json
) -> Plan:
    given = service(metadata={"annotations": annotations or {}, "labels": labels or {}}, **(asked or {}))
    return made(given, runtime("r", entry(), routerConfig=ROUTER), live=live, settings=settings_of(**ingress))


def named(found: Plan, kind: str) -> list[str]:
    return [obj["metadata"]["name"] for obj in found.objects if obj["kind"] == kind]


def live_route(generation: int = 1, *parents: Json) -> Json:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "svc", "namespace": "team", "generation": generation},
        "status": {"parents": list(parents)},
    }


def parent(name: str = "gate", namespace: str = "infra", *, seen: int = 1, **conditions: str) -> Json:
    told = [
        {"type": kind, "status": status, "observedGeneration": seen, "reason": f"Why{kind}", "message": f"of {kind}"}
        for kind, status in conditions.items()
    ]
    return {"parentRef": {"name": name, "namespace": namespace}, "controllerName": "x/y", "conditions": told}


def test_d_3_and_d_7_an_http_route_leads_to_the_port_of_the_service_that_there_is() -> None:
    found = routed(**GATEWAY)
    spec = child(found, "HTTPRoute")["spec"]
    assert named(found, "HTTPRoute") == ["svc"]
    assert named(found, "Ingress") == []
    assert spec["parentRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "infra", "name": "gate"}
    ]
    assert spec["hostnames"] == ["svc.team.example.com"]
    (rule,) = spec["rules"]
    assert rule["backendRefs"] == [{"group": "", "kind": "Service", "name": "svc-engine", "port": 8080, "weight": 1}]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert "timeouts" not in rule
    assert found.status["url"] == "http://svc.team.example.com"
    assert found.status["address"] == {"url": "http://svc.team.svc.cluster.local:8080"}


def test_d_23_each_component_has_a_route_of_its_own_and_the_service_s_leads_to_the_router() -> None:
    found = routed(**GATEWAY, asked={"router": {"timeoutSeconds": 90}})
    assert named(found, "HTTPRoute") == ["svc", "svc-router", "svc-engine"]
    by_name = {obj["metadata"]["name"]: obj["spec"] for obj in found.objects if obj["kind"] == "HTTPRoute"}  # type: ignore[index]
    backends = {name: spec["rules"][0]["backendRefs"][0]["name"] for name, spec in by_name.items()}  # type: ignore[index]
    assert backends == {"svc": "svc-router", "svc-router": "svc-router", "svc-engine": "svc-engine"}
    assert by_name["svc"]["rules"][0]["timeouts"] == {"request": "90s"}  # type: ignore[index,call-overload]


def test_a_path_has_a_route_of_its_own_that_takes_it_off() -> None:
    found = routed(**GATEWAY, pathTemplate="/serving/{{ .Namespace }}/{{ .Name }}")
    assert named(found, "HTTPRoute") == ["svc", "svc-path"]
    assert child(found, "HTTPRoute", "svc")["spec"]["hostnames"] == ["svc.team.example.com"]
    spec = child(found, "HTTPRoute", "svc-path")["spec"]
    assert spec["hostnames"] == ["example.com"]
    (rule,) = spec["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/serving/team/svc"}}]
    assert rule["filters"][1]["urlRewrite"] == {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    assert found.status["url"] == "http://example.com/serving/team/svc"


GOOD_PARENT = {"Accepted": "True", "ResolvedRefs": "True"}


@pytest.mark.parametrize(
    ("live", "status", "reason"),
    [
        ([], "Unknown", "HTTPRouteMissing"),
        ([live_route()], "Unknown", "ParentStatusNotAvailable"),
        ([live_route(1, parent("other", **GOOD_PARENT))], "Unknown", "ParentStatusNotAvailable"),
        ([live_route(1, parent(**GOOD_PARENT))], "True", None),
        ([live_route(2, parent(**GOOD_PARENT))], "Unknown", "HTTPRouteNotReady"),
        ([live_route(1, parent(Accepted="True"))], "Unknown", "HTTPRouteNotReady"),
        ([live_route(1, parent(Accepted="False", ResolvedRefs="True"))], "False", "WhyAccepted"),
        ([live_route(1, parent(Accepted="True", ResolvedRefs="False"))], "False", "WhyResolvedRefs"),
        ([live_route(2, parent(Accepted="False"))], "Unknown", "HTTPRouteNotReady"),
    ],
)
def test_d_3_the_route_is_ready_by_the_word_of_the_gateway_s_controller(live: Json, status: str, reason: Json) -> None:
    found = routed(**GATEWAY, live=[live_deployment(Available=GOOD), *live])
    told = condition(found, "IngressReady")
    assert (told["status"], told.get("reason")) == (status, reason)
    assert condition(found, "Ready")["status"] == status


def test_a_route_waits_for_its_component() -> None:
    found = routed(**GATEWAY, live=[live_route(1, parent(**GOOD_PARENT))])
    assert condition(found, "IngressReady")["reason"] == "ComponentNotReady"


def test_an_ingress_has_the_class_tls_and_further_domains_of_the_service() -> None:
    annotations = {
        "ome.io/ingress-class-name": "own",
        "ome.io/ingress-tls-secret": "cert",
        "ome.io/ingress-additional-domains": "a.org, b.org",
    }
    found = routed(annotations, ingressClassName="nginx")
    spec = child(found, "Ingress")["spec"]
    hosts = ["svc.team.example.com", "svc.team.a.org", "svc.team.b.org"]
    assert spec["ingressClassName"] == "own"
    assert [rule["host"] for rule in spec["rules"]] == hosts
    assert spec["tls"] == [{"hosts": hosts, "secretName": "cert"}]
    assert found.status["url"] == "https://svc.team.example.com"


def test_d_16_a_service_for_the_cluster_only_has_its_component_s_address() -> None:
    found = routed(labels={"networking.knative.dev/visibility": "cluster-local"}, **GATEWAY)
    assert named(found, "HTTPRoute") == []
    assert found.status["address"] == {"url": "http://svc-engine.team.svc.cluster.local:8080"}


@pytest.mark.parametrize(
    "annotations",
    [
        {"ome.io/ingress-url-scheme": "ftp"},
        {"ome.io/ingress-additional-domains": "A_b"},
        {"ome.io/ingress-path-template": "/"},
        {"ome.io/ingress-path-template": "/a b"},
        {"ome.io/ingress-domain-template": "{{.Name}}.Äx.org"},
    ],
)
def test_an_annotation_that_gives_no_address_is_refused(annotations: Json) -> None:
    problem = routed(annotations, **GATEWAY).problem
    assert problem is not None
    assert next(iter(annotations)) in str(problem)


NGINX = {
    "suffix": "(/|$)(.*)",
    "annotations": {"nginx.ingress.kubernetes.io/rewrite-target": "/$2", "example.org/of": "{{ .Path }} {{ .Name }}"},
}


def with_path(rewrite: Json = None, template: str = "/serving/{{ .Name }}", **ingress: Json) -> Plan:
    data = {"ingress": json.dumps({**INGRESS, "pathTemplate": template, **ingress})}
    if rewrite is not None:
        data["omectl"] = json.dumps({"ingressRewrite": rewrite})
    given = service(metadata={"annotations": {"own": "kept"}})
    return made(given, runtime("r", entry()), settings=parse_settings(data))


def test_a_path_at_an_ingress_is_refused_by_its_field_while_nobody_takes_it_off() -> None:
    problem = with_path().problem
    assert problem is not None
    assert (problem.reason, problem.field) == ("InvalidSpec", "ingress.pathTemplate (settings or annotation)")
    assert "omectl.ingressRewrite" in problem.message


def test_a_path_has_an_ingress_of_its_own_that_says_how_it_is_taken_off() -> None:
    found = with_path(NGINX, tlsSecretName="cert", ingressClassName="nginx")
    assert named(found, "Ingress") == ["svc", "svc-path"]
    made_for_path = child(found, "Ingress", "svc-path")
    assert made_for_path["metadata"]["annotations"] == {
        "own": "kept",
        "nginx.ingress.kubernetes.io/rewrite-target": "/$2",
        "example.org/of": "/serving/svc svc",
    }
    spec = made_for_path["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["example.com"], "secretName": "cert"}]
    (rule,) = spec["rules"]
    assert rule["host"] == "example.com"
    backend = {"service": {"name": "svc-engine", "port": {"number": 8080}}}
    assert rule["http"]["paths"] == [
        {"path": "/serving/svc(/|$)(.*)", "pathType": "ImplementationSpecific", "backend": backend}
    ]
    by_host = child(found, "Ingress", "svc")
    assert by_host["metadata"]["annotations"] == {"own": "kept"}
    assert by_host["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/"
    assert found.status["url"] == "https://example.com/serving/svc"


def test_a_controller_that_reads_annotations_alone_gets_a_plain_path() -> None:
    found = with_path({"annotations": {"haproxy-ingress.github.io/rewrite-target": "/"}})
    (rule,) = child(found, "Ingress", "svc-path")["spec"]["rules"]
    (way,) = rule["http"]["paths"]
    assert (way["path"], way["pathType"]) == ("/serving/svc", "Prefix")


@pytest.mark.parametrize("rewrite", [{}, {"annotations": {}}, {"annotations": {"a": "b"}, "prefix": "x"}])
def test_a_rewrite_that_says_nothing_is_refused(rewrite: Json) -> None:
    with pytest.raises(SettingsError) as raised:
        with_path(rewrite)
    assert raised.value.field.startswith("ingressRewrite")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("omeIngressGateway", "gate"),
        ("ingressDomain", "no domain"),
        ("urlScheme", "ftp"),
        ("enableGatewayAPI", True),
    ],
)
def test_settings_of_the_route_that_cannot_be_used_name_the_field(field: str, value: Json) -> None:
    with pytest.raises(SettingsError) as raised:
        settings_of(**{field: value})
    assert (raised.value.key, raised.value.field) == ("ingress", field)


def live_front(component: str) -> Json:
    """The service's own Service as it leads requests now."""
    selector = {"component": component}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "svc", "namespace": "team"},
        "spec": {"selector": selector, "ports": [{"port": 8080}]},
    }


@pytest.mark.parametrize(
    ("live", "component"),
    [
        ([], "router"),
        ([live_front("engine")], "engine"),
        ([live_front("predictor")], "engine"),
        ([live_front("engine"), live_deployment("router", Available=BAD)], "engine"),
        ([live_front("engine"), live_deployment("router", Available=GOOD)], "router"),
        ([live_front("router"), live_deployment("router", Available=BAD)], "router"),
        ([live_front("decoder")], "router"),
    ],
)
def test_d_13_a_router_that_comes_takes_the_requests_once_it_serves(live: list[Json], component: str) -> None:
    found = routed(live=live, asked={"router": {}}, disableIngressCreation=False)
    assert child(found, "Service", "svc")["spec"]["selector"]["component"] == component
    (rule,) = [one for one in child(found, "Ingress")["spec"]["rules"] if one["host"] == "svc.team.example.com"]
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == f"svc-{component}"
