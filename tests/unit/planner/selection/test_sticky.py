"""A service keeps its runtime until something that concerns it changes (D 16)."""

from typing import Any

import pytest
from tests.unit.planner.build import NAMESPACE, entry, model, runtime, service
from tests.unit.planner.selection.parts import E0, name_of, picked, view

from omectl.api.settings import Settings
from omectl.planner.model import view_model
from omectl.planner.selection.choice import Outcome
from omectl.planner.selection.sticky import (
    Pick,
    TurnCode,
    asks_anew,
    input_hash,
    picked_before,
    reselect_asked,
)

OLD, NEW = runtime("old", E0), runtime("new", entry(priority=2))


def pick(name: str = "old", scope: str = "cluster", inputs: str | None = None, reselect: str = "") -> Pick:
    known = input_hash(service(), view()) if inputs is None else inputs
    return Pick(runtime=name, scope=scope, inputs=known, reselect=reselect)


def asking(value: str) -> Any:
    """A service whose annotation has this value."""
    return service(metadata={"annotations": {"omectl.io/reselect": value}})


def test_a_better_runtime_that_appears_is_told_and_not_taken() -> None:
    found = picked(OLD, NEW, previous=pick())
    assert (name_of(found), found.outcome, found.entry) == ("old", Outcome.KEPT, 0)
    assert found.turn is not None
    assert (found.turn.code, found.turn.better) == (TurnCode.KEPT, ("cluster", "new"))
    assert "runtime new would be chosen today, old is kept" in found.warnings[0]
    ranks = {one.name: one.rank for one in found.candidates}
    assert ranks == {"new": 1, "old": 2}


def test_a_pick_that_still_ranks_first_is_kept_in_silence() -> None:
    found = picked(OLD, NEW, previous=pick("new"))
    assert (name_of(found), found.outcome, found.warnings) == ("new", Outcome.KEPT, ())
    assert found.turn is not None
    assert found.turn.better is None


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


@pytest.mark.parametrize("other", ["a", "z"])
def test_a_kept_pick_among_equals_is_told_and_never_refused(other: str) -> None:
    """D 1 is for a new choice only: a runtime that comes later must not take a service its own. And none is better."""
    equals = [runtime(other, E0), runtime("old", E0)]
    assert picked(*equals, strict=True).outcome is Outcome.AMBIGUOUS
    found = picked(*equals, strict=True, previous=pick())
    assert (name_of(found), found.outcome, found.tied) == ("old", Outcome.KEPT, ("old", other))
    assert found.turn is not None
    assert found.turn.better is None
    assert found.reason == "it was picked before, and neither service nor model changed"
    assert {one.name: one.rank for one in found.candidates} == {"old": 1, other: 2}


@pytest.mark.parametrize(
    ("value", "recorded", "code"),
    [
        ("2", "1", TurnCode.ASKED),
        ("1", "", TurnCode.ASKED),
        ("1", "1", TurnCode.KEPT),
        ("", "1", TurnCode.KEPT),
    ],
)
def test_a_value_that_the_status_does_not_have_asks_once(value: str, recorded: str, code: TurnCode) -> None:
    """And taking the annotation away asks for nothing."""
    found = picked(OLD, NEW, asked=asking(value), previous=pick(reselect=recorded))
    assert found.turn is not None
    assert (found.turn.code, name_of(found)) == (code, "old" if code is TurnCode.KEPT else "new")


def test_a_service_on_its_own_runner_is_not_given_a_runtime_that_appears() -> None:
    own = service(engine={"runner": {"name": "c", "image": "own:1"}})
    inputs = input_hash(own, view())
    first = picked(runtime("x", entry(modelArchitecture="Qwen2")), asked=own)
    assert (first.outcome, first.inputs, first.turn) == (Outcome.OWN_RUNNER, inputs, None)
    found = picked(NEW, asked=own, previous=Pick(runtime="", inputs=inputs))
    assert (found.outcome, found.runtime, found.entry) == (Outcome.OWN_RUNNER, None, None)
    assert found.turn is not None
    assert (found.turn.code, found.turn.better) == (TurnCode.KEPT, ("cluster", "new"))
    assert "new would be chosen today, the service's own runner is kept" in found.warnings[0]
    without = picked(NEW, previous=Pick(runtime="", inputs=input_hash(service(), view())))
    assert name_of(without) == "new"


def test_a_status_says_what_was_picked_before() -> None:
    told = {"reason": "Chosen", "runtime": {"kind": "ServingRuntime", "name": "r"}, "inputs": "abc", "reselect": "1"}
    assert picked_before(service(status={"selection": told})) == pick("r", "namespace", "abc", "1")
    told["runtime"] = {"kind": "ClusterServingRuntime", "name": "r"}
    assert picked_before(service(status={"selection": told})) == pick("r", "cluster", "abc", "1")
    own = {"reason": "OwnRunner", "inputs": "abc"}
    assert picked_before(service(status={"selection": own})) == Pick(runtime="", inputs="abc")
    assert picked_before(service(status={"selection": {"reason": "NoneFits"}})) is None
    assert picked_before(service(status={"url": "http://x"})) is None
    assert picked_before(service()) is None


def test_a_long_value_is_remembered_by_its_hash() -> None:
    long = asking("x" * 200)
    assert len(reselect_asked(long)) == 63
    assert asks_anew(long)
    told = {"reason": "Chosen", "reselect": reselect_asked(long)}
    assert not asks_anew(long.model_copy(update={"status": service(status={"selection": told}).status}))
    assert not asks_anew(service())


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
    ],
)
def test_a_change_of_the_service_that_selection_reads_changes_the_digest(changes: Any) -> None:
    assert input_hash(service(**changes), view()) != input_hash(service(), view())


def test_what_selection_does_not_read_leaves_the_digest() -> None:
    same = input_hash(service(), view())
    assert len(same) == 16
    scaled = service(engine={"minReplicas": 3, "labels": {"a": "b"}}, metadata={"labels": {"x": "y"}})
    assert input_hash(scaled, view(vendor="other")) == same
    assert input_hash(asking("1"), view()) == same
    assert input_hash(service(), view_model(model(namespace=NAMESPACE), Settings.defaults())) != same
