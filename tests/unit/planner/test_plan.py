"""The plan as a whole: its objects and its refusals."""

from typing import Any

import msgspec
import pytest
from tests.unit.planner.build import (
    NAMESPACE,
    RUNNER,
    child,
    container_of,
    entry,
    live_deployment,
    made,
    model,
    pod_of,
    runtime,
    service,
    values,
)

from omectl.api.inference_service import InferenceService
from omectl.api.settings import parse_settings
from omectl.planner import Plan

Json = Any
ROUTER = {"runner": {"name": "router", "image": "router:1", "ports": [{"name": "http", "containerPort": 9000}]}}


def with_router(**parts: Json) -> Plan:
    return made(service(router={}, **parts), runtime("r", entry(), routerConfig=ROUTER))


def test_an_engine_gets_its_objects_in_the_order_of_application() -> None:
    found = made()
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in found.objects] == [
        ("ConfigMap", "modelconfig-svc"),
        ("Deployment", "svc-engine"),
        ("Service", "svc-engine"),
        ("HorizontalPodAutoscaler", "svc-engine"),
        ("PodDisruptionBudget", "svc-engine"),
        ("Service", "svc"),
    ]
    assert {obj["metadata"]["namespace"] for obj in found.objects} == {NAMESPACE}


def test_a_router_may_watch_the_pods_and_takes_the_services_address() -> None:
    found = with_router()
    account = pod_of(found, "router")["serviceAccountName"]
    assert (
        child(found, "RoleBinding")["subjects"][0]["name"]
        == account
        == child(found, "ServiceAccount")["metadata"]["name"]
    )
    assert child(found, "Role")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    ]
    stable = child(found, "Service", "svc")["spec"]
    assert stable["selector"] == {"ome.io/inferenceservice": "svc", "component": "router"}
    assert stable["ports"] == [{"name": "http", "port": 9000, "protocol": "TCP", "targetPort": 9000}]
    assert found.status["url"] == "http://svc.team.svc.cluster.local:9000"


@pytest.mark.parametrize("path", ["/etc", "/raid/models", "/raid/models/../x", "/raid/modelsx/m", "raid/models/m"])
def test_a_model_outside_the_models_root_is_never_mounted(path: str) -> None:
    found = made(model=model(storage={"storageUri": "hf://org/m", "path": path}))
    assert found.objects == ()
    assert found.problem is not None
    assert f"{path} lies outside the models root /raid/models" in found.problem.message


def test_a_routers_own_service_account_is_used() -> None:
    found = made(service(router={"serviceAccountName": "mine"}), runtime("r", entry(), routerConfig=ROUTER))
    assert pod_of(found, "router")["serviceAccountName"] == "mine"
    assert not {"Role", "RoleBinding", "ServiceAccount"} & {obj["kind"] for obj in found.objects}


def test_a_routers_configuration_is_sorted_and_replaces_variables_of_the_same_name() -> None:
    runner = {**ROUTER["runner"], "env": [{"name": "B", "value": "old"}, {"name": "X", "value": "x"}]}
    asked = service(router={"config": {"C": "3", "B": "2", "A": "1"}})
    found = made(asked, runtime("r", entry(), routerConfig={"runner": runner}))
    env = container_of(found, "router")["env"]
    assert [(one["name"], one["value"]) for one in env] == [("X", "x"), ("A", "1"), ("B", "2"), ("C", "3")]


def test_the_model_is_mounted_and_pods_wait_for_a_node_that_has_it() -> None:
    pod = pod_of(made())
    assert pod["nodeSelector"] == {"models.ome.io/clusterbasemodel.m": "Ready"}
    assert pod["volumes"] == [{"name": "m", "hostPath": {"path": "/raid/models/m", "type": "Directory"}}]
    container = pod["containers"][0]
    assert container["volumeMounts"] == [{"name": "m", "mountPath": "/raid/models/m", "readOnly": True}]
    assert values(container)["MODEL_PATH"] == "/raid/models/m"


