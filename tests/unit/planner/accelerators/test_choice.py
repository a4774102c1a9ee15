"""What is asked and which layer wins, and what is told when no class can be had."""

from __future__ import annotations

import pytest
from tests.unit.planner.accelerators.classes import (
    WORLD,
    Json,
    accelerator_class,
    chosen,
    codes,
    counted,
    listing,
    name_of,
)
from tests.unit.planner.build import service

from omectl.planner.accelerators.choice import ClassChoice, CurrentClass, choose_class
from omectl.planner.accelerators.decision import Outcome

ANNOTATION = "ome.io/accelerator-class"
ALL = listing("H100", "A100", "T4")


def asked(*, metadata: Json = None, common: Json = None, own: Json = None, component: str = "engine") -> ClassChoice:
    part = {"acceleratorOverride": own} if own is not None else {}
    wanted = service(metadata=metadata, acceleratorSelector=common, **{component: part})
    return choose_class(wanted, ALL, component, WORLD)


@pytest.mark.parametrize(
    ("own", "common", "annotation", "name", "outcome"),
    [
        ({"acceleratorClass": "T4"}, {"acceleratorClass": "A100"}, "H100", "T4", Outcome.NAMED_BY_COMPONENT),
        ({"policy": "Cheapest"}, {"acceleratorClass": "A100"}, None, "A100", Outcome.NAMED_BY_SERVICE),
        ({"policy": "Cheapest"}, {"policy": "MostCapable"}, None, "T4", Outcome.CHOSEN_BY_POLICY),
        ({}, {"policy": "MostCapable"}, None, "H100", Outcome.CHOSEN_BY_POLICY),
        (None, {"policy": "MostCapable"}, "T4", "T4", Outcome.NAMED_BY_ANNOTATION),
        (None, {"acceleratorClass": ""}, "", "", Outcome.NOT_ASKED),
        (None, None, None, "", Outcome.NOT_ASKED),
    ],
    ids=["component", "names beat policies", "own policy", "common policy", "annotation", "blank", "nothing"],
)
def test_names_beat_policies_and_the_component_beats_the_service(
    own: Json, common: Json, annotation: str | None, name: str, outcome: Outcome
) -> None:
    """B.3; D 13: the annotation names a class where no field does."""
    metadata = {"annotations": {ANNOTATION: annotation}} if annotation is not None else None
    found = asked(metadata=metadata, common=common, own=own)
    assert found.decision.class_name == name
    assert found.decision.outcome is outcome


def test_a_name_that_another_field_overrules_is_told() -> None:
    found = asked(metadata={"annotations": {ANNOTATION: "H100"}}, common={"acceleratorClass": "A100"})
    (warning,) = found.decision.warnings
    assert warning == (
        f"annotation {ANNOTATION} names AcceleratorClass H100, which does not count beside "
        "spec.acceleratorSelector.acceleratorClass (A100)"
    )
    same = asked(metadata={"annotations": {ANNOTATION: "A100"}}, common={"acceleratorClass": "A100"})
    assert same.decision.warnings == ()


def test_engine_and_decoder_are_decided_independently_and_a_router_gets_none() -> None:
    wanted = service(
        engine={"acceleratorOverride": {"policy": "MostCapable"}},
        decoder={"acceleratorOverride": {"acceleratorClass": "T4"}},
        acceleratorSelector={"policy": "Cheapest"},
    )
    names = {
        part: choose_class(wanted, ALL, part, WORLD).decision.class_name for part in ("engine", "decoder", "router")
    }
    assert names == {"engine": "H100", "decoder": "T4", "router": ""}


class TestLayers:
    """D 13, Q37: runtime and service and component all constrain."""

    def test_the_components_constraints_count(self) -> None:
        own = {"policy": "MostCapable", "constraints": {"maxMemory": 50}}
        assert name_of(asked(own=own)) == "A100"

    def test_every_layer_filters_and_is_named(self) -> None:
        wanted = service(
            acceleratorSelector={"policy": "Cheapest", "constraints": {"minMemory": 30}},
            engine={"acceleratorOverride": {"constraints": {"excludedClasses": ["A100"]}}},
        )
        found = choose_class(wanted, listing("H100", "A100", "T4", requiredFeatures=["fp8"]), "engine", WORLD)
        assert name_of(found) == "H100"
        assert codes(found)["A100"] == ("FeatureMissing", "Excluded")
        assert codes(found)["T4"] == ("FeatureMissing", "MemoryTooSmall")
        reasons = next(one.reasons for one in found.decision.candidates if one.name == "T4")
        assert reasons[0] == "features: wanted fp8 (runtime r: acceleratorRequirements), found none"
        assert reasons[1] == "memory: wanted at least 30Gi (spec.acceleratorSelector.constraints), found 16Gi"

    @pytest.mark.parametrize(
        ("requirements", "name"),
        [
            ({"minMemory": 41}, "H100"),
            ({"minArchitectureVersion": "8.5"}, "H100"),
            ({"requiredFeatures": ["FP8"]}, "H100"),
        ],
    )
    def test_the_runtimes_requirements_are_read(self, requirements: Json, name: str) -> None:
        assert name_of(chosen("Cheapest", requirements=requirements)) == name

    def test_scores_read_the_largest_demand_and_the_innermost_precisions(self) -> None:
        wanted = service(
            acceleratorSelector={"constraints": {"minMemory": 10, "preferredPrecisions": ["int4"]}},
            engine={"acceleratorOverride": {"policy": "BestFit", "constraints": {"preferredPrecisions": ["fp16"]}}},
        )
        found = choose_class(wanted, listing("H100", "A100", minMemory=40), "engine", WORLD)
        assert {one.name: one.score for one in found.decision.candidates} == {"A100": 1.0, "H100": 0.65}


