"""The worked merges of the selection sheet's C.9, and components on several nodes (D 19, Q55, Q56)."""

from typing import Any

import pytest
from tests.unit.planner.build import (
    accelerator,
    child,
    container_of,
    entry,
    made,
    model,
    pod_of,
    runtime,
    service,
    values,
)

from omectl.api.settings import Settings
from omectl.planner import Plan
from omectl.planner.class_use import ClassUse
from omectl.planner.component import Component
from omectl.planner.model import view_model
from omectl.planner.pod import render_pod

Json = Any
MAIN = {"name": "main", "image": "r", "args": ["--x"]}
HOST = {"name": "data", "hostPath": {"path": "/x"}}


def merged(template: Json, engine: Json, **fields: Json) -> Plan:
    found = made(service(engine=engine), runtime("r", entry(), engineConfig=template, **fields))
    assert found.problem is None
    return found


def test_c9_1_an_empty_engine_is_the_runtimes() -> None:
    found = merged({"runner": MAIN}, {})
    container = container_of(found)
    assert (container["name"], container["image"], container["args"]) == ("main", "r", ["--x"])
    assert values(container)["MODEL_PATH"] == "/raid/models/m"
    assert container["volumeMounts"] == [{"name": "m", "mountPath": "/raid/models/m", "readOnly": True}]


def test_c9_2_arguments_of_a_runner_replace_those_of_the_runtimes_runner() -> None:
    assert container_of(merged({"runner": MAIN}, {"runner": {"name": "main", "args": ["--y"]}}))["args"] == ["--y"]


def test_c9_3_arguments_of_a_runner_follow_those_of_the_runtimes_container_q48() -> None:
    found = merged({"containers": [MAIN]}, {"runner": {"name": "main", "args": ["--y"]}})
    assert container_of(found)["args"] == ["--x", "--y"]


@pytest.mark.parametrize("name", [{}, {"name": ""}], ids=["absent", "blank"])
def test_c9_4_a_runner_without_a_name_keeps_the_runtimes_q49(name: Json) -> None:
    found = merged({"runner": MAIN}, {"runner": {**name, "env": [{"name": "K", "value": "1"}]}})
    (container,) = pod_of(found)["containers"]
    assert (container["name"], values(container)["K"]) == ("main", "1")


def test_c9_5_a_container_of_another_name_stands_beside_the_runner() -> None:
    found = merged({"runner": MAIN}, {"containers": [{"name": "side", "image": "s"}]})
    assert [one["name"] for one in pod_of(found)["containers"]] == ["side", "main"]


def test_d_18_a_service_that_states_no_engine_has_the_runtimes_q47() -> None:
    taken = runtime("r", entry(), engineConfig={"runner": MAIN})
    left_out, empty = made(service(engine=None), taken), made(service(engine={}), taken)
    assert container_of(left_out)["image"] == "r"
    assert left_out.objects == empty.objects


def test_c9_9_a_router_has_to_be_asked_for() -> None:
    found = merged({"runner": MAIN}, {}, routerConfig={"runner": {"name": "router", "image": "router:1"}})
    assert [obj["metadata"]["name"] for obj in found.objects if obj["kind"] == "Deployment"] == ["svc-engine"]


def test_c9_10_tolerations_are_united_d_19() -> None:
    found = merged({"runner": MAIN, "tolerations": [{"key": "gpu"}]}, {"tolerations": [{"key": "team"}]})
    assert pod_of(found)["tolerations"] == [{"key": "team"}, {"key": "gpu"}]


def test_c9_11_another_source_replaces_a_volumes_q50() -> None:
    found = merged({"runner": MAIN, "volumes": [HOST]}, {"volumes": [{"name": "data", "emptyDir": {}}]})
    assert pod_of(found)["volumes"][0] == {"name": "data", "emptyDir": {}}


def test_q51_another_handler_replaces_a_probes() -> None:
    probe = {"httpGet": {"port": 1}, "periodSeconds": 5}
    found = merged(
        {"runner": {**MAIN, "readinessProbe": probe}}, {"runner": {"readinessProbe": {"exec": {"command": ["x"]}}}}
    )
    assert container_of(found)["readinessProbe"] == {"exec": {"command": ["x"]}, "periodSeconds": 5}


def test_q52_the_service_may_set_false_and_nothing_and_remove() -> None:
    template = {"runner": {**MAIN, "tty": True}, "hostNetwork": True, "priorityClassName": "high"}
    found = merged(template, {"runner": {"args": [], "tty": None}, "hostNetwork": False, "priorityClassName": None})
    assert pod_of(found)["hostNetwork"] is False
    assert "priorityClassName" not in pod_of(found)
    assert container_of(found)["args"] == []
    assert "tty" not in container_of(found)


