"""Fine-tuned weights and the containers that bring files into memory (4.5; D36, D46, D54, D61)."""

from typing import Any

import msgspec
import pytest
from tests.unit.planner.build import (
    NAMESPACE,
    RUNNER,
    child,
    container_of,
    entry,
    inputs_for,
    made,
    model,
    pod_of,
    runtime,
    service,
    values,
)

from omectl.api.codec import decode_as
from omectl.api.fine_tuned_weight import FineTunedWeight
from omectl.api.settings import Settings, parse_settings
from omectl.planner import Plan, plan
from omectl.planner.report import report_of

Json = Any
OCI = "oci://n/space/b/bucket/o/weights/ft"
ADAPTER = '{"image": "agent:1", "compartmentId": "c", "authType": "InstancePrincipal", "region": "r", "cpuLimit": "2"}'
INIT = '{"image": "agent:1", "compartmentId": "c", "authType": "InstancePrincipal", "vaultId": "v", "region": "r"}'
SETTINGS = parse_settings({"fineTunedAdapter": ADAPTER, "modelInit": INIT})


def weight(uri: str = OCI, *, strategy: Json = "lora", merged: Json = None, status: Json = None, **spec: Json) -> Json:
    fields = {
        "baseModelRef": {"name": "m"},
        "modelType": "LoRA",
        "storage": {"storageUri": uri},
        "hyperParameters": {"rank": 8, **({"strategy": strategy} if strategy is not None else {})},
        **({"configuration": {"merged_weights": merged}} if merged is not None else {}),
        **spec,
    }
    raw = {"metadata": {"name": "ft"}, "spec": fields, **({"status": status} if status else {})}
    return decode_as(FineTunedWeight, raw)


def with_weight(
    one: Json = None, *, vendor: str = "org", settings: Settings = SETTINGS, names: Json = ("ft",), **given: Json
) -> Plan:
    """The plan of a service that names weights."""
    asked = service(model={"name": "m", "fineTunedWeights": list(names)}, **given.pop("service", {}))
    weights = (one or weight(),)
    return made(asked, *given.pop("runtimes", ()), model=model(vendor=vendor), weights=weights, settings=settings)


def init_of(found: Plan, name: str) -> Json:
    return next(one for one in pod_of(found)["initContainers"] if one["name"] == name)


def test_a_weight_in_object_storage_is_fetched_into_memory() -> None:
    found = with_weight()
    pod, container = pod_of(found), container_of(found)
    assert pod["volumes"][1] == {"name": "model-empty-dir", "emptyDir": {"medium": "Memory"}}
    assert container["volumeMounts"] == [
        {"name": "m", "mountPath": "/raid/models/m", "readOnly": True},
        {"name": "model-empty-dir", "mountPath": "/opt/ml/model"},
    ]
    assert values(container)["MODEL_PATH"] == "/raid/models/m"
    init = init_of(found, "fine-tuned-adapter")
    assert init["image"] == "agent:1"
    assert init["args"] == ["fine-tuned-adapter", "--config", "/ome-agent.yaml", "--debug"]
    assert init["resources"] == {"limits": {"cpu": "2"}}
    assert init["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert init["volumeMounts"] == [
        {"name": "model-empty-dir", "mountPath": "/mnt/finetuned/download"},
        {"name": "model-empty-dir", "mountPath": "/opt/ml/model"},
    ]
    assert values(init) == {
        "OME_AGENT_AUTH_TYPE": "InstancePrincipal",
        "OME_AGENT_COMPARTMENT_ID": "c",
        "OME_AGENT_REGION": "r",
        "OME_AGENT_UNZIPPED_FINE_TUNED_WEIGHT_DIRECTORY": "/opt/ml/model",
        "OME_AGENT_ZIPPED_FINE_TUNED_WEIGHT_DIRECTORY": "/mnt/finetuned/download",
        "OME_AGENT_MODEL_BUCKET_NAME": "bucket",
        "OME_AGENT_MODEL_NAMESPACE": "space",
        "OME_AGENT_MODEL_OBJECT_NAME": "weights/ft",
    }


def test_a_service_with_a_weight_says_so_in_its_tags_and_its_configuration() -> None:
    found = with_weight()
    template = child(found, "Deployment")["spec"]["template"]["metadata"]
    assert template["annotations"]["ome.io/inject-fine-tuned-adapter"] == "ft"
    assert template["annotations"]["ome.io/fine-tuned-weight-ft-strategy"] == "lora"
    assert "ome.io/fine-tuned-serving-with-merged-weights" not in template["annotations"]
    labels = template["labels"]
    assert labels["fine-tuned-serving"] == "true"
    assert labels["fine-tuned-serving-with-merged-weights"] == "false"
    assert labels["fine-tuned-weight-ft-strategy"] == "lora"
    (told,) = msgspec.json.decode(child(found, "ConfigMap")["data"]["models.json"])
    assert told["fineTunedWeightSpec"] == {"storageUri": OCI, "modelType": "LoRA"}


