"""The storage: one counter, every past state, and what is forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.kube.owners import metadata_of
from omectl.local.embedded.statuses import Refusal, VersionTooNew
from omectl.local.embedded.storage import Change, Storage

MAPS = ("", "configmaps")
OTHERS = ("", "secrets")


def put(storage: Storage, name: str, value: int, resource: tuple[str, str] = MAPS) -> None:
    obj: JsonObject = {"metadata": {"name": name}, "data": value}
    storage.commit(resource, ObjectKey("", name), obj)


def values(storage: Storage, version: int) -> dict[str, object]:
    return {key.name: stored.obj["data"] for key, stored in storage.state_at(MAPS, version).items()}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5) | st.none()), max_size=30))
def test_every_past_state_can_be_told(steps: list[tuple[str, int | None]]) -> None:
    storage = Storage()
    expected: dict[str, object] = {}
    states = {storage.version: dict(expected)}
    for name, value in steps:
        if value is None and name not in expected:
            put(storage, name, 0, OTHERS)
        elif value is None:
            storage.commit(MAPS, ObjectKey("", name), None)
            del expected[name]
        else:
            assert value is not None
            put(storage, name, value)
            expected[name] = value
        states[storage.version] = dict(expected)
    assert {version: values(storage, version) for version in states} == states


def test_one_counter_numbers_the_changes_of_all_kinds() -> None:
    storage = Storage()
    start = storage.version
    put(storage, "a", 1)
    put(storage, "a", 1, OTHERS)
    assert storage.version == start + 2
    (stored,) = storage.state(OTHERS).values()
    assert (stored.version, metadata_of(stored.obj)["resourceVersion"]) == (start + 2, str(start + 2))
    assert storage.moved(MAPS) == start + 1


def test_listeners_hear_of_each_change_with_what_was_before_and_after() -> None:
    storage = Storage()
    heard: list[Change] = []
    storage.listen(heard.append)
    put(storage, "a", 1)
    put(storage, "a", 2)
    storage.commit(MAPS, ObjectKey("", "a"), None)
    assert [
        (change.before and change.before.obj["data"], change.after and change.after.obj["data"]) for change in heard
    ] == [(None, 1), (1, 2), (2, None)]
    assert [change.version for change in heard] == [2, 3, 4]


def test_changes_are_told_from_after_a_version_on() -> None:
    storage = Storage()
    for number in range(3):
        put(storage, "a", number)
    assert [change.version for change in storage.changes_after(MAPS, 2)] == [3, 4]
    assert storage.changes_after(MAPS, 4) == []
    assert storage.changes_after(OTHERS, 1) == []


def test_what_fell_out_of_the_history_is_expired_and_the_rest_is_not() -> None:
    storage = Storage(history_length=2)
    for number in range(4):
        put(storage, "a", number)
    assert [change.version for change in storage.changes_after(MAPS, 3)] == [4, 5]
    with pytest.raises(Refusal) as refused:
        storage.changes_after(MAPS, 2)
    assert refused.value.body["message"] == "too old resource version: 2 (3)"
    assert values(storage, 3) == {"a": 1}
    with pytest.raises(Refusal) as refused:
        storage.state_at(MAPS, 2)
    assert refused.value.body["message"] == "The resourceVersion for the provided list is too old."
    assert (storage.remembers(MAPS, 3), storage.remembers(MAPS, 2)) == (True, False)


def test_a_version_that_was_not_reached_is_too_new() -> None:
    storage = Storage()
    storage.await_version(storage.version)
    with pytest.raises(VersionTooNew) as raised:
        storage.state_at(MAPS, storage.version + 1)
    assert (raised.value.wanted, raised.value.current) == (2, 1)


def test_compacting_forgets_for_lists_and_not_for_watches() -> None:
    storage = Storage()
    put(storage, "a", 1)
    put(storage, "a", 2)
    storage.compact()
    assert not storage.remembers(MAPS, 2)
    assert storage.remembers(MAPS, 3)
    assert [change.version for change in storage.changes_after(MAPS, 1)] == [2, 3]


def test_forgetting_is_for_all_and_for_kinds_that_come_later() -> None:
    storage = Storage()
    put(storage, "a", 1)
    newest = storage.version
    storage.forget()
    assert storage.version == newest + 1
    for resource in (MAPS, OTHERS):
        with pytest.raises(Refusal):
            storage.changes_after(resource, newest)
        assert storage.changes_after(resource, storage.version) == []
    assert values(storage, storage.version) == {"a": 1}
