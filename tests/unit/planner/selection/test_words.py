"""What a choice says of itself, word by word: people read it, and no other test looks at all of it."""

import pytest
from tests.unit.planner.build import RUNNER, Json, entry, runtime, service
from tests.unit.planner.selection.parts import E0, name_of, picked, sized, view

from omectl.planner.selection.choice import Outcome, Selection
from omectl.planner.selection.reach import could_take
from omectl.planner.selection.specificity import specificity
from omectl.planner.selection.sticky import Pick, TurnCode

FP8 = entry(quantization="fp8")


def again(found: Selection, **changes: str) -> Pick:
    """What the status remembers of a choice."""
    told = {"runtime": name_of(found), "scope": "cluster", "inputs": found.inputs, **changes}
    return Pick(**told)


def named(name: str, **spec: Json) -> Json:
    return service(runtime={"name": name}, **spec)


def test_a_named_runtime_says_who_named_it() -> None:
    found = picked(runtime("a", E0), asked=named("a"))
    assert (found.outcome, found.reason, found.entry) == (Outcome.NAMED, "named by the service (spec.runtime)", 0)
    (candidate,) = found.candidates
    assert (candidate.rank, candidate.reasons) == (1, ("named by the service (spec.runtime)",))


def test_a_named_runtime_that_does_not_fit_is_warned_of_and_says_who_named_it() -> None:
    found = picked(runtime("a", FP8), asked=named("a"))
    assert (found.outcome, found.reason) == (
        Outcome.NAMED_DESPITE_MISMATCH,
        "named by the service (spec.runtime)",
    )
    assert len(found.warnings) == 1
    strict = picked(runtime("a", FP8), asked=named("a"), strict=True)
    assert strict.outcome is Outcome.RUNTIME_UNSUITABLE
    assert strict.problem is not None
    assert "model m" in strict.problem.message


def test_a_named_runtime_of_a_pair_is_noted_where_the_service_has_no_decoder() -> None:
    pair = runtime("a", E0, decoderConfig={"runner": {"name": "d", "image": "d:1"}})
    found = picked(pair, asked=named("a"))
    assert len(found.warnings) == 1
    assert "decoder" in found.warnings[0]
    assert not picked(pair, asked=named("a", decoder={})).warnings
    assert not picked(runtime("a", E0), asked=named("a")).warnings


@pytest.mark.parametrize("asked", [None, named("a")])
def test_a_model_of_which_nothing_is_known_leaves_the_question_open(asked: Json) -> None:
    blank = {"modelFramework": None, "modelArchitecture": None, "modelParameterSize": None, "quantization": None}
    found = picked(runtime("a", FP8), asked=asked, **blank)
    assert (found.outcome, [one.name for one in found.candidates]) == (Outcome.MODEL_UNKNOWN, ["a"])
    assert found.problem is not None
    wanted = "whether runtime a serves model m is not known yet" if asked else "no runtime is known to serve model m"
    assert wanted in found.problem.message


def test_a_service_with_a_runner_of_its_own_says_so() -> None:
    found = picked(runtime("a", FP8), asked=service(engine={"runner": RUNNER}))
    assert (found.outcome, found.reason) == (
        Outcome.OWN_RUNNER,
        "no runtime fits, and the engine's own runner is complete",
    )
    assert [one.name for one in found.candidates] == ["a"]
    assert found.inputs


def test_the_runtimes_are_told_in_their_order_with_what_decided() -> None:
    found = picked(runtime("a", E0), runtime("b", E0), runtime("c", FP8))
    assert found.reason == "only the name, in alphabetical order"
    assert [one.reasons[0] for one in found.candidates][:2] == [
        "chosen: only the name, in alphabetical order",
        "fits, but comes after a: only the name, in alphabetical order",
    ]
    alone = picked(runtime("a", E0), runtime("c", FP8))
    assert alone.reason == "the only one that fits"