@pytest.mark.parametrize(
    ("wanted", "found", "fits"),
    [
        ("9.0", "10.0", True),
        ("10.0", "9.0", False),
        ("9", "9.0", True),
        ("9.0.1", "9", False),
        ("8.6", "8.9", True),
        ("v9.0", "9.0", True),
        ("gfx942", "gfx942", True),
        ("gfx942", "gfx950", False),
        ("9.0", "gfx942", False),
    ],
)
def test_architecture_versions_are_compared_as_numbers(wanted: str, found: str, fits: bool) -> None:
    """Q36, D 13: as text, 10.0 comes before 9.0."""
    one = accelerator_class("x", capabilities={"computeCapability": found})
    assert (name_of(chosen("Cheapest", [one], names=("x",), minArchitectureVersion=wanted)) == "x") is fits


@pytest.mark.parametrize(
    ("families", "fits"),
    [
        (["hopper"], True),
        (["Hopper"], True),
        (["nvidia-hopper"], True),
        (["NVIDIA-Hopper"], True),
        (["amd-hopper"], False),
        (["nvidia"], False),
        (["ampere", "hopper"], True),
        (["ampere"], False),
        ([], True),
    ],
)
def test_a_family_is_named_alone_or_after_its_vendor(families: Json, fits: bool) -> None:
    assert (name_of(chosen("Cheapest", names=("H100",), architectureFamilies=families)) == "H100") is fits


def test_a_family_with_a_hyphen_can_be_named_alone() -> None:
    one = accelerator_class("x", vendor="amd", family="cdna-3")
    for family in ("cdna-3", "amd-cdna-3"):
        assert name_of(chosen("Cheapest", [one], names=("x",), architectureFamilies=[family])) == "x"


@pytest.mark.parametrize(
    ("memory", "whole", "warned"),
    [
        ("80Gi", 80, False),
        ("80G", 74, False),
        ("80", 80, True),
        (80, 80, True),
        ("512Mi", 0, True),
        ("1Gi", 1, False),
        ("1024Mi", 1, False),
        ("81559Mi", 79, False),
    ],
)
def test_memory_below_1gi_is_taken_for_gib_and_said(memory: Json, whole: int, warned: bool) -> None:
    """Q32, D 13: `memoryGB: 80` is 80 bytes to the reference."""
    one = accelerator_class("x", capabilities={"memoryGB": memory})
    found = chosen("Cheapest", [one], names=("x",), minMemory=whole, maxMemory=whole)
    assert name_of(found) == "x"
    assert bool(found.decision.warnings) is warned
    if warned:
        assert found.decision.warnings[0].startswith("AcceleratorClass x: spec.capabilities.memoryGB: wanted")


