"""Reading a cache: by key, namespace, labels, fields and index."""

import pytest
from tests.unit.informers.told import record

from omectl.api.base_model import ClusterBaseModel
from omectl.api.json import JsonObject
from omectl.api.kinds import CLUSTER_BASE_MODELS
from omectl.api.label_selector import BadSelector
from omectl.api.resource import ObjectKey
from omectl.informers import BadFieldSelector, HeaderIndex, Lister, by_field
from omectl.informers.record import RecordReader
from omectl.informers.store import Store


def filled(*names: str, namespace: str = "ns", **settings: str) -> Store:
    store = Store("s")
    for version, name in enumerate(names, 1):
        store.put(record(name, version, namespace=namespace, **settings))
    return store


def names(objects: list[JsonObject]) -> list[str]:
    return [str(obj["metadata"]["name"]) for obj in objects]


@pytest.fixture
def store() -> Store:
    """Five objects in two namespaces, with labels and data."""
    store = Store("s")
    for name, namespace, labels, data in (
        ("a", "one", {"app": "web", "zone": "x"}, '{"node":"n1","ready":true}'),
        ("b", "one", {"app": "db"}, '{"node":"n2"}'),
        ("c", "two", {"app": "web"}, '{"node":"n1"}'),
        ("d", "one", {"app": "web"}, '{"node":"n1"}'),
        ("e", "two", {}, "{}"),
    ):
        store.put(record(name, namespace=namespace, labels=labels, data=data))
    return store


def test_without_conditions_everything_is_listed_in_the_order_of_arrival(store: Store) -> None:
    assert names(Lister(store).list()) == ["a", "b", "c", "d", "e"]
    store.put(record("a", 9, namespace="one"))
    assert names(Lister(store).list()) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("", ["a", "b", "c", "d", "e"]),
        ("app=web", ["a", "c", "d"]),
        ("app!=web", ["b", "e"]),
        ("app in (web,db),zone", ["a"]),
        ("app notin (web)", ["b", "e"]),
        ("!app", ["e"]),
        ({"app": "web"}, ["a", "c", "d"]),
        ({"app": "web", "zone": "x"}, ["a"]),
        ({"app": "web", "zone": "y"}, []),
        ({}, ["a", "b", "c", "d", "e"]),
        (None, ["a", "b", "c", "d", "e"]),
    ],
)
def test_labels_select_by_text_or_by_equality(store: Store, labels: str | dict[str, str], found: list[str]) -> None:
    assert names(Lister(store).list(labels=labels)) == found
    assert [header.name for header in Lister(store).headers(labels=labels)] == found


def test_a_label_selector_object_selects_too(store: Store) -> None:
    selector: JsonObject = {
        "matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}],
    }
    assert names(Lister(store).list(selector=selector)) == ["c", "d"]
    assert names(Lister(store).list("one", "app", selector=selector)) == ["d"]
    assert [header.name for header in Lister(store).headers("one", "app", selector=selector)] == ["d"]
    assert names(Lister(store).list(selector={})) == ["a", "b", "c", "d", "e"]


def test_a_text_that_is_no_selector_is_refused(store: Store) -> None:
    with pytest.raises(BadSelector):
        Lister(store).list(labels="app in web")


def test_a_namespace_is_found_by_an_index_that_is_made_when_first_needed(store: Store) -> None:
    lister = Lister(store)
    assert not store.has_index("lister:namespace")
    assert names(lister.list("one")) == ["a", "b", "d"]
    assert store.has_index("lister:namespace")
    assert names(lister.list("none")) == []
    store.put(record("f", namespace="one"))
    assert names(lister.list("one")) == ["a", "b", "d", "f"]


def test_an_index_that_somebody_calls_namespace_is_not_mistaken_for_that_one(store: Store) -> None:
    store.add_indexes({"namespace": HeaderIndex(lambda header: (f"{header.name} is nowhere",))})
    assert names(Lister(store).list("one")) == ["a", "b", "d"]


def test_listing_a_namespace_looks_at_no_other_object() -> None:
    store = filled(*(f"o{number}" for number in range(1000)))
    store.put(record("wanted", namespace="small"))
    lister = Lister(store)
    lister.list("small")
    looked_at: list[str] = []
    get = store.get

    def counting(key: ObjectKey):
        looked_at.append(key.name)
        return get(key)

    store.get = counting
    assert names(lister.list("small")) == ["wanted"]
    assert looked_at == ["wanted"]


