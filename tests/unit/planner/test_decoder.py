"""Engine and decoder apart: the components, what each is made from, and how the router finds their pods."""

import json
from typing import Any

import pytest
from tests.unit.planner.build import (
    NAMESPACE,
    RUNNER,
    accelerator,
    child,
    condition,
    container_of,
    entry,
    live_deployment,
    live_pod,
    made,
    model,
    pod_of,
    runtime,
    service,
    values,
)

from omectl.api.labels import CHOSEN_MODE
from omectl.api.settings import parse_settings
from omectl.planner import Plan

Json = Any
GPU = {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}}
PREFILL = {**RUNNER, "image": "prefill:1", "resources": GPU}
DECODE = {**RUNNER, "image": "decode:1", "resources": GPU}
ROUTER = {
    "name": "router",
    "image": "router:1",
    "ports": [{"containerPort": 8080}],
    "command": [
        "launch_router",
        "--service-discovery",
        "--service-discovery-port",
        "8080",
        "--prefill-selector",
        "component=engine ome.io/inferenceservice=$(NAME)",
        "--decode-selector",
        "component=decoder ome.io/inferenceservice=$(NAME)",
    ],
    "env": [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['ome.io/inferenceservice']"}}}],
}
MODE = "ome.io/deploymentMode"


def pair(router: Json = None, **changes: Json) -> Any:
    """A runtime with a prefilling engine, a decoder and a router; it may be chosen."""
    fields = {"engineConfig": {"runner": PREFILL}, "decoderConfig": {"runner": DECODE}, **changes}
    return runtime("r", entry(), routerConfig={"runner": router or ROUTER}, **fields)


def both(decoder: Json = None, taken: Any = None, **spec: Json) -> Plan:
    """The plan of a service with all three."""
    inputs = spec.pop("inputs", {})
    asked = service(**{"decoder": decoder or {}, "router": {}, **spec})
    return made(asked, taken or pair(), **inputs)


def test_engine_decoder_and_router_each_get_their_objects_in_that_order() -> None:
    found = both()
    assert found.problem is None
    assert [obj["metadata"]["name"] for obj in found.objects if obj["kind"] == "Deployment"] == [
        "svc-engine",
        "svc-decoder",
        "svc-router",
    ]
    for kind in ("Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"):
        child(found, kind, "svc-decoder")
    assert container_of(found, "decoder")["image"] == "decode:1"
    assert values(container_of(found, "decoder"))["MODEL_PATH"] == "/raid/models/m"
    assert values(container_of(found, "decoder"))["PARALLELISM_SIZE"] == "1"
    assert pod_of(found, "decoder")["nodeSelector"] == {"models.ome.io/clusterbasemodel.m": "Ready"}
    assert "nodeSelector" not in pod_of(found, "router")
    assert found.explanation.warnings == ()


def test_d_24_the_mode_of_the_service_is_recorded_and_objects_carry_that_of_their_component() -> None:
    annotated = both(metadata={"annotations": {MODE: "PDDisaggregated"}})
    for found in (both(), annotated):
        assert found.explanation.mode == "PDDisaggregated"
        assert found.status["annotations"][CHOSEN_MODE] == "PDDisaggregated"
        for part in ("engine", "decoder", "router"):
            metadata = child(found, "Deployment", f"svc-{part}")["metadata"]
            assert metadata["annotations"][MODE] == "RawDeployment"


def test_the_decoder_s_pods_carry_the_labels_by_which_routers_find_them() -> None:
    template = child(both(), "Deployment", "svc-decoder")["spec"]["template"]["metadata"]["labels"]
    assert (template["component"], template["ome.io/inferenceservice"]) == ("decoder", "svc")
    assert child(both(), "Service", "svc-decoder")["spec"]["selector"] == {"app": "svc-decoder"}


def test_the_service_s_decoder_lies_over_the_runtime_s() -> None:
    found = both(
        {"minReplicas": 2, "maxReplicas": 7, "labels": {"a": "b"}, "runner": {"name": "ome-container", "args": ["--y"]}}
    )
    deployment = child(found, "Deployment", "svc-decoder")
    assert deployment["spec"]["template"]["metadata"]["labels"]["a"] == "b"
    assert container_of(found, "decoder")["args"] == ["--y"]
    scaler = child(found, "HorizontalPodAutoscaler", "svc-decoder")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 7)
    assert "a" not in child(found, "Deployment", "svc-engine")["metadata"]["labels"]


