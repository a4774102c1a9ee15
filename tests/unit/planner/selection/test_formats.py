"""A runtime's formats are taken apart once for each decoded version, and equal statements are one object."""

import gc
import weakref

from tests.unit.planner.build import entry, runtime
from tests.unit.planner.selection.parts import view

from omectl.planner.selection.candidates import EntryRules, assess
from omectl.planner.selection.entry import Told, differences, held_against, statements_of
from omectl.planner.selection.formats import formats_of
from omectl.planner.selection.policy import DEFAULT, OME
from omectl.planner.selection.request import Request

RULES = EntryRules(merit=DEFAULT.merit, automatic=True)


def test_the_formats_of_a_decoded_runtime_are_taken_apart_once() -> None:
    one = runtime("r", entry(), entry(priority=2))
    assert formats_of(one) is formats_of(one)
    assert formats_of(one).entries == one.spec.supported_model_formats


def test_an_equal_runtime_of_another_version_is_taken_apart_for_itself() -> None:
    one, other = runtime("r", entry()), runtime("r", entry(modelArchitecture="Qwen2"))
    before = formats_of(one)
    assert formats_of(other).statements != before.statements
    assert formats_of(one) is before


def test_a_runtime_that_nobody_keeps_is_forgotten() -> None:
    one = runtime("r", entry())
    formats_of(one)
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None
    assert formats_of(runtime("r", entry(modelArchitecture="Qwen2"))).entries[0].model_architecture == "Qwen2"


def test_a_runtime_without_formats_has_none() -> None:
    assert formats_of(runtime("r")).statements == ()


def test_what_two_entries_state_alike_is_one_statement() -> None:
    first, second = (formats_of(runtime(name, entry(priority=number))) for number, name in enumerate(("a", "b"), 1))
    assert first.statements == second.statements


def test_a_statement_is_held_against_a_model_once() -> None:
    """What is told of a model is not worked out again, even where it is wrong."""
    statements, told = formats_of(runtime("r", entry(modelArchitecture="Qwen2"))).statements[0], Told()
    found = held_against(statements, view(), told)
    assert [one.text for one in found] == ["architecture: wanted Qwen2, found Llama"]
    assert held_against(statements, view(), told) == found
    told[statements[0]] = None
    assert held_against(statements, view(), told) == []


def test_merits_are_those_of_the_ranking_that_asks() -> None:
    formats = formats_of(runtime("r", entry(priority=3), entry()))
    assert [merit[0] for merit in formats.merits(DEFAULT.merit)] == [-3, -1]
    assert [merit[0] for merit in formats.merits(OME.merit)] == [-6, -2]
    assert formats.merits(DEFAULT.merit) is formats.merits(DEFAULT.merit)


def test_an_assessment_is_the_same_with_what_was_told_before_and_without() -> None:
    told: Told = {}
    model = view(quantization="fp8", modelCapabilities=["CHAT"])
    for changes in ({}, {"quantizations": ["any"]}, {"requiredCapabilities": ["VISION"]}, {"modelFramework": None}):
        one = runtime("r", entry(**changes), entry(modelArchitecture="Qwen2"))
        assert assess(one, model, Request(), RULES, told) == assess(one, model, Request(), RULES)


def test_a_format_without_a_name_states_none() -> None:
    formats = formats_of(runtime("r", entry(modelFormat={"name": ""})))
    assert [one.text for one in held_against(formats.statements[0], view(), {})] == [
        "format: the runtime states none, found safetensors"
    ]
    assert differences(formats.entries[0], view()) == held_against(statements_of(formats.entries[0]), view(), {})
