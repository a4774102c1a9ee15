"""Defects of the sheet on services (12.1) that show in a plan, each under its number."""

import json
from typing import Any

import pytest
from tests.unit.planner.build import (
    RUNNER,
    accelerator,
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
    with_class,
)

from omectl.api.resource import ObjectKey
from omectl.planner.references import resolve_model

Json = Any
GPUS = "nvidia.com/gpu"


def gpus(count: int) -> Json:
    return {"requests": {GPUS: count}, "limits": {GPUS: count}}


@pytest.mark.parametrize(
    ("kind", "there", "found"),
    [
        ("ClusterBaseModel", ["team", ""], "team"),
        ("ClusterBaseModel", [""], ""),
        ("ClusterBaseModel", ["team"], "team"),
        ("BaseModel", ["team", ""], "team"),
        ("BaseModel", [""], None),
    ],
)
def test_d_26_one_resolver_says_which_model_is_meant(kind: str, there: list[str], found: str | None) -> None:
    known = {ObjectKey(namespace, "m"): model(namespace=namespace) for namespace in there}
    resolved = resolve_model(service(model={"name": "m", "kind": kind}), known.get)
    assert (resolved.metadata.namespace or "" if resolved is not None else None) == found


def test_d_26_configuration_labels_and_pods_are_of_the_same_model() -> None:
    found = made(
        service(), model=model(namespace="team", storage={"storageUri": "hf://org/m", "path": "/raid/models/own"})
    )
    (told,) = json.loads(child(found, "ConfigMap")["data"]["models.json"])
    assert (told["modelName"], told["modelSpec"]["path"]) == ("m", "/raid/models/own")
    assert values(container_of(found))["MODEL_PATH"] == "/raid/models/own"
    assert pod_of(found)["nodeSelector"] == {"models.ome.io/team.basemodel.m": "Ready"}


