"""The sheet's invariants that concern selection (D.2, 1 to 5), each in 10,000 invented worlds."""

import random
from collections import Counter
from zlib import crc32

import pytest
from hypothesis import given, settings
from tests.unit.planner.build import Runtime, entry, runtime
from tests.unit.planner.selection.worlds import World, pools, worlds

from omectl.planner.selection.candidates import entries, scope_of
from omectl.planner.selection.choice import Outcome, Selection
from omectl.planner.selection.difference import Code, Difference
from omectl.planner.selection.entry import differences, priority, score
from omectl.planner.selection.policy import POLICIES
from omectl.planner.selection.size import SizeRange
from omectl.planner.selection.sticky import Pick

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


def pick_of(found: Selection) -> Pick | None:
    """What a status would remember of it."""
    if found.problem is not None or not found.inputs:
        return None
    if found.runtime is None:
        return Pick(runtime="", inputs=found.inputs)
    return Pick(runtime=found.runtime.name, scope=scope_of(found.runtime), inputs=found.inputs)


def test_what_was_picked_stays_whatever_runtime_comes(chosen: list[tuple[World, Selection]]) -> None:
    """D 16: the last runtime of each world comes later; a better one is told, and nothing moves or is refused."""
    moved = 0
    for world, found in chosen:
        first = world.choose(world.runtimes[:-1])
        pick = pick_of(first)
        if pick is None:
            continue
        later = world.choose(previous=pick)
        assert later.problem is None
        assert (later.runtime, later.entry) == (first.runtime, first.entry)
        if first.runtime is None and later.turn is None:
            continue
        assert later.turn is not None
        moves = found.runtime is not first.runtime and not later.tied
        if moves and found.runtime is not None:
            assert later.turn.better == (scope_of(found.runtime), found.runtime.name)
            moved += 1
    assert moved > 200


def test_the_next_pass_says_the_same_of_a_choice(chosen: list[tuple[World, Selection]]) -> None:
    """D 16: kept and still the best reads as it was chosen."""
    for world, found in chosen:
        pick = pick_of(found)
        if pick is None:
            continue
        again = world.choose(previous=pick)
        assert (again.runtime, again.entry, again.inputs, again.tied) == (
            found.runtime, found.entry, found.inputs, found.tied,
        )  # fmt: skip
        assert again.turn is None or again.turn.better is None
        if not found.tied:
            assert again.reason == found.reason


def too_small(one: Runtime, index: int | None) -> Difference | None:
    """Every other runtime has accelerators that would not do."""
    return Difference(Code.DOES_NOT_FIT, "too small") if crc32(one.name.encode()) % 2 else None


def test_accelerators_that_would_not_do_are_taken_only_when_none_would(chosen: list[tuple[World, Selection]]) -> None:
    """D 4: refused when strict, else last unless all that were asked are such; OME's ranking minds when strict."""
    changed = 0
    for world, found in chosen:
        minded = world.choose(hindrance=too_small)
        assert len(minded.candidates) == len(found.candidates)
        strict, ranking = world.settings.strict, world.settings.ranking
        changed += minded.runtime is not found.runtime
        if ranking == "ome" and not strict:
            assert minded == found
        elif minded.runtime is not None and too_small(minded.runtime, None) is not None:
            fitting = [one.name for one in minded.candidates if one.accepted]
            assert not strict
            assert all(crc32(name.encode()) % 2 for name in fitting)
        for one in minded.candidates:
            assert (Code.DOES_NOT_FIT in one.codes) <= (strict and crc32(one.name.encode()) % 2 == 1)
    assert changed > 50
