"""What an accelerator class changes in a pod, between the runtime and the service: D 5, D 19, D 20, and C.9."""

from math import prod
from typing import Any

import pytest
from tests.unit.planner.build import (
    RUNNER,
    accelerator,
    condition,
    container_of,
    entry,
    made,
    pod_of,
    runtime,
    service,
    values,
    with_class,
)

from omectl.planner import Plan
from omectl.planner.origin import LossCode

Json = Any
GPUS = "nvidia.com/gpu"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def gpus(count: Json, **more: Json) -> Json:
    return {"resources": {"requests": {GPUS: count, **more}, "limits": {GPUS: count, **more}}}


def sglang(*args: str, **fields: Json) -> Json:
    return {"runner": {**RUNNER, "image": "sglang:1", "args": list(args), **fields}}


def terms(pod: Json) -> list[list[str]]:
    found = pod["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    return [[one["key"] for one in term["matchExpressions"]] for term in found]


def node_affinity(*keys: str) -> Json:
    expressions = [{"key": key, "operator": "Exists"} for key in keys]
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}}


def node_terms(count: int) -> Json:
    expressions = [{"key": f"k{number}", "operator": "Exists"} for number in range(count)]
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [one]} for one in expressions]}}}


def lost(found: Plan) -> set[tuple[str, str, str]]:
    losses = found.provenance["engine", ""].losses
    return {(one.code.value, str(one.origin), one.value) for one in losses}


def test_c9_6_and_d_5_a_class_never_lowers_the_runtimes_gpus_q40() -> None:
    container = container_of(with_class(template=sglang(**gpus(4))))
    assert container["resources"] == {"requests": {GPUS: 4}, "limits": {GPUS: 4}}
    assert values(container)["PARALLELISM_SIZE"] == "4"


def test_c9_7_and_d_5_resources_of_the_user_do_not_switch_the_class_off_q40() -> None:
    asked = {"runner": {"resources": {"requests": {"cpu": 2}}}}
    found = container_of(with_class(asked, template=sglang("--tp-size", "4")))
    assert found["resources"] == {"requests": {"cpu": 2, GPUS: "4"}, "limits": {GPUS: "4"}}


def test_d_5_a_class_gives_its_unit_for_every_rank() -> None:
    classes = (accelerator("h100", resources=[{"name": GPUS, "quantity": "1"}, {"name": "rdma/hca", "quantity": 2}]),)
    found = container_of(with_class(template=sglang("--tp-size=4"), accelerator_classes=classes))
    assert found["resources"]["limits"] == found["resources"]["requests"] == {GPUS: "4", "rdma/hca": "8"}


@pytest.mark.parametrize("part", ["requests", "limits"])
def test_d_5_the_users_own_count_of_an_accelerator_stays(part: str) -> None:
    asked = {"runner": {"resources": {part: {GPUS: 2}}}}
    found = container_of(with_class(asked, template=sglang("--tp-size=4", **gpus(4))))
    assert found["resources"] == {"requests": {GPUS: 2}, "limits": {GPUS: 2}}


def test_d_5_a_quantity_that_nobody_can_read_is_left_to_the_api_server() -> None:
    found = container_of(with_class(template=sglang(**gpus("many"))))
    assert found["resources"] == {"requests": {GPUS: "many"}, "limits": {GPUS: "many"}}


def test_c9_12_and_d_20_the_users_variable_beats_the_classes_q42() -> None:
    config = {"environmentOverride": {"A": "2", "B": "2"}}
    template = sglang(env=[{"name": "A", "value": "0"}, {"name": "B", "value": "0"}])
    found = with_class({"runner": {"env": [{"name": "A", "value": "1"}]}}, template, config)
    assert values(container_of(found)).items() >= {"A": "1", "B": "2"}.items()
    assert lost(found) >= {
        ("Overruled", "class h100", "2"),
        ("Overruled", "runtime r", "0"),
    }


def test_q42_a_variable_by_reference_is_replaced_as_a_whole() -> None:
    template = sglang(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}])
    found = container_of(with_class(None, template, {"environmentOverride": {"A": "2"}}))
    assert found["env"][0] == {"name": "A", "value": "2"}


