"""What a status tells and remembers of a service's choices, and that the next pass writes nothing (D 2, D 16)."""

from typing import Any

import msgspec
import pytest
from tests.unit.planner.accelerators.classes import accelerator_class, counted
from tests.unit.planner.build import NAMESPACE, RUNNER, accelerator, condition, entry, made, model, runtime, service

from omectl.api.inference_service_status import InferenceServiceStatus
from omectl.api.settings import OmectlSettings, SelectionSettings, Settings
from omectl.planner import Plan

Json = Any
GPU = {"resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}}}
SERVED = {"runner": {**RUNNER, **GPU, "args": ["python", "-m", "sglang.launch_server", "--context-length=4096"]}}
CLASS = {"acceleratorSelector": {"acceleratorClass": "h100"}}
POLICY = {"acceleratorSelector": {"policy": "BestFit"}}
LISTS = {"acceleratorRequirements": {"acceleratorClasses": ["h100"]}}
OWN = {"engine": {"runner": {"name": "c", "image": "own:1"}}}
HIGH = entry(priority=2)
OTHER = entry(modelArchitecture="Qwen2")
STRICT = Settings(omectl=OmectlSettings(selection=SelectionSettings(strict=True)))


def block(found: Plan) -> Json:
    return found.status.get("selection")


def remembered(found: Plan) -> Json:
    """The status as a service has it on the next pass."""
    return {"conditions": [], **found.status}


def marks(found: Plan) -> Json:
    return {name: value for name, value in block(found).items() if name not in ("inputs", "ranking")}


def test_the_runtime_that_was_chosen_is_told_with_its_entry() -> None:
    found = made(service(), runtime("a", entry(quantization="fp8"), HIGH), runtime("b", entry(), namespace="other"))
    assert block(found) == {
        "reason": "Chosen",
        "ranking": "default",
        "runtime": {"kind": "ClusterServingRuntime", "name": "a", "entry": 1},
        "inputs": found.explanation.inputs,
    }
    assert len(found.explanation.inputs) == 16
    assert condition(found, "RuntimeSelected") == {
        "type": "RuntimeSelected",
        "status": "True",
        "severity": "Info",
        "reason": "Chosen",
        "message": "ClusterServingRuntime a: the only one that fits",
    }
    assert condition(found, "AcceleratorSelected") is None
    assert condition(found, "Fits") is None


def test_a_named_runtime_is_told_and_is_no_choice_to_remember() -> None:
    found = made(service(runtime={"name": "a"}), runtime("a", entry(), namespace=NAMESPACE))
    assert marks(found) == {"reason": "Named", "runtime": {"kind": "ServingRuntime", "name": "a", "entry": 0}}
    assert "inputs" not in block(found)
    assert condition(found, "RuntimeSelected")["message"] == ("ServingRuntime a: named by the service (spec.runtime)")


def test_a_named_runtime_that_does_not_list_the_model_is_told_with_the_difference() -> None:
    """D 17: a warning and a condition."""
    found = made(service(runtime={"name": "a"}), runtime("a", OTHER))
    assert marks(found) == {
        "reason": "NamedDespiteMismatch", "runtime": {"kind": "ClusterServingRuntime", "name": "a"},
    }  # fmt: skip
    told = condition(found, "RuntimeSelected")
    assert (told["status"], told["reason"]) == ("True", "NamedDespiteMismatch")
    assert "architecture: wanted Qwen2, found Llama" in told["message"]
    assert "; next: make sure that it serves the model, or name another one" in told["message"]


def test_a_better_runtime_is_told_and_the_service_keeps_its_own() -> None:
    """D 16."""
    first = made(service(), runtime("old", entry()))
    found = made(service(status=remembered(first)), runtime("old", entry()), runtime("new", HIGH, namespace=NAMESPACE))
    assert found.explanation.runtime == "old"
    assert marks(found) == {
        "reason": "Kept",
        "runtime": {"kind": "ClusterServingRuntime", "name": "old", "entry": 0},
        "betterCandidate": {"kind": "ServingRuntime", "name": "new"},
    }
    assert block(found)["inputs"] == block(first)["inputs"]
    told = condition(found, "RuntimeSelected")
    assert (told["status"], told["reason"]) == ("True", "BetterCandidate")
    assert told["message"] == (
        "ClusterServingRuntime old is kept, and ServingRuntime new would be chosen today; "
        "next: to change over, set the service's annotation omectl.io/reselect to a new value"
    )


def test_a_new_value_of_the_annotation_frees_the_pick_once() -> None:
    """D 16: an explicit request."""
    old, new = runtime("old", entry()), runtime("new", HIGH)
    newer = runtime("newer", entry(priority=3))
    first = made(service(), old)
    asking = {"annotations": {"omectl.io/reselect": "monday"}}
    freed = made(service(status=remembered(first), metadata=asking), old, new)
    assert (block(freed)["runtime"]["name"], block(freed)["reselect"]) == ("new", "monday")
    assert freed.explanation.turn == "Reselected"
    later = made(service(status=remembered(freed), metadata=asking), old, new, newer)
    assert (block(later)["runtime"]["name"], block(later)["betterCandidate"]["name"]) == ("new", "newer")
    without = made(service(status=remembered(later)), old, new, newer)
    assert (block(without)["runtime"]["name"], "reselect" in block(without)) == ("new", False)


def test_the_annotation_frees_the_class_too() -> None:
    """D 16: one request for all that was chosen."""
    lists = {"acceleratorRequirements": {"acceleratorClasses": ["h100", "l4"]}}
    served = runtime("r", entry(), engineConfig=SERVED, **lists)
    asked = {"acceleratorSelector": {"policy": "FirstAvailable"}}
    only = made(service(**asked), served, accelerator_classes=(accelerator("l4"),))
    both = (accelerator("h100"), accelerator("l4"))
    kept = made(service(status=remembered(only), **asked), served, accelerator_classes=both)
    assert block(kept)["accelerators"]["engine"]["acceleratorClass"] == "l4"
    asking = {"annotations": {"omectl.io/reselect": "1"}}
    freed = made(service(status=remembered(only), metadata=asking, **asked), served, accelerator_classes=both)
    assert block(freed)["accelerators"]["engine"]["acceleratorClass"] == "h100"


def test_a_model_that_changes_is_chosen_for_afresh() -> None:
    """D 16."""
    either = [runtime("llama", entry()), runtime("qwen", OTHER)]
    first = made(service(), *either)
    found = made(service(status=remembered(first)), *either, model=model(modelArchitecture="Qwen2"))
    assert (found.explanation.turn, block(found)["runtime"]["name"]) == ("InputsChanged", "qwen")
    assert block(found)["inputs"] != block(first)["inputs"]


def test_what_a_service_had_stays_while_nothing_fits_and_the_nearest_are_told() -> None:
    """D 25: at most three, each with its codes, and how many there were."""
    first = made(service(), runtime("old", entry()))
    far = [runtime(f"f{index}", OTHER, modelSizeRange={"min": "1B", "max": "2B"}) for index in range(4)]
    found = made(service(status=remembered(first)), *far, runtime("near", OTHER, namespace=NAMESPACE))
    assert marks(found) == {
        "reason": "NoneFits",
        "runtime": {"kind": "ClusterServingRuntime", "name": "old", "entry": 0},
        "nearest": [
            {"kind": "ServingRuntime", "name": "near", "codes": ["ArchitectureMismatch"]},
            {"kind": "ClusterServingRuntime", "name": "f0", "codes": ["ArchitectureMismatch", "SizeOutOfRange"]},
            {"kind": "ClusterServingRuntime", "name": "f1", "codes": ["ArchitectureMismatch", "SizeOutOfRange"]},
        ],
        "passedOver": 5,
    }
    assert block(found)["inputs"] == block(first)["inputs"]
    told = condition(found, "RuntimeSelected")
    assert (told["status"], told["reason"], told["severity"]) == ("False", "NoneFits", "Info")
    assert told["message"] == condition(found, "Ready")["message"]
    back = made(service(status=remembered(found)), runtime("old", entry()), runtime("new", HIGH))
    assert (block(back)["runtime"]["name"], block(back)["reason"]) == ("old", "Kept")


@pytest.mark.parametrize("inputs", [{"model": None}, {"model": model(disabled=True)}], ids=["no model", "disabled"])
def test_a_plan_that_ends_before_the_choice_leaves_what_the_status_tells_of_it(inputs: Json) -> None:
    first = made(service())
    found = made(service(status=remembered(first)), **inputs)
    assert block(found) == block(first)
    told = condition(found, "RuntimeSelected")
    assert (told["status"], told["reason"]) == ("Unknown", "NotDecided")
    assert block(made(service(), **inputs)) is None


def test_a_model_of_which_nobody_knows_the_files_leaves_the_runtime_unknown() -> None:
    found = made(service(), model=model(modelArchitecture=None))
    assert block(found)["reason"] == "ModelUnknown"
    told = condition(found, "RuntimeSelected")
    assert (told["status"], told["reason"]) == ("Unknown", "ModelUnknown")
    assert "; next: wait for the model agent" in told["message"]


def test_equals_are_told_in_condition_and_status_and_refused_when_strict() -> None:
    """D 1: flag, condition, and the strict option."""
    equals = [runtime(f"r{index:02}", entry()) for index in range(10)]
    found = made(service(), *equals)
    assert block(found)["ambiguous"] is True
    told = condition(found, "RuntimeSelected")
    assert (told["status"], told["reason"]) == ("True", "Ambiguous")
    assert (
        "runtimes r00, r01, r02, r03, r04, r05, r06, r07 and 2 more fit equally well; next: name one"
        in (told["message"])
    )
    refused = made(service(), *equals, settings=STRICT)
    assert marks(refused) == {"reason": "Ambiguous", "ambiguous": True}
    told = condition(refused, "RuntimeSelected")
    assert (told["status"], told["reason"]) == ("False", "Ambiguous")


def test_the_services_own_runner_is_told() -> None:
    found = made(service(**OWN), runtime("a", OTHER))
    assert marks(found) == {"reason": "OwnRunner"}
    told = condition(found, "RuntimeSelected")
    assert (told["status"], told["reason"]) == ("True", "OwnRunner")
    assert told["message"].startswith("the engine's own runner: no runtime fits")
    later = made(service(status=remembered(found), **OWN), runtime("a", HIGH))
    assert later.explanation.runtime == ""
    assert block(later)["betterCandidate"] == {"kind": "ClusterServingRuntime", "name": "a"}


class TestClasses:
    SERVED = runtime("r", entry(), engineConfig=SERVED, **LISTS)

    def test_a_named_class_is_told(self) -> None:
        found = made(service(**CLASS), self.SERVED, accelerator_classes=(accelerator("h100"),))
        assert block(found)["accelerators"] == {"engine": {"acceleratorClass": "h100", "reason": "NamedByService"}}
        assert condition(found, "AcceleratorSelected") == {
            "type": "AcceleratorSelected",
            "status": "True",
            "severity": "Info",
            "reason": "NamedByService",
            "message": ("engine: AcceleratorClass h100, named by spec.acceleratorSelector.acceleratorClass"),
        }

    def test_the_policys_class_is_told_with_the_mark_it_is_kept_by(self) -> None:
        found = made(service(**POLICY), self.SERVED, accelerator_classes=(accelerator("h100"),))
        (ask,) = [one.ask for one in found.explanation.accelerators]
        assert block(found)["accelerators"] == {
            "engine": {"acceleratorClass": "h100", "reason": "ChosenByPolicy", "policy": "BestFit", "ask": ask},
        }
        told = condition(found, "AcceleratorSelected")
        assert told["message"] == "engine: AcceleratorClass h100, chosen by policy BestFit"

    def test_a_class_that_is_not_found_is_told_and_what_there_was_stays(self) -> None:
        first = made(service(**CLASS), self.SERVED, accelerator_classes=(accelerator("h100"),))
        found = made(service(status=remembered(first), **CLASS), self.SERVED)
        assert block(found)["reason"] == "AcceleratorClassError"
        assert block(found)["accelerators"] == block(first)["accelerators"]
        assert block(found)["runtime"] == block(first)["runtime"]
        assert "nearest" not in block(found)
        assert condition(found, "RuntimeSelected")["status"] == "True"
        told = condition(found, "AcceleratorSelected")
        assert (told["status"], told["reason"]) == ("False", "ClassNotFound")
        assert told["message"].endswith("; next: create it, or correct spec.acceleratorSelector.acceleratorClass")

    @pytest.mark.parametrize("free", [0, 3, 8])
    def test_free_accelerators_change_nothing_in_the_status(self, free: int) -> None:
        """D 2: what pods take and give back must not be written all the time."""
        lists = {"acceleratorRequirements": {"acceleratorClasses": ["H100", "A100"]}}
        served = runtime("r", entry(), engineConfig=SERVED, **lists)
        asked = {"acceleratorSelector": {"policy": "FirstAvailable"}}

        def classes(h100: int, a100: int) -> Json:
            free_of = {"H100": h100, "A100": a100}
            return tuple(accelerator_class(name, status=counted(1, 8, count)) for name, count in free_of.items())

        first = made(service(**asked), served, accelerator_classes=classes(8, 0))
        found = made(service(status=remembered(first), **asked), served, accelerator_classes=classes(free, 8))
        assert found.explanation.accelerators[0].class_name == "H100"
        assert found.status == first.status


class TestFit:
    def fitted(self, size: str = "8B", **fields: Json) -> Plan:
        asked = service(**fields.pop("asked", CLASS))
        served = runtime("r", entry(), engineConfig=fields.pop("engine", SERVED), **LISTS)
        return made(asked, served, model=model(modelParameterSize=size), accelerator_classes=(accelerator("h100"),))

    def test_a_model_that_fits(self) -> None:
        found = self.fitted()
        told = condition(found, "Fits")
        assert (told["status"], told["reason"], told["severity"]) == ("True", "Fits", "Info")
        assert "of 80.0 GiB (weights 14.9 GiB, " in told["message"]
        fit = block(found)["fit"]
        assert (fit["verdict"], fit["memory"], fit["context"]) == ("fits", "80.0Gi", 4096)
        assert fit["needed"].endswith("Gi")
        assert fit["largestContext"] > 4096
        assert fit["largestConcurrency"] > 1

    def test_a_model_that_does_not_fit_says_what_to_do_and_is_not_refused(self) -> None:
        """D 4: a warning, unless selection is strict."""
        found = self.fitted("70B")
        assert found.objects
        told = condition(found, "Fits")
        assert (told["status"], told["reason"]) == ("False", "DoesNotFit")
        assert told["message"].endswith(
            "; next: spread the model over more accelerators, or use a class with more memory"
        )
        assert block(found)["fit"]["verdict"] == "does_not_fit"
        assert condition(found, "Ready")["status"] == "Unknown"

    def test_a_context_that_would_fit_is_told(self) -> None:
        runner = {**SERVED["runner"], "args": ["python", "-m", "sglang.launch_server", "--context-length=131072"]}
        found = self.fitted("34B", engine={"runner": runner})
        told = condition(found, "Fits")
        assert (told["reason"], block(found)["fit"]["context"]) == ("DoesNotFit", 131072)
        largest = block(found)["fit"]["largestContext"]
        assert 0 < largest < 131072
        assert f"; next: serve a context of at most {largest} tokens, spread" in told["message"]

    def test_a_tight_model_is_told(self) -> None:
        verdicts = {size: condition(self.fitted(f"{size / 10}B"), "Fits") for size in range(330, 385, 2)}
        tight = [one for one in verdicts.values() if one["reason"] == "Tight"]
        assert tight
        assert {one["status"] for one in tight} == {"True"}
        assert "next: give the engine a larger share of the memory, or leave it so" in tight[-1]["message"]

    def test_an_unknown_memory_and_an_unknown_size_are_told_apart(self) -> None:
        unnamed = self.fitted(asked={})
        told = condition(unnamed, "Fits")
        assert (told["status"], told["reason"]) == ("Unknown", "MemoryUnknown")
        assert "next: name an AcceleratorClass" in told["message"]
        assert "memory" not in block(unnamed)["fit"]
        sizeless = made(
            service(**CLASS), runtime("r", entry(), engineConfig=SERVED, **LISTS),
            model=model(modelParameterSize=None), accelerator_classes=(accelerator("h100"),),
        )  # fmt: skip
        told = condition(sizeless, "Fits")
        assert (told["status"], told["reason"]) == ("Unknown", "ModelSizeUnknown")
        assert block(sizeless)["fit"] == {"verdict": "unknown", "memory": "80.0Gi"}


LONG = ["python", "-m", "sglang.launch_server", "--context-length=4000000"]
SMALL = runtime("a", HIGH, engineConfig={"runner": {**SERVED["runner"], "args": LONG}}, **LISTS)
HUGE = model(modelParameterSize="90B")
HELD = {"accelerator_classes": (accelerator("h100"),), "model": model(modelParameterSize="30B")}
WORLDS = {
    "chosen": (service(), [runtime("a", entry()), runtime("b", HIGH)], {}),
    "equals": (service(), [runtime("a", entry()), runtime("b", entry())], {}),
    "strict equals": (service(), [runtime("a", entry()), runtime("b", entry())], {"settings": STRICT}),
    "named": (service(runtime={"name": "a"}), [runtime("a", entry())], {}),
    "named despite": (service(runtime={"name": "a"}), [runtime("a", OTHER)], {}),
    "absent": (service(runtime={"name": "x"}), [runtime("a", entry())], {}),
    "own": (service(**OWN), [runtime("a", OTHER)], {}),
    "own with one that fits": (service(**OWN), [runtime("a", entry())], {}),
    "none": (service(), [runtime("a", OTHER)], {}),
    "unknown": (service(), [], {"model": model(modelArchitecture=None)}),
    "no model": (service(), [], {"model": None}),
    "old form": (service(predictor={"model": {"baseModel": "m"}}, model=None, engine=None), [], {}),
    "class": (service(**CLASS), [TestClasses.SERVED], {"accelerator_classes": (accelerator("h100"),)}),
    "policy": (service(**POLICY), [TestClasses.SERVED], {"accelerator_classes": (accelerator("h100"),)}),
    "one that fits before a better one": (service(**CLASS), [SMALL, TestClasses.SERVED], HELD),
    "none that fits": (
        service(**CLASS),
        [SMALL, TestClasses.SERVED],
        {**HELD, "model": model(modelParameterSize="90B")},
    ),
    "none that fits, strictly": (service(**CLASS), [SMALL], {**HELD, "settings": STRICT}),
    "no class": (service(**CLASS), [TestClasses.SERVED], {}),
}


@pytest.mark.parametrize("world", WORLDS)
def test_the_next_pass_over_the_same_writes_the_same(world: str) -> None:
    """Steady state is silent: what was just written is what the next plan says, byte for byte."""
    asked, runtimes, inputs = WORLDS[world]
    first = made(asked, *runtimes, **inputs)
    status = InferenceServiceStatus.model_validate(remembered(first))
    second = made(asked.model_copy(update={"status": status}), *runtimes, **inputs)
    assert msgspec.json.encode(second.status) == msgspec.json.encode(first.status)
    assert second.objects == first.objects


@pytest.mark.parametrize(
    ("world", "reason", "fits"),
    [
        ("one that fits before a better one", "Chosen", "True"),
        ("none that fits", "Chosen", None),
        ("none that fits, strictly", "NoneFits", None),
    ],
)
def test_those_worlds_are_what_they_are_called(world: str, reason: str, fits: str | None) -> None:
    asked, runtimes, inputs = WORLDS[world]
    found = made(asked, *runtimes, **inputs)
    assert block(found)["reason"] == reason
    if fits is not None:
        assert (condition(found, "Fits")["status"], block(found)["runtime"]["name"]) == (fits, "r")


def test_the_part_is_small_whatever_a_user_writes() -> None:
    codes = entry(modelArchitecture="Qwen2", quantization="fp8", modelFormat={"name": "x"}, autoSelect=False)
    many = [runtime("r" * 240 + f"{index:03}", codes, codes) for index in range(50)]
    asked = service(metadata={"annotations": {"omectl.io/reselect": "z" * 10_000}})
    found = made(asked, *many)
    assert len(msgspec.json.encode(block(found))) < 2_000
    assert all(len(one.get("message", "")) < 3_000 for one in found.status["conditions"] if "severity" in one)
