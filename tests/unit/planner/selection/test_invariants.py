"""The sheet's invariants that concern selection (D.2, 1 to 5), each in 10,000 invented worlds."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from tests.unit.planner.build import entry, runtime
from tests.unit.planner.selection.worlds import World, pools, worlds

from omectl.planner.selection.candidates import entries
from omectl.planner.selection.choice import Outcome, Selection
from omectl.planner.selection.entry import differences, priority, score
from omectl.planner.selection.policy import POLICIES
from omectl.planner.selection.size import SizeRange

WORLDS = 10_000
STRANGER = runtime("a-stranger", entry(modelFormat={"name": "no-such-format"}))


@pytest.fixture(scope="module")
def chosen() -> list[tuple[World, Selection]]:
    """10,000 worlds and what is chosen in each. That none raises is the fifth invariant's half of selection."""
    return [(world, world.choose()) for world in pools().worlds(WORLDS, seed=5)]


def test_5_no_world_raises_and_every_refusal_says_what_to_do(chosen: list[tuple[World, Selection]]) -> None:
    assert len(chosen) == WORLDS
    for _, found in chosen:
        if found.problem is not None:
            assert found.problem.next_step
            assert found.runtime is None
        else:
            assert found.runtime is not None or found.outcome is Outcome.OWN_RUNNER


def test_the_worlds_are_of_every_kind(chosen: list[tuple[World, Selection]]) -> None:
    """Otherwise the invariants would hold for nothing."""
    outcomes = Counter(found.outcome for _, found in chosen)
    for outcome in (Outcome.CHOSEN, Outcome.NONE_FITS, Outcome.MODEL_UNKNOWN, Outcome.OWN_RUNNER):
        assert outcomes[outcome] > 200, outcomes
    fits = Counter(sum(one.accepted for one in found.candidates) for _, found in chosen)
    assert fits[2] > 400
    assert fits[3] > 100
    assert sum(found.ambiguous for _, found in chosen) > 50
    assert sum(found.entry not in (0, None) for _, found in chosen) > 100
    codes = {code for _, found in chosen for one in found.candidates for code in one.codes}
    assert len(codes) >= 16


def test_1_the_order_of_runtimes_and_keys_changes_nothing(chosen: list[tuple[World, Selection]]) -> None:
    generator = random.Random(1)
    for world, found in chosen:
        assert_order_is_of_no_matter(world, found, generator)


@settings(max_examples=30, deadline=None)
@given(worlds)
def test_1_the_order_of_runtimes_and_keys_changes_nothing_for_hypothesis(world: World) -> None:
    assert_order_is_of_no_matter(world, world.choose(), random.Random(1))


def assert_order_is_of_no_matter(world: World, found: Selection, generator: random.Random) -> None:
    twins = list(world.twins)
    generator.shuffle(twins)
    other = world.choose(tuple(twins))
    assert (other.outcome, other.entry, other.candidates) == (found.outcome, found.entry, found.candidates)
    assert (other.reason, other.warnings, other.problem) == (found.reason, found.warnings, found.problem)


def test_1_the_order_of_entries_decides_only_between_entries_of_equal_merit(
    chosen: list[tuple[World, Selection]],
) -> None:
    for world, found in chosen:
        other = world.choose(world.reversals)
        assert (other.outcome, other.ambiguous) == (found.outcome, found.ambiguous)
        ours = [(one.name, one.scope, one.rank) for one in found.candidates if one.accepted]
        assert [(one.name, one.scope, one.rank) for one in other.candidates if one.accepted] == ours
        if found.runtime is None or found.entry is None or other.runtime is None or other.entry is None:
            continue
        merit = POLICIES[world.settings.ranking].merit
        assert merit(entries(other.runtime)[other.entry]) == merit(entries(found.runtime)[found.entry])


def test_2_one_runtime_more_changes_the_pick_only_if_it_comes_first(chosen: list[tuple[World, Selection]]) -> None:
    """The last of each world is the one more; without it, either it was the pick or the pick is the same."""
    for world, found in chosen:
        added = world.runtimes[-1]
        before = world.choose(world.runtimes[:-1])
        if found.runtime is not added:
            assert before.runtime is found.runtime
            assert before.entry == found.entry
        accepted = [one.accepted for one in found.candidates if (one.name, one.scope) == (added.name, scope(world))]
        if accepted == [False]:
            assert before.runtime is found.runtime


def scope(world: World) -> str:
    return "namespace" if world.runtimes[-1].namespace else "cluster"


def test_2_a_runtime_that_does_not_fit_changes_only_the_list(chosen: list[tuple[World, Selection]]) -> None:
    for world, found in chosen:
        other = world.choose((*world.runtimes, STRANGER))
        assert (other.runtime, other.entry, other.ambiguous) == (found.runtime, found.entry, found.ambiguous)
        if found.candidates:
            assert len(other.candidates) == len(found.candidates) + 1


def test_3_the_entry_that_wins_satisfies_every_check_itself(chosen: list[tuple[World, Selection]]) -> None:
    for world, found in chosen:
        if found.runtime is None:
            continue
        assert found.entry is not None
        known = entries(found.runtime)
        won = known[found.entry]
        assert won.auto_select
        assert not differences(won, world.model)
        assert not found.runtime.spec.disabled
        assert SizeRange.of(found.runtime.spec.model_size_range).difference(world.model) is None
        rivals = [one for one in known if one.auto_select and not differences(one, world.model)]
        weigh = score if world.settings.ranking == "ome" else priority
        assert weigh(won) == max(weigh(one) for one in rivals)


def test_4_every_candidate_that_is_not_chosen_has_a_reason_and_every_tie_is_marked(
    chosen: list[tuple[World, Selection]],
) -> None:
    for world, found in chosen:
        if found.outcome is Outcome.MODEL_UNKNOWN and not found.candidates:
            continue
        assert len(found.candidates) == len(world.runtimes)
        for one in found.candidates:
            assert one.reasons
            assert one.accepted is not bool(one.codes)
            assert (one.rank is not None) is one.accepted
        ranks = [one.rank for one in found.candidates if one.accepted]
        assert ranks == list(range(1, len(ranks) + 1))
        by_name = "only the name, in alphabetical order"
        tied = len(ranks) > 1 and by_name in found.candidates[1].reasons[0]
        assert found.ambiguous is tied
        assert tied is any("only the name decided" in warning for warning in found.warnings)