def test_q59_variables_of_a_class_are_in_the_order_of_their_names() -> None:
    config = {"environmentOverride": {"Z": "1", "B": "2", "A": "3"}}
    found = container_of(
        with_class(None, sglang(env=[{"name": "B", "value": "0"}, {"name": "X", "value": "x"}]), config)
    )
    assert [(one["name"], one["value"]) for one in found["env"]][:4] == [("B", "2"), ("X", "x"), ("A", "3"), ("Z", "1")]


def test_d_20_the_classes_affinity_holds_beside_the_runtimes_q41() -> None:
    classes = (accelerator("h100", affinity=node_affinity("class")),)
    template = {**sglang(), "affinity": node_affinity("runtime")}
    assert terms(pod_of(with_class(None, template, accelerator_classes=classes))) == [["runtime", "class"]]


def test_d_20_the_classes_affinity_holds_beside_the_services_q41() -> None:
    classes = (accelerator("h100", affinity=node_affinity("class")),)
    template = {**sglang(), "affinity": node_affinity("runtime")}
    asked = {"affinity": node_affinity("service")}
    assert terms(pod_of(with_class(asked, template, accelerator_classes=classes))) == [["service", "class"]]


def test_d_20_a_service_may_do_without_any_affinity() -> None:
    classes = (accelerator("h100", affinity=node_affinity("class")),)
    assert "affinity" not in pod_of(with_class({"affinity": None}, accelerator_classes=classes))


def test_the_node_selector_goes_runtime_old_top_level_class_service() -> None:
    template = {**sglang(), "nodeSelector": {"a": "component", "b": "component", "gpu": "component", "d": "component"}}
    old = {"nodeSelector": {"b": "old", "gpu": "old", "d": "old"}}
    found = pod_of(with_class({"nodeSelector": {"d": "service"}}, template, runtime_fields=old))["nodeSelector"]
    assert {key: found[key] for key in ("a", "b", "gpu", "d")} == {
        "a": "component", "b": "old", "gpu": "h100", "d": "service",
    }  # fmt: skip


@pytest.mark.parametrize(("selector", "wanted"), [({"gpu": None}, None), ({"gpu": "mine"}, "mine"), ({}, "h100")])
def test_d_20_the_service_may_change_and_remove_a_label_of_the_class(selector: Json, wanted: str | None) -> None:
    assert pod_of(with_class({"nodeSelector": selector}))["nodeSelector"].get("gpu") == wanted


def test_q43_merged_weights_do_not_drop_the_classes_selector() -> None:
    metadata = {"annotations": {"ome.io/fine-tuned-serving-with-merged-weights": "true"}}
    found = with_class(spec={"metadata": metadata})
    assert pod_of(found)["nodeSelector"]["gpu"] == "h100"


ARGS = {"runtimeArgsOverride": ["--quantization", "fp8", "--tp-size", "8"]}


def test_d_21_a_class_overrides_the_runtimes_arguments() -> None:
    found = container_of(with_class(None, sglang("--tp-size", "4", "--x"), ARGS))
    assert found["args"] == ["--tp-size", "8", "--x", "--quantization", "fp8"]


def test_d_20_the_users_arguments_win_flag_by_flag() -> None:
    found = with_class({"runner": {"args": ["--tp=2", "--y"]}}, sglang("--tp-size", "4", "--x"), ARGS)
    assert container_of(found)["args"] == ["--tp=2", "--y", "--quantization", "fp8"]
    assert ("Overruled", "class h100", "--tp-size 8") in lost(found)


def test_d_20_arguments_of_a_class_do_not_go_to_a_command_of_the_user() -> None:
    found = with_class({"runner": {"command": ["mine"]}}, sglang("--tp-size", "4"), ARGS)
    container = container_of(found)
    assert (container["command"], container["args"]) == (["mine"], ["--tp-size", "4"])
    assert {one for one in lost(found) if one[0] == "OwnCommand"} == {
        ("OwnCommand", "class h100", "--quantization fp8"),
        ("OwnCommand", "class h100", "--tp-size 8"),
    }