def test_merged_weights_stand_in_the_place_of_the_model() -> None:
    """D46: the node selectors hold all the same."""
    found = with_weight(weight(merged=True), service={"engine": {"nodeSelector": {"zone": "a"}}})
    container = container_of(found)
    assert container["volumeMounts"] == [{"name": "model-empty-dir", "mountPath": "/opt/ml/model"}]
    assert values(container)["MODEL_PATH"] == "/opt/ml/model"
    assert values(init_of(found, "fine-tuned-adapter"))["OME_AGENT_MODEL_OBJECT_NAME"] == "weights/ft-merged-weight"
    assert pod_of(found)["nodeSelector"] == {"models.ome.io/clusterbasemodel.m": "Ready", "zone": "a"}
    annotations = child(found, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["ome.io/fine-tuned-serving-with-merged-weights"] == "true"
    assert annotations["ome.io/inject-model-init"] == "false"


@pytest.mark.parametrize(
    ("uri", "source", "subpath"),
    [
        ("pvc://tuned/ft", {"persistentVolumeClaim": {"claimName": "tuned", "readOnly": True}}, "ft"),
        ("image://org/ft:1", {"image": {"reference": "org/ft:1", "pullPolicy": "IfNotPresent"}}, None),
        ("local:///raid/models/ft", {"hostPath": {"path": "/raid/models/ft", "type": "Directory"}}, None),
    ],
)
def test_a_weight_that_pods_can_mount_needs_no_container(uri: str, source: Json, subpath: str | None) -> None:
    found = with_weight(weight(uri), settings=Settings.defaults())
    pod = pod_of(found)
    assert pod["volumes"][1] == {"name": "fine-tuned-weight", **source}
    mount = container_of(found)["volumeMounts"][1]
    assert (mount["mountPath"], mount["readOnly"], mount.get("subPath")) == ("/opt/ml/model", True, subpath)
    assert "initContainers" not in pod
    annotations = child(found, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert "ome.io/inject-fine-tuned-adapter" not in annotations


def test_metas_engines_are_told_the_weights_name() -> None:
    found = with_weight(vendor="meta")
    assert values(container_of(found)) == {"SERVED_MODEL_NAME": "/data/ft", "MODEL_PATH": "/opt/ml/model"}
    template = {"runner": {**RUNNER, "env": [{"name": "SERVED_MODEL_NAME", "value": "runtime's"}]}}
    found = with_weight(vendor="meta", runtimes=(runtime("r", entry(), engineConfig=template),))
    assert values(container_of(found))["SERVED_MODEL_NAME"] == "/data/ft"
    own = {"engine": {"runner": {"name": "ome-container", "env": [{"name": "SERVED_MODEL_NAME", "value": "mine"}]}}}
    assert values(container_of(with_weight(vendor="meta", service=own)))["SERVED_MODEL_NAME"] == "mine"


def test_coheres_t_few_lies_beside_its_base() -> None:
    found = with_weight(weight(strategy="tfew"), vendor="cohere")
    assert container_of(found)["volumeMounts"][1:] == [
        {"name": "model-empty-dir", "mountPath": "/opt/ml/model/safetensors", "subPath": "base"},
        {
            "name": "model-empty-dir",
            "mountPath": "/opt/ml/tfew/safetensors",
            "subPath": "finetuned",
            "readOnly": True,
        },
    ]
    assert values(container_of(found))["TFEW_PATH"] == "/opt/ml/tfew/fastertransformer/1"
    assert init_of(found, "fine-tuned-adapter")["volumeMounts"][1] == {
        "name": "model-empty-dir",
        "mountPath": "/opt/ml/tfew",
        "subPath": "finetuned",
    }
    merged = with_weight(weight(strategy="tfew", merged=True), vendor="cohere")
    assert container_of(merged)["volumeMounts"] == [{"name": "model-empty-dir", "mountPath": "/opt/ml/model"}]


@pytest.mark.parametrize("strategy", [None, "", 8, ["lora"]])
def test_d36_and_d54_a_weight_without_a_usable_strategy_is_refused_with_its_field(strategy: Json) -> None:
    problem = with_weight(weight(strategy=strategy)).problem
    assert problem is not None
    assert problem.reason == "InvalidSpec"
    assert problem.message.startswith("spec.hyperParameters.strategy of FineTunedWeight ft: wanted the way of tuning")


@pytest.mark.parametrize(
    ("one", "reason", "told"),
    [
        (weight(merged="yes"), "InvalidSpec", "spec.configuration.merged_weights of FineTunedWeight ft"),
        (weight(disabled=True), "ModelReconcileError", "FineTunedWeight ft is disabled"),
        (weight(status={"state": "In_Transit"}), "ModelReconcileError", "is not ready (status.state is In_Transit)"),
        (weight(status={"state": "Failed"}), "ModelReconcileError", "is not ready (status.state is Failed)"),
        (weight("hf://org/ft"), "NotSupportedYet", "weights of hf://"),
        (weight("s3://bucket/ft"), "NotSupportedYet", "weights of s3://"),
        (weight("ftp://x"), "ModelReconcileError", "unknown storage type"),
        (weight("pvc://other:tuned/ft"), "ModelReconcileError", "the claim is in namespace other"),
        (weight("local:///etc"), "ModelReconcileError", "lies outside the models root"),
    ],
)
def test_a_weight_that_cannot_be_served_is_refused_with_its_reason(one: Json, reason: str, told: str) -> None:
    problem = with_weight(one).problem
    assert problem is not None
    assert problem.reason == reason
    assert told in problem.message
    assert problem.field == "spec.model.fineTunedWeights"


def test_a_ready_weight_is_served() -> None:
    assert with_weight(weight(status={"state": "Ready"})).problem is None


def test_a_weight_that_is_not_there_is_told_and_so_are_two_of_them() -> None:
    problem = with_weight(names=["other"]).problem
    assert problem is not None
    assert (problem.reason, problem.failure) == ("ModelReconcileError", "BaseModelNotFound")
    assert problem.message == "spec.model.fineTunedWeights: FineTunedWeight other is not there"
    problem = with_weight(names=["ft", "other"]).problem
    assert problem is not None
    assert problem.reason == "NotSupportedYet"
    assert "stacked fine-tuned serving" in problem.message


def test_a_weight_of_another_model_is_served_with_a_warning() -> None:
    found = with_weight(weight(baseModelRef={"name": "base"}))
    assert found.problem is None
    assert "FineTunedWeight ft is made for model base, and m is served" in found.explanation.warnings


def test_without_settings_for_the_container_the_service_says_what_is_missing() -> None:
    problem = with_weight(settings=Settings.defaults()).problem
    assert problem is not None
    assert problem.reason == "InvalidSpec"
    assert "key fineTunedAdapter of ConfigMap inferenceservice-config" in problem.next_step
    problem = with_tags({"ome.io/inject-model-init": "true"}, settings=Settings.defaults()).problem
    assert problem is not None
    assert "key modelInit of ConfigMap inferenceservice-config" in problem.next_step


def with_tags(annotations: Json, *, settings: Settings = SETTINGS, engine: Json = None, **of_model: Json) -> Plan:
    asked = service(metadata={"annotations": annotations}, engine=engine or {})
    return made(asked, model=model(**of_model), settings=settings)


def test_d61_what_is_decrypted_is_mounted_and_named() -> None:
    found = with_tags({"ome.io/inject-model-init": "true"})
    container = container_of(found)
    assert container["volumeMounts"] == [{"name": "model-empty-dir", "mountPath": "/opt/ml/model"}]
    assert values(container)["MODEL_PATH"] == "/opt/ml/model"
    init = init_of(found, "model-init")
    assert init["args"][0] == "enigma"
    assert init["volumeMounts"] == [
        {"name": "model-empty-dir", "mountPath": "/opt/ml/model"},
        {"name": "m", "mountPath": "/mnt/model", "readOnly": True},
    ]
    env = values(init)
    assert env["OME_AGENT_VAULT_ID"] == "v"
    assert env["OME_AGENT_MODEL_FRAMEWORK"] == "safetensors"
    assert {"name": "OME_AGENT_KEY_NAME"} in init["env"]
    assert pod_of(found)["nodeSelector"] == {"models.ome.io/clusterbasemodel.m": "Ready"}


def test_a_model_for_tensorrt_is_made_ready_for_the_gpus_that_there_are() -> None:
    tags = {"ome.io/inject-model-init": "true"}
    fmt = {"name": "TensorRT-LLM", "version": "0.16"}
    trt = runtime("r", entry(modelFormat=fmt))
    asked = {"runner": {"name": "ome-container", "resources": {"limits": {"nvidia.com/gpu": 2}}}}

    def planned(engine: Json) -> Plan:
        return made(
            service(metadata={"annotations": tags}, engine=engine),
            trt,
            model=model(modelFormat=fmt),
            settings=SETTINGS,
        )

    env = values(init_of(planned(asked), "model-init"))
    assert (env["OME_AGENT_MODEL_FRAMEWORK"], env["OME_AGENT_NUM_OF_GPU"]) == ("tensorrtllm", "2")
    assert env["OME_AGENT_TENSORRTLLM_VERSION"] == "0.16"
    problem = planned({}).problem
    assert problem is not None
    assert "its pods ask for none" in problem.message


def test_a_weight_and_a_decrypted_base_come_in_their_order_behind_other_init_containers() -> None:
    other = {"name": "first", "image": "i:1"}
    asked = service(
        metadata={"annotations": {"ome.io/inject-model-init": "true"}},
        model={"name": "m", "fineTunedWeights": ["ft"]},
        engine={"initContainers": [other]},
    )
    found = made(asked, weights=(weight(),), settings=SETTINGS)
    names = [one["name"] for one in pod_of(found)["initContainers"]]
    assert names == ["first", "model-init", "fine-tuned-adapter"]
    assert {one["imagePullPolicy"] for one in pod_of(found)["initContainers"]} == {"IfNotPresent"}


def test_an_identity_of_a_service_account_wants_one() -> None:
    settings = parse_settings({"fineTunedAdapter": ADAPTER.replace("InstancePrincipal", "OkeWorkloadIdentity")})
    problem = with_weight(settings=settings).problem
    assert problem is not None
    assert problem.next_step == "set spec.engine.serviceAccountName"
    found = with_weight(settings=settings, service={"engine": {"serviceAccountName": "me"}})
    assert pod_of(found)["automountServiceAccountToken"] is True


@pytest.mark.parametrize("key", ["inject-serving-sidecar", "inject-fine-tuned-adapter"])
def test_containers_that_no_pod_gets_are_refused_by_name(key: str) -> None:
    problem = with_tags({f"ome.io/{key}": "true"}).problem
    assert problem is not None
    assert problem.reason == "NotSupportedYet"
    assert problem.message.startswith(f"annotation ome.io/{key} asks for an injected container")


def test_a_router_serves_no_weight() -> None:
    routed = runtime("r", entry(), routerConfig={"runner": {"name": "router", "image": "r:1"}})
    found = with_weight(runtimes=(routed,), service={"router": {}})
    template = child(found, "Deployment", "svc-router")["spec"]["template"]
    assert template["metadata"]["labels"]["fine-tuned-serving"] == "false"
    assert "ome.io/inject-fine-tuned-adapter" not in template["metadata"]["annotations"]
    assert "initContainers" not in template["spec"]
    assert template["metadata"]["namespace"] == NAMESPACE


def test_plan_and_explanation_tell_the_weight() -> None:
    told = "m (Llama, safetensors 1.0.0, transformers 4.43.0, 8B) with FineTunedWeight ft (lora)"
    assert with_weight().explanation.model == told
    assert with_weight(weight(merged=True)).explanation.model == told.replace("lora", "lora, merged")
    asked = service(model={"name": "m", "fineTunedWeights": ["ft"]})
    inputs = inputs_for(asked, weights=(weight(),), settings=SETTINGS)
    report = report_of(inputs, plan(inputs))
    assert report.model is not None
    assert report.model.text == told


def test_what_the_operator_puts_into_a_pod_is_told_to_be_its_own() -> None:
    """And what it writes over a runtime's word is told to be lost."""
    template = {"runner": {**RUNNER, "env": [{"name": "SERVED_MODEL_NAME", "value": "runtime's"}]}}
    taken = runtime("r", entry(), engineConfig=template)
    found = with_weight(
        vendor="meta",
        runtimes=(taken,),
        service={"metadata": {"annotations": {"rdma.ome.io/auto-inject": "true"}}},
    )
    provenance = found.provenance["engine", ""]
    added = {
        path: origin
        for path, origin in provenance.origins.items()
        if "volumes" in path or "initContainers" in path or "securityContext" in path or "volumeMounts" in path
    }
    assert len(added) > 20
    assert {str(origin) for origin in added.values()} == {"controller"}
    assert [(str(one.origin), one.value, str(one.winner)) for one in provenance.losses] == [
        ("runtime r", "runtime's", "controller")
    ]