def test_a_namespaced_model_has_its_own_node_label() -> None:
    found = made(service(model={"name": "m", "kind": "BaseModel"}), model=model(namespace=NAMESPACE))
    assert "models.ome.io/team.basemodel.m" in pod_of(found)["nodeSelector"]


def test_a_model_without_a_path_lies_where_the_agent_puts_it() -> None:
    found = made(model=model(storage={"storageUri": "hf://org/m@main"}))
    assert values(container_of(found))["MODEL_PATH"] == "/raid/models/hf/org/m@main"


def test_a_volume_name_is_one_that_kubernetes_takes() -> None:
    name = "Model.v1.5-" + "x" * 60
    asked = service(model={"name": name})
    volume = pod_of(made(asked, model=model(name)))["volumes"][0]["name"]
    assert len(volume) <= 63
    assert volume.replace("-", "").isalnum()
    assert volume == volume.lower()


def test_a_users_volume_of_the_models_name_keeps_it() -> None:
    found = made(service(engine={"volumes": [{"name": "m", "emptyDir": {}}]}))
    assert [volume["name"] for volume in pod_of(found)["volumes"]] == ["m", "m-model"]
    assert container_of(found)["volumeMounts"][0]["name"] == "m-model"


@pytest.mark.parametrize(
    ("env", "wanted"),
    [([], "4"), ([{"name": "PARALLELISM_SIZE", "value": "2"}], "2")],
    ids=["counted", "the user's"],
)
def test_parallelism_is_the_number_of_accelerators_unless_the_user_states_it(env: Json, wanted: str) -> None:
    runner = {**RUNNER, "resources": {"limits": {"nvidia.com/gpu": 4}}}
    found = made(service(engine={"runner": {"env": env}}), runtime("r", entry(), engineConfig={"runner": runner}))
    assert values(container_of(found))["PARALLELISM_SIZE"] == wanted


@pytest.mark.parametrize("resource", ["amd.com/gpu", "nvidia.com/mig-1g.10gb", "habana.ai/gaudi"])
def test_q_44_accelerators_count_whatever_their_resource_is_called(resource: str) -> None:
    runner = {**RUNNER, "resources": {"requests": {resource: "4"}}}
    found = made(service(), runtime("r", entry(), engineConfig={"runner": runner}))
    assert values(container_of(found))["PARALLELISM_SIZE"] == "4"


def test_lists_that_apply_merges_by_key_have_no_duplicates() -> None:
    runner = {
        **RUNNER,
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}, {"name": "A", "value": "2"}],
        "ports": [
            {"containerPort": 1},
            {"containerPort": 1, "protocol": "TCP"},
            {"containerPort": 1, "protocol": "UDP"},
        ],
    }
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {"medium": "Memory"}}]
    found = made(None, runtime("r", entry(), engineConfig={"runner": runner, "volumes": volumes}))
    container = container_of(found)
    assert [(one["name"], one["value"]) for one in container["env"]][:2] == [("A", "2"), ("B", "1")]
    assert len(container["ports"]) == 2
    assert pod_of(found)["volumes"][0] == {"name": "v", "emptyDir": {"medium": "Memory"}}


def test_the_node_selector_of_the_service_wins_over_the_runtimes() -> None:
    template = {"runner": RUNNER, "nodeSelector": {"zone": "component", "disk": "component", "rack": "component"}}
    asked = service(engine={"nodeSelector": {"zone": "service"}})
    found = made(asked, runtime("r", entry(), engineConfig=template, nodeSelector={"zone": "old", "disk": "old"}))
    selector = pod_of(found)["nodeSelector"]
    assert (selector["zone"], selector["disk"], selector["rack"]) == ("service", "old", "component")