def test_each_component_has_its_own_accelerator_class() -> None:
    listed = {"acceleratorClasses": ["fast", "cheap"]}
    found = both(
        {"acceleratorOverride": {"acceleratorClass": "cheap"}},
        pair(acceleratorRequirements=listed),
        engine={"acceleratorOverride": {"acceleratorClass": "fast"}},
        inputs={"accelerator_classes": (accelerator("fast"), accelerator("cheap"))},
    )
    assert [(one.component, one.class_name) for one in found.explanation.accelerators] == [
        ("engine", "fast"),
        ("decoder", "cheap"),
    ]
    assert pod_of(found, "engine")["nodeSelector"]["gpu"] == "fast"
    assert pod_of(found, "decoder")["nodeSelector"]["gpu"] == "cheap"
    told = found.status["selection"]["accelerators"]
    assert {name: one["class"] if "class" in one else one["acceleratorClass"] for name, one in told.items()} == {
        "decoder": "cheap",
        "engine": "fast",
    }


def test_a_decoder_that_names_a_class_which_is_not_there_is_refused() -> None:
    found = both({"acceleratorOverride": {"acceleratorClass": "none"}}, pair(acceleratorRequirements=None))
    assert found.problem is not None
    assert "none" in found.problem.message


def test_a_service_without_an_engine_takes_every_component_of_the_runtime_that_it_names() -> None:
    named = service(engine=None, runtime={"name": "r"})
    assert [one.component for one in made(named, pair()).explanation.scales] == ["engine", "decoder", "router"]
    assert [one for one in made(named, pair()).explanation.warnings if "prefills" in one] == []
    own = made(service(runtime={"name": "r"}), pair())
    assert [one.component for one in own.explanation.scales] == ["engine"]
    assert any("the runtime's engine only prefills" in one for one in own.explanation.warnings)


def test_a_service_without_an_engine_is_not_given_a_runtime_for_two_unasked() -> None:
    alone = runtime("alone", entry())
    found = made(service(engine=None), pair(), alone)
    assert found.explanation.runtime == "alone"
    assert made(service(engine=None), pair()).problem is not None


def test_a_service_that_writes_a_router_alone_gets_the_runtime_s_engine_and_decoder() -> None:
    found = made(service(engine=None, runtime={"name": "r"}, router={"minReplicas": 2}), pair())
    assert [one.component for one in found.explanation.scales] == ["engine", "decoder", "router"]
    assert child(found, "HorizontalPodAutoscaler", "svc-router")["spec"]["minReplicas"] == 2


def test_a_decoder_without_a_container_names_what_is_missing() -> None:
    found = both(taken=pair(decoderConfig={}))
    assert found.problem is not None
    assert found.problem.field == "spec.decoder.runner"
    without = made(service(decoder={}, runtime={"name": "r"}), runtime("r", entry()))
    assert without.problem is not None
    assert "decoderConfig" in without.problem.message


def test_neither_engine_nor_decoder_is_serverless_but_a_router_may_be() -> None:
    found = both({"minReplicas": 0}, engine={"minReplicas": 0}, router={"minReplicas": 0})
    kinds = {obj["metadata"]["name"]: obj["apiVersion"] for obj in found.objects if "template" in obj.get("spec", {})}
    assert kinds == {
        "svc-engine": "apps/v1",
        "svc-decoder": "apps/v1",
        "svc-router": "serving.knative.dev/v1",
    }
    assert child(found, "HorizontalPodAutoscaler", "svc-decoder")["spec"]["minReplicas"] == 1


def test_an_engine_that_ran_beside_a_decoder_stays_what_it_is_when_that_goes() -> None:
    """A changed default of the settings moves no engine that runs."""
    settings = parse_settings({"deploy": json.dumps({"defaultDeploymentMode": "Serverless"})})
    was = {"annotations": {CHOSEN_MODE: "PDDisaggregated"}}
    assert made(service(status=was), settings=settings).explanation.mode == "RawDeployment"
    assert made(service(), settings=settings).explanation.mode == "Serverless"


