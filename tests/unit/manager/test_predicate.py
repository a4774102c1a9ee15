"""Each predicate on each type of event."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.resource import ObjectKey
from omectl.informers import EventType, Header, ObjectEvent
from omectl.informers.record import Record
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


def test_a_part_of_the_content_is_compared_in_updates_alone(told: Any) -> None:
    changed = content_changed(lambda obj: obj["spec"])
    small, large = told.record(body='{"size":1}'), told.record(body='{"size":2}')
    assert changed(told.updated(small, large))
    assert not changed(told.updated(small, told.record(version="2", body='{"size":1}')))
    assert not changed(ObjectEvent(EventType.UPDATED, large))
    assert changed(told.added())
    assert changed(told.deleted())


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


COMPARING = [
    generation_changed,
    resource_version_changed,
    labels_changed,
    annotations_changed,
    deletion_started,
    spec_changed,
]


@pytest.mark.parametrize("predicate", COMPARING)
def test_an_update_whose_state_before_is_not_known_does_not_pass(told: Any, predicate: Predicate) -> None:
    new = told.record(version="2", generation=2, labels={"a": "b"}, annotations={"a": "b"}, deleting=True)
    assert not predicate(ObjectEvent(EventType.UPDATED, new))


@pytest.mark.parametrize("predicate", COMPARING)
def test_a_tombstone_passes_like_a_delete(told: Any, predicate: Predicate) -> None:
    assert predicate(ObjectEvent(EventType.DELETED, told.record(), tombstone=True))


def test_a_deletion_that_is_taken_back_is_no_start(told: Any) -> None:
    assert not deletion_started(told.updated(told.record(deleting=True), told.record()))


def test_a_change_of_other_metadata_is_none_of_the_annotations() -> None:
    def record(uid: str) -> Record:
        body = b'{"metadata":{"name":"a","uid":"%s","annotations":{"a":"1"}}}' % uid.encode()
        return Record(ObjectKey("ns", "a"), Header("ns", "a", "uid", "1", 1, {}, (), False), body)

    assert not annotations_changed(ObjectEvent(EventType.UPDATED, record("2"), record("1")))


def test_annotations_that_are_missing_and_empty_are_equal(told: Any) -> None:
    assert not annotations_changed(told.updated(told.record(annotations=None), told.record(annotations={})))
    assert annotations_changed(told.updated(told.record(annotations={"a": "1"}), told.record(annotations={"a": "2"})))


@pytest.mark.parametrize("kind", ["created", "updated", "deleted"])
def test_a_rule_for_one_type_of_event_is_asked_only_there(told: Any, kind: str) -> None:
    asked: list[str] = []

    def rule(event: ObjectEvent) -> bool:
        asked.append(event.type.value)
        return False

    events = {
        "created": told.added(),
        "updated": told.updated(told.record(), told.record()),
        "deleted": told.deleted(),
    }
    rules: dict[str, Predicate | bool] = {kind: rule}
    passed = {name for name, event in events.items() if on(**rules)(event)}
    assert passed == set(events) - {kind}
    assert len(asked) == 1


def test_empty_combinations_are_neutral(told: Any) -> None:
    assert all_of()(told.added())
    assert not any_of()(told.added())
    assert none_of()(told.added())


def test_a_combination_asks_no_more_than_it_must(told: Any) -> None:
    def never(event: ObjectEvent) -> bool:
        raise AssertionError("must not be asked")

    yes, no = in_namespace("ns"), in_namespace("other")
    assert any_of(yes, never)(told.added())
    assert not all_of(no, never)(told.added())
    assert not none_of(yes, never)(told.added())


def test_a_selector_with_expressions_is_understood(told: Any) -> None:
    selected = has_labels({"matchExpressions": [{"key": "app", "operator": "In", "values": ["x", "y"]}]})
    assert selected(told.added(labels={"app": "y"}))
    assert not selected(told.added(labels={"app": "z"}))
    assert has_labels({})(told.added())


Truth = Callable[[frozenset[str]], bool]
Pair = tuple[Predicate, Truth]


def _leaf(name: str) -> Pair:
    return named(name), lambda names: name in names


def _combine(parts: list[Pair]) -> list[Pair]:
    predicates = [predicate for predicate, _ in parts]
    truths = [truth for _, truth in parts]
    return [
        (all_of(*predicates), lambda names: all(truth(names) for truth in truths)),
        (any_of(*predicates), lambda names: any(truth(names) for truth in truths)),
        (none_of(*predicates), lambda names: not any(truth(names) for truth in truths)),
    ]


_trees: st.SearchStrategy[Pair] = st.recursive(
    st.sampled_from("abc").map(_leaf),
    lambda inner: st.tuples(st.lists(inner, max_size=3).map(_combine), st.integers(0, 2)).map(lambda it: it[0][it[1]]),
    max_leaves=12,
)


@given(tree=_trees, name=st.sampled_from("abcd"))
def test_any_nesting_follows_the_laws_of_logic(tree: Pair, name: str) -> None:
    predicate, truth = tree
    record = Record(ObjectKey("ns", name), Header("ns", name, "uid", "1", 1, {}, (), False), b"{}")
    assert predicate(ObjectEvent(EventType.ADDED, record)) is truth(frozenset((name,)))
