"""Runtimes and what they would run on, in one choice: the class, the node and the memory (D 4, D 15)."""

from typing import Any

import pytest
from tests.unit.planner.accelerators.classes import accelerator_class, counted
from tests.unit.planner.build import RUNNER, condition, entry, inputs_for, made, model, runtime, service

from omectl.api.settings import OmectlSettings, SelectionSettings, Settings
from omectl.planner import Plan, plan
from omectl.planner.report import in_words, report_of

Json = Any
STRICT = Settings(omectl=OmectlSettings(selection=SelectionSettings(strict=True)))
LARGE = model(modelParameterSize="70B", status={"state": "Ready", "facts": {"attentionHeads": 64}})
NAMED = {"acceleratorSelector": {"acceleratorClass": "H100"}}
POLICY = {"acceleratorSelector": {"policy": "BestFit"}}


def serving(name: str, gpus: int, *, priority: int = 1, classes: tuple[str, ...] = ("H100",), tensor: int = 0) -> Any:
    """A runtime that spreads a model over so many accelerators."""
    resources = {"limits": {"nvidia.com/gpu": str(gpus)}, "requests": {"nvidia.com/gpu": str(gpus)}}
    args = ["python", "-m", "sglang.launch_server", f"--tp-size={tensor or gpus}", "--context-length=4096"]
    return runtime(
        name,
        entry(priority=priority),
        engineConfig={"runner": {**RUNNER, "args": args, "resources": resources}},
        acceleratorRequirements={"acceleratorClasses": list(classes)},
    )


def planned(*runtimes: Any, asked: Json = None, classes: Json = None, **inputs: Any) -> Plan:
    known = classes if classes is not None else (accelerator_class("H100"), accelerator_class("T4"))
    wanted = service(**(NAMED if asked is None else asked))
    return made(wanted, *runtimes, **{"model": LARGE, "accelerator_classes": known, **inputs})


def test_a_runtime_that_holds_the_model_comes_before_a_better_one_that_does_not() -> None:
    """D 4: ranking, when selection is not strict."""
    found = planned(serving("one", 1, priority=2), serving("four", 4))
    assert found.explanation.runtime == "four"
    assert found.explanation.runtime_reason == "a runtime whose accelerators hold the model before one whose do not"
    assert condition(found, "Fits")["status"] == "True"
    second = found.explanation.candidates[1]
    assert (second.name, second.accepted) == ("one", True)
    assert "each accelerator needs" in second.reasons[1]


@pytest.mark.parametrize(("unit", "asked", "accelerators"), [("1", 4, 4), ("2", 8, 4), ("2", 7, 4)])
def test_an_accelerator_of_several_units_of_a_resource_is_one_to_fit_on(
    unit: str, asked: int, accelerators: int
) -> None:
    h100 = accelerator_class("H100", resources=[{"name": "nvidia.com/gpu", "quantity": unit}])
    found = planned(serving("r", asked, tensor=4), classes=(h100,)).explanation.fit
    assert found is not None
    assert (found.report.parallelism.gpus, found.problems) == (accelerators, ())


def test_the_only_runtime_is_taken_with_a_warning_though_it_is_too_small() -> None:
    """D 4: a warning, when selection is not strict."""
    found = planned(serving("one", 1))
    assert found.objects
    assert (condition(found, "Fits")["status"], condition(found, "Fits")["reason"]) == ("False", "DoesNotFit")


def test_strict_selection_takes_the_next_one_and_refuses_when_there_is_none() -> None:
    """D 4: a filter, when selection is strict."""
    found = planned(serving("one", 1, priority=2), serving("four", 4), settings=STRICT)
    assert found.explanation.runtime == "four"
    assert found.explanation.candidates[1].codes == ("DoesNotFit",)
    refused = planned(serving("one", 1), settings=STRICT)
    assert refused.problem is not None
    assert (refused.problem.reason, refused.objects) == ("RuntimeSelectionError", ())
    assert "spread the model over more accelerators, or use a class with more memory" in refused.problem.message
    assert refused.status["selection"]["nearest"] == [
        {"kind": "ClusterServingRuntime", "name": "one", "codes": ["DoesNotFit"]}
    ]