def test_requests_go_to_the_router_and_without_one_to_the_engine_with_a_warning() -> None:
    found = both()
    assert child(found, "Service", "svc")["spec"]["selector"]["component"] == "router"
    assert found.status["address"]["url"] == f"http://svc.{NAMESPACE}.svc.cluster.local:8080"
    alone = both(router=None)
    assert child(alone, "Service", "svc")["spec"]["selector"]["component"] == "engine"
    assert alone.explanation.warnings == (
        "a decoder without a router: requests go to the engine, which only prefills; add spec.router",
    )


def test_the_router_may_watch_pods_and_reads_its_service_s_name_from_its_own_label() -> None:
    found = both()
    assert pod_of(found, "router")["serviceAccountName"] == "svc-router"
    (rule,) = child(found, "Role", "svc-router")["rules"]
    assert rule == {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    binding = child(found, "RoleBinding", "svc-router")
    assert binding["roleRef"]["name"] == binding["subjects"][0]["name"] == "svc-router"
    order = [obj["kind"] for obj in found.objects]
    assert order.index("ServiceAccount") < order.index("RoleBinding")
    labels = child(found, "Deployment", "svc-router")["spec"]["template"]["metadata"]["labels"]
    assert labels["ome.io/inferenceservice"] == "svc"


def test_d_39_a_service_account_that_the_user_names_stays() -> None:
    found = both(router={"serviceAccountName": "mine"})
    assert pod_of(found, "router")["serviceAccountName"] == "mine"
    assert not [obj for obj in found.objects if obj["kind"] in ("Role", "RoleBinding", "ServiceAccount")]


def test_d_9_a_router_s_configuration_is_the_same_each_time() -> None:
    config = {name: name for name in "edcba"}
    rendered = {repr(container_of(both(router={"config": config}), "router")["env"]) for _ in range(100)}
    assert len(rendered) == 1
    assert [one["name"] for one in container_of(both(router={"config": config}), "router")["env"]][1:] == list("abcde")


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        (
            "--prefill-selector",
            "component=engine leaderworkerset.sigs.k8s.io/worker-index=0",
            (
                "router: --prefill-selector wants leaderworkerset.sigs.k8s.io/worker-index=0; "
                "the pods of the engine have no such label"
            ),
        ),
        (
            "--decode-selector",
            "component=engine",
            "router: --decode-selector wants component=engine; there it is decoder",
        ),
        (
            "--service-discovery-port",
            "30000",
            "router: --service-discovery-port is 30000, and the engine listens on 8080",
        ),
    ],
)
def test_a_router_that_cannot_find_the_pods_is_warned_of(flag: str, value: str, told: str) -> None:
    command = list(ROUTER["command"])
    command[command.index(flag) + 1] = value
    found = both(taken=pair({**ROUTER, "command": command}))
    assert found.problem is None
    assert told in found.explanation.warnings


def test_the_decoder_s_status_tells_of_its_workload_and_holds_the_service_back() -> None:
    """D55: each component tells of itself, and its failure reaches `Ready`."""
    fine = ("True", "MinimumReplicasAvailable", "fine")
    bad = ("False", "MinimumReplicasUnavailable", "no pods")
    live = [live_deployment("engine", Available=fine), live_deployment("router", Available=fine)]
    missing = both(inputs={"live": live})
    assert condition(missing, "DecoderReady")["status"] == "Unknown"
    assert condition(missing, "Ready")["status"] == "Unknown"
    down = both(inputs={"live": [*live, live_deployment("decoder", Available=bad)]})
    assert condition(down, "DecoderReady")["reason"] == "MinimumReplicasUnavailable"
    assert condition(down, "Ready")["status"] == "False"
    up = both(inputs={"live": [*live, live_deployment("decoder", Available=fine)]})
    assert [condition(up, kind)["status"] for kind in ("EngineReady", "DecoderReady", "RouterReady", "Ready")] == [
        "True"
    ] * 4
    assert set(up.status["components"]) == {"engine", "decoder", "router"}