def test_d_21_arguments_for_a_shells_text_are_reported() -> None:
    template = sglang(command=["sh", "-c", "exec python3 -m sglang.launch_server --tp-size 4"])
    template["runner"].pop("args")
    found = with_class(None, template, ARGS)
    container = container_of(found)
    assert container["command"] == template["runner"]["command"]
    assert "args" not in container
    assert ("ShellText", "class h100", "--tp-size 8") in lost(found)
    assert (
        "runner.args: --tp-size 8 of the class h100 does not count: it would have to go into a shell's text"
        in found.explanation.warnings
    )


def test_a_class_gives_no_runner_to_a_service_that_removed_it() -> None:
    asked = {"runner": None, "containers": [{"name": "own", "image": "own:1"}]}
    found = with_class(asked, sglang("--x"), {**ARGS, "environmentOverride": {"A": "1"}})
    assert [one["name"] for one in pod_of(found)["containers"]] == ["own"]


@pytest.mark.parametrize("config", [ARGS, {"tensorParallelismOverride": {"tensorParallelSize": 8}}])
def test_d_21_a_script_of_the_user_is_not_written_into(config: Json) -> None:
    script = "python3 -m sglang.launch_server \\\n --x 1"
    found = with_class({"runner": {"args": [script]}}, sglang(command=["bash", "-c"]), config)
    assert container_of(found)["args"] == [script]
    assert {(code, origin) for code, origin, _ in lost(found) if code == "ShellText"} == {("ShellText", "class h100")}


def override(**sizes: int) -> Json:
    return {"tensorParallelismOverride": sizes}


def test_d_6_a_classes_parallelism_becomes_flags_and_gpus_q46() -> None:
    config = override(tensorParallelSize=4, pipelineParallelSize=2)
    found = container_of(with_class(None, sglang("--tp-size", "1", **gpus(1)), config))
    assert found["args"] == ["--tp-size", "4", "--pp-size", "2"]
    assert found["resources"]["limits"] == {GPUS: "8"}
    assert values(found)["PARALLELISM_SIZE"] == "8"


def test_d_20_the_users_parallelism_beats_the_classes() -> None:
    found = with_class({"runner": {"args": ["--tp-size", "2"]}}, sglang(), override(tensorParallelSize=8))
    container = container_of(found)
    assert container["args"] == ["--tp-size", "2"]
    assert container["resources"]["limits"] == {GPUS: "2"}
    assert ("Overruled", "class h100", "tensorParallelSize=8") in lost(found)


@pytest.mark.parametrize("sizes", [(8, None, None), (2, 4, None), (2, None, 4), (None, 2, 3), (1, 1, 1)])
@pytest.mark.parametrize("requested", [None, 1])
def test_d2_6_managed_parallelism_is_the_gpus_that_are_asked_for(
    sizes: tuple[int | None, ...], requested: int | None
) -> None:
    names = ("tensorParallelSize", "pipelineParallelSize", "dataParallelSize")
    stated = {name: size for name, size in zip(names, sizes, strict=True) if size is not None}
    template = sglang("--tp-size", "1", **(gpus(requested) if requested else {}))
    container = container_of(with_class(None, template, override(**stated)))
    assert int(container["resources"]["limits"][GPUS]) == prod(stated.values())
    assert values(container)["PARALLELISM_SIZE"] == str(prod(stated.values()))


@pytest.mark.parametrize(
    ("own", "requested", "code", "wanted", "found"),
    [(2, 1, "CountTooSmall", "4", "2"), (None, 8, "CountRaised", "8", "4")],
    ids=["the service asks for too few", "the runtime asks for more"],
)
def test_d_5_a_count_that_disagrees_with_the_classes_parallelism_is_told(
    own: int | None, requested: int, code: str, wanted: str, found: str
) -> None:
    asked = {"runner": gpus(own)} if own else None
    plan = with_class(asked, sglang(**gpus(requested)), override(tensorParallelSize=4))
    (problem,) = plan.provenance["engine", ""].problems
    assert (problem.code.value, problem.wanted, problem.found) == (code, wanted, found)
    assert container_of(plan)["resources"]["limits"] == {GPUS: own or requested}
    told = {
        "CountTooSmall": "engine: the service asks for 2 accelerators, and the class's parallelism needs 4",
        "CountRaised": "engine: a pod asks for 8 accelerators, and its class needs 4 for the parallelism",
    }
    assert plan.explanation.warnings[-1] == told[code]