def test_an_ambiguous_choice_has_no_reason_under_strict_rules() -> None:
    found = picked(runtime("a", E0), runtime("b", E0), strict=True)
    assert (found.outcome, found.runtime, found.entry, found.reason) == (Outcome.AMBIGUOUS, None, None, "")


def test_each_turn_says_why_the_service_has_that_runtime() -> None:
    """D 16."""
    first = picked(runtime("b", E0))
    assert first.turn is not None
    assert (first.turn.code, first.turn.text) == (TurnCode.FIRST, "no runtime was picked before")
    both = (runtime("a", entry(priority=9)), runtime("b", E0))
    kept = picked(*both, previous=again(first))
    assert kept.turn is not None
    assert (kept.turn.code, kept.turn.key, kept.turn.better) == (TurnCode.KEPT, ("cluster", "b"), ("cluster", "a"))
    assert kept.turn.text == "it was picked before, and neither service nor model changed"
    changed = picked(*both, previous=again(first, inputs="other"))
    assert changed.turn is not None
    assert (changed.turn.code, changed.turn.text) == (
        TurnCode.INPUTS_CHANGED,
        "the service or the model changed",
    )
    lost = picked(both[0], previous=again(first))
    assert lost.turn is not None
    assert (lost.turn.code, lost.turn.text) == (TurnCode.RUNTIME_LOST, "runtime b is gone or no longer fits")
    asked = service(metadata={"annotations": {"omectl.io/reselect": "now"}})
    anew = picked(*both, asked=asked, previous=again(first))
    assert anew.turn is not None
    assert (anew.turn.code, anew.turn.text) == (
        TurnCode.ASKED,
        "the annotation omectl.io/reselect asks for a new choice",
    )
    assert name_of(anew) == "a"
    done = picked(*both, asked=asked, previous=again(first, reselect="now"))
    assert name_of(done) == "b"


def test_a_service_that_ran_without_a_runtime_goes_on_without() -> None:
    asked = service(engine={"runner": RUNNER})
    before = picked(runtime("a", FP8), asked=asked)
    found = picked(runtime("a", E0), asked=asked, previous=again(before))
    text = "the service ran without a runtime before, and neither it nor the model changed"
    assert (found.outcome, found.runtime, found.reason) == (Outcome.OWN_RUNNER, None, text)
    assert found.turn is not None
    assert (found.turn.code, found.turn.key, found.turn.text) == (TurnCode.KEPT, ("cluster", ""), text)


@pytest.mark.parametrize(
    ("entries", "spec", "reached"),
    [
        ([E0], {}, True),
        ([FP8, E0], {}, True),
        ([FP8], {}, False),
        ([entry(autoSelect=False)], {}, False),
        ([], {}, False),
        ([E0], {"disabled": True}, False),
        ([E0], sized("100B", None), False),
        ([E0], sized(None, "100B"), True),
        ([E0], {"decoderConfig": {}}, True),
    ],
)
def test_a_runtime_reaches_the_models_that_it_could_be_chosen_for(entries: Json, spec: Json, reached: bool) -> None:
    assert could_take(runtime("a", *entries, **spec), view()) is reached


def test_each_version_that_an_entry_states_makes_it_more_specific() -> None:
    def of(**changes: Json) -> tuple[int, int]:
        (read,) = runtime("a", entry(**changes)).spec.supported_model_formats or ()
        found = specificity(read)
        return (found.pinned, found.narrowed)

    name = {"name": "safetensors"}
    bare = of(modelFormat=name)
    pinned = of(modelFormat={**name, "version": "1.0.0"})
    narrowed = of(modelFormat={**name, "version": "1.0.0", "operator": "GreaterThanOrEqual"})
    specified = of(modelFormat=name, modelFormatVersions=">=1,<2")
    assert pinned == (bare[0] + 1, bare[1] + 1)
    assert narrowed == (bare[0], bare[1] + 1)
    assert specified == (bare[0], bare[1] + 1)
