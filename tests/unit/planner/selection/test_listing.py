"""The runtimes that were looked at are told as they are read, and as they would be if all were told at once."""

from collections import Counter

import pytest
from hypothesis import given, settings
from tests.unit.planner.build import Runtime, entry, runtime, service
from tests.unit.planner.selection.parts import E0, picked, sized, view
from tests.unit.planner.selection.worlds import World, pools, worlds

from omectl.planner.result import Candidate, Explanation, Problem
from omectl.planner.selection import refused as refused_module
from omectl.planner.selection.candidates import Assessment, assess
from omectl.planner.selection.choice import Outcome, Selection, select_runtime
from omectl.planner.selection.difference import Code, Difference
from omectl.planner.selection.inquiry import Answers, EntryRules, Inquiry
from omectl.planner.selection.listing import Listing
from omectl.planner.selection.policy import POLICIES
from omectl.planner.selection.ranking import ranked
from omectl.planner.selection.refused import Refused
from omectl.planner.selection.request import request_of
from omectl.planner.selection.terms import Terms, terms_of
from omectl.planner.selection_status import refused_selection

FAR = entry(modelArchitecture="Qwen2", modelFormat={"name": "onnx"}, quantization="fp8")
"""Three things speak against it."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the refused runtimes that were put in words."""
    names: list[str] = []

    def noticed(one: Runtime, answers: Answers) -> Assessment:
        names.append(one.name)
        return assess(one, answers)

    monkeypatch.setattr(refused_module, "assess", noticed)
    return names


def at_once(world: World, small: dict[str, Difference]) -> tuple[list[str], list[Candidate]]:
    """Names of the runtimes that fit, by rank, and the refused as candidates: everything assessed, then sorted.

    Those that are too `small` are refused when they fit otherwise.
    """
    policy = POLICIES[world.settings.ranking]
    rules = EntryRules(merit=policy.merit, automatic=True, needs_score=policy.needs_score)
    answers = Answers(Inquiry(world.model, request_of(world.service), rules))
    found = [assess(one, answers) for one in world.runtimes]
    found = [
        one._replace(differences=(small[one.runtime.name],)) if one.accepted and one.runtime.name in small else one
        for one in found
    ]
    missed = [one for one in found if not one.accepted]
    missed.sort(key=lambda one: (len(one.differences), one.runtime.name, one.scope))
    return [one.name for one in ranked(found, world.model.size, policy)], [one.candidate() for one in missed]


def assert_as_at_once(world: World) -> tuple[int, int]:
    """Also for a strict selection that asks after the accelerators of all that fit."""
    if world.model.format is None:
        return 0, 0
    small = {one.name: Difference(Code.DOES_NOT_FIT, f"{one.name} is too small") for one in world.runtimes}
    fitting, missed = at_once(world, {})
    found = world.choose().candidates
    assert [one.name for one in found[: len(fitting)]] == fitting
    assert all(one.accepted for one in found[: len(fitting)])
    assert [*found[len(fitting) :]] == missed
    minded = select_runtime(
        world.service,
        world.model,
        world.runtimes,
        world.settings.model_copy(update={"strict": True}),
        hindrance=lambda one, index: small[one.name],
    )
    assert minded.candidates == tuple(at_once(world, small)[1])
    return len(fitting), len(missed)


def test_candidates_are_those_of_a_choice_that_tells_all_at_once() -> None:
    """In 5,000 invented worlds."""
    fits, misses = Counter[int](), Counter[int]()
    for world in pools().worlds(5_000, seed=17):
        fitting, missed = assert_as_at_once(world)
        fits[fitting] += 1
        misses[missed] += 1
    assert all(fits[number] > 50 for number in range(4)), fits
    assert all(misses[number] > 50 for number in range(6)), misses


@settings(max_examples=30, deadline=None)
@given(worlds)
def test_candidates_are_those_of_a_choice_that_tells_all_at_once_for_hypothesis(world: World) -> None:
    assert_as_at_once(world)


def test_any_part_of_the_list_is_that_of_the_whole() -> None:
    for world in pools().worlds(50, seed=23):
        whole = tuple(world.choose().candidates)
        count = len(whole)
        for start in (None, *range(-count - 1, count + 2)):
            for stop in (None, *range(-count - 1, count + 2)):
                for step in (None, 2, -1):
                    assert world.choose().candidates[start:stop:step] == whole[start:stop:step]
        for place in range(-count, count):
            assert world.choose().candidates[place] is not None
            assert world.choose().candidates[place] == whole[place]
        for place in (count, -count - 1):
            with pytest.raises(IndexError):
                world.choose().candidates[place]


def many() -> list[Runtime]:
    """One that fits and six that do not: three things speak against f0 to f2, one against n0 to n2."""
    far = [runtime(f"f{number}", FAR) for number in range(3)]
    return [*far, runtime("fits", E0), *(runtime(f"n{number}", E0, **sized("70B", None)) for number in range(3))]


