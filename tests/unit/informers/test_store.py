"""The store: content, indexes and events agree after every step."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import BY_NAMESPACE, EventType, HeaderIndex, Lister
from omectl.informers.header import Header
from omectl.informers.record import Record, RecordReader
from omectl.informers.store import Store
from omectl.kube.resources import CONFIG_MAPS

READER = RecordReader(CONFIG_MAPS)


def record(name: str, version: int = 1, *, uid: str = "", namespace: str = "ns", **data: str) -> Record:
    header = Header(namespace, name, uid or f"uid-{name}", str(version), 0, dict(data), (), deleting=False)
    body = (
        f'{{"metadata":{{"name":"{name}","namespace":"{namespace}"}},"data":{{'
        + ",".join(f'"{key}":"{value}"' for key, value in data.items())
        + "}}"
    )
    return Record(ObjectKey(namespace, name), header, body.encode())


def by_colour(obj: JsonObject) -> list[str]:
    return [str(obj["data"]["colour"])] if "colour" in obj["data"] else []


def told(store_events: object) -> list[tuple[str, str]]:
    return [(event.type.value, event.key.name) for event in store_events]


def test_changes_are_told_with_what_was_there_before() -> None:
    store = Store("s")
    assert told(store.put(record("a", 1))) == [("added", "a")]
    (updated,) = store.put(record("a", 2))
    assert updated.type is EventType.UPDATED
    assert updated.old_header is not None
    assert (updated.old_header.resource_version, updated.header.resource_version) == ("1", "2")
    assert not updated.resync
    (same,) = store.put(record("a", 2))
    assert same.resync
    (deleted,) = store.remove(record("a", 3))
    assert (deleted.type, deleted.header.resource_version, deleted.tombstone) == (EventType.DELETED, "3", False)
    assert store.remove(record("a", 4)) == ()
    assert store.resource_version == "4"


def test_another_uid_under_the_same_name_is_a_delete_and_an_add() -> None:
    store = Store("s")
    store.put(record("a", 1, uid="old"))
    events = store.put(record("a", 2, uid="new"))
    assert told(events) == [("deleted", "a"), ("added", "a")]
    assert events[0].tombstone
    assert events[0].header.uid == "old"
    new = record("a", 3, uid="newer")
    assert told(store.replace({new.key: new}, "3")) == [("deleted", "a"), ("added", "a")]


def test_a_replace_tells_the_missing_first_and_the_rest_in_the_servers_order() -> None:
    store = Store("s")
    for name in "abc":
        store.put(record(name))
    listed = [record("d", 5), record("c", 1), record("a", 6)]
    events = store.replace({one.key: one for one in listed}, "9")
    assert told(events) == [("deleted", "b"), ("added", "d"), ("updated", "c"), ("updated", "a")]
    assert [event.tombstone for event in events] == [True, False, False, False]
    assert [event.resync for event in events] == [False, False, True, False]
    assert store.resource_version == "9"


def test_indexes_follow_changes_and_forget_empty_values() -> None:
    store = Store("s")
    store.add_indexes({"colour": by_colour})
    store.put(record("a", colour="red"))
    store.put(record("b", colour="red"))
    store.put(record("c"))
    assert [key.name for key in store.index_keys("colour", "red")] == ["a", "b"]
    store.put(record("a", 2, colour="blue"))
    store.remove(record("b", 3))
    assert store.index_values("colour") == ["blue"]
    assert store.index_keys("colour", "red") == []


def test_an_index_may_be_added_later_and_its_name_stands_for_one_function() -> None:
    store = Store("s")
    store.put(record("a", colour="red"))
    store.add_indexes({"colour": by_colour})
    store.add_indexes({"colour": by_colour})
    assert [key.name for key in store.index_keys("colour", "red")] == ["a"]
    with pytest.raises(ValueError, match="index 'colour' of s exists with another function"):
        store.add_indexes({"colour": BY_NAMESPACE})
    with pytest.raises(KeyError, match="has no index 'size'; it has: colour"):
        store.index_keys("size", "1")


def test_an_index_that_raises_means_no_values_and_is_counted() -> None:
    store = Store("s")
    store.add_indexes({"broken": lambda obj: obj["nothing"], "namespace": BY_NAMESPACE})
    store.put(record("a"))
    store.put(record("b"))
    assert store.index_errors == 2
    assert [key.name for key in store.index_keys("namespace", "ns")] == ["a", "b"]


def test_many_values_for_one_object_count_once_each() -> None:
    store = Store("s")
    store.add_indexes({"both": HeaderIndex(lambda header: (header.name, "all", "all"))})
    store.put(record("a"))
    assert store.index_values("both") == ["a", "all"]
    store.remove(record("a"))
    assert store.index_values("both") == []


def test_nothing_that_changes_the_store_can_yield() -> None:
    changing = (Store.put, Store.remove, Store.replace, Store.bookmark, Store.add_indexes)
    assert [method for method in changing if inspect.iscoroutinefunction(method)] == []


_NAMES = st.sampled_from("abcd")
_STEP = st.one_of(
    st.tuples(st.just("put"), _NAMES, st.sampled_from(["", "red", "blue"]), st.sampled_from(["", "u1", "u2"])),
    st.tuples(st.just("remove"), _NAMES, st.just(""), st.just("")),
    st.tuples(
        st.just("replace"), st.sets(_NAMES).map(lambda names: "".join(sorted(names))), st.just("red"), st.just("")
    ),
)


@given(st.lists(_STEP, max_size=40))
def test_content_indexes_and_history_agree_after_every_step(steps: list[tuple[str, str, str, str]]) -> None:
    store = Store("s")
    store.add_indexes({"colour": by_colour, "namespace": BY_NAMESPACE})
    heard: dict[str, str] = {}
    for version, (verb, names, colour, uid) in enumerate(steps, 1):
        data = {"colour": colour} if colour else {}
        made = {one.key: one for name in names if (one := record(name, version, uid=uid, **data))}
        if verb == "put":
            events = list(store.put(next(iter(made.values()))))
        elif verb == "remove":
            events = list(store.remove(next(iter(made.values()))))
        else:
            events = store.replace(made, str(version))
        for event in events:
            name, uid_now = event.key.name, event.header.uid
            if event.type is EventType.ADDED:
                assert name not in heard
                heard[name] = uid_now
            elif event.type is EventType.UPDATED:
                assert heard[name] == uid_now
            else:
                assert heard.pop(name)
        assert heard == {one.key.name: one.header.uid for one in store}
        for value in ("red", "blue"):
            wanted = [one.key for one in store if by_colour(one.decode()) == [value]]
            assert sorted(store.index_keys("colour", value)) == sorted(wanted)
        assert sorted(store.index_keys("namespace", "ns")) == sorted(store.keys())


def test_a_lister_reads_by_key_namespace_label_and_index() -> None:
    store = Store("s")
    lister = Lister(store)
    for one in (record("a", colour="red"), record("b", colour="blue"), record("c", namespace="other", colour="red")):
        store.put(one)
    store.add_indexes({"colour": by_colour})
    assert len(lister) == 3
    assert list(map(str, lister.keys())) == ["ns/a", "ns/b", "other/c"]
    assert [obj["metadata"]["name"] for obj in lister.list("ns")] == ["a", "b"]
    assert [obj["metadata"]["name"] for obj in lister.list(labels={"colour": "red"})] == ["a", "c"]
    assert [header.name for header in lister.headers("ns", {"colour": "red"})] == ["a"]
    assert [obj["metadata"]["name"] for obj in lister.by_index("colour", "red")] == ["a", "c"]
    assert lister.index_keys("colour", "none") == []
    assert lister.get(ObjectKey("ns", "z")) is None
    assert lister.header(ObjectKey("ns", "z")) is None


def test_what_a_lister_gives_is_the_readers_own() -> None:
    store = Store("s")
    store.put(record("a", colour="red"))
    lister = Lister(store)
    mine = lister.get(ObjectKey("ns", "a"))
    assert mine is not None
    mine["data"]["colour"] = "spoiled"
    assert lister.list()[0]["data"] == {"colour": "red"}
