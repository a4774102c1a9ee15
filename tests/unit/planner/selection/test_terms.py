"""A runtime is taken apart once for each decoded version, and equal statements are one object."""

import gc
import weakref
from collections import Counter

import pytest
from tests.unit.planner.build import entry, runtime
from tests.unit.planner.selection.parts import classes, sized, view
from tests.unit.planner.selection.worlds import pools

from omectl.planner.selection.candidates import assess
from omectl.planner.selection.entry import differences, statements_of
from omectl.planner.selection.inquiry import Answers, EntryRules, Inquiry
from omectl.planner.selection.policy import DEFAULT, OME, POLICIES
from omectl.planner.selection.request import Request, request_of
from omectl.planner.selection.terms import terms_of

RULES = EntryRules(merit=DEFAULT.merit, automatic=True)


def test_the_terms_of_a_decoded_runtime_are_taken_apart_once() -> None:
    one = runtime("r", entry(), entry(priority=2))
    assert terms_of(one) is terms_of(one)
    assert terms_of(one).entries == one.spec.supported_model_formats


def test_an_equal_runtime_of_another_version_is_taken_apart_for_itself() -> None:
    one, other = runtime("r", entry()), runtime("r", entry(modelArchitecture="Qwen2"))
    before = terms_of(one)
    assert terms_of(other).statements != before.statements
    assert terms_of(one) is before


def test_a_runtime_that_nobody_keeps_is_forgotten() -> None:
    one = runtime("r", entry())
    terms_of(one)
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None
    assert terms_of(runtime("r", entry(modelArchitecture="Qwen2"))).entries[0].model_architecture == "Qwen2"


def test_a_runtime_without_formats_has_none() -> None:
    assert terms_of(runtime("r")).statements == ()


def test_what_two_entries_state_alike_is_one_statement() -> None:
    first, second = (terms_of(runtime(name, entry(priority=number))) for number, name in enumerate(("a", "b"), 1))
    assert first.statements == second.statements


def test_what_two_runtimes_state_alike_for_all_of_their_formats_is_one_statement() -> None:
    spec = {**classes("H100"), **sized("7B", "9B"), "engineConfig": None, "disabled": True, "decoderConfig": {}}
    first, second = (terms_of(runtime(name, entry(), **spec)) for name in ("a", "b"))
    assert first.throughout == second.throughout == (*first.first, *first.last)
    # Disabled and accelerators before those of a format; size, engine, router and decoder after them.
    assert (len(first.first), len(first.last)) == (2, 4)


def test_a_statement_is_asked_once_in_an_inquiry() -> None:
    """What is told of a model is not worked out again, even where it is wrong."""
    statements = terms_of(runtime("r", entry(modelArchitecture="Qwen2"))).statements[0]
    answers = Answers(Inquiry(view()))
    found = answers.against(statements)
    assert [one.text for one in found] == ["architecture: wanted Qwen2, found Llama"]
    assert answers.against(statements) == found
    assert (answers.misses(statements), answers.agree(statements)) == (1, False)
    answers[statements[0]] = None
    assert (answers.against(statements), answers.misses(statements), answers.agree(statements)) == ([], 0, True)


def test_the_first_statement_that_is_not_so_ends_the_search() -> None:
    statements = terms_of(runtime("r", entry(modelArchitecture="Qwen2", quantization="fp8"))).statements[0]
    answers = Answers(Inquiry(view()))
    assert not answers.agree(statements)
    assert [*answers] == [statements[0]]
    assert answers.misses(statements) == 2
    assert len(answers) == len(statements)


def test_whether_an_entry_may_be_chosen_is_only_asked_when_all_are() -> None:
    statements = statements_of(runtime("r", entry(autoSelect=False, priority=0)).spec.supported_model_formats[0])
    kinds = ((False, False, []), (False, True, []), (True, False, ["NotAutoSelectable"]))
    for automatic, needs_score, codes in (*kinds, (True, True, ["NotAutoSelectable", "ScoreNotPositive"])):
        rules = EntryRules(merit=OME.merit, automatic=automatic, needs_score=needs_score)
        assert [one.code.value for one in Answers(Inquiry(view(), Request(), rules)).against(statements)] == codes


def test_only_an_entry_whose_score_is_not_above_0_states_that() -> None:
    lengths = [
        len(statements_of(runtime("r", entry(priority=number)).spec.supported_model_formats[0])) for number in (1, 0)
    ]
    assert lengths == [4, 5]


def test_merits_are_those_of_the_ranking_that_asks() -> None:
    terms = terms_of(runtime("r", entry(priority=3), entry()))
    assert [merit[0] for merit in terms.merits(DEFAULT.merit)] == [-3, -1]
    assert [merit[0] for merit in terms.merits(OME.merit)] == [-6, -2]
    assert terms.merits(DEFAULT.merit) is terms.merits(DEFAULT.merit)


def test_an_assessment_is_the_same_with_what_was_told_before_and_without() -> None:
    inquiry = Inquiry(view(quantization="fp8", modelCapabilities=["CHAT"]), Request(), RULES)
    answers = Answers(inquiry)
    for changes in ({}, {"quantizations": ["any"]}, {"requiredCapabilities": ["VISION"]}, {"modelFramework": None}):
        one = runtime("r", entry(**changes), entry(modelArchitecture="Qwen2"))
        assert assess(one, answers) == assess(one, Answers(inquiry))


def test_a_format_without_a_name_states_none() -> None:
    terms = terms_of(runtime("r", entry(modelFormat={"name": ""})))
    found = Answers(Inquiry(view())).against(terms.statements[0])
    assert [one.text for one in found] == ["format: the runtime states none, found safetensors"]
    assert differences(terms.entries[0], view()) == found


@pytest.mark.parametrize("automatic", [False, True])
def test_what_is_counted_is_as_much_as_is_told(automatic: bool) -> None:
    """In 3,000 invented worlds: no miss where nothing is told, and as many misses as there are differences."""
    counted = Counter[int]()
    for world in pools().worlds(3_000, seed=11):
        policy = POLICIES[world.settings.ranking]
        rules = EntryRules(merit=policy.merit, automatic=automatic, needs_score=policy.needs_score)
        inquiry = Inquiry(world.model, request_of(world.service), rules)
        for one in world.runtimes:
            told = assess(one, Answers(inquiry)).differences
            assert terms_of(one).misses(Answers(inquiry)) == len(told)
            assert terms_of(one).met(Answers(inquiry)) is not bool(told)
            counted[len(told)] += 1
    assert all(counted[number] > 50 for number in range(6)), counted
