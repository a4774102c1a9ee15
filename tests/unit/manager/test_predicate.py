"""Each predicate on each type of event."""

from typing import Any

import pytest

from omectl.manager import (
    Predicate,
    all_of,
    annotations_changed,
    any_of,
    content_changed,
    deletion_started,
    generation_changed,
    has_labels,
    in_namespace,
    labels_changed,
    named,
    none_of,
    on,
    resource_version_changed,
)

CHANGES: dict[str, dict[str, Any]] = {
    "version": {"version": "2"},
    "generation": {"version": "2", "generation": 2},
    "labels": {"version": "2", "labels": {"a": "b"}},
    "annotations": {"version": "2", "annotations": {"a": "b"}},
    "deletion": {"version": "2", "deleting": True},
    "spec": {"version": "2", "body": '{"size":1}'},
}
spec_changed = content_changed(lambda obj: obj.get("spec"))


@pytest.mark.parametrize(
    ("predicate", "kept"),
    [
        (resource_version_changed, {"version", "generation", "labels", "annotations", "deletion", "spec"}),
        (generation_changed, {"generation"}),
        (labels_changed, {"labels"}),
        (annotations_changed, {"annotations"}),
        (deletion_started, {"deletion"}),
        (spec_changed, {"spec"}),
        (any_of(labels_changed, generation_changed), {"labels", "generation"}),
        (all_of(labels_changed, generation_changed), set()),
        (none_of(resource_version_changed), set()),
        (on(updated=labels_changed), {"labels"}),
        (on(updated=False), set()),
    ],
)
def test_updates_pass_when_the_right_thing_changed(told: Any, predicate: Predicate, kept: set[str]) -> None:
    passed = {name for name, change in CHANGES.items() if predicate(told.updated(told.record(), told.record(**change)))}
    assert passed == kept


@pytest.mark.parametrize(
    "predicate",
    [generation_changed, resource_version_changed, labels_changed, annotations_changed, deletion_started, spec_changed],
)
def test_creations_and_deletions_pass_and_replays_do_not(told: Any, predicate: Predicate) -> None:
    assert predicate(told.added())
    assert predicate(told.deleted())
    assert not predicate(told.updated(told.record(), told.record(), resync=True))


def test_an_end_of_deletion_is_not_its_start(told: Any) -> None:
    assert not deletion_started(told.updated(told.record(deleting=True), told.record(deleting=True)))


def test_a_rule_per_type_of_event(told: Any) -> None:
    only_deletions = on(created=False, updated=False)
    assert not only_deletions(told.added())
    assert not only_deletions(told.updated(told.record(), told.record(version="2")))
    assert only_deletions(told.deleted())


def test_a_label_selector_keeps_what_it_selects_before_or_after(told: Any) -> None:
    selected = has_labels({"matchLabels": {"app": "x"}})
    inside, outside = told.record(labels={"app": "x"}), told.record(labels={"app": "y"})
    assert selected(told.updated(inside, outside))
    assert selected(told.updated(outside, inside))
    assert not selected(told.updated(outside, outside))
    assert not selected(told.added())
    assert selected(told.deleted(labels={"app": "x"}))


def test_names_and_namespaces_can_be_picked(told: Any) -> None:
    assert in_namespace("ns")(told.added())
    assert not in_namespace("other")(told.added())
    assert named("a")(told.added())
    assert not named("b")(told.added())


def test_combinations_nest(told: Any) -> None:
    predicate = all_of(in_namespace("ns"), any_of(named("a"), none_of(named("a"), named("b"))))
    assert [predicate(told.added(name)) for name in "abc"] == [True, False, True]