def test_placeholders_are_filled_in_every_container() -> None:
    engine = {
        "runner": {**RUNNER, "args": ["--name={{.Name}}"]},
        "containers": [{"name": "side", "image": "s:1", "env": [{"name": "N", "value": "{{.Namespace}}"}]}],
        "initContainers": [{"name": "first", "image": "i:1", "args": ["{{.Labels.x}}"]}],
    }
    found = made(service(metadata={"labels": {"x": "1"}}), runtime("r", entry(), engineConfig=engine))
    assert container_of(found)["args"] == ["--name=svc"]
    assert values(container_of(found, name="side"))["N"] == "team"
    assert pod_of(found)["initContainers"][0]["args"] == ["1"]


def test_an_unknown_placeholder_stays_as_it_is_with_a_warning() -> None:
    found = made(service(engine={"runner": {"args": ["--log={{.Message}}", "{{.UID}}", "{{ x }}"]}}))
    assert container_of(found)["args"] == ["--log={{.Message}}", "{{.UID}}", "{{ x }}"]
    assert [text for text in found.explanation.warnings if "placeholder" in text] == [
        "engine container ome-container: {{.Message}} is no placeholder here and stays as it is",
        "engine container ome-container: {{.UID}} is no placeholder here and stays as it is",
    ]


def test_a_container_without_readiness_probe_is_ready_when_its_port_is_open() -> None:
    assert container_of(made())["readinessProbe"]["tcpSocket"] == {"port": 8080}


def test_the_service_listens_where_the_runner_does_not_where_the_first_container_does() -> None:
    side = {"name": "a-side", "image": "s:1", "ports": [{"containerPort": 1}]}
    found = made(service(engine={"containers": [side]}))
    assert child(found, "Service", "svc-engine")["spec"]["ports"][0]["port"] == 8080


def test_labels_of_a_service_reach_its_objects_but_not_its_pods() -> None:
    metadata = {"labels": {"team": "a"}, "annotations": {"note": "b", "prometheus.io/port": "1"}}
    found = made(service(metadata=metadata, engine={"labels": {"own": "c"}}))
    deployment = child(found, "Deployment")
    template = deployment["spec"]["template"]["metadata"]
    assert deployment["metadata"]["labels"]["team"] == "a"
    assert deployment["metadata"]["annotations"]["note"] == "b"
    assert "team" not in template["labels"]
    assert "note" not in template["annotations"]
    assert template["annotations"]["prometheus.io/port"] == "1"
    assert template["labels"]["own"] == "c"
    assert "prometheus.io/port" not in child(found, "Service", "svc-engine")["metadata"]["annotations"]


def test_long_names_fit_into_labels_and_service_names() -> None:
    name = "s" * 70
    found = made(service(name, model={"name": "m" * 80}), model=model("m" * 80))
    labels = child(found, "Deployment")["metadata"]["labels"]
    assert all(len(value) <= 63 for value in labels.values())
    assert all(len(obj["metadata"]["name"]) <= 63 for obj in found.objects if obj["kind"] in ("Service", "ConfigMap"))
    selector = child(found, "Deployment")["spec"]["selector"]["matchLabels"]
    assert selector.items() <= child(found, "Deployment")["spec"]["template"]["metadata"]["labels"].items()


def test_two_services_with_equal_ends_have_model_configurations_of_their_own() -> None:
    names = {made(service(f"{start}-service-with-a-long-equal-end")).objects[0]["metadata"]["name"] for start in "ab"}
    assert len(names) == 2


REVISION = "omectl.io/model-revision"


def pod_annotations(found: Plan) -> Json:
    return child(found, "Deployment")["spec"]["template"]["metadata"]["annotations"]


def test_a_new_revision_of_the_model_rolls_the_pods() -> None:
    known = model(status={"state": "Ready", "facts": {"revision": "abc"}})
    assert pod_annotations(made(model=known))[REVISION] == "abc"
    assert REVISION not in pod_annotations(made())


def test_a_revision_that_is_unknown_for_a_while_does_not_roll_them() -> None:
    live = live_deployment()
    live["spec"] = {"template": {"metadata": {"annotations": {REVISION: "abc"}}}}
    assert pod_annotations(made(live=[live]))[REVISION] == "abc"


