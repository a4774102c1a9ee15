"""The report as data: the same keys, codes and numbers in every version, and one for every world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.planner.build import accelerator, entry, inputs_for, model, runtime, service
from tests.unit.planner.report.test_remedies_properties import inputs_of, reported
from tests.unit.planner.selection.worlds import pools

from omectl.api.accelerator_class import AcceleratorCost
from omectl.planner import plan
from omectl.planner.report import as_json, in_words, report_of
from omectl.planner.report.words import WIDTH

Json = Any
GOLDEN = Path(__file__).parent / "golden.json"
WORLDS = 10_000


def a_service_with_everything() -> Json:
    """One with a model, runtimes that fit, tie and miss, two classes, a price and a fit."""
    runner = {
        "name": "ome-container",
        "image": "vllm/vllm-openai:v1",
        "resources": {"limits": {"nvidia.com/gpu": "2"}},
    }
    listed = {"acceleratorRequirements": {"acceleratorClasses": ["h100", "b200"]}, "engineConfig": {"runner": runner}}
    fp8 = entry(quantization="fp8")
    asked = service(acceleratorSelector={"policy": "Cheapest"}, engine={"minReplicas": 2})
    classes = []
    for name, price in (("h100", "2.5"), ("b200", "7.25")):
        one = accelerator(name)
        classes.append(one.model_copy(update={"spec": one.spec.model_copy(update={"cost": _cost(price)})}))
    runtimes = (
        runtime("a", entry(), **listed),
        runtime("b", entry(), modelSizeRange={"min": "7B", "max": "9B"}, **listed),
        runtime("c", fp8, disabled=True, namespace="team", **listed),
    )
    inputs = inputs_for(asked, *runtimes, model=model(), accelerator_classes=tuple(classes))
    return as_json(report_of(inputs, plan(inputs)))


def _cost(price: str) -> AcceleratorCost:
    return AcceleratorCost.model_validate({"perHour": price})


def test_keys_codes_and_numbers_are_those_of_before() -> None:
    """D 2: scripts read them. Whoever changes one on purpose writes the file anew, and says so in docs/explain.md."""
    assert a_service_with_everything() == json.loads(GOLDEN.read_text())


def test_a_service_without_a_model_has_the_same_keys() -> None:
    inputs = inputs_for(service(), model=None)
    told = as_json(report_of(inputs, plan(inputs)))
    assert list(told) == list(a_service_with_everything())
    assert told["model"] is None
    assert told["outcome"] == ""
    assert told["runtimes"] == []


def test_fractions_are_exact_numbers() -> None:
    told = a_service_with_everything()["accelerators"][0]
    assert (told["costPerHour"], told["accelerators"]) == (5.0, 2)
    assert told["spotCostPerHour"] is None


def test_a_shorter_report_counts_what_it_leaves_out() -> None:
    runtimes = [runtime(name, entry(modelArchitecture=name)) for name in ("x", "y", "z")]
    inputs = inputs_for(service(runtime={"name": "nope"}), *runtimes)
    whole = report_of(inputs, plan(inputs))
    assert (whole.looked_at, whole.fitting, whole.left_out) == (3, 0, 0)
    short = whole.shortened(2).shortened(1)
    assert len((*short.runtimes, *short.others)) == 1
    assert (short.looked_at, short.left_out) == (3, 2)
    assert "... and 2 more that fit less" in in_words(short)
    assert whole.shortened(3) == whole


def test_the_nearest_miss_has_the_fewest_reasons() -> None:
    far = runtime("a-far", entry(modelArchitecture="X", quantization="int4"))
    near = runtime("z-near", entry(modelArchitecture="X"))
    inputs = inputs_for(service(), far, near)
    report = report_of(inputs, plan(inputs))
    assert report.nearest is not None
    assert report.nearest.name == "z-near"
    line = "  nearest  runtime z-near, 1 reason: architecture: wanted X, found Llama\n"
    assert line in in_words(report)


def test_no_nearest_miss_where_one_fits() -> None:
    inputs = inputs_for(service(), runtime("r", entry()), runtime("x", entry(modelArchitecture="X")))
    assert report_of(inputs, plan(inputs)).nearest is None


def test_what_a_long_list_wants_is_capped() -> None:
    names = [f"A{number}" for number in range(20)]
    inputs = inputs_for(service(), runtime("r", entry(modelArchitectures=names)))
    (told,) = report_of(inputs, plan(inputs)).runtimes
    assert told.checks[0].text.startswith(
        "architecture: wanted A0 or A1 or A2 or A3 or A4 or A5 or A6 or A7 or 12 others"
    )


def test_a_runtime_that_is_named_and_not_fitting_is_told_before_the_others() -> None:
    named = runtime("named", entry(), disabled=True)
    inputs = inputs_for(service(runtime={"name": "named"}), named, runtime("r", entry()))
    report = report_of(inputs, plan(inputs))
    assert [one.name for one in report.runtimes] == ["named"]
    assert [(one.name, one.rank) for one in report.others] == [("r", 1)]
    assert "    without spec.runtime:\n    1. r (cluster" in in_words(report)


def test_a_refusal_of_the_merge_says_whose_field_it_is() -> None:
    taken = runtime("r", entry(), engineConfig={"runner": {"name": "ome-container"}})
    inputs = inputs_for(service(), taken)
    report = report_of(inputs, plan(inputs))
    assert report.problem is not None
    assert "runtime r" in f"{report.problem.message} {report.problem.next_step}"
    assert [one.name for one in report.runtimes] == ["r"]


def test_what_pods_cost_is_told_for_all_that_begin() -> None:
    chosen = {"acceleratorClass": "h100"}
    one = accelerator("h100")
    priced = one.model_copy(update={"spec": one.spec.model_copy(update={"cost": _cost("2.5")})})
    taken = runtime(
        "r",
        entry(),
        engineConfig={
            "runner": {"name": "ome-container", "image": "e:1", "resources": {"limits": {"nvidia.com/gpu": 2}}}
        },
        acceleratorRequirements={"acceleratorClasses": ["h100"]},
    )
    asked = service(acceleratorSelector=chosen, engine={"minReplicas": 3, "maxReplicas": 3})
    inputs = inputs_for(asked, taken, accelerator_classes=(priced,))
    text = in_words(report_of(inputs, plan(inputs)))
    assert "  cost     5 dollars an hour for a pod of the engine, 15 for its 3 pods\n" in text


@pytest.mark.parametrize("seed", range(4))
def test_every_world_has_a_report_in_words_and_as_json(seed: int) -> None:
    """D 2: total, whatever is written in runtimes, models and services."""
    for world in pools().worlds(WORLDS // 4, seed + 100):
        report = reported(inputs_of(world))
        told = as_json(report)
        assert told["lookedAt"] == len(world.runtimes)
        text = in_words(report.shortened(2))
        assert max(len(line) for line in text.splitlines() if " " in line.strip()) <= WIDTH
        if report.fitting == 0:
            assert report.nearest is not None
            fewest = min(len(one.checks) for one in (*report.runtimes, *report.others))
            assert len(report.nearest.checks) == fewest


@pytest.mark.parametrize("missing", ["modelFormat", "modelFramework", "modelArchitecture"])
def test_runtimes_are_told_also_of_a_model_that_nobody_has_read(missing: str) -> None:
    inputs = inputs_for(service(), model=model(**{missing: None}))
    report = report_of(inputs, plan(inputs))
    assert report.outcome == "ModelUnknown"
    (told,) = report.runtimes
    (check,) = told.checks
    assert check.changes[0].object == "ClusterBaseModel m"
    assert check.changes[0].field == f"spec.{missing}"
    assert report.model is not None
    assert report.model.missing == (missing,)
    assert "nearest" not in in_words(report)
