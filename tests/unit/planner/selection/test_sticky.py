"""A service keeps its runtime until something that concerns it changes (D 16)."""

from typing import Any

import pytest
from tests.unit.planner.build import NAMESPACE, entry, model, runtime, service
from tests.unit.planner.selection.parts import E0, name_of, picked, view

from omectl.api.settings import Settings
from omectl.planner.model import view_model
from omectl.planner.selection.choice import Outcome
from omectl.planner.selection.sticky import Pick, TurnCode, input_hash

OLD, NEW = runtime("old", E0), runtime("new", entry(priority=2))


def pick(name: str = "old", scope: str = "cluster", inputs: str | None = None) -> Pick:
    known = input_hash(service(), view()) if inputs is None else inputs
    return Pick(runtime=name, scope=scope, entry=0, accelerator_class="", inputs=known)


def test_a_better_runtime_that_appears_is_told_and_not_taken() -> None:
    found = picked(OLD, NEW, previous=pick())
    assert (name_of(found), found.outcome, found.entry) == ("old", Outcome.KEPT, 0)
    assert found.turn is not None
    assert (found.turn.code, found.turn.better) == (TurnCode.KEPT, "new")
    assert "runtime new would be chosen today, old is kept" in found.warnings[0]
    ranks = {one.name: one.rank for one in found.candidates}
    assert ranks == {"new": 1, "old": 2}


def test_a_pick_that_still_ranks_first_is_kept_in_silence() -> None:
    found = picked(OLD, NEW, previous=pick("new"))
    assert (name_of(found), found.outcome, found.warnings) == ("new", Outcome.KEPT, ())
    assert found.turn is not None
    assert found.turn.better == ""


@pytest.mark.parametrize(
    ("runtimes", "previous", "code"),
    [
        ([OLD, NEW], None, TurnCode.FIRST),
        ([OLD, NEW], pick(inputs="other"), TurnCode.INPUTS_CHANGED),
        ([NEW], pick(), TurnCode.RUNTIME_LOST),
        ([runtime("old", E0, disabled=True), NEW], pick(), TurnCode.RUNTIME_LOST),
        ([runtime("old", entry(modelArchitecture="Qwen2")), NEW], pick(), TurnCode.RUNTIME_LOST),
        ([OLD, NEW], pick(scope="namespace"), TurnCode.RUNTIME_LOST),
    ],
    ids=["first", "inputs", "deleted", "disabled", "no longer fits", "another scope"],
)
def test_what_makes_a_new_choice_is_said(runtimes: Any, previous: Any, code: TurnCode) -> None:
    found = picked(*runtimes, previous=previous)
    assert (name_of(found), found.outcome) == ("new", Outcome.CHOSEN)
    assert found.turn is not None
    assert found.turn.code is code
    assert found.turn.text


def test_a_named_runtime_does_not_ask_what_was_picked_before() -> None:
    found = picked(OLD, NEW, asked=service(runtime={"name": "new"}), previous=pick())
    assert (name_of(found), found.outcome, found.turn) == ("new", Outcome.NAMED, None)


def test_a_kept_pick_among_equals_is_not_ambiguous() -> None:
    """Its name did not decide: it was there."""
    equals = [runtime("a", E0), runtime("old", E0)]
    assert picked(*equals, strict=True).outcome is Outcome.AMBIGUOUS
    found = picked(*equals, strict=True, previous=pick())
    assert (name_of(found), found.outcome, found.ambiguous) == ("old", Outcome.KEPT, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"modelArchitecture": "Qwen2"},
        {"quantization": "fp8"},
        {"modelParameterSize": "9B"},
        {"modelFramework": {"name": "transformers", "version": "4.44.0"}},
        {"modelFormat": {"name": "safetensors"}},
        {"modelCapabilities": ["EMBEDDING"]},
        {"diffusionPipeline": {"className": "P"}},
    ],
)
def test_a_change_of_the_model_that_selection_reads_changes_the_digest(changes: Any) -> None:
    assert input_hash(service(), view(**changes)) != input_hash(service(), view())


@pytest.mark.parametrize(
    "changes",
    [
        {"acceleratorSelector": {"acceleratorClass": "H100"}},
        {"acceleratorSelector": {"policy": "Cheapest"}},
        {"engine": {"acceleratorOverride": {"policy": "Cheapest"}}},
        {"engine": {"runner": {"name": "c", "image": "own:1"}}},
        {"decoder": {}},
        {"router": {}},
        {"metadata": {"annotations": {"ome.io/accelerator-class": "H100"}}},
        {"metadata": {"annotations": {"omectl.io/reselect": "2026-11-28"}}},
    ],
)
def test_a_change_of_the_service_that_selection_reads_changes_the_digest(changes: Any) -> None:
    """The last is how somebody asks for a new choice."""
    assert input_hash(service(**changes), view()) != input_hash(service(), view())


def test_what_selection_does_not_read_leaves_the_digest() -> None:
    same = input_hash(service(), view())
    assert len(same) == 16
    scaled = service(engine={"minReplicas": 3, "labels": {"a": "b"}}, metadata={"labels": {"x": "y"}})
    assert input_hash(scaled, view(vendor="other")) == same
    assert input_hash(service(), view_model(model(namespace=NAMESPACE), Settings.defaults())) != same