class TestFailsClosed:
    """D 12, Q33, Q34: nobody gets pods without the placement that he asked for."""

    def test_a_class_that_vanished_is_skipped_and_the_rest_is_ranked(self) -> None:
        found = chosen("MostCapable", WORLD[1:])
        assert name_of(found) == "A100"
        assert codes(found)["H100"] == ("ClassNotFound",)

    def test_a_class_that_is_being_deleted_is_skipped(self) -> None:
        going = accelerator_class("H100", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
        assert codes(chosen("MostCapable", (going, *WORLD[1:])))["H100"] == ("ClassDeleting",)

    def test_a_named_class_that_does_not_exist_refuses_the_plan(self) -> None:
        found = choose_class(service(acceleratorSelector={"acceleratorClass": "B200"}), ALL, "engine", WORLD)
        assert found.problem is not None
        assert found.problem.message == (
            "engine: spec.acceleratorSelector.acceleratorClass: AcceleratorClass B200 does not exist"
        )
        assert found.problem.next_step == "create it, or correct spec.acceleratorSelector.acceleratorClass"
        assert found.decision.outcome is Outcome.CLASS_NOT_FOUND

    def test_a_runtime_that_lists_no_class_cannot_answer_a_policy(self) -> None:
        found = chosen("Cheapest", names=())
        assert found.problem is not None
        assert found.decision.outcome is Outcome.NO_CLASSES_LISTED
        assert "runtime r lists none (acceleratorRequirements.acceleratorClasses)" in found.problem.message
        assert "remove spec.acceleratorSelector.policy" in found.problem.next_step

    def test_a_policy_without_a_runtime_is_refused_and_a_name_is_taken(self) -> None:
        without = choose_class(service(acceleratorSelector={"policy": "Cheapest"}), None, "engine", WORLD)
        assert without.problem is not None
        named = choose_class(service(acceleratorSelector={"acceleratorClass": "T4"}), None, "engine", WORLD)
        assert name_of(named) == "T4"

    def test_a_policy_that_nobody_knows_is_refused(self) -> None:
        found = chosen("Fastest")
        assert found.problem is not None
        assert found.decision.outcome is Outcome.UNKNOWN_POLICY
        assert "wanted one of BestFit, Cheapest, MostCapable, FirstAvailable, found 'Fastest'" in found.problem.message

    def test_the_nearest_miss_comes_first_with_what_would_have_to_change(self) -> None:
        found = chosen("Cheapest", minMemory=100, requiredFeatures=["fp8"])
        assert found.problem is not None
        assert [one.name for one in found.decision.candidates] == ["H100", "A100", "T4"]
        assert found.problem.next_step == "lower minMemory of spec.acceleratorSelector.constraints to 80"
        assert "H100 (memory: wanted at least 100Gi" in found.problem.message

    def test_a_class_without_nodes_says_that_naming_it_waits_for_one(self) -> None:
        empty = accelerator_class("H100", status=counted(0))
        found = chosen("Cheapest", [empty], names=("H100",))
        assert found.problem is not None
        assert "or name the class to have pods wait for one" in found.problem.next_step
        named = choose_class(service(acceleratorSelector={"acceleratorClass": "H100"}), ALL, "engine", [empty])
        assert name_of(named) == "H100"
        assert "no node that is ready and takes pods carries the class" in named.decision.warnings[0]


@pytest.mark.parametrize(
    ("constraints", "code", "remedy"),
    [
        ({"excludedClasses": ["x"]}, "Excluded", "remove it from excludedClasses"),
        ({"architectureFamilies": ["hopper"]}, "FamilyMismatch", "to architectureFamilies"),
        ({"minMemory": 8}, "MemoryUnknown", "set capabilities.memoryGB of AcceleratorClass x"),
        ({"maxMemory": 8}, "MemoryUnknown", "set capabilities.memoryGB of AcceleratorClass x"),
        ({"requiredFeatures": ["fp8"]}, "FeatureMissing", "remove fp8 from requiredFeatures"),
        ({"minArchitectureVersion": "9"}, "ArchitectureVersionUnknown", "set capabilities.computeCapability"),
        ({"minArchitectureVersion": "nine"}, "ArchitectureVersionUnknown", "set capabilities.computeCapability"),
    ],
)
def test_each_constraint_has_its_code_and_remedy(constraints: Json, code: str, remedy: str) -> None:
    found = chosen("Cheapest", [accelerator_class("x")], names=("x",), **constraints)
    assert codes(found) == {"x": (code,)}
    assert found.problem is not None
    assert remedy in found.problem.next_step


def test_what_is_stated_without_asking_for_a_class_is_told() -> None:
    """Q39: without a name and a policy no class is chosen; what was stated in vain is a warning."""
    found = chosen(None, minMemory=10)
    assert (found.chosen, found.problem) == (None, None)
    assert found.decision.warnings == (
        "spec.acceleratorSelector.constraints has no effect without a policy or a class",
        "runtime r lists accelerator classes (H100, A100, T4), and the service asks for none",
    )


class TestKept:
    """D 16: what a component has it keeps, while the same is asked."""

    def current(self, name: str = "T4", **constraints: Json) -> CurrentClass:
        return CurrentClass(name=name, ask=chosen("MostCapable", **constraints).decision.ask)

    def test_a_class_is_kept_and_the_better_one_told(self) -> None:
        found = chosen("MostCapable", current=self.current())
        assert (name_of(found), found.decision.better, found.decision.outcome) == ("T4", "H100", Outcome.KEPT)
        assert "MostCapable would choose H100 afresh" in found.decision.text

    def test_the_best_is_not_called_kept(self) -> None:
        found = chosen("MostCapable", current=self.current("H100"))
        assert (found.decision.better, found.decision.outcome) == ("", Outcome.CHOSEN_BY_POLICY)

    def test_another_ask_chooses_afresh(self) -> None:
        assert name_of(chosen("MostCapable", current=self.current(), minMemory=10)) == "H100"
        assert name_of(chosen("BestFit", current=self.current())) == "A100"

    @pytest.mark.parametrize("status", [counted(0), None], ids=["no nodes", "gone"])
    def test_a_class_that_cannot_be_used_any_more_is_left(self, status: Json) -> None:
        world = [*WORLD[:2], *([accelerator_class("T4", status=status)] if status else [])]
        assert name_of(chosen("MostCapable", world, current=self.current())) == "H100"

    def test_its_own_pods_taking_its_accelerators_move_no_service(self) -> None:
        world = [accelerator_class(name, status=counted(1, 8, free)) for name, free in (("H100", 8), ("T4", 0))]
        names = ("T4", "H100")
        ask = chosen("FirstAvailable", world, names=names).decision.ask
        kept = chosen("FirstAvailable", world, names=names, current=CurrentClass(name="T4", ask=ask))
        assert (name_of(kept), kept.decision.better) == ("T4", "H100")