def test_what_a_runtime_brought_is_told_of_while_nothing_can_be_planned() -> None:
    fine = ("True", "MinimumReplicasAvailable", "fine")
    live = [live_deployment(name, Available=fine) for name in ("engine", "decoder")]
    found = made(service(engine=None, runtime={"name": "gone"}), live=live)
    assert found.problem is not None
    assert condition(found, "DecoderReady")["status"] == "True"
    assert condition(found, "RouterReady") is None
    assert condition(made(service(runtime={"name": "gone"})), "DecoderReady") is None


def test_a_decoder_that_waits_for_a_node_with_the_model_says_so() -> None:
    stuck = {"type": "PodScheduled", "status": "False", "message": "no node"}
    live = [live_deployment("decoder"), live_pod("p", "decoder", conditions=[stuck])]
    found = both(inputs={"live": live, "model": model(status={"state": "In_Transit"})})
    assert condition(found, "DecoderReady")["reason"] == "WaitingForModel"


def test_the_decoder_follows_the_engine_in_proportion() -> None:
    policy = {"mode": "Proportional", "proportional": {"anchor": "engine", "ratios": {"decoder": 2}}}
    found = both(engine={"minReplicas": 3, "maxReplicas": 5}, scalingPolicy=policy)
    assert found.problem is None
    assert child(found, "Deployment", "svc-decoder")["spec"]["replicas"] == 6
    assert not [obj for obj in found.objects if obj["kind"] == "HorizontalPodAutoscaler" and "decoder" in str(obj)]


def test_the_provenance_of_the_decoder_s_pod_tells_of_service_and_runtime() -> None:
    found = both({"runner": {"name": "ome-container", "env": [{"name": "A", "value": "b"}]}})
    told = next(one for key, one in found.provenance.items() if "decoder" in str(key))
    authors = {path: str(origin.author) for path, origin in told.origins.items()}
    assert any(path.endswith(".image") and author == "runtime" for path, author in authors.items())
    assert any(".env" in path and author == "service" for path, author in authors.items())


INDEX = "leaderworkerset.sigs.k8s.io/worker-index"


def groups(runner: Json) -> Json:
    return {"leader": {"runner": runner}, "worker": {"size": 1, "runner": runner}}


def test_d_4_groups_that_prefill_and_groups_that_decode_have_services_of_their_own_leaders_alone() -> None:
    flags = [f"{one} {INDEX}=0" if one.startswith("component=") else one for one in ROUTER["command"]]
    taken = pair({**ROUTER, "command": flags}, engineConfig=groups(PREFILL), decoderConfig=groups(DECODE))
    found = both(taken=taken)
    assert found.problem is None
    assert found.explanation.warnings == ()
    assert found.explanation.mode == "PDDisaggregated"
    for part, image in (("engine", "prefill:1"), ("decoder", "decode:1")):
        group = child(found, "LeaderWorkerSet", f"lws-svc-{part}")["spec"]["leaderWorkerTemplate"]
        assert group["size"] == 2
        for role in ("leaderTemplate", "workerTemplate"):
            assert group[role]["spec"]["containers"][0]["image"] == image
            assert group[role]["metadata"]["labels"]["component"] == part
        selector = child(found, "Service", f"svc-{part}")["spec"]["selector"]
        assert (selector["component"], selector["ome.io/inferenceservice"], selector[INDEX]) == (part, "svc", "0")
    assert child(found, "Deployment", "svc-router")
    assert child(found, "Service", "svc")["spec"]["selector"]["component"] == "router"


def test_an_engine_on_one_node_may_have_a_decoder_on_several() -> None:
    found = both(taken=pair(decoderConfig=groups(DECODE)))
    assert found.problem is None
    kinds = {obj["kind"] for obj in found.objects if "decoder" in obj["metadata"]["name"]}
    assert "LeaderWorkerSet" in kinds
    assert "Deployment" not in kinds
    (warning,) = found.explanation.warnings
    assert warning == f"router: --decode-selector finds all pods of the decoder; only those with {INDEX}=0 serve"