def test_a_choice_tells_of_none_that_is_refused(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it count what speaks against them, also where those that fit are read."""
    counted: list[str] = []

    def noticed(one: Runtime) -> Terms:
        counted.append(one.name)
        return terms_of(one)

    monkeypatch.setattr(refused_module, "terms_of", noticed)
    found = picked(*many())
    assert (found.outcome, len(found.candidates), found.candidates[0].name) == (Outcome.CHOSEN, 7, "fits")
    assert told == counted == []
    assert found.candidates[1].name == "n0"
    assert sorted(counted) == ["f0", "f1", "f2", "n0", "n1", "n2"]


def test_only_what_is_read_is_told_and_once(told: list[str]) -> None:
    candidates = picked(*many()).candidates
    assert candidates[0].name == "fits"
    assert told == []
    assert [one.name for one in candidates[1:3]] == ["n0", "n1"]
    assert told == ["n0", "n1"]
    assert candidates[2].name == "n1"
    assert told == ["n0", "n1"]
    assert candidates[-1].name == "f2"
    assert candidates[4] is candidates[4]
    assert told == ["n0", "n1", "n2", "f0", "f1", "f2"]
    assert candidates[7:] == candidates[3:3] == ()


def test_when_none_fits_the_nearest_three_are_told(told: list[str]) -> None:
    found = picked(*(one for one in many() if one.name != "fits"))
    assert found.outcome is Outcome.NONE_FITS
    assert told == ["n0", "n1", "n2"]
    assert found.problem is not None
    assert "looked at 6 (0 of namespace team, 6 of the cluster)" in found.problem.message
    assert found.problem.message.endswith("; and 3 more")


def explained(found: Selection) -> Explanation:
    return Explanation(outcome=found.outcome.value, candidates=found.candidates, tied=found.tied)


def test_the_status_of_a_refusal_reads_no_more_than_the_nearest_three(told: list[str]) -> None:
    """It counts the others without a word about them."""
    ambiguous = [*many(), runtime("fits-too", E0), runtime("n3", E0, **sized("70B", None))]
    found = picked(*ambiguous, strict=True)
    assert found.outcome is Outcome.AMBIGUOUS
    assert found.problem is not None
    assert told == []
    status = refused_selection(service(), explained(found), found.problem, "default")
    assert [(one["name"], one["codes"]) for one in status["nearest"]] == [
        ("n0", ["SizeOutOfRange"]),
        ("n1", ["SizeOutOfRange"]),
        ("n2", ["SizeOutOfRange"]),
    ]  # fmt: skip
    assert status["passedOver"] == 7
    assert told == ["n0", "n1", "n2"]


def test_the_status_names_none_as_near_where_all_fit() -> None:
    found = picked(runtime("a", E0), runtime("b", E0), strict=True)
    assert found.problem is not None
    status = refused_selection(service(), explained(found), found.problem, "default")
    assert "nearest" not in status
    assert "passedOver" not in status


def test_a_service_that_has_its_runtime_is_refused_without_a_word_about_others(told: list[str]) -> None:
    found = picked(*many())
    explanation = Explanation(outcome=found.outcome.value, runtime="fits", candidates=found.candidates)
    problem = Problem("Reason", "message", "step")
    assert "nearest" not in refused_selection(service(), explanation, problem, "default")
    assert told == []


def test_a_list_is_equal_to_one_and_to_a_tuple_of_the_same_candidates() -> None:
    first, same, other = (picked(*runtimes).candidates for runtimes in (many(), many()[::-1], many()[1:]))
    assert isinstance(first, Listing)
    assert first == same == tuple(first)
    assert tuple(first) == same
    assert hash(first) == hash(same) == hash(tuple(first))
    assert first != other
    assert first != tuple(other)
    assert first != [*first]
    assert repr(first) == repr(tuple(first))


def test_refused_ones_of_which_it_is_known_why_are_sorted_among_the_others() -> None:
    answers = Answers(Inquiry(view(), rules=EntryRules(merit=POLICIES["default"].merit, automatic=True)))
    near, far = runtime("m", E0, **sized("70B", None)), runtime("a", FAR, namespace="team")
    known = [
        assess(runtime(name, E0, namespace=namespace), answers)._replace(differences=differences)
        for name, namespace, differences in (
            ("z", "", (Difference(Code.NO_CLASS, "none"),)),
            ("m", "team", (Difference(Code.NO_CLASS, "none"),)),
            ("b", "", (Difference(Code.NO_CLASS, "none"), Difference(Code.DOES_NOT_FIT, "small"))),
        )
    ]
    found = Refused([far, near], answers, known)
    other_way_round = Refused([], answers, [*known, assess(near, answers), assess(far, answers)])
    assert other_way_round.nearest(5) == found.nearest(5)
    order = [("m", "cluster"), ("m", "namespace"), ("z", "cluster"), ("b", "cluster"), ("a", "namespace")]
    assert [(one.runtime.name, one.scope) for one in found.nearest(9)] == order
    assert [(one.runtime.name, one.scope) for one in found.nearest(2, after=1)] == order[1:3]
    assert (len(found), found.own) == (5, 2)
    assert found.nearest(3)[1] is known[1]