def test_d_31_what_a_user_states_of_leader_and_workers_comes_before_the_class_and_that_before_the_runtime() -> None:
    template = {"leader": {"runner": RUNNER}, "worker": {"size": 1, "runner": RUNNER}}
    asked = {"leader": {"runner": {"name": "ome-container", "resources": gpus(3)}}}
    found = with_class(asked, template, accelerator_classes=(accelerator("h100"),))
    group = child(found, "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    leader, worker = (group[one]["spec"]["containers"][0]["resources"] for one in ("leaderTemplate", "workerTemplate"))
    assert {key: str(value[GPUS]) for key, value in leader.items()} == {"requests": "3", "limits": "3"}
    assert {key: str(value[GPUS]) for key, value in worker.items()} == {"requests": "1", "limits": "1"}


def test_d_32_only_a_fixed_set_of_placeholders_is_filled_and_every_other_text_stays_as_it_is() -> None:
    template = "{% for m in messages %}{{ m['content'] }}{% endfor %} <&> {{.Name}} {{ .Namespace }}"
    found = made(service(engine={"runner": {"args": [f"--chat-template={template}"]}}))
    wanted = template.replace("{{.Name}}", "svc").replace("{{ .Namespace }}", "team")
    assert container_of(found)["args"] == [f"--chat-template={wanted}"]


@pytest.mark.parametrize("text", ['{{index .Labels "x"}}', "{{index .Labels `x`}}", "{{.Labels.x}}"])
def test_d_52_a_label_may_be_asked_for_in_either_form(text: str) -> None:
    found = made(service(metadata={"labels": {"x": 'a"<b'}}, engine={"runner": {"args": [text]}}))
    assert container_of(found)["args"] == ['a"<b']


def test_d_33_a_variable_that_is_overridden_is_replaced_as_a_whole() -> None:
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    template = {"runner": {**RUNNER, "env": [secret]}}
    found = with_class(None, template, {"environmentOverride": {"TOKEN": "plain"}})
    (variable,) = (one for one in container_of(found)["env"] if one["name"] == "TOKEN")
    assert variable == {"name": "TOKEN", "value": "plain"}


def test_d_37_services_with_equal_ends_have_configurations_of_their_own() -> None:
    names = [f"{start}-a-name-with-a-long-equal-end" for start in "ab"] + ["c" * 80, "d" + "c" * 79]
    found = {child(made(service(name)), "ConfigMap")["metadata"]["name"] for name in names}
    assert len(found) == len(names)
    assert "modelconfig-a-a-name-with-a-long-equal-end" in found
    assert all(len(name) <= 63 for name in found)


def test_d_43_a_router_s_account_states_nothing_so_that_secrets_that_others_add_stay() -> None:
    routed = runtime("r", entry(), routerConfig={"runner": {"name": "router", "image": "r:1"}})
    account = child(made(service(router={}), routed), "ServiceAccount")
    assert account.keys() == {"apiVersion", "kind", "metadata"}


def test_d_44_parallelism_is_told_with_an_accelerator_class_too() -> None:
    args = ["--tp=$(PARALLELISM_SIZE)"]
    found = with_class({"runner": {"resources": gpus(4), "args": args}})
    assert values(container_of(found))["PARALLELISM_SIZE"] == "4"


def test_d_45_flags_that_are_given_several_times_stay_so() -> None:
    args = ["--lora", "a=1", "--lora", "b=2", "--x"]
    found = with_class(None, {"runner": {**RUNNER, "args": args}}, {"runtimeArgsOverride": ["--y=1"]})
    assert container_of(found)["args"][: len(args)] == args
    assert "--y=1" in container_of(found)["args"]


def test_d_48_addresses_are_those_of_the_plan_whatever_is_live() -> None:
    good = live_deployment(Available=("True", "MinimumReplicasAvailable", ""))
    for live in ([], [good]):
        status = made(live=live).status
        assert status["url"] == "http://svc.team.svc.cluster.local:8080"
        assert status["address"] == {"url": "http://svc.team.svc.cluster.local:8080"}


def test_d_49_that_no_runtime_fits_is_told_in_a_short_text_that_is_the_same_each_time() -> None:
    others = [runtime(f"r{number:03}", entry(modelArchitecture="Other")) for number in range(200)]
    texts = set()
    for order in (others, others[::-1], others[50:] + others[:50]):
        found = made(service(), *order)
        assert found.problem is not None
        texts.add(found.problem.message)
    (text,) = texts
    assert len(text) < 1024
    assert "200" in text


@pytest.mark.parametrize(
    ("field", "value", "variable"),
    [
        ("env", [{"name": "A", "value": "1"}], ("A", "1")),
        ("protocolVersion", "openAI", ("PROTOCOL_VERSION", "openAI")),
        ("storageUri", "s3://a/b", ("STORAGE_URI", "s3://a/b")),
    ],
)
def test_d_53_every_variable_of_the_old_form_s_model_reaches_the_engine(
    field: str, value: Json, variable: tuple[str, str]
) -> None:
    predictor = {"model": {"baseModel": "m", "runtime": "r", field: value}, "containers": [RUNNER]}
    found = made(service(predictor=predictor, engine=None, model=None))
    assert found.problem is None, found.problem
    assert variable in values(container_of(found)).items()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("serviceAccountName", "own"),
        ("nodeSelector", {"zone": "a"}),
        ("tolerations", [{"key": "gpu", "operator": "Exists"}]),
        ("volumes", [{"name": "v", "emptyDir": {}}]),
        ("affinity", {"nodeAffinity": {}}),
        ("hostNetwork", True),
        ("priorityClassName", "high"),
    ],
)
def test_d_53_every_field_of_the_old_form_s_pod_reaches_the_engine(field: str, value: Json) -> None:
    predictor = {"model": {"baseModel": "m", "runtime": "r"}, "containers": [RUNNER], field: value}
    found = made(service(predictor=predictor, engine=None, model=None))
    assert found.problem is None, found.problem
    pod = pod_of(found)[field]
    wanted = (
        [pod[0]]
        if isinstance(value, list)
        else {key: pod[key] for key in value}
        if value and isinstance(value, dict)
        else pod
    )
    assert wanted == value


@pytest.mark.parametrize("metric", ["tps", "kvCacheUsage", "timeToFirstToken"])
def test_d_56_keda_scales_by_the_metrics_that_it_has_a_query_for(metric: str) -> None:
    engine = {
        "scaleMetric": metric,
        "scaleTarget": 10,
        "kedaConfig": {"enableKeda": True},
        "runner": {"image": "vllm/vllm-openai:v0.11.0"},
    }
    found = made(service(engine=engine))
    assert found.problem is None, found.problem
    assert child(found, "ScaledObject")["spec"]["triggers"][0]["metadata"]["query"]