def test_facts_fill_what_the_models_spec_leaves_out() -> None:
    facts = {
        "architecture": "Llama",
        "format": {"name": "safetensors", "version": "1.0.0"},
        "framework": {"name": "transformers", "version": "4.43.0"},
        "quantization": "fp8",
        "parameterCount": 8_030_261_248,
    }
    bare = {"modelFormat": None, "modelFramework": None, "modelArchitecture": None, "modelParameterSize": None}
    known = model(status={"state": "Ready", "facts": facts}, **bare)
    found = made(None, runtime("r", entry(quantization="fp8"), modelSizeRange={"min": "8B", "max": "9B"}), model=known)
    assert found.explanation.runtime == "r"
    assert "8.03B" in found.explanation.model


@pytest.mark.parametrize(
    ("asked", "reason", "told"),
    [
        (service(model=None), "ModelReconcileError", "names no model"),
        (service(engine={"leader": {}, "worker": {"size": 1}}), "MergeSpecsError", "engine leader"),
        (service(engine={"worker": {"size": -1}}), "InvalidSpec", "worker.size: wanted a number of workers, found -1"),
        (
            service(engine={"annotations": {"ome.io/deploymentMode": "VirtualDeployment"}}),
            "DeploymentModeError",
            "whole",
        ),
        (service(metadata={"annotations": {"ome.io/autoscalerClass": "x"}}), "InvalidSpec", "found x"),
        (service(engine={"minReplicas": 0, "autoscaler": {"class": "HPA"}}), "InvalidSpec", "needs a pod at least"),
        (service(metadata={"annotations": {"ome.io/inject-model-init": "true"}}), "InvalidSpec", "model-init"),
        (
            service(acceleratorSelector={"policy": "BestFit"}),
            "AcceleratorClassError",
            "spec.acceleratorSelector.policy",
        ),
        (service(model={"name": "m", "fineTunedWeights": ["w"]}), "ModelReconcileError", "fineTunedWeights"),
        (service(engine={"minAvailable": 1, "maxUnavailable": 1}), "InvalidSpec", "both set"),
        (service(engine={"containers": [{"name": "x"}]}), "MergeSpecsError", "wanted an image"),
        (service(engine={"scaleMetric": "rps"}), "InvalidSpec", "scaleMetric"),
        (service(metadata={"annotations": {"ome.io/targetUtilizationPercentage": "0"}}), "InvalidSpec", "1 to 100"),
        (service(predictor={"workerSpec": {"size": 1}}, engine=None), "InvalidSpec", "workerSpec"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(asked: InferenceService, reason: str, told: str) -> None:
    found = made(asked)
    assert found.problem is not None
    assert found.problem.reason == reason
    assert told in found.problem.message
    assert found.problem.next_step
    assert not found.objects
    assert not found.initial_replicas


@pytest.mark.parametrize(
    ("given_model", "failure", "told"),
    [
        (None, "BaseModelNotFound", "not found in namespace team or the cluster"),
        (model(disabled=True), "BaseModelNotReady", "is disabled"),
    ],
)
def test_a_model_that_cannot_be_used_is_told(given_model: Json, failure: str, told: str) -> None:
    found = made(model=given_model)
    assert found.problem is not None
    assert (found.problem.reason, found.problem.failure) == ("ModelReconcileError", failure)
    assert told in found.problem.message


def test_a_model_of_which_nothing_is_known_waits_with_its_own_reason() -> None:
    condition = {
        "type": "Ready", "status": "False", "reason": "NoAgent", "message": "no agent", "lastTransitionTime": "",
    }  # fmt: skip
    bare = {"modelFormat": None, "modelFramework": None, "modelArchitecture": None}
    unknown = model(status={"state": "In_Transit", "conditions": [condition]}, **bare)
    found = made(model=unknown)
    assert found.problem is not None
    assert found.problem.reason == "ModelNotReady"
    assert "NoAgent: no agent" in found.problem.message


@pytest.mark.parametrize(
    ("asked", "template", "least", "most"),
    [
        ({}, {}, 1, 3),
        ({}, {"minReplicas": 2, "maxReplicas": 5}, 2, 5),
        ({"minReplicas": 1}, {"minReplicas": 2, "maxReplicas": 5}, 1, 5),
        ({"minReplicas": 4}, {}, 4, 4),
        ({"maxReplicas": 0}, {"maxReplicas": 5}, 1, 3),
    ],
    ids=["defaults", "the runtime's", "the service's", "never less than the least", "zero is absent"],
)
def test_replicas_are_the_services_then_the_runtimes_then_the_defaults(
    asked: Json, template: Json, least: int, most: int
) -> None:
    found = made(service(engine=asked), runtime("r", entry(), engineConfig={"runner": RUNNER, **template}))
    spec = child(found, "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (least, most)
    assert found.initial_replicas == {("Deployment", "svc-engine"): least}
    assert "replicas" not in child(found, "Deployment")["spec"]


def test_a_component_that_something_else_scales_has_no_autoscaler() -> None:
    found = made(service(engine={"minReplicas": 2, "annotations": {"ome.io/autoscalerClass": "external"}}))
    assert "HorizontalPodAutoscaler" not in {obj["kind"] for obj in found.objects}
    assert found.initial_replicas == {("Deployment", "svc-engine"): 2}


def test_a_cluster_local_service_is_reached_by_its_component() -> None:
    found = made(service(metadata={"labels": {"networking.knative.dev/visibility": "cluster-local"}}))
    assert found.status["url"] == "http://svc-engine.team.svc.cluster.local:8080"
    assert [obj["metadata"]["name"] for obj in found.objects if obj["kind"] == "Service"] == ["svc-engine"]


def test_an_ingress_leads_to_the_ports_that_there_are() -> None:
    ingress = {
        "ingressGateway": "a/b",
        "ingressService": "c",
        "ingressDomain": "example.org",
        "ingressClassName": "nginx",
    }
    given_settings = parse_settings({"ingress": msgspec.json.encode(ingress).decode()})
    asked = service(router={})
    found = made(asked, runtime("r", entry(), routerConfig=ROUTER), settings=given_settings)
    rules = child(found, "Ingress")["spec"]["rules"]
    backends = [(rule["host"], rule["http"]["paths"][0]["backend"]["service"]) for rule in rules]
    assert backends == [
        ("svc.team.example.org", {"name": "svc-router", "port": {"number": 9000}}),
        ("svc-router.team.example.org", {"name": "svc-router", "port": {"number": 9000}}),
        ("svc-engine.team.example.org", {"name": "svc-engine", "port": {"number": 8080}}),
    ]
    assert found.status["url"] == "http://svc.team.example.org"
    assert found.status["address"] == {"url": "http://svc.team.svc.cluster.local:9000"}


@pytest.mark.parametrize("template", ["{{.Name}}", "{{.Name}}.{{.Nothing}}", "{{.Name}}..org"])
def test_a_host_template_that_gives_no_host_is_refused(template: str) -> None:
    annotations = {"ome.io/ingress-domain-template": template, "ome.io/ingress-disable-creation": "false"}
    assert made(service(metadata={"annotations": annotations})).problem is not None


def test_the_old_form_of_a_service_is_planned_as_the_new_one() -> None:
    predictor = {
        "minReplicas": 2,
        "model": {"baseModel": "m", "runtime": "r", "protocolVersion": "openAI", "env": [{"name": "A", "value": "1"}]},
        "containers": [{"name": "side", "image": "s:1"}, {"name": "ome-container", "image": "own:1", "args": ["--y"]}],
    }
    found = made(service(predictor=predictor, engine=None, model=None))
    assert found.problem is None
    container = container_of(found, name="ome-container")
    assert (container["image"], container["args"]) == ("own:1", ["--y"])
    assert values(container).items() >= {"A": "1", "PROTOCOL_VERSION": "openAI"}.items()
    assert child(found, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2
    assert "deprecated" in found.explanation.warnings[0]