def test_fields_select_by_their_indexes(store: Store) -> None:
    store.add_indexes(by_field("data.node") | by_field("data.ready"))
    lister = Lister(store)
    assert names(lister.list(fields="data.node=n1")) == ["a", "c", "d"]
    assert names(lister.list(fields="data.node==n2")) == ["b"]
    assert names(lister.list(fields="data.node=n3")) == []
    assert names(lister.list(fields="data.node=n1,data.ready=true")) == ["a"]
    assert names(lister.list(fields="data.ready=true,data.node=n2")) == []


def test_labels_namespace_fields_and_limit_go_together(store: Store) -> None:
    store.add_indexes(by_field("data.node"))
    lister = Lister(store)
    assert names(lister.list("one", fields="data.node=n1")) == ["a", "d"]
    assert names(lister.list("two", "app=web", fields="data.node=n1")) == ["c"]
    assert names(lister.list("one", "zone", fields="data.node=n1")) == ["a"]
    assert names(lister.list("one", {"app": "web"}, fields="data.node=n1", limit=1)) == ["a"]
    assert [header.name for header in lister.headers("one", fields="data.node=n1", limit=1)] == ["a"]
    assert [header.name for header in lister.headers(fields="data.node=n2")] == ["b"]


def test_a_field_without_index_is_refused_with_what_to_do(store: Store) -> None:
    store.add_indexes(by_field("data.node"))
    with pytest.raises(
        BadFieldSelector,
        match=r"wanted objects by their data.ready, found no index 'field:data.ready'; give the informer"
        r" indexes=by_field\('data.ready'\), or list at the server",
    ):
        Lister(store).list(fields="data.node=n1,data.ready=true")


def test_unequal_fields_are_refused(store: Store) -> None:
    store.add_indexes(by_field("data.node"))
    with pytest.raises(BadFieldSelector, match="by = or =="):
        Lister(store).list(fields="data.node!=n1")


@pytest.mark.parametrize(("limit", "found"), [(0, "abcde"), (1, "a"), (4, "abcd"), (5, "abcde"), (6, "abcde")])
def test_a_limit_gives_the_first_ones(store: Store, limit: int, found: str) -> None:
    assert names(Lister(store).list(limit=limit)) == list(found)


def test_a_limit_counts_what_was_selected(store: Store) -> None:
    assert names(Lister(store).list(labels="app=web", limit=2)) == ["a", "c"]


def test_a_negative_limit_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match=r"wanted a limit of 0 \(none\) or more objects, found -1"):
        Lister(store).list(limit=-1)


def test_what_is_listed_is_the_readers_own(store: Store) -> None:
    store.add_indexes(by_field("data.node"))
    lister = Lister(store)
    for read in (lister.list(), lister.list(fields="data.node=n1"), lister.by_index("field:data.node", "n1")):
        read[0]["data"]["node"] = "spoiled"
        read[0]["metadata"].clear()
    key = ObjectKey("one", "a")
    mine = lister.get(key)
    assert mine is not None
    mine.clear()
    assert lister.get(key) == {"metadata": {"name": "a", "namespace": "one"}, "data": {"node": "n1", "ready": True}}


def test_a_missing_object_is_none(store: Store) -> None:
    lister = Lister(store)
    assert lister.get(ObjectKey("one", "z")) is None
    assert lister.header(ObjectKey("one", "z")) is None


# --- a store per namespace ---


@pytest.fixture
def several() -> Lister:
    """Namespaces with a store of their own, and one for all others."""
    rest = filled("x", namespace="other")
    rest.put(record("y", namespace="third"))
    return Lister({"b": filled("p", "q", namespace="b"), "": rest, "a": filled("r", namespace="a")})


def test_several_stores_read_as_one_in_their_order(several: Lister) -> None:
    assert len(several) == 5
    assert [str(key) for key in several.keys()] == ["b/p", "b/q", "other/x", "third/y", "a/r"]  # noqa: SIM118
    assert names(several.list()) == ["p", "q", "x", "y", "r"]
    assert names(several.list(limit=3)) == ["p", "q", "x"]


def test_an_object_is_read_from_the_store_of_its_namespace(several: Lister) -> None:
    for key in (ObjectKey("b", "q"), ObjectKey("a", "r"), ObjectKey("third", "y")):
        header = several.header(key)
        assert header is not None
        assert header.key == key
    assert several.header(ObjectKey("a", "q")) is None
    assert several.get(ObjectKey("third", "x")) is None


def test_a_namespace_is_read_from_its_store_alone(several: Lister) -> None:
    assert names(several.list("b")) == ["p", "q"]
    assert names(several.list("other")) == ["x"]
    assert names(several.list("none")) == []