def test_the_report_shows_the_reason_of_one_that_strict_selection_passed_over() -> None:
    """D 2."""
    asked = service(**NAMED)
    runtimes = (serving("one", 1, priority=2), serving("four", 4))
    inputs = inputs_for(
        asked, *runtimes, model=LARGE, accelerator_classes=(accelerator_class("H100"),), settings=STRICT
    )
    report = report_of(inputs, plan(inputs))
    passed_over = report.runtimes[1]
    assert (passed_over.name, passed_over.fits, [one.code for one in passed_over.checks]) == (
        "one", False, ["DoesNotFit"],
    )  # fmt: skip
    assert "DoesNotFit: each accelerator needs" in in_words(report)


def test_a_runtime_without_a_usable_class_does_not_keep_the_next_one_from_its_own() -> None:
    """D 15: chosen together, as far as one does not work."""
    pair = (serving("gone", 4, priority=2, classes=("absent",)), serving("there", 4))
    found = planned(*pair, asked=POLICY)
    assert (found.explanation.runtime, found.explanation.accelerators[0].class_name) == ("there", "H100")
    strict = planned(*pair, asked=POLICY, settings=STRICT)
    assert (strict.explanation.runtime, strict.explanation.candidates[1].codes) == ("there", ("NoUsableClass",))
    alone = planned(pair[0], asked=POLICY)
    assert alone.problem is not None
    assert alone.problem.reason == "AcceleratorClassError"


def test_a_pod_that_no_node_can_hold_is_told_and_another_runtime_preferred() -> None:
    """D 4: at least one node has to hold one pod."""
    small = accelerator_class("H100", status={**counted(2, 8, 8), "acceleratorsPerNode": 4})
    eight = serving("eight", 8, priority=2)
    found = planned(eight, serving("four", 4), classes=(small,))
    assert found.explanation.runtime == "four"
    alone = condition(planned(eight, classes=(small,)), "Fits")
    assert (alone["status"], alone["reason"]) == ("False", "MoreThanANode")
    assert alone["message"] == (
        "a pod asks for 8 accelerators, and no node of the class has more than 4; "
        "next: ask for fewer, or use a class with larger nodes"
    )
    exact = accelerator_class("H100", status={**counted(2, 8, 8), "acceleratorsPerNode": 8})
    assert condition(planned(eight, classes=(exact,)), "Fits")["status"] == "True"
    for unknown in (counted(2, 8, 8), {**counted(0), "acceleratorsPerNode": 0}):
        uncounted = accelerator_class("H100", status=unknown)
        assert condition(planned(eight, classes=(uncounted,)), "Fits")["status"] == "True"


def test_a_split_that_the_model_does_not_allow_does_not_fit() -> None:
    """D 6: validated against the heads, and a runtime that can split it is preferred."""
    found = planned(serving("six", 6, priority=2), serving("four", 4))
    assert found.explanation.runtime == "four"
    told = condition(planned(serving("six", 6)), "Fits")
    assert (told["status"], told["reason"]) == ("False", "HeadsUneven")
    assert told["message"].startswith("64 attention heads cannot be split over 6 tensor-parallel accelerators; next: ")


def test_what_runs_keeps_its_runtime_whatever_is_estimated() -> None:
    """D 16."""
    first = planned(serving("one", 1))
    status = {"conditions": [], **first.status}
    pair = (serving("one", 1), serving("four", 4))
    for settings in (Settings.defaults(), STRICT):
        found = planned(*pair, asked={**NAMED, "status": status}, settings=settings)
        assert found.explanation.runtime == "one"
        assert found.status["selection"]["betterCandidate"]["name"] == "four"
        assert condition(found, "Fits")["status"] == "False"


