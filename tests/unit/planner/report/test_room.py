"""Ways to have an engine fit its accelerators, each tried by making its changes (D 4)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.planner.build import Runtime, entry, inputs_for, model, runtime, service
from tests.unit.planner.report.test_ways import Cluster

from omectl.api.accelerator_class import AcceleratorClass
from omectl.api.codec import decode_as
from omectl.planner.dialects import SGLANG
from omectl.planner.fit import Verdict
from omectl.planner.report import in_words
from omectl.planner.report.room import Engine

Json = Any
NEEDS = {"nvidia.com/gpu": "1"}
FACTS: Json = {
    "parameterCount": 8_030_000_000,
    "dtype": "bfloat16",
    "layers": 32,
    "hiddenSize": 4096,
    "attentionHeads": 32,
    "keyValueHeads": 8,
    "headSize": 128,
    "vocabularySize": 128256,
    "contextLength": 131072,
}


def sized(name: str, memory: str) -> AcceleratorClass:
    """A class of accelerators with so much memory."""
    spec: Json = {
        "discovery": {"nodeSelector": {"gpu": name}},
        "capabilities": {"memoryGB": memory},
        "resources": [{"name": "nvidia.com/gpu", "quantity": "1"}],
    }
    return decode_as(AcceleratorClass, {"metadata": {"name": name}, "spec": spec})


def engine(image: str = "vllm/vllm-openai:v1", *args: str, command: list[str] | None = None) -> Runtime:
    runner: Json = {"name": "ome-container", "image": image, "args": list(args), "resources": {"limits": NEEDS}}
    if command is not None:
        runner["command"] = command
    listed = {"acceleratorRequirements": {"acceleratorClasses": ["small"]}}
    return runtime("r", entry(), engineConfig={"runner": runner}, **listed)


def cluster(taken: Runtime, *classes: AcceleratorClass, facts: Json = FACTS, **asked: Json) -> Cluster:
    selector = asked or {"acceleratorClass": "small"}
    known = model(modelParameterSize=None, status={"state": "Ready", "facts": facts})
    return Cluster(service(acceleratorSelector=selector), known, taken, *classes)


def verdict(one: Cluster) -> Verdict:
    fit = one.report().fit
    assert fit is not None
    return fit.report.verdict


def test_an_engine_that_fits_needs_no_way() -> None:
    one = cluster(engine(), sized("small", "80Gi"))
    assert verdict(one) is Verdict.FITS
    assert one.report().ways == ()


def test_each_way_has_the_engine_fit() -> None:
    one = cluster(
        engine("vllm/vllm-openai:v1", "--max-model-len=131072", "--x"), sized("small", "24Gi"), sized("large", "80Gi")
    )
    assert verdict(one) is Verdict.DOES_NOT_FIT
    texts = [way.text for way in one.report().ways]
    assert texts[0].startswith("limit the context to ")
    assert texts[0].endswith(" of 131072 tokens")
    assert texts[1:] == ["use class large, of 80Gi each", "spread the model over 2 accelerators of each pod"]
    for way in one.report().ways:
        assert way.changes
        assert verdict(one.after(way)) is Verdict.FITS, way


def test_what_would_have_a_refused_runtime_fit_is_told_when_selection_is_strict() -> None:
    one = cluster(engine(), sized("small", "24Gi"), sized("large", "80Gi"))
    strict = Cluster(*one.objects, strict=True)
    report = strict.report()
    assert (report.outcome, [check.code for check in report.runtimes[0].checks]) == ("NoneFits", ["DoesNotFit"])
    assert [way.text for way in report.ways] == [way.text for way in one.report().ways]
    for way in report.ways:
        assert verdict(strict.after(way)) is Verdict.FITS


def test_a_flag_takes_the_place_of_the_one_that_is_there() -> None:
    one = cluster(engine("sglang:v1", "--context-length", "131072", "--x"), sized("small", "24Gi"))
    (change,) = one.report().ways[0].changes
    assert isinstance(change.value, list)
    assert (change.value[0], change.value[2:]) == ("--context-length", ["--x"])
    assert 0 < int(str(change.value[1])) < 131072


def test_a_class_that_the_runtime_does_not_list_is_listed_too() -> None:
    one = cluster(engine(), sized("small", "24Gi"), sized("large", "80Gi"))
    (way,) = [way for way in one.report().ways if "class large" in way.text]
    assert [change.field for change in way.changes] == [
        "spec.acceleratorSelector.acceleratorClass",
        "spec.acceleratorRequirements.acceleratorClasses",
    ]
    assert way.changes[1].value == ["small", "large"]


def test_a_policy_is_answered_by_a_name() -> None:
    one = cluster(engine(), sized("small", "24Gi"), sized("large", "80Gi"), policy="Cheapest")
    (way,) = [way for way in one.report().ways if "class large" in way.text]
    assert way.changes[0].field == "spec.acceleratorSelector.acceleratorClass"
    assert verdict(one.after(way)) is Verdict.FITS


def test_only_the_three_smallest_classes_that_hold_it_are_told() -> None:
    classes = [sized(f"c{size}", f"{size}Gi") for size in (200, 141, 80, 90, 23)]
    one = cluster(engine(), sized("small", "24Gi"), *classes)
    told = [way.text for way in one.report().ways if "class" in way.text]
    assert told == ["use class c80, of 80Gi each", "use class c90, of 90Gi each", "use class c141, of 141Gi each"]


def test_the_text_of_a_shell_is_not_touched() -> None:
    shell = engine("vllm/vllm-openai:v1", "vllm serve $(MODEL_PATH)", command=["/bin/sh", "-c"])
    (way,) = cluster(shell, sized("small", "24Gi")).report().ways
    assert way.text.startswith("limit the context to ")
    assert way.changes == ()


def test_an_engine_whose_heads_cannot_be_split_is_told_whose_flags_those_are_and_what_would_do() -> None:
    one = cluster(engine("vllm/vllm-openai:v1", "--tensor-parallel-size=3"), sized("small", "80Gi"))
    report = one.report()
    assert report.flags_of == ("runtime r",)
    text = " ".join(in_words(report).split())
    heads = "HeadsUneven: 32 attention heads cannot be split over 3 tensor-parallel accelerators"
    assert f"warning {heads}; its arguments are of the runtime r" in text
    assert "next correct the engine's parallelism" in text
    (way,) = report.ways
    assert way.text == "spread the model over 2 accelerators of each pod"
    now = one.after(way).report()
    assert now.fit is not None
    assert now.fit.problems == ()
    assert (now.fit.report.parallelism.tensor, now.fit.report.parallelism.gpus_per_pod) == (2, 2)
    assert now.flags_of == ()


def test_a_spread_divides_the_heads() -> None:
    odd = {**FACTS, "attentionHeads": 25, "keyValueHeads": 5}
    texts = [way.text for way in cluster(engine(), sized("small", "24Gi"), facts=odd).report().ways]
    assert all("spread" not in text for text in texts)


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["--tp", "2", "--x"], ["--tp", "8", "--x"]),
        (["--tp-size=2", "--x"], ["--tp-size=8", "--x"]),
        (["--tpx=2"], ["--tpx=2", SGLANG.tensor.names[0], "8"]),
        (["--x \\\n--tp 2 \\\n--y"], ["--x \\\n--tp=8 \\\n--y"]),
    ],
    ids=["words", "one word", "no such flag", "lines"],
)
def test_a_flag_gets_its_value_where_it_stands(args: list[str], wanted: list[str]) -> None:
    planned = Engine(
        inputs=inputs_for(),
        model=None,
        runtime=None,
        accelerator=None,
        container={"image": "lmsysorg/sglang", "args": [*args]},
    )
    assert planned.with_flag(SGLANG.tensor, 8).value == wanted
