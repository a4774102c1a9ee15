"""The store: content, indexes and events agree after every step."""

import inspect

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.informers.told import in_words

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import BY_NAMESPACE, BY_OWNER_UID, EventType, HeaderIndex, Lister
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
    events = store.replace({new.key: new}, "3")
    assert told(events) == [("deleted", "a"), ("added", "a")]
    assert (events[0].tombstone, events[0].header.uid, events[1].header.uid) == (True, "new", "newer")


def test_a_delete_of_another_uid_than_the_cached_one_ends_the_cached_one() -> None:
    store = Store("s")
    store.put(record("a", 1, uid="old"))
    (event,) = store.remove(record("a", 3, uid="new"))
    assert (event.type, event.tombstone, event.header.uid) == (EventType.DELETED, True, "old")
    assert (len(store), store.resource_version) == (0, "3")


def test_versions_come_from_objects_bookmarks_and_lists_and_an_empty_one_changes_nothing() -> None:
    store = Store("s")
    assert store.resource_version == ""
    one = record("a", 10)
    seen: list[str] = []
    for step in (
        lambda: store.put(one),
        lambda: store.bookmark("20"),
        lambda: store.bookmark(""),
        lambda: store.remove(record("a", 30)),
        lambda: store.replace({one.key: one}, "40"),
        lambda: store.replace({}, ""),
    ):
        step()
        seen.append(store.resource_version)
    assert seen == ["10", "20", "20", "30", "40", ""]


def test_a_first_replace_tells_of_additions_only() -> None:
    store = Store("s")
    listed = [record("b", 1), record("a", 2)]
    events = store.replace({one.key: one for one in listed}, "3")
    assert told(events) == [("added", "b"), ("added", "a")]
    assert not any(event.initial or event.resync or event.tombstone for event in events)
    assert told(store.replace({}, "4")) == [("deleted", "b"), ("deleted", "a")]


def test_a_replace_tells_the_missing_first_and_the_rest_in_the_servers_order() -> None:
    store = Store("s")
    for name in "abc":
        store.put(record(name))
    listed = [record("d", 5), record("c", 1), record("a", 6)]
    events = store.replace({one.key: one for one in listed}, "9")
    assert in_words(events) == ["deleted b 1 tombstone", "added d 5", "updated c 1>1 resync", "updated a 1>6"]
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
    store.add_indexes({"namespace": BY_NAMESPACE})
    with pytest.raises(KeyError, match="s has no index 'size'; it has: colour, namespace"):
        store.index_keys("size", "1")
    store.add_indexes({})
    assert store.has_index("colour")
    assert not store.has_index("size")


def test_a_store_without_indexes_says_so() -> None:
    with pytest.raises(KeyError, match="s has no index 'size'; it has: none"):
        Store("s").index_keys("size", "1")


def test_an_index_before_and_one_after_the_objects_hold_the_same() -> None:
    store = Store("s")
    store.add_indexes({"before": by_colour})
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "red")):
        store.put(record(name, colour=colour))
    store.add_indexes({"after": lambda obj: by_colour(obj)})
    for index in ("before", "after"):
        assert [key.name for key in store.index_keys(index, "red")] == ["a", "c"]
        assert store.index_values(index) == ["red", "blue"]
    store.remove(record("a", 2))
    store.remove(record("c", 2))
    assert store.index_values("before") == store.index_values("after") == ["blue"]


def test_a_replace_builds_every_index_anew() -> None:
    store = Store("s")
    store.add_indexes({"colour": by_colour, "namespace": BY_NAMESPACE})
    store.put(record("a", colour="red"))
    store.put(record("b", namespace="gone", colour="blue"))
    listed = [record("c", 5, colour="green"), record("a", 6, colour="red")]
    store.replace({one.key: one for one in listed}, "9")
    assert store.index_values("colour") == ["green", "red"]
    assert store.index_values("namespace") == ["ns"]
    assert [key.name for key in store.index_keys("namespace", "ns")] == ["c", "a"]
    store.replace({}, "10")
    assert store.index_values("colour") == store.index_values("namespace") == []


def test_an_object_may_have_no_value_and_stays_in_the_cache() -> None:
    store = Store("s")
    store.add_indexes({"colour": by_colour})
    store.put(record("plain"))
    assert store.index_values("colour") == []
    assert len(store) == 1
    store.put(record("plain", 2, colour="red"))
    assert [key.name for key in store.index_keys("colour", "red")] == ["plain"]
    store.put(record("plain", 3))
    assert store.index_values("colour") == []