@pytest.mark.parametrize("free", [0, 8])
def test_the_better_runtime_does_not_come_and_go_with_what_is_free(free: int) -> None:
    """D 2: it would be written all the time. It fits on the class that it would get when nobody else was there."""
    asked = {"acceleratorSelector": {"policy": "FirstAvailable"}}
    first = planned(serving("four", 4), asked=asked)
    status = {"conditions": [], **first.status}
    pair = (serving("four", 4), serving("new", 4, priority=2, classes=("H100", "T4")))
    room = {"H100": counted(1, 8, free), "T4": counted(1, 8, 8)}
    classes = tuple(accelerator_class(name, status=told) for name, told in room.items())
    found = planned(*pair, asked={**asked, "status": status}, classes=classes)
    assert found.explanation.runtime == "four"
    assert found.status["selection"]["betterCandidate"]["name"] == "new"


def test_without_a_class_nothing_is_known_of_the_memory_and_the_best_is_taken() -> None:
    found = planned(serving("one", 1, priority=2), serving("four", 4), asked={})
    assert found.explanation.runtime == "one"
    strict = planned(serving("six", 6, priority=2), serving("four", 4), asked={}, settings=STRICT)
    assert strict.explanation.runtime == "four"


def test_a_named_runtime_is_taken_at_its_word() -> None:
    """D 17: who names it is warned."""
    found = planned(serving("one", 1), serving("four", 4), asked={**NAMED, "runtime": {"name": "one"}}, settings=STRICT)
    assert found.explanation.runtime == "one"
    assert condition(found, "Fits")["reason"] == "DoesNotFit"


@pytest.mark.parametrize("settings", [Settings.defaults(), STRICT])
def test_a_runtime_that_cannot_be_rendered_is_refused_for_what_is_wrong_with_it(settings: Settings) -> None:
    lists = {"acceleratorRequirements": {"acceleratorClasses": ["H100"]}}
    broken = runtime("broken", entry(priority=2), engineConfig={"runner": {"name": "x"}}, **lists)
    found = planned(broken, serving("four", 4), settings=settings)
    assert found.problem is not None
    assert found.problem.reason == "MergeSpecsError"


def test_a_class_whose_nodes_are_too_small_for_a_pod_comes_last() -> None:
    """D 4, D 10."""
    room = {name: {**counted(2, 16, 16), "acceleratorsPerNode": most} for name, most in (("H100", 4), ("A100", 8))}
    classes = tuple(accelerator_class(name, status=status) for name, status in room.items())
    asked = {"acceleratorSelector": {"policy": "FirstAvailable"}}
    found = planned(serving("eight", 8, classes=("H100", "A100")), asked=asked, classes=classes)
    assert found.explanation.accelerators[0].class_name == "A100"


def apart(name: str, prefill: int, decode: int, *, priority: int = 1) -> Any:
    """A runtime whose engine and decoder spread the model over so many accelerators."""
    engine, decoder = serving(name, prefill, priority=priority), serving(name, decode)
    spec = engine.spec.model_copy(update={"decoder_config": decoder.spec.engine_config})
    return engine.model_copy(update={"spec": spec})


PAIR = {**NAMED, "decoder": {}}


def test_a_decoder_has_to_hold_the_model_too() -> None:
    found = planned(apart("one", 4, 1, priority=2), apart("four", 4, 4), asked=PAIR)
    assert found.explanation.runtime == "four"
    assert "decoder: each accelerator needs" in found.explanation.candidates[1].reasons[1]
    assert not [one for one in found.explanation.warnings if "each accelerator needs" in one]


def test_a_decoder_that_is_too_small_is_told_where_there_is_no_other_runtime() -> None:
    found = planned(apart("one", 4, 1), asked=PAIR)
    told = condition(found, "Fits")
    assert (told["status"], told["reason"]) == ("False", "DoesNotFit")
    assert told["message"].startswith("decoder: each accelerator needs")
    both = condition(planned(apart("one", 1, 1), asked=PAIR), "Fits")
    assert both["message"].startswith("each accelerator needs")
    assert condition(planned(apart("four", 4, 4), asked=PAIR), "Fits")["status"] == "True"
    (warning,) = [one for one in found.explanation.warnings if "each accelerator needs" in one]
    assert warning.startswith("decoder: each accelerator needs")
    assert planned(apart("one", 4, 1), asked=PAIR, settings=STRICT).problem is not None