def test_q53_and_d_18_replicas_of_the_runtime_hold_where_the_service_states_none() -> None:
    found = made(service(engine=None), runtime("r", entry(), engineConfig={"runner": MAIN, "minReplicas": 2}))
    assert child(found, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2


@pytest.mark.parametrize("part", ["requests", "limits"])
def test_an_extended_resource_that_the_service_states_once_counts_for_both(part: str) -> None:
    gpus = {"nvidia.com/gpu": 4}
    template = {"runner": {**MAIN, "resources": {"requests": {**gpus, "cpu": 8}, "limits": gpus}}}
    found = merged(template, {"runner": {"resources": {part: {"nvidia.com/gpu": 2}}}})
    resources = container_of(found)["resources"]
    assert resources["requests"] == {"nvidia.com/gpu": 2, "cpu": 8}
    assert resources["limits"] == {"nvidia.com/gpu": 2}


def test_d_20_a_services_container_of_the_runners_name_beats_the_runtimes_runner() -> None:
    found = merged({"runner": MAIN}, {"containers": [{"name": "main", "image": "mine", "args": ["--y"]}]})
    (container,) = pod_of(found)["containers"]
    assert (container["image"], container["args"]) == ("mine", ["--y", "--x"])


TEMPLATE = {
    "tolerations": [{"key": "gpu"}],
    "leader": {"runner": {**MAIN, "args": ["--lead"]}, "tolerations": [{"key": "lead"}]},
    "worker": {"size": 1, "runner": {**MAIN, "args": ["--work"]}},
}


def role(name: str, engine: Json, template: Json = TEMPLATE, use: ClassUse | None = None) -> tuple[Component, Json]:
    taken = runtime("r", entry(), engineConfig=template)
    component = Component.merged("engine", service(engine=engine), taken, use, role=name)
    return component, render_pod(component, view_model(model(), Settings.defaults())).spec


def test_c9_8_a_components_runner_is_not_the_leaders_and_that_is_told_q56() -> None:
    component, pod = role("leader", {"runner": {"args": ["--mine"]}})
    assert pod["containers"][0]["args"] == ["--lead"]
    (loss,) = component.losses
    assert (loss.code.value, loss.path, loss.value, str(loss.origin)) == ("SeveralNodes", "runner", "args", "service")


@pytest.mark.parametrize("name", ["leader", "worker"])
def test_d_19_pod_fields_of_a_component_hold_for_leader_and_workers_q55(name: str) -> None:
    engine = {"tolerations": [{"key": "team"}], "volumes": [HOST], "nodeSelector": {"zone": "a"}}
    _, pod = role(name, engine)
    keys = {one["key"] for one in pod["tolerations"]}
    assert keys == ({"team", "gpu", "lead"} if name == "leader" else {"team", "gpu"})
    assert pod["volumes"][0] == HOST
    assert pod["nodeSelector"]["zone"] == "a"


def test_d_19_what_the_role_says_wins_over_the_component_but_not_over_the_service() -> None:
    template = {"schedulerName": "one", "leader": {"runner": MAIN, "schedulerName": "two"}}
    assert role("leader", {}, template)[1]["schedulerName"] == "two"
    assert role("leader", {"schedulerName": "three"}, template)[1]["schedulerName"] == "three"
    both = {"schedulerName": "three", "leader": {"schedulerName": "four"}}
    assert role("leader", both, template)[1]["schedulerName"] == "four"


def test_a_components_runner_leads_where_there_is_no_leader() -> None:
    component, pod = role("leader", {}, {"runner": MAIN, "worker": {"size": 1, "runner": MAIN}})
    assert pod["containers"][0]["args"] == ["--x"]
    assert component.losses == ()


@pytest.mark.parametrize("name", ["leader", "worker"])
def test_a_class_holds_for_leader_and_workers(name: str) -> None:
    use = ClassUse(accelerator_class=accelerator("h100"))
    _, pod = role(name, {}, use=use)
    assert pod["nodeSelector"]["gpu"] == "h100"
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}


@pytest.mark.parametrize("name", ["leader", "worker"])
@pytest.mark.parametrize("use", [None, ClassUse(accelerator_class=accelerator("h100"))], ids=["no class", "a class"])
def test_c9_13_and_14_parallelism_size_counts_all_pods_with_or_without_a_class_q44(
    name: str, use: ClassUse | None
) -> None:
    runner = {**MAIN, "resources": {"limits": {"nvidia.com/gpu": 8}}}
    template = {"leader": {"runner": runner}, "worker": {"size": 1, "runner": runner}}
    _, pod = role(name, {}, template, use)
    assert values(pod["containers"][0])["PARALLELISM_SIZE"] == "16"
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": 8}


def test_d_21_a_chat_template_full_of_braces_renders_q57() -> None:
    jinja = "{% for m in messages %}{{ m['content'] | trim }}{% endfor %}<|END|>&\"'+{{.Name}}{{bos_token}}"
    side = {"name": "side", "image": "s", "env": [{"name": "N", "value": "{{.Name}}"}]}
    first = {"name": "first", "image": "i", "args": ["{{.Namespace}}"]}
    runner = {**MAIN, "command": ["python3", "--chat-template", jinja]}
    found = merged({"runner": runner, "containers": [side], "initContainers": [first]}, {})
    assert container_of(found, name="main")["command"][2] == jinja.replace("{{.Name}}", "svc")
    assert values(container_of(found, name="side"))["N"] == "svc"
    assert pod_of(found)["initContainers"][0]["args"] == ["team"]