def test_keys_under_a_value_keep_their_order_of_arrival() -> None:
    store = Store("s")
    store.add_indexes({"namespace": BY_NAMESPACE})
    for name in "cab":
        store.put(record(name))
    assert [key.name for key in store.index_keys("namespace", "ns")] == ["c", "a", "b"]
    assert list(map(str, store.keys())) == ["ns/c", "ns/a", "ns/b"]
    store.put(record("c", 2))
    assert [key.name for key in store.index_keys("namespace", "ns")] == ["a", "b", "c"]
    assert list(map(str, store.keys())) == ["ns/c", "ns/a", "ns/b"]


def test_an_index_by_owner_has_every_owners_uid() -> None:
    store = Store("s")
    store.add_indexes({"owner": BY_OWNER_UID})
    raw = msgspec.Raw(b'{"metadata":{"name":"a","ownerReferences":[{"uid":"1"},{"uid":"2"},{"uid":"1"}]}}')
    owned = READER.item(raw)
    assert owned is not None
    store.put(owned)
    assert store.index_values("owner") == ["1", "2"]


def test_keys_that_are_handed_out_are_the_callers_own() -> None:
    store = Store("s")
    store.add_indexes({"namespace": BY_NAMESPACE})
    store.put(record("a"))
    store.index_keys("namespace", "ns").clear()
    store.keys().clear()
    store.index_values("namespace").clear()
    assert [key.name for key in store.index_keys("namespace", "ns")] == ["a"]
    assert (len(store), store.index_values("namespace")) == (1, ["ns"])


def test_an_index_that_raises_means_no_values_and_is_counted() -> None:
    store = Store("s")
    store.add_indexes({"broken": lambda obj: obj["nothing"], "namespace": BY_NAMESPACE})
    with structlog.testing.capture_logs() as logs:
        store.put(record("a"))
        store.put(record("b"))
    assert store.index_errors == 2
    assert store.index_values("broken") == []
    assert [key.name for key in store.index_keys("namespace", "ns")] == ["a", "b"]
    assert logs == [
        {
            "event": "informer_index_failed",
            "log_level": "warning",
            "informer": "s",
            "index": "broken",
            "error": "KeyError('nothing')",
        }
    ]


def test_each_index_that_raises_is_told_once() -> None:
    store = Store("s")
    store.add_indexes({"one": lambda obj: obj["nothing"], "two": lambda _: 7})
    with structlog.testing.capture_logs() as logs:
        store.put(record("a"))
        store.put(record("a", 2))
    assert [entry["index"] for entry in logs] == ["one", "two"]
    assert store.index_errors == 4


def test_an_index_that_gives_a_text_instead_of_a_list_is_broken_and_not_taken_letter_by_letter() -> None:
    store = Store("s")
    store.add_indexes({"text": lambda obj: obj["data"]["colour"], "header": HeaderIndex(lambda header: header.name)})
    with structlog.testing.capture_logs() as logs:
        store.put(record("a", colour="red"))
    assert store.index_values("text") == store.index_values("header") == []
    assert store.index_errors == 2
    assert "wanted several values, found the text 'red'; return ['red']" in str(logs[0]["error"])


def test_an_index_fails_for_one_object_and_holds_the_others() -> None:
    store = Store("s")
    store.add_indexes({"colour": lambda obj: [obj["data"]["colour"]]})
    listed = [record("a", colour="red"), record("b"), record("c", colour="red")]
    store.replace({one.key: one for one in listed}, "9")
    assert [key.name for key in store.index_keys("colour", "red")] == ["a", "c"]
    assert (len(store), store.index_errors) == (3, 1)


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


def test_a_namespace_is_listed_without_touching_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store("s")
    for number in range(1000):
        store.put(record(f"c{number}", namespace=f"ns-{number % 100}"))
    lister = Lister(store)
    assert len(lister.list("ns-7")) == 10  # makes the index
    touched = 0
    get = Store.get

    def counted(self: Store, key: ObjectKey) -> Record | None:
        nonlocal touched
        touched += 1
        return get(self, key)

    def all_records(_: Store) -> None:
        raise AssertionError("a scan of the whole store")

    monkeypatch.setattr(Store, "get", counted)
    monkeypatch.setattr(Store, "__iter__", all_records)
    assert [header.name for header in lister.headers("ns-7")] == [f"c{number}" for number in range(7, 1000, 100)]
    assert touched == 10


def test_what_a_lister_gives_is_the_readers_own() -> None:
    store = Store("s")
    store.put(record("a", colour="red"))
    lister = Lister(store)
    mine = lister.get(ObjectKey("ns", "a"))
    assert mine is not None
    mine["data"]["colour"] = "spoiled"
    assert lister.list()[0]["data"] == {"colour": "red"}
