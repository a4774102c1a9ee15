"""Pools of pods behind HTTPRoutes, and who picks among them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.planner.build import child, condition, entry, inputs_for, live_deployment, runtime, service
from tests.unit.planner.test_routing import GATEWAY, GOOD, GOOD_PARENT, INGRESS, live_route, parent

from omectl.api.settings import SettingsError, parse_settings
from omectl.planner import LiveState, Plan, plan

Json = Any
PICKER = {"picker": {"image": "epp:1"}}
ASKED = {"omectl.io/inference-pool": "true"}
VLLM = {"name": "ome-container", "image": "vllm/vllm-openai:v0.11", "ports": [{"containerPort": 30000}]}
SGLANG = {**VLLM, "image": "lmsysorg/sglang:v0.5", "command": ["python3", "-m", "sglang.launch_server"]}
ROUTER = {"runner": {"name": "router", "image": "router:1", "ports": [{"containerPort": 9000}]}}
GROUP = {"leader": {"runner": VLLM}, "worker": {"size": 1, "runner": VLLM}}


def settings_of(ingress: Json, pool: Json) -> Any:
    local = {"knativeLocalGatewayService": "knative-local-gateway.istio-system.svc.cluster.local"}
    data = {"ingress": json.dumps({**INGRESS, **local, **ingress}), "omectl": json.dumps({"inferencePool": pool})}
    return parse_settings(data)


def pooled(
    annotations: Json = ASKED,
    pool: Json = PICKER,
    *,
    runner: Json = VLLM,
    live: Json = (),
    gateway: Json = None,
    ingress: Json = GATEWAY,
    labels: Json = None,
    **asked: Json,
) -> Plan:
    given = service(metadata={"annotations": annotations, "labels": labels or {}}, **asked)
    decoder = {"runner": VLLM} if "decoder" in asked else None
    taken = runtime("r", entry(), engineConfig={"runner": runner}, routerConfig=ROUTER, decoderConfig=decoder)
    inputs = inputs_for(given, taken, live=list(live), settings=settings_of(ingress, pool))
    return plan(replace(inputs, live=LiveState(inputs.live.children, gateway)))


def live_pool(generation: int = 1, *parents: Json) -> Json:
    return {**live_route(generation, *parents), "apiVersion": "inference.networking.k8s.io/v1", "kind": "InferencePool"}


def picker_deployment(status: str = "True") -> Json:
    told = [{"type": "Available", "status": status, "reason": "Told", "message": "told by it"}]
    return {"kind": "Deployment", "metadata": {"name": "svc-epp"}, "status": {"conditions": told}}


def past_the_pool() -> Json:
    backend = {"kind": "Service", "name": "svc-engine", "port": 30000}
    return {**live_route(1, parent(**GOOD_PARENT)), "spec": {"rules": [{"backendRefs": [backend]}]}}


ENGINE = live_deployment(Available=GOOD)
SERVING = (ENGINE, live_route(1, parent(**GOOD_PARENT)), live_pool(1, parent(**GOOD_PARENT)), picker_deployment())


def kinds(found: Plan, name: str) -> list[str]:
    return [obj["kind"] for obj in found.objects if obj["metadata"]["name"] == name]  # type: ignore[index,call-overload,misc]


def backend_of(found: Plan) -> Json:
    (rule,) = child(found, "HTTPRoute")["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    return backend


def test_the_route_leads_to_a_pool_of_the_engine_s_pods_at_their_own_port() -> None:
    found = pooled()
    assert backend_of(found) == {
        "group": "inference.networking.k8s.io",
        "kind": "InferencePool",
        "name": "svc",
        "weight": 1,
    }
    made = child(found, "InferencePool")
    assert made["apiVersion"] == "inference.networking.k8s.io/v1"
    assert made["metadata"] == {
        "name": "svc",
        "namespace": "team",
        "labels": {"ome.io/inferenceservice": "svc"},
    }
    assert made["spec"] == {
        "selector": {"matchLabels": {"ome.io/inferenceservice": "svc", "component": "engine"}},
        "targetPorts": [{"number": 30000}],
        "endpointPickerRef": {
            "group": "",
            "kind": "Service",
            "name": "svc-epp",
            "port": {"number": 9002},
            "failureMode": "FailClose",
        },
    }


def test_d_4_of_groups_the_pool_holds_the_leaders_only() -> None:
    selector = child(pooled(engine=GROUP), "InferencePool")["spec"]["selector"]["matchLabels"]
    assert selector == {
        "ome.io/inferenceservice": "svc",
        "component": "engine",
        "leaderworkerset.sigs.k8s.io/worker-index": "0",
    }


def test_the_picker_that_is_made_may_read_its_pool_and_its_pods_only() -> None:
    found = pooled()
    assert kinds(found, "svc-epp") == ["ServiceAccount", "Role", "RoleBinding", "Deployment", "Service"]
    read = ["get", "list", "watch"]
    assert child(found, "Role", "svc-epp")["rules"] == [
        {
            "apiGroups": ["inference.networking.k8s.io"],
            "resources": ["inferencepools"],
            "resourceNames": ["svc"],
            "verbs": read,
        },
        {
            "apiGroups": ["inference.networking.x-k8s.io"],
            "resources": ["inferenceobjectives", "inferencemodelrewrites"],
            "verbs": read,
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": read},
    ]
    binding = child(found, "RoleBinding", "svc-epp")
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "svc-epp"}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "svc-epp", "namespace": "team"}]


def test_the_picker_s_pod_is_restricted_and_no_pod_of_the_engine() -> None:
    found = pooled(pool={"picker": {"image": "epp:1", "memoryLimit": "1Gi", "args": ["--v=2"]}})
    spec = child(found, "Deployment", "svc-epp")["spec"]
    assert (spec["replicas"], spec["strategy"]["rollingUpdate"]) == (1, {"maxSurge": 1, "maxUnavailable": 0})
    labels = spec["template"]["metadata"]["labels"]
    assert labels == {"app": "svc-epp", "ome.io/inferenceservice": "svc", "component": "endpoint-picker"}
    assert spec["selector"] == {"matchLabels": {"app": "svc-epp"}}
    assert child(found, "Service", "svc-epp")["spec"]["selector"] == {"app": "svc-epp"}
    pod = spec["template"]["spec"]
    assert pod["serviceAccountName"] == "svc-epp"
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    (container,) = pod["containers"]
    assert container["image"] == "epp:1"
    assert container["args"] == ["--pool-name=svc", "--pool-namespace=team", "--v=2"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert container["resources"] == {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    assert [one["name"] for one in container["env"]] == ["NAMESPACE", "POD_NAME"]


def test_by_default_the_picker_traces_nothing_and_asks_nobody_who_reads_its_metrics() -> None:
    (container,) = child(pooled(), "Deployment", "svc-epp")["spec"]["template"]["spec"]["containers"]
    assert container["args"][2:] == ["--tracing=false", "--metrics-endpoint-auth=false"]


def test_the_picker_reads_the_metrics_that_the_engine_has() -> None:
    found = pooled(runner={**SGLANG, "args": ["--enable-metrics"]})
    (container,) = child(found, "Deployment", "svc-epp")["spec"]["template"]["spec"]["containers"]
    assert "--kv-cache-usage-percentage-metric=sglang:token_usage" in container["args"]
    assert not [text for text in found.explanation.warnings if "InferencePool" in text]


@pytest.mark.parametrize(
    ("runner", "text"),
    [(SGLANG, "add --enable-metrics"), ({**VLLM, "image": "own:1"}, "name the engine's own in picker.args")],
)
def test_a_picker_that_would_choose_blindly_is_warned_of(runner: Json, text: str) -> None:
    assert [one for one in pooled(runner=runner).explanation.warnings if text in one]


@pytest.mark.parametrize(
    ("annotations", "pool", "name", "port"),
    [
        ({**ASKED, "omectl.io/endpoint-picker": "mine"}, PICKER, "mine", 9002),
        ({"omectl.io/endpoint-picker": "mine:7000"}, {}, "mine", 7000),
        (ASKED, {"service": "{{ .Name }}-picker:8000"}, "svc-picker", 8000),
        ({}, {"enabled": True, "service": "one"}, "one", 9002),
    ],
)
def test_a_picker_that_is_there_already_is_named_and_not_made(
    annotations: Json, pool: Json, name: str, port: int
) -> None:
    found = pooled(annotations, pool)
    reference = child(found, "InferencePool")["spec"]["endpointPickerRef"]
    assert (reference["name"], reference["port"]) == (name, {"number": port})
    assert kinds(found, "svc-epp") == []


def test_how_a_silent_picker_is_borne_is_a_setting() -> None:
    found = pooled(pool={**PICKER, "failureMode": "FailOpen"})
    assert child(found, "InferencePool")["spec"]["endpointPickerRef"]["failureMode"] == "FailOpen"


def test_a_pool_without_a_picker_is_refused_with_what_to_do() -> None:
    problem = pooled(pool={}).problem
    assert problem is not None
    assert (problem.reason, problem.field) == ("InvalidSpec", "metadata.annotations.omectl.io/inference-pool")
    assert "omectl.io/endpoint-picker" in problem.next_step
    assert "picker.image" in problem.next_step
    problem = pooled({}, {"enabled": True}).problem
    assert problem is not None
    assert problem.field == "omectl.inferencePool of the settings.enabled"


HINDERED: list[tuple[Json, str]] = [
    ({"ingress": {}}, "the route is no HTTPRoute"),
    ({"ingress": {**GATEWAY, "disableIngressCreation": True}}, "no route is made"),
    ({"router": {}}, "found a router"),
    ({"decoder": {}}, "found a decoder"),
    ({"engine": {"minReplicas": 0}}, "found a serverless component"),
    ({"labels": {"networking.knative.dev/visibility": "cluster-local"}}, "for the cluster only"),
]


@pytest.mark.parametrize(("asked", "text"), HINDERED)
def test_a_pool_that_cannot_be_is_refused_when_the_service_asks_for_it(asked: Json, text: str) -> None:
    problem = pooled(**asked).problem
    assert problem is not None
    assert text in problem.message
    assert problem.field == "metadata.annotations.omectl.io/inference-pool"
    assert problem.next_step.endswith(", or remove it")


@pytest.mark.parametrize("asked", [one for one, _ in HINDERED])
def test_the_setting_alone_leaves_services_as_they_are_that_cannot_have_a_pool(asked: Json) -> None:
    found = pooled({}, {**PICKER, "enabled": True}, **asked)
    assert found.problem is None
    assert [obj for obj in found.objects if obj["kind"] == "InferencePool"] == []


def test_a_service_may_keep_out_of_the_pools() -> None:
    found = pooled({"omectl.io/inference-pool": "false"}, {**PICKER, "enabled": True})
    assert backend_of(found)["kind"] == "Service"


@pytest.mark.parametrize(
    "annotations",
    [
        {"omectl.io/inference-pool": "yes"},
        {"omectl.io/endpoint-picker": "a b"},
        {"omectl.io/endpoint-picker": "mine:"},
        {"omectl.io/endpoint-picker": "mine:0"},
        {"omectl.io/endpoint-picker": "mine:65536"},
        {"omectl.io/endpoint-picker": ":1"},
    ],
)
def test_an_annotation_of_a_pool_that_has_no_meaning_is_refused_by_its_name(annotations: Json) -> None:
    problem = pooled(annotations).problem
    assert problem is not None
    assert problem.field == f"metadata.annotations.{next(iter(annotations))}"


@pytest.mark.parametrize(
    ("pool", "field"),
    [
        ({"service": "a", **PICKER}, "inferencePool.picker"),
        ({"picker": {"image": ""}}, "inferencePool.picker.image"),
        ({"picker": {"image": "a", "memoryLimit": "much"}}, "inferencePool.picker.memoryLimit"),
        ({"failureMode": "Maybe"}, "inferencePool.failureMode"),
        ({"enable": True}, "inferencePool.enable"),
    ],
)
def test_settings_of_pools_that_cannot_be_used_name_the_field(pool: Json, field: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings_of({}, pool)
    assert (raised.value.key, raised.value.field) == ("omectl", field)


@pytest.mark.parametrize(
    ("live", "status", "reason"),
    [
        (SERVING, "True", None),
        ((*SERVING[:3],), "Unknown", "EndpointPickerNotReady"),
        ((*SERVING[:3], picker_deployment("False")), "False", "EndpointPickerNotReady"),
        ((*SERVING[:2], SERVING[3]), "Unknown", "InferencePoolMissing"),
        ((*SERVING[:2], live_pool(), SERVING[3]), "Unknown", "ParentStatusNotAvailable"),
        ((*SERVING[:2], live_pool(2, parent(**GOOD_PARENT)), SERVING[3]), "Unknown", "InferencePoolNotReady"),
        (
            (*SERVING[:2], live_pool(1, parent(Accepted="True", ResolvedRefs="False")), SERVING[3]),
            "False",
            "WhyResolvedRefs",
        ),
    ],
)
def test_a_pool_is_ready_by_its_gateway_s_word_and_its_picker_s_deployment(
    live: Json, status: str, reason: Json
) -> None:
    told = condition(pooled(live=live), "IngressReady")
    assert (told["status"], told.get("reason")) == (status, reason)


def test_what_is_wrong_with_the_picker_s_pod_is_told() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "back-off: ErrImagePull: no such image"}
    pod = {
        "kind": "Pod",
        "metadata": {"name": "svc-epp-1", "namespace": "team", "labels": {"component": "endpoint-picker"}},
        "status": {"containerStatuses": [{"name": "epp", "image": "epp:1", "state": {"waiting": waiting}}]},
    }
    told = condition(pooled(live=(*SERVING[:3], picker_deployment("False"), pod)), "IngressReady")
    assert (told["status"], told["reason"]) == ("False", "EndpointPickerNotReady")
    assert "no such image" in told["message"]
    assert condition(pooled(live=(ENGINE, pod)), "EngineReady")["status"] == "True"


@pytest.mark.parametrize(
    "live",
    [
        (ENGINE, past_the_pool()),
        (ENGINE, past_the_pool(), live_pool()),
        (ENGINE, past_the_pool(), picker_deployment()),
        (ENGINE, past_the_pool(), live_pool(), picker_deployment("False")),
    ],
)
def test_requests_go_past_a_pool_until_it_can_serve(live: Json) -> None:
    found = pooled(live=live)
    assert backend_of(found)["kind"] == "Service"
    assert child(found, "InferencePool")
    told = condition(found, "IngressReady")
    assert (told["status"], told["reason"]) == ("True", "InferencePoolPending")
    assert condition(found, "Ready")["status"] == "True"


def test_requests_go_to_a_pool_that_can_serve_and_stay_there() -> None:
    ready = (ENGINE, past_the_pool(), live_pool(), picker_deployment())
    assert backend_of(pooled(live=ready))["kind"] == "InferencePool"
    own = {"omectl.io/endpoint-picker": "mine"}
    assert backend_of(pooled(own, live=(ENGINE, past_the_pool(), live_pool())))["kind"] == "InferencePool"
    there = {**past_the_pool(), "spec": {"rules": [{"backendRefs": [{"kind": "InferencePool"}]}]}}
    assert backend_of(pooled(live=(ENGINE, there, picker_deployment("False"))))["kind"] == "InferencePool"
