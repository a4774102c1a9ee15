"""Traffic between the revisions of a serverless component, and which of them is rolled out."""

from typing import Any

import pytest
from tests.unit.planner.build import service

from omectl.planner.component import Component
from omectl.planner.result import PlanRefused
from omectl.planner.workloads.revisions import revision_status, traffic_targets

Json = Any


def component(engine: Json = None, told: Json = None, annotations: Json = None) -> Component:
    """An engine whose status says `told` so far."""
    status = {"components": {"engine": told}} if told is not None else None
    asked = service(engine=engine or {}, metadata={"annotations": annotations or {}}, status=status)
    return Component.merged("engine", asked, None)


def knative(ready: str, created: str, *traffic: Json) -> Json:
    """What Knative says of its Service."""
    status = {"latestReadyRevisionName": ready, "latestCreatedRevisionName": created, "traffic": list(traffic)}
    return {"status": {name: value for name, value in status.items() if value}}


def share(revision: str, percent: int, *, newest: bool = False) -> Json:
    return {"revisionName": revision, "percent": percent, "latestRevision": newest}


def rolled_out(told: Json, live: Json) -> tuple[str, str]:
    """The rolled-out revision and the one before it."""
    found = revision_status(component(told=told), live)
    return found.get("latestRolledoutRevision", ""), found.get("previousRolledoutRevision", "")


ALL = {"latestRevision": True, "percent": 100}


def test_without_a_canary_the_newest_revision_gets_everything() -> None:
    assert traffic_targets(component()) == [ALL]
    assert traffic_targets(component(told={"latestRolledoutRevision": "a"})) == [ALL]


def test_a_canary_waits_for_a_revision_that_is_rolled_out() -> None:
    assert traffic_targets(component({"canaryTrafficPercent": 10})) == [ALL]
    assert traffic_targets(component({"canaryTrafficPercent": 10}, {"latestReadyRevision": "a"})) == [ALL]


@pytest.mark.parametrize(("percent", "rest"), [(0, 100), (10, 90), (99, 1)])
def test_a_canary_leaves_the_rest_to_the_rolled_out_revision(percent: int, rest: int) -> None:
    assert traffic_targets(component({"canaryTrafficPercent": percent}, {"latestRolledoutRevision": "a"})) == [
        {"latestRevision": True, "percent": percent},
        {"revisionName": "a", "latestRevision": False, "percent": rest, "tag": "prev"},
    ]


def test_a_canary_of_all_the_traffic_is_none() -> None:
    assert traffic_targets(component({"canaryTrafficPercent": 100}, {"latestRolledoutRevision": "a"})) == [ALL]


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_canary_of_no_percentage_is_refused_by_name(percent: int) -> None:
    with pytest.raises(PlanRefused, match=r"spec\.engine\.canaryTrafficPercent: wanted a percentage from 0 to 100"):
        traffic_targets(component({"canaryTrafficPercent": percent}))


def test_the_newest_revision_is_tagged_only_when_that_is_asked_for() -> None:
    tagged = {"ome.io/enable-tag-routing": "true"}
    assert traffic_targets(component(annotations=tagged)) == [{**ALL, "tag": "latest"}]
    assert traffic_targets(component(annotations={"ome.io/enable-tag-routing": "yes"})) == [ALL]
    canary = component({"canaryTrafficPercent": 10}, {"latestRolledoutRevision": "a"}, tagged)
    assert [one["tag"] for one in traffic_targets(canary)] == ["latest", "prev"]


def test_a_revision_with_all_the_traffic_is_rolled_out_and_the_one_before_is_remembered() -> None:
    assert rolled_out({}, knative("a", "a", share("a", 100, newest=True))) == ("a", "")
    told = {"latestRolledoutRevision": "a"}
    assert rolled_out(told, knative("b", "b", share("b", 100, newest=True))) == ("b", "a")
    assert rolled_out({**told, "previousRolledoutRevision": "x"}, knative("a", "a", share("a", 100, newest=True))) == (
        "a",
        "x",
    )


def test_a_canary_is_not_rolled_out() -> None:
    told = {"latestRolledoutRevision": "a"}
    assert rolled_out(told, knative("b", "b", share("b", 99, newest=True), share("a", 1))) == ("a", "")


def test_a_share_that_is_not_the_newest_s_rolls_nothing_out() -> None:
    assert rolled_out({}, knative("b", "b", share("b", 100))) == ("", "")
    assert rolled_out({}, knative("b", "c", share("a", 100, newest=True))) == ("", "")


def test_less_than_all_for_the_rolled_out_revision_itself_goes_back_to_the_one_before() -> None:
    told = {"latestRolledoutRevision": "b", "previousRolledoutRevision": "a"}
    split = (share("b", 10, newest=True), share("b", 90))
    assert rolled_out(told, knative("b", "b", *split)) == ("a", "a")
    assert rolled_out(told, knative("b", "c", *split)) == ("b", "a"), "a newer revision is on its way"
    assert rolled_out(told, knative("b", "b", split[0], share("a", 90))) == ("b", "a"), "the split is already another"
    assert rolled_out({"latestRolledoutRevision": "b"}, knative("b", "b", *split)) == ("b", ""), "there is none before"


def test_going_back_is_told_once() -> None:
    told = {"latestRolledoutRevision": "a", "previousRolledoutRevision": "a"}
    assert rolled_out(told, knative("b", "b", share("b", 10, newest=True), share("b", 90))) == ("a", "a")


def test_the_revisions_and_the_traffic_are_told_as_knative_has_them() -> None:
    traffic = share("b", 100, newest=True)
    assert revision_status(component(), knative("b", "c", traffic)) == {
        "latestCreatedRevision": "c",
        "latestReadyRevision": "b",
        "latestRolledoutRevision": "b",
        "traffic": [traffic],
    }


def test_before_there_is_a_revision_nothing_is_told_and_what_was_known_stays() -> None:
    assert revision_status(component(), {}) == {}
    assert revision_status(component(told={"latestRolledoutRevision": "a"}), knative("", "b")) == {
        "latestCreatedRevision": "b",
        "latestRolledoutRevision": "a",
    }