def test_a_namespace_with_its_own_store_needs_no_index() -> None:
    store = filled("p", namespace="b")
    assert names(Lister({"b": store}).list("b")) == ["p"]
    assert not store.has_index("lister:namespace")


def test_a_namespace_that_is_not_cached_has_nothing() -> None:
    lister = Lister({"a": filled("r", namespace="a")})
    assert lister.list("b") == []
    assert lister.get(ObjectKey("b", "r")) is None


def test_a_lister_knows_which_namespaces_it_covers(several: Lister) -> None:
    assert several.namespaces == ("b", "", "a")
    assert several.covers("anything")
    some = Lister({"a": Store("a"), "b": Store("b")})
    assert [some.covers(namespace) for namespace in ("a", "b", "c", "")] == [True, True, False, True]


def test_indexes_are_read_over_all_stores() -> None:
    stores = {name: filled(f"in-{name}", namespace=name, data='{"node":"n1"}') for name in ("a", "b")}
    for store in stores.values():
        store.add_indexes(by_field("data.node"))
    lister = Lister(stores)
    assert names(lister.by_index("field:data.node", "n1")) == ["in-a", "in-b"]
    assert lister.index_keys("field:data.node", "n1") == [ObjectKey("a", "in-a"), ObjectKey("b", "in-b")]
    assert names(lister.list(fields="data.node=n1")) == ["in-a", "in-b"]
    assert names(lister.list("b", fields="data.node=n1")) == ["in-b"]
    with pytest.raises(KeyError, match="has no index 'none'"):
        lister.by_index("none", "x")


@pytest.mark.parametrize(
    ("versions", "whole"),
    [
        (["5"], "5"),
        ([""], ""),
        (["9", "10"], "9"),
        (["10", "9"], "9"),
        (["7", "7"], "7"),
        (["10", "", "9"], ""),
        (["", "9"], ""),
        (["8", "opaque", "9"], "opaque"),
    ],
)
def test_several_stores_reflect_what_the_oldest_reflects(versions: list[str], whole: str) -> None:
    stores = {str(number): Store("s") for number in range(len(versions))}
    for store, version in zip(stores.values(), versions, strict=True):
        store.bookmark(version)
    assert Lister(stores).resource_version == whole


# --- decoded reads ---


def model(version: int, name: str = "m") -> JsonObject:
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "ClusterBaseModel",
        "metadata": {"name": name, "uid": f"u-{name}", "resourceVersion": str(version)},
        "spec": {
            "vendor": f"v{version}",
            "modelFormat": {"name": "safetensors"},
            "storage": {"storageUri": "hf://a/b"},
        },
    }


def test_a_decoded_object_is_made_once_per_version(make_event) -> None:
    store, reader = Store("models"), RecordReader(CLUSTER_BASE_MODELS)
    lister = Lister(store)
    key = ObjectKey("", "m")
    assert lister.decoded(ClusterBaseModel, key) is None
    assert lister.decoded_count == 0
    for version in (1, 2):
        made = reader.event(make_event("ADDED", model(version))).record
        assert made is not None
        store.put(made)
        first = lister.decoded(ClusterBaseModel, key)
        assert first is not None
        assert first is lister.decoded(ClusterBaseModel, key)
        assert first.spec.vendor == f"v{version}"
        assert lister.decoded_count == version


def test_the_longest_unused_decoded_object_is_forgotten_first(make_event) -> None:
    store, reader = Store("models"), RecordReader(CLUSTER_BASE_MODELS)
    lister = Lister(store, decoded_limit=2)
    keys = [ObjectKey("", name) for name in "abc"]
    for name in "abc":
        made = reader.event(make_event("ADDED", model(1, name))).record
        assert made is not None
        store.put(made)
    a, b = (lister.decoded(ClusterBaseModel, key) for key in keys[:2])
    assert lister.decoded(ClusterBaseModel, keys[0]) is a
    lister.decoded(ClusterBaseModel, keys[2])
    assert lister.decoded_count == 2
    assert lister.decoded(ClusterBaseModel, keys[0]) is a
    assert lister.decoded(ClusterBaseModel, keys[1]) is not b


def test_4096_decoded_objects_are_kept_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omectl.api.codec.decode_as", lambda wanted, obj: object())
    lister = Lister(filled(*(f"o{number}" for number in range(4097))))
    for key in lister.keys():  # noqa: SIM118
        lister.decoded(ClusterBaseModel, key)
    assert lister.decoded_count == 4096