def test_q46_parallelism_for_an_unknown_program_is_reported() -> None:
    found = with_class(None, {"runner": {**RUNNER, "args": ["--x"]}}, override(tensorParallelSize=8))
    assert container_of(found)["args"] == ["--x"]
    assert container_of(found)["resources"]["limits"] == {GPUS: "8"}
    assert ("NoDialect", "class h100", "tensorParallelSize=8") in lost(found)


def test_c9_14_and_d_6_parallelism_size_is_told_with_a_class_too_q44() -> None:
    assert values(container_of(with_class(template=sglang(**gpus(8)))))["PARALLELISM_SIZE"] == "8"


def test_a_pod_without_a_runner_gets_the_classes_place_and_nothing_else() -> None:
    template = {"containers": [{"name": "c", "image": "i:1", "args": ["--tp-size", "1"]}]}
    found = with_class(None, template, {**ARGS, "environmentOverride": {"A": "1"}})
    container = container_of(found)
    assert container["args"] == ["--tp-size", "1"]
    assert not {"resources", "env"} & set(container)
    assert pod_of(found)["nodeSelector"]["gpu"] == "h100"


def test_only_the_entry_that_won_says_what_a_class_changes() -> None:
    entries = [
        entry(quantization="fp8", acceleratorConfig={"h100": {"environmentOverride": {"A": "other"}}}),
        entry(acceleratorConfig={"a100": {"environmentOverride": {"A": "class"}}}),
    ]
    taken = runtime("r", *entries, acceleratorRequirements={"acceleratorClasses": ["h100"]})
    asked = service(acceleratorSelector={"acceleratorClass": "h100"})
    assert "A" not in values(container_of(made(asked, taken, accelerator_classes=(accelerator("h100"),))))


def test_a_router_gets_nothing_of_a_class() -> None:
    router = {"runner": {"name": "router", "image": "router:1", "ports": [{"containerPort": 9000}]}}
    found = with_class(
        spec={"router": {}}, runtime_fields={"routerConfig": router}, config={"environmentOverride": {"A": "1"}}
    )
    assert "nodeSelector" not in pod_of(found, "router")
    assert "env" not in container_of(found, "router")


def test_a_class_that_does_not_exist_refuses_the_plan_with_its_candidates() -> None:
    found = with_class(accelerator_classes=())
    assert found.problem is not None
    assert found.problem.reason == "AcceleratorClassError"
    assert "AcceleratorClass h100 does not exist" in found.problem.message
    assert [one.outcome.value for one in found.explanation.accelerators] == ["ClassNotFound"]
    assert condition(found, "Ready")["status"] == "False"


def test_terms_that_multiply_to_too_many_are_refused() -> None:
    classes = (accelerator("h100", affinity=node_terms(2)),)
    found = with_class({"affinity": node_terms(251)}, accelerator_classes=classes)
    assert found.problem is not None
    assert found.problem.message == (
        "spec.engine.affinity: 251 node selector terms and 2 of an accelerator class, multiplied, are more than 500"
    )
    allowed = with_class({"affinity": node_terms(250)}, accelerator_classes=classes)
    assert len(terms(pod_of(allowed))) == 500


def test_the_engines_memory_is_told_for_the_accelerators_of_its_class() -> None:
    found = with_class(template=sglang(**gpus(1)))
    assert found.explanation.fit is not None
    assert found.explanation.fit.report.memory_bytes == 80 * 2**30


def test_every_loss_has_a_code_of_its_own() -> None:
    assert {one.value for one in LossCode} == {
        "Overruled", "Removed", "ShellText", "OwnCommand", "NoDialect", "SeveralNodes",
    }  # fmt: skip
