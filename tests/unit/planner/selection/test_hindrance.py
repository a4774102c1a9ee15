"""Runtimes whose accelerators would not do: refused when strict, last otherwise, and only the best are asked (D 4)."""

from typing import Any

import pytest
from tests.unit.planner.build import Runtime, entry, runtime, service
from tests.unit.planner.selection.parts import E0, name_of, view

from omectl.api.settings import SelectionSettings
from omectl.planner.selection.choice import Outcome, Selection, select_runtime
from omectl.planner.selection.difference import Code, Difference
from omectl.planner.selection.sticky import Pick, input_hash

SMALL = Difference(Code.DOES_NOT_FIT, "each needs 90 of 80")


class Cluster:
    """Says of these runtimes that their accelerators are too small, and keeps which were asked."""

    def __init__(self, *small: str) -> None:
        self.small = small
        self.asked: list[tuple[str, int | None]] = []

    def hindrance(self, one: Runtime, index: int | None) -> Difference | None:
        self.asked.append((one.name, index))
        return SMALL if one.name in self.small else None

    def choose(self, *runtimes: Runtime, previous: Any = None, asked: Any = None, **settings: Any) -> Selection:
        known = SelectionSettings.model_validate(settings)
        return select_runtime(asked or service(), view(), runtimes, known, previous, self.hindrance)


def ranked(*names: str) -> list[Runtime]:
    """Runtimes that rank in this order."""
    return [runtime(name, entry(priority=len(names) - place)) for place, name in enumerate(names)]


def test_the_next_one_is_taken_and_no_more_are_asked() -> None:
    """D 15, in its simple form."""
    cluster = Cluster("z", "y")
    found = cluster.choose(*ranked("z", "y", "x", "w"))
    assert (name_of(found), found.outcome, found.warnings) == ("x", Outcome.CHOSEN, ())
    assert found.reason == "the higher priority"
    assert cluster.asked == [("z", 0), ("y", 0), ("x", 0)]
    assert [(one.name, one.rank) for one in found.candidates] == [("x", 1), ("w", 2), ("z", 3), ("y", 4)]
    last = found.candidates[2]
    assert last.accepted
    assert last.codes == ()
    assert last.reasons == (
        "fits, but comes after x: a runtime whose accelerators hold the model before one whose do not",
        "each needs 90 of 80",
    )


def test_a_runtime_of_the_namespace_that_cannot_work_comes_after_one_of_the_cluster_that_can() -> None:
    cluster = Cluster("own")
    assert name_of(cluster.choose(runtime("own", E0, namespace="team"), runtime("cluster", E0))) == "cluster"


def test_when_none_would_do_the_best_is_taken_with_a_warning() -> None:
    found = Cluster("b", "a").choose(*ranked("b", "a"))
    assert name_of(found) == "b"
    assert found.warnings == ("runtime b: each needs 90 of 80",)


@pytest.mark.parametrize("strict", [False, True])
def test_no_more_than_four_are_asked_for_a_better_one(strict: bool) -> None:
    """Each costs a part of a plan, on every pass. When they are many that would not do, none is told to be better."""
    names = "fedcba"
    kept = Pick(runtime="a", scope="cluster", inputs=input_hash(service(), view()))
    cluster = Cluster(*names[:4])
    found = cluster.choose(*ranked(*names), previous=kept, strict=strict)
    assert (name_of(found), found.outcome, len(cluster.asked)) == ("a", Outcome.KEPT, 4)
    assert found.turn is not None
    assert found.turn.better is None
    assert found.warnings == ()
    assert found.reason == "it was picked before, and neither service nor model changed"
    assert (found.candidates[0].name, found.candidates[0].rank) == ("a", 1)
    fourth = Cluster(*names[:3])
    told = fourth.choose(*ranked(*names), previous=kept, strict=strict)
    assert told.turn is not None
    assert (told.turn.better, len(fourth.asked)) == (("cluster", "c"), 4)


@pytest.mark.parametrize("strict", [False, True])
def test_a_new_choice_asks_as_many_as_it_takes(strict: bool) -> None:
    names = "fedcba"
    cluster = Cluster(*names[:5])
    assert (name_of(cluster.choose(*ranked(*names), strict=strict)), len(cluster.asked)) == ("a", 6)


def test_the_only_one_is_not_asked_about() -> None:
    cluster = Cluster("a")
    assert name_of(cluster.choose(*ranked("a"))) == "a"
    assert cluster.asked == []


def test_strict_selection_refuses_them_with_the_code() -> None:
    """D 4: a filter in strict mode."""
    found = Cluster("b").choose(*ranked("b", "a"), strict=True)
    assert name_of(found) == "a"
    assert found.reason == "the only one that fits"
    refused = found.candidates[1]
    assert (refused.name, refused.accepted, refused.codes, refused.reasons) == (
        "b", False, ("DoesNotFit",), ("each needs 90 of 80",),
    )  # fmt: skip
    none = Cluster("b").choose(*ranked("b"), strict=True)
    assert none.outcome is Outcome.NONE_FITS
    assert none.problem is not None
    assert "nearest: b (each needs 90 of 80)" in none.problem.message


def test_strict_selection_falls_back_on_the_services_own_runner() -> None:
    own = service(engine={"runner": {"name": "c", "image": "own:1"}})
    assert Cluster("b").choose(*ranked("b"), strict=True, asked=own).outcome is Outcome.OWN_RUNNER


def test_omes_ranking_does_not_ask_and_filters_when_strict() -> None:
    cluster = Cluster("b")
    assert name_of(cluster.choose(*ranked("b", "a"), ranking="ome")) == "b"
    assert cluster.asked == []
    assert name_of(cluster.choose(*ranked("b", "a"), ranking="ome", strict=True)) == "a"


@pytest.mark.parametrize("strict", [False, True])
def test_equals_are_all_asked_and_a_tie_with_one_that_would_not_do_is_none(strict: bool) -> None:
    """D 1."""
    cluster = Cluster("a", "c")
    found = cluster.choose(*(runtime(name, E0) for name in "cba"), runtime("d", entry(priority=0)), strict=strict)
    assert (name_of(found), found.tied) == ("b", ())
    assert [name for name, _ in cluster.asked] == ["a", "b", "c"]


@pytest.mark.parametrize("strict", [False, True])
def test_what_was_picked_before_stays_and_the_one_that_would_do_is_told(strict: bool) -> None:
    """D 16: it runs, and an estimate takes nothing from it."""
    kept = Pick(runtime="b", scope="cluster", inputs=input_hash(service(), view()))
    found = Cluster("b", "c").choose(*ranked("c", "b", "a"), previous=kept, strict=strict)
    assert (name_of(found), found.outcome) == ("b", Outcome.KEPT)
    assert found.turn is not None
    assert found.turn.better == ("cluster", "a")
    assert found.warnings == (
        "runtime b: each needs 90 of 80",
        "runtime a would be chosen today, b is kept: it was picked before, and neither service nor model changed",
    )
    fine = Cluster("c").choose(*ranked("c", "b", "a"), previous=kept, strict=strict)
    assert fine.turn is not None
    assert fine.turn.better is None


def test_a_pick_that_is_freed_is_asked_about_again() -> None:
    kept = Pick(runtime="b", scope="cluster", inputs="other")
    assert name_of(Cluster("b").choose(*ranked("b", "a"), previous=kept)) == "a"
