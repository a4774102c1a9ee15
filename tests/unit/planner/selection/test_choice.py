"""The choice under the default ranking, and the reasons that are given."""

import pytest
from tests.unit.planner.build import NAMESPACE, Json, entry, made, model, runtime, service
from tests.unit.planner.selection.parts import E0, classes, fmt, framework, name_of, picked, sized, weighted

from omectl.planner import Plan

NS = NAMESPACE
H100 = {"acceleratorSelector": {"acceleratorClass": "H100"}}


EXAMPLES: list[tuple[str, Json, list[Json], str]] = [
    ("1 the only one", {}, [runtime("a", E0)], "a"),
    ("2 namespace first", {}, [runtime("n", E0, namespace=NS), runtime("c", weighted(10, 10, priority=2))], "n"),
    ("2b another namespace", {}, [runtime("n", E0, namespace="other"), runtime("c", E0)], "c"),
    ("3 priority", {}, [runtime("a", entry(priority=1)), runtime("b", entry(priority=2))], "b"),
    ("4 priority alone (Q5)", {}, [runtime("a", weighted(10, 5, priority=3)), runtime("b", entry(priority=10))], "b"),
    ("6 narrow range", {}, [runtime("a", E0, **sized("1B", "13B")), runtime("b", E0, **sized("5B", "10B"))], "b"),
    ("7 range before none (Q6)", {}, [runtime("a", E0), runtime("z", E0, **sized("7B", "9B"))], "z"),
    ("7b one-sided between (Q9)", {}, [runtime("a", E0), runtime("z", E0, **sized(None, "9B"))], "z"),
    ("8 name", {}, [runtime("b", E0, **sized("7B", "9B")), runtime("a", E0, **sized("7B", "9B"))], "a"),
    ("9 no size", {"modelParameterSize": None}, [runtime("b", E0, **sized("100B", "200B")), runtime("d", E0)], "b"),
    ("10 inclusive", {"modelParameterSize": "13B"}, [runtime("a", E0, **sized("1B", "13B"))], "a"),
    ("10 inclusive below", {"modelParameterSize": "1B"}, [runtime("a", E0, **sized("1B", "13B"))], "a"),
    ("11 outside", {"modelParameterSize": "13.02B"}, [runtime("a", E0, **sized("1B", "13B"))], ""),
    ("12 unreadable", {"modelParameterSize": "8b"}, [runtime("a", E0, **sized("1B", "13B"))], ""),
    ("12b unreadable, no range", {"modelParameterSize": "8b"}, [runtime("a", E0)], "a"),
    ("12c kilo (Q10)", {"modelParameterSize": "500K"}, [runtime("a", E0, **sized("1", "1M"))], "a"),
    ("13 disabled", {}, [runtime("a", E0, disabled=True)], ""),
    ("14 autoSelect false", {}, [runtime("a", entry(autoSelect=False))], ""),
    ("15 autoSelect unset", {}, [runtime("a", entry(autoSelect=None))], ""),
    ("16 mixed entries (Q3)", {}, [runtime("a", entry(autoSelect=False), entry(modelArchitecture="Qwen2"))], ""),
    ("17 unset is not scored (Q4)", {}, [
        runtime("a", entry(autoSelect=None, priority=9), entry(modelArchitecture="Qwen2")),
        runtime("b", entry(priority=8))], "b"),
    ("18 another architecture's priority (Q3)", {}, [
        runtime("a", E0, entry(modelArchitecture="Qwen2", priority=50)), runtime("b", entry(priority=3))], "b"),
    ("19 no architecture", {}, [runtime("a", entry(modelArchitecture=None))], ""),
    ("20 model without", {"modelArchitecture": None}, [runtime("a", E0)], ""),
    ("21 quantization", {"quantization": "fp8"}, [
        runtime("a", E0), runtime("b", entry(quantization="int4")), runtime("c", entry(quantization="fp8"))], "c"),
    ("22 framework version", framework("4.43.1"), [runtime("a", E0)], ""),
    ("23 upper bound", framework("4.50.0"), [
        runtime("a", entry(**framework("4.51.0", "GreaterThanOrEqual"))),
        runtime("b", entry(**framework("4.49.0", "GreaterThanOrEqual")))], "a"),
    ("24 development version (Q13)", framework("4.50.0.dev0"), [
        runtime("a", entry(**framework("4.51.0", "GreaterThanOrEqual")))], "a"),
    ("24b pinned development version", framework("4.50.0"), [runtime("a", entry(**framework("4.50.0.dev0")))], ""),
    ("25 precision", {}, [runtime("a", entry(**fmt("1"))), runtime("b", entry(**fmt("1", "GreaterThanOrEqual")))], "a"),
    ("26 prefix", {}, [runtime("b", entry(**fmt("v1.0.0", "GreaterThan"))), runtime("c", entry(**fmt("v1.0.0")))], "c"),
    ("27 no version", {"modelFormat": {"name": "safetensors"}}, [runtime("a", E0)], ""),
    ("28 no framework", {"modelFramework": None}, [runtime("a", E0), runtime("b", entry(modelFramework=None))], "b"),
    ("29 weight zero (Q5)", {}, [
        runtime("a", weighted(0, 0)), runtime("b", entry(priority=7)), runtime("c", entry(priority=8))], "c"),
    ("unparsable but identical (Q15)", framework("latest"), [runtime("a", entry(**framework("latest")))], "a"),
    ("unknown operator (Q14)", {}, [runtime("a", entry(**fmt("1.0.0", "LessThan")))], ""),
    ("40 the entry that matches (Q23)", {"modelArchitecture": "Qwen2"}, [
        runtime("x", E0, entry(modelArchitecture="Qwen2"))], "x"),
    ("42 only a maximum (Q9)", {}, [runtime("a", E0, **sized(None, "10B"))], "a"),
    ("42b over the maximum", {"modelParameterSize": "11B"}, [runtime("a", E0, **sized(None, "10B"))], ""),
    ("43 no entries", {}, [runtime("a")], ""),
    ("45 the model's own range", {"modelParameterSize": "72B"}, [
        runtime("a", E0), runtime("b", E0), runtime("own", E0, **sized("70B", "75B"))], "own"),
    ("prefill alone (Q26)", {}, [runtime("a", E0, decoderConfig={}), runtime("b", E0)], "b"),
    ("one node before several (Q26)", {}, [
        runtime("a", E0, engineConfig={"leader": {}, "worker": {"size": 1}}), runtime("b", E0)], "b"),
    ("no engine (Q26)", {}, [runtime("a", E0, engineConfig=None), runtime("b", E0)], "b"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "runtimes", "wanted"), [one[1:] for one in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_the_runtime_of_a_worked_example_is_chosen(changes: Json, runtimes: Json, wanted: str) -> None:
    assert made(None, *runtimes, model=model(**changes)).explanation.runtime == wanted


@pytest.mark.parametrize(
    ("asked", "runtimes", "wanted"),
    [
        (H100, [runtime("a", E0, **classes("A100")), runtime("b", E0), runtime("c", E0, **classes("H100", "T4"))], "c"),
        (
            {"engine": {"acceleratorOverride": {"acceleratorClass": "H100"}},
             "acceleratorSelector": {"acceleratorClass": "T4"}},
            [runtime("a", E0, **classes("H100")), runtime("c", E0, **classes("H100", "T4"))],
            "c",
        ),
        ({}, [runtime("a", E0, **classes("A100"))], "a"),
    ],
    ids=["34 one class", "35 the union", "37 none asked"],
)  # fmt: skip
def test_a_runtime_lists_every_accelerator_class_that_is_asked_for(asked: Json, runtimes: Json, wanted: str) -> None:
    """What is asked may then be refused as a whole; which runtime would have served it is told all the same."""
    assert name_of(picked(*runtimes, asked=service(**asked))) == wanted


DIFFUSERS = {"name": "diffusers", "version": "0.35.0"}
PIPELINE = {"className": "QwenImagePipeline", "scheduler": {"library": "diffusers", "type": "FlowMatch"}}


def drawing(pipeline: Json) -> Json:
    return entry(modelFormat=DIFFUSERS, modelFramework=DIFFUSERS, modelArchitecture=None, diffusionPipeline=pipeline)


@pytest.mark.parametrize(
    ("pipeline", "fits"),
    [
        (None, True),
        ({}, True),
        ({"className": "QwenImagePipeline"}, True),
        ({"className": "StableDiffusionPipeline"}, False),
        ({"scheduler": {"library": "diffusers"}}, True),
        ({"scheduler": {"type": "Euler"}}, False),
        ({"vae": {"library": "diffusers"}}, False),
        ({"additionalComponents": {"image_encoder": {}}}, False),
    ],
)
def test_a_diffusion_pipeline_is_compared_part_by_part(pipeline: Json, fits: bool) -> None:
    painter = model(modelFormat=DIFFUSERS, modelFramework=DIFFUSERS, modelArchitecture=None, diffusionPipeline=PIPELINE)
    assert (made(None, runtime("a", drawing(pipeline)), model=painter).explanation.runtime == "a") is fits


def test_the_pipeline_that_pins_more_is_preferred() -> None:
    painter = model(modelFormat=DIFFUSERS, modelFramework=DIFFUSERS, modelArchitecture=None, diffusionPipeline=PIPELINE)
    generic, specific = runtime("a", drawing(None)), runtime("b", drawing({"className": "QwenImagePipeline"}))
    found = made(None, generic, specific, model=painter)
    assert found.explanation.runtime == "b"
    assert found.explanation.runtime_reason == "more attributes of the model pinned"


def named(name: str, kind: str = "ClusterServingRuntime") -> Json:
    return service(runtime={"name": name, "kind": kind})


def test_a_named_runtime_need_not_be_auto_selectable() -> None:
    assert made(named("x"), runtime("x", entry(autoSelect=False))).explanation.runtime == "x"


def test_a_named_runtime_is_the_namespaces_own_before_the_clusters() -> None:
    found = made(named("x"), runtime("x", E0), runtime("x", entry(priority=2), namespace=NS))
    assert found.explanation.candidates[0].scope == "namespace"


def test_a_runtime_named_with_the_namespaces_kind_is_not_the_clusters() -> None:
    found = made(named("x", "ServingRuntime"), runtime("x", E0))
    assert problem(found) == ("RuntimeValidationError", "RuntimeNotRecognized")
    assert "ClusterServingRuntime of that name" in str(found.problem)


@pytest.mark.parametrize(
    ("found", "failure", "told"),
    [
        (runtime("x", E0, disabled=True), "RuntimeDisabled", "disabled"),
        (runtime("x", E0, engineConfig=None), "NoSupportingRuntime", "the runtime has no engineConfig"),
        (runtime("other", E0), "RuntimeNotRecognized", "not found in namespace team or the cluster"),
    ],
    ids=["disabled", "component", "unknown"],
)
def test_a_named_runtime_that_does_not_serve_says_why(found: Json, failure: str, told: str) -> None:
    refused = made(named("x"), found)
    assert problem(refused) == ("RuntimeValidationError", failure)
    assert told in str(refused.problem)
    assert not refused.objects


def problem(found: Plan) -> tuple[str, str]:
    assert found.problem is not None
    assert found.problem.next_step
    return found.problem.reason, found.problem.failure


def test_every_candidate_has_reasons_and_every_mismatch_is_told() -> None:
    apart = entry(modelArchitecture="Qwen2", quantization="fp8", modelFramework={"name": "vllm"}, autoSelect=False)
    found = made(None, runtime("good", E0), runtime("apart", apart, **sized("20B", "30B")), runtime("none"))
    candidates = {one.name: one for one in found.explanation.candidates}
    assert all(one.reasons for one in candidates.values())
    assert candidates["good"].rank == 1
    assert candidates["good"].score == 2
    assert set(candidates["apart"].codes) == {
        "ArchitectureMismatch", "QuantizationMismatch", "FrameworkMismatch", "NotAutoSelectable", "SizeOutOfRange",
    }  # fmt: skip
    assert candidates["none"].codes == ("NoSupportedFormats",)


def test_a_tie_is_marked_and_told() -> None:
    found = made(None, runtime("b", E0), runtime("a", E0), runtime("c", entry(priority=1)))
    assert found.explanation.ambiguous
    assert "a, b, c fit equally well" in found.explanation.warnings[0]


def test_a_runtime_that_fits_less_says_what_put_it_behind() -> None:
    found = made(None, runtime("a", entry(priority=2)), runtime("b", E0))
    assert found.explanation.candidates[1].reasons == ("fits, but comes after a: the higher priority",)
    assert not found.explanation.ambiguous


def test_without_a_fitting_runtime_the_nearest_misses_are_told_and_counted() -> None:
    others = [runtime(f"r{index}", entry(modelArchitecture=f"A{index}", quantization="int4")) for index in range(9)]
    found = made(None, *others, runtime("near", entry(modelArchitecture="Qwen2")), runtime("own", namespace=NS))
    assert problem(found) == ("RuntimeSelectionError", "NoSupportingRuntime")
    assert "looked at 11 (1 of namespace team, 10 of the cluster)" in str(found.problem)
    assert "near (architecture: wanted Qwen2, found Llama)" in str(found.problem)
    assert len(str(found.problem)) < 700


def test_a_complete_runner_does_without_a_fitting_runtime() -> None:
    runner = {"name": "main", "image": "own:1"}
    found = made(service(engine={"runner": runner}), runtime("a", entry(modelArchitecture="Qwen2")))
    assert found.problem is None
    assert found.explanation.runtime == ""


def test_a_router_without_an_image_needs_a_runtime_that_has_one() -> None:
    with_router = runtime("b", E0, routerConfig={"runner": {"name": "router", "image": "router:1"}})
    assert made(service(router={}), runtime("a", E0), with_router).explanation.runtime == "b"
    own = service(router={"runner": {"name": "router", "image": "router:2"}})
    assert made(own, runtime("a", E0), with_router).explanation.runtime == "a"
