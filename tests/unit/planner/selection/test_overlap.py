"""Pairs of runtimes that take the same model (D 23), and fields that mean nothing."""

from typing import Any

import pytest
from tests.unit.planner.build import FORMAT, NAMESPACE, entry, runtime, service
from tests.unit.planner.selection.parts import E0, sized, weighted

from omectl.planner.selection.choice import select_runtime
from omectl.planner.selection.overlap import OverlapCode, overlaps
from omectl.planner.selection.policy import OME
from omectl.planner.selection.validity import field_problems

PAINTER = {"modelArchitecture": None, "modelFramework": None}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (runtime("a", E0), runtime("b", E0)),
        (runtime("a", E0, **sized("1B", "7B")), runtime("b", E0, **sized("6B", "12B"))),
        (runtime("a", entry(modelArchitectures=["Llama*"])), runtime("b", entry(modelArchitectures=["*CausalLM"]))),
        (runtime("a", entry(modelArchitectures=["any"])), runtime("b", entry(modelArchitectures=["any"]))),
        (runtime("a", entry(quantizations=["fp8", "int4"])), runtime("b", entry(quantizations=["int4", "none"]))),
        (
            runtime("a", entry(modelFrameworkVersions=">=4.43,<5")),
            runtime("b", entry(modelFrameworkVersions=">=4.50,<6")),
        ),
        (runtime("a", entry(modelFrameworkVersions=">4,<5")), runtime("b", entry(modelFrameworkVersions=">4,<5"))),
        (
            runtime("a", entry(**PAINTER, diffusionPipeline={"className": "P"})),
            runtime("b", entry(**PAINTER, diffusionPipeline={"vae": {"type": "V"}})),
        ),
        (runtime("a", E0, decoderConfig={}), runtime("b", E0, decoderConfig={})),
        (
            runtime("a", E0, entry(modelArchitecture="Q")),
            runtime("b", entry(modelArchitecture="Z"), entry(modelArchitecture="Q")),
        ),
    ],
    ids=["equal", "crossing ranges", "globs", "any", "quantizations", "versions", "between", "pipelines", "decoders",
         "entries"],
)  # fmt: skip
def test_two_runtimes_that_only_the_name_tells_apart_are_shown_with_a_model(left: Any, right: Any) -> None:
    """D 23: and the selection itself says of that model that it is ambiguous."""
    found = overlaps([right, left, runtime("other", entry(modelFramework={"name": "vllm"}))])
    assert [(one.code, one.first.name, one.second.name) for one in found] == [(OverlapCode.AMBIGUOUS, "a", "b")]
    asked = service(decoder={}) if left.spec.decoder_config is not None else service()
    chosen = select_runtime(asked, found[0].sample, [left, right])
    assert chosen.ambiguous
    assert str(found[0].sample) in found[0].text


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (runtime("a", E0), runtime("b", entry(priority=2))),
        (runtime("a", E0, **sized("1B", "5B")), runtime("b", E0, **sized("6B", "9B"))),
        (runtime("a", E0, **sized("1B", "5B")), runtime("b", E0, **sized("1B", "6B"))),
        (runtime("a", E0, **sized("1B", "x")), runtime("b", E0, **sized("1B", "x"))),
        (runtime("a", E0), runtime("b", entry(modelArchitectures=["Llama*"]))),
        (runtime("a", E0), runtime("b", entry(autoSelect=False))),
        (runtime("a", E0), runtime("b", E0, disabled=True)),
        (runtime("a", E0), runtime("b", E0, decoderConfig={})),
        (runtime("a", entry(quantization="fp8")), runtime("b", entry(quantization="int4"))),
        (runtime("a", entry(modelFrameworkVersions="<4.43")), runtime("b", entry(modelFrameworkVersions=">=4.43"))),
        (runtime("a", E0, namespace="one"), runtime("b", E0, namespace="two")),
        (runtime("a", E0, entry()), runtime("c", entry(modelArchitecture="Qwen2"))),
    ],
    ids=["priority", "apart", "narrower", "unreadable", "specificity", "by name only", "disabled", "decoder",
         "quantization", "versions", "namespaces", "within one runtime"],
)  # fmt: skip
def test_two_runtimes_that_the_ranking_tells_apart_do_not_overlap(left: Any, right: Any) -> None:
    assert overlaps([left, right]) == ()


def test_the_sample_of_runtimes_without_a_range_is_of_a_usual_size() -> None:
    assert overlaps([runtime("a", E0), runtime("b", E0)])[0].sample.size_text == "7B"


def test_a_namespaces_runtime_shadows_the_clusters() -> None:
    """D 23: across scopes nothing is ambiguous, yet the cluster's runtime is not reached from there."""
    found = overlaps([runtime("a", entry(priority=9)), runtime("b", E0, namespace=NAMESPACE)])
    assert [(one.code, str(one.first.key), str(one.second.key)) for one in found] == [
        (OverlapCode.SHADOWED, "team/b", "a")
    ]
    assert "in namespace team the first takes models such as sample" in found[0].text


def test_a_third_runtime_that_comes_first_ends_the_ambiguity() -> None:
    assert overlaps([runtime("a", E0), runtime("b", E0), runtime("c", entry(priority=2))]) == ()


def test_overlaps_follow_the_ranking() -> None:
    pair = [runtime("a", weighted(10, 5, priority=1)), runtime("b", weighted(1, 4, priority=3))]
    assert overlaps(pair) == ()
    assert [one.first.name for one in overlaps(pair, OME)] == ["a"]


@pytest.mark.parametrize(
    ("changed", "spec", "told"),
    [
        ({}, {}, ""),
        ({"modelFormat": {"name": ""}}, {}, "supportedModelFormats[0].modelFormat.name: wanted a name, found nothing"),
        ({"modelFormat": {**FORMAT, "version": "latest"}}, {}, "modelFormat.version: wanted a version as in 4.43.0"),
        ({"modelFormat": {**FORMAT, "operator": "LessThan"}}, {}, "modelFormat.operator: wanted one of Equal, Greater"),
        ({"modelFormat": {**FORMAT, "weight": 0}}, {}, "modelFormat.weight: wanted 1 or more, found 0"),
        ({"priority": 0}, {}, "supportedModelFormats[0].priority: wanted 1 or more, found 0"),
        ({"modelFrameworkVersions": ">=4 <5"}, {}, "modelFrameworkVersions: wanted versions as in >=4.43,<5, found"),
        ({"quantizations": ["fp8", " "]}, {}, "supportedModelFormats[0].quantizations: wanted names, found a blank"),
        ({}, sized("7b", None), "modelSizeRange.min: wanted a size as in 7B or 350M, found '7b'"),
        ({}, sized("1B", "8x7B"), "modelSizeRange.max: wanted a size as in 7B or 350M, found '8x7B'"),
        ({}, sized("9B", "7B"), "modelSizeRange: wanted min below max, found 9B to 7B"),
        ({}, sized("0", "500K"), ""),
        ({}, sized(None, None), ""),
    ],
)
def test_a_field_that_means_nothing_is_named(changed: Any, spec: Any, told: str) -> None:
    """D 23: sizes, ranges with one bound, versions, operators, weights."""
    found = field_problems(runtime("a", entry(**changed), **spec).spec)
    assert len(found) == bool(told)
    assert told in "".join(str(one) for one in found)
