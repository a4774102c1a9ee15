"""From the server's bytes to records: the fast path and the careful one agree, whatever comes."""

import json
import sys
from contextlib import suppress
from typing import Any, NoReturn

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
from omectl.informers import record as record_module
from omectl.informers.header import Header
from omectl.informers.record import MalformedObject, RecordReader
from omectl.kube.resources import CONFIG_MAPS

READER = RecordReader(CONFIG_MAPS)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
_TEXTS = st.dictionaries(st.text(max_size=8) | st.just("managedFields"), st.text(max_size=8), max_size=3)
_MANAGED = st.lists(st.dictionaries(st.just("manager") | st.just("managedFields"), _JSON, max_size=2), max_size=2)


@st.composite
def objects(draw: st.DrawFn) -> JsonObject:
    """Objects of our kind with metadata fields in any order, with traps for a search by text."""
    fields: list[tuple[str, object]] = [
        ("name", draw(st.text(min_size=1, max_size=8))),
        ("namespace", draw(st.text(max_size=4))),
        ("uid", draw(st.text(max_size=8))),
        ("resourceVersion", str(draw(st.integers(1, 10**20)))),
    ]
    for name, strategy in (("labels", _TEXTS), ("annotations", _TEXTS), ("managedFields", _MANAGED)):
        if draw(st.booleans()):
            fields.append((name, draw(strategy)))
    metadata = dict(draw(st.permutations(fields)))
    body: JsonObject = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}
    if draw(st.booleans()):
        body["data"] = {"managedFields": draw(_MANAGED)}
    return dict(draw(st.permutations(list(body.items()))))


def without_managed_fields(obj: JsonObject) -> JsonObject:
    return {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "managedFields"}}


@given(objects(), st.sampled_from([(",", ":"), (", ", ": "), (", ", ":"), (",", ": ")]), st.booleans())
def test_a_record_is_the_object_without_managed_fields_in_any_layout(
    obj: JsonObject, separators: tuple[str, str], ascii_only: bool
) -> None:
    line = json.dumps({"type": "ADDED", "object": obj}, separators=separators, ensure_ascii=ascii_only).encode()
    record = READER.event(line).record
    assert record is not None
    assert record.decode() == without_managed_fields(obj)
    assert record.key == ObjectKey(obj["metadata"]["namespace"], obj["metadata"]["name"])
    assert record.header.labels == obj["metadata"].get("labels", {})
    item = json.dumps(obj, separators=separators, ensure_ascii=ascii_only).encode()
    listed = READER.item(msgspec.Raw(item))
    assert listed is not None
    assert listed.decode() == record.decode()
    assert listed.header == record.header


@pytest.mark.parametrize("event_type", ["ADDED", "MODIFIED", "DELETED"])
@pytest.mark.parametrize(
    "metadata",
    [
        b'"managedFields":[{"x":1}],"name":"a","resourceVersion":"7"',
        b'"name":"a","managedFields":[{"x":1}],"resourceVersion":"7"',
        b'"name":"a","resourceVersion":"7","managedFields":[{"x":1}]',
    ],
)
def test_what_an_api_server_sends_is_decoded_once(
    monkeypatch: pytest.MonkeyPatch, event_type: str, metadata: bytes
) -> None:
    def unwanted(_: bytes) -> NoReturn:
        raise AssertionError("decoded again")

    monkeypatch.setattr(record_module, "_decode_raw_event", unwanted)
    monkeypatch.setattr(record_module, "_decode_parts", unwanted)
    obj = b'{"kind":"ConfigMap","metadata":{%s}}' % metadata
    event = READER.event(b'{"type":"%s","object":%s}' % (event_type.encode(), obj))
    assert event.record is not None
    assert (event.type, event.resource_version) == (event_type, "7")
    assert event.record.body == b'{"kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"7"}}'


@pytest.mark.parametrize(
    "layout",
    [
        b'{"type":"ADDED", "object":%s}',
        b'{"type":"ADDED","object": %s}',
        b'{"type": "ADDED","object":%s}',
        b'{ "type":"ADDED","object":%s}',
        b' {"type":"ADDED","object":%s}',
        b'{"type":"ADDED","object":%s }',
        b'{"type":"ADDED","object":%s} ',
        b'{"type":"ADDED","object":%s,"type":"ADDED"}',
        b'{"object":%s,"type":"ADDED"}',
        b'{"type":"ADDED","object":%s,"more":{"x":{}}}',
        b'{"type":"\\u0041DDED","object":%s}',
    ],
)
def test_an_object_is_cut_out_of_any_layout(layout: bytes) -> None:
    obj = b'{"kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":{}}}'
    event = READER.event(layout % obj)
    assert event.record is not None
    assert (event.type, event.record.body) == ("ADDED", obj)


def test_bytes_that_are_no_text_are_quoted_as_far_as_they_are() -> None:
    with pytest.raises(MalformedObject, match="found 'a\ufffdb' "):
        READER.event(b"a\xffb")


@given(st.binary(max_size=120))
def test_any_other_bytes_are_refused_or_skipped(line: bytes) -> None:
    with suppress(MalformedObject):
        assert READER.event(line).record is None


def test_garbage_is_quoted_in_the_refusal() -> None:
    with pytest.raises(MalformedObject, match="wanted a watch event, found '<html>"):
        READER.event(b"<html>")


def test_items_of_a_list_get_the_type_that_the_list_leaves_out() -> None:
    record = READER.item(msgspec.Raw(b'{"metadata":{"name":"a"},"data":{}}'))
    assert record is not None
    assert record.body == b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{}}'
    spaced = READER.item(msgspec.Raw(b'{  "metadata":{"name":"a"}}'))
    assert spaced is not None
    assert spaced.body == b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}'


@pytest.mark.parametrize(
    "half", [b'{"kind":"ConfigMap","metadata":{"name":"a"}}', b'{"metadata":{"name":"a"},"apiVersion":"v0"}']
)
def test_half_a_type_is_replaced_by_the_whole_one(half: bytes) -> None:
    record = READER.item(msgspec.Raw(half))
    assert record is not None
    assert record.body == b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}'


@pytest.mark.parametrize(
    ("metadata", "left"),
    [
        (b'"managedFields":[{}],"name":"a"', b'"name":"a"'),
        (b'"name":"a","managedFields":[{}]', b'"name":"a"'),
        (b'"name":"a","managedFields":[{}],"uid":"u"', b'"name":"a","uid":"u"'),
        (b'"name":"a" ,"managedFields":[{}]', b'"name":"a" '),
        (b'"name":"a", "managedFields":[{}]', b'"name":"a"'),
        (b'"name":"a", "managedFields":[{}] , "uid":"u"', b'"name":"a","uid":"u"'),
    ],
)
def test_managed_fields_are_cut_out_wherever_they_stand(metadata: bytes, left: bytes) -> None:
    record = READER.item(msgspec.Raw(b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{%s}}' % metadata))
    assert record is not None
    assert record.body == b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{%s}}' % left


@pytest.mark.parametrize(
    ("data", "managed"),
    [
        (b'"managedFields":[{}],"x":"y"', b"[{}]"),
        (b'"managedFields":[{}],"x":"y"', b" [{}]"),
        (b'"x":"managedFields"', b"[{}]"),
        (b"", b" [{}]"),
        (b"", b"null"),
    ],
)
def test_a_field_of_that_name_elsewhere_stays(data: bytes, managed: bytes) -> None:
    body = b'{"data":{%s},"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","managedFields":%s}}'
    record = READER.item(msgspec.Raw(body % (data, managed)))
    assert record is not None
    assert record.body == b'{"data":{%s},"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}' % data


def test_the_header_has_what_decisions_need() -> None:
    obj: JsonObject = {
        "kind": "ConfigMap",
        "metadata": {
            "name": "a",
            "namespace": "ns",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 3,
            "labels": {"x": "y"},
            "deletionTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "A", "name": "one", "uid": "1"},
                {"apiVersion": "v1", "kind": "B", "name": "two", "uid": "2", "controller": True},
            ],
        },
    }
    record = READER.item(msgspec.Raw(msgspec.json.encode(obj)))
    assert record is not None
    header = record.header
    assert (header.namespace, header.name, header.uid, header.resource_version) == ("ns", "a", "u", "7")
    assert (header.generation, header.labels, header.deleting) == (3, {"x": "y"}, True)
    assert [owner.uid for owner in header.owners] == ["1", "2"]
    assert header.controller is not None
    assert header.controller.name == "two"
    assert header.key == record.key


SHARING_READER = RecordReader(CONFIG_MAPS)


def listed(**metadata: object) -> Header:
    """The header of an item with this metadata."""
    obj = {"kind": "ConfigMap", "metadata": {"name": "a", **metadata}}
    record = SHARING_READER.item(msgspec.Raw(msgspec.json.encode(obj)))
    assert record is not None
    return record.header


def test_objects_with_equal_labels_and_owners_share_them() -> None:
    owners = [{"uid": "1", "kind": "ReplicaSet"}]
    one, same = (listed(uid=uid, labels={"app": "web"}, ownerReferences=owners) for uid in ("1", "2"))
    other = listed(labels={"app": "db"}, ownerReferences=[{"uid": "2"}])
    assert one.labels == {"app": "web"}
    assert same.labels is one.labels
    assert [(owner.uid, owner.kind) for owner in one.owners] == [("1", "ReplicaSet")]
    assert same.owners is one.owners
    assert other.labels == {"app": "db"}
    assert [owner.uid for owner in other.owners] == ["2"]


@pytest.mark.parametrize("metadata", [{}, {"labels": None}, {"labels": {}}, {"labels": {"x": "y"}}])
def test_what_objects_share_cannot_be_changed(metadata: dict[str, object]) -> None:
    labels: Any = listed(**metadata).labels
    with pytest.raises(TypeError):
        labels["x"] = "z"
    assert listed(**metadata).labels == (metadata.get("labels") or {})


@pytest.mark.parametrize("metadata", [{}, {"ownerReferences": None}, {"ownerReferences": []}])
def test_an_object_without_owners_has_none(metadata: dict[str, object]) -> None:
    assert listed(**metadata).owners == ()


@pytest.mark.parametrize(
    ("annotations", "ends"),
    [
        ({"k8s.io/initial-events-end": "true"}, True),
        ({"k8s.io/initial-events-end": "false"}, False),
        ({"other": "true"}, False),
        (None, False),
    ],
)
def test_a_bookmark_has_a_version_and_maybe_the_marker(annotations: dict[str, str] | None, ends: bool) -> None:
    obj = {"kind": "ConfigMap", "metadata": {"resourceVersion": "9", "annotations": annotations}}
    event = READER.event(msgspec.json.encode({"type": "BOOKMARK", "object": obj}))
    assert (event.type, event.resource_version, event.initial_events_end) == ("BOOKMARK", "9", ends)


def test_an_error_carries_its_status() -> None:
    event = READER.event(b'{"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410}}')
    assert (event.type, event.status) == ("ERROR", b'{"kind":"Status","metadata":{},"code":410}')


@pytest.mark.parametrize(
    ("obj", "found"),
    [
        ({"kind": "Pod", "metadata": {"name": "p", "resourceVersion": "9"}}, "the kind 'Pod'"),
        ({"kind": "Table", "columnDefinitions": [], "rows": []}, "the kind 'Table'"),
        ({"metadata": {"name": "p"}}, "the kind ''"),
        ({"kind": "PartialObjectMetadata", "metadata": {"name": "p"}}, "the kind 'PartialObjectMetadata'"),
        ({"kind": "ConfigMap"}, "an object without a name"),
        ({"kind": "ConfigMap", "metadata": None}, "an object without a name"),
        ({"kind": "ConfigMap", "metadata": {"resourceVersion": "9"}}, "an object without a name"),
        ({"kind": "ConfigMap", "metadata": {"name": 7}}, "no object ("),
        ({"kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": 1}}}, "no object ("),
    ],
)
def test_what_is_no_object_of_the_kind_is_skipped_counted_and_told_once(obj: JsonObject, found: str) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        reader = RecordReader(CONFIG_MAPS)
        line = json.dumps({"type": "ADDED", "object": obj}, separators=separators).encode()
        with structlog.testing.capture_logs() as logs:
            for number in (1, 2):
                event = reader.event(line)
                assert (event.type, event.resource_version, event.record) == ("ADDED", "", None)
                assert reader.skipped == number
        assert [(entry["event"], entry["kind"]) for entry in logs] == [("informer_object_skipped", "ConfigMap")]
        assert str(logs[0]["found"]).startswith(found)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"kind":"Pod","metadata":{"name":"p"}}', "the kind 'Pod'"),
        (b'{"metadata":{}}', "an object without a name"),
        (b"{}", "an object without a name"),
        (b"[1]", "no object ("),
        (b'{"metadata":{"name":"\xff"}}', "no object ("),
        (b'{"metadata":{"name":"a","labels":{"x":1}}}', "no object ("),
        (b'{"metadata":{"name":"a","labels":{"x":"\xff"}}}', "no object ("),
        (b'{"metadata":{"name":"a","ownerReferences":[{"kind":"A"}]}}', "no object ("),
    ],
)
def test_items_that_are_no_objects_of_the_kind_are_skipped_counted_and_told_once(raw: bytes, found: str) -> None:
    reader = RecordReader(CONFIG_MAPS)
    with structlog.testing.capture_logs() as logs:
        assert reader.item(msgspec.Raw(raw)) is None
        assert reader.item(msgspec.Raw(raw)) is None
    assert reader.skipped == 2
    assert [entry["event"] for entry in logs] == ["informer_object_skipped"]
    assert str(logs[0]["found"]).startswith(found)


def test_an_event_of_an_unknown_type_is_skipped_and_counted() -> None:
    reader = RecordReader(CONFIG_MAPS)
    with structlog.testing.capture_logs() as logs:
        event = reader.event(b'{"type":"SURPRISE","object":{"kind":"ConfigMap","metadata":{"name":"x"}}}')
    assert (event.type, event.record, event.status, event.resource_version) == ("SURPRISE", None, b"", "")
    assert reader.skipped == 1
    assert logs[0]["found"] == "an event of the unknown type 'SURPRISE'"


@pytest.mark.parametrize(
    "line", [b'{"type":"BOOKMARK","object":{}}', b'{"type":"ADDED"}', b'{"object":{}}', b"", b"null", b'{"type":"ADD']
)
def test_half_an_event_is_no_event(line: bytes) -> None:
    with pytest.raises(MalformedObject, match="wanted a watch event, found"):
        READER.event(line)


def test_a_refusal_quotes_no_more_than_the_start() -> None:
    with pytest.raises(MalformedObject) as caught:
        READER.event(b"x" * 79 + b"yz" + b"w" * 1000)
    assert f"found '{'x' * 79}y' (" in str(caught.value)


def test_metadata_alone_is_kept_under_the_real_kind() -> None:
    reader = RecordReader(CONFIG_MAPS, metadata_only=True)
    metadata = {
        "name": "a",
        "namespace": "ns",
        "resourceVersion": "7",
        "managedFields": [{"manager": "m"}],
        "annotations": {"x": "y"},
    }
    narrowed = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    whole = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": {"big": "x"}}
    untyped = {"metadata": metadata}
    kept = (
        b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"ns","resourceVersion":"7",'
        b'"annotations":{"x":"y"}}}'
    )
    for obj in (narrowed, whole):
        event = reader.event(msgspec.json.encode({"type": "ADDED", "object": obj}))
        assert event.record is not None
        assert (event.record.body, event.resource_version) == (kept, "7")
    for obj in (narrowed, whole, untyped):
        record = reader.item(msgspec.Raw(msgspec.json.encode(obj)))
        assert record is not None
        assert record.body == kept
        assert record.header.resource_version == "7"
    assert reader.skipped == 0
    foreign = {"kind": "Pod", "metadata": metadata}
    assert reader.event(msgspec.json.encode({"type": "ADDED", "object": foreign})).record is None
    assert reader.item(msgspec.Raw(msgspec.json.encode(foreign))) is None
    assert reader.skipped == 2


def test_a_transform_changes_what_is_kept_and_a_failing_one_keeps_the_object() -> None:
    def drop_data(obj: JsonObject) -> JsonObject:
        if obj["data"] == {"fail": ""}:
            raise ValueError("no")
        return {**obj, "data": {}}

    reader = RecordReader(CONFIG_MAPS, drop_data)
    good = reader.item(msgspec.Raw(b'{"metadata":{"name":"a"},"data":{"x":"y"}}'))
    bad = reader.item(msgspec.Raw(b'{"metadata":{"name":"a"},"data":{"fail":""}}'))
    assert good is not None
    assert bad is not None
    assert good.decode()["data"] == {}
    assert bad.decode()["data"] == {"fail": ""}
    assert reader.transform_errors == 1


def test_a_failing_transform_is_told_once_and_counted_every_time() -> None:
    def fail(_: JsonObject) -> JsonObject:
        raise ValueError("no")

    reader = RecordReader(CONFIG_MAPS, fail)
    with structlog.testing.capture_logs() as logs:
        for number in range(1, 4):
            reader.item(msgspec.Raw(b'{"metadata":{"name":"a"}}'))
            assert (reader.transform_errors, len(logs)) == (number, 1)
    assert [(entry["event"], entry["kind"], entry["error"]) for entry in logs] == [
        ("informer_transform_failed", "ConfigMap", "ValueError('no')")
    ]


def test_a_transform_that_drops_the_metadata_leaves_key_and_version() -> None:
    reader = RecordReader(CONFIG_MAPS, lambda obj: {"data": obj["data"]})
    event = reader.event(
        b'{"type":"ADDED","object":{"kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"5"},"data":{}}}'
    )
    assert event.record is not None
    assert (event.record.body, event.record.header.resource_version, event.resource_version) == (
        b'{"data":{}}',
        "5",
        "5",
    )


def test_a_transform_sees_the_object_without_managed_fields() -> None:
    seen: list[JsonObject] = []

    def note(obj: JsonObject) -> JsonObject:
        seen.append(obj)
        return obj

    RecordReader(CONFIG_MAPS, note).item(msgspec.Raw(b'{"metadata":{"name":"a","managedFields":[]}}'))
    assert seen == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}]


def test_a_record_keeps_no_part_of_the_page_it_came_from() -> None:
    body = bytes(msgspec.Raw(b'{"metadata":{"name":"a","managedFields":[{"x":1}]}}'))
    record = READER.item(msgspec.Raw(body))
    assert record is not None
    assert type(record.body) is bytes
    assert sys.getsizeof(record.body) == sys.getsizeof(b"") + len(record.body)
    assert record.decode() == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b'{"metadata":{"name":"a","managedFields":[{"a":1}],"uid":"u"}}', b'{"metadata":{"name":"a","uid":"u"}}'),
        (b'{"metadata":{"managedFields":[],"name":"a"}}', b'{"metadata":{"name":"a"}}'),
        (b'{"metadata":{"name":"a","managedFields":[{"a":1}]}}', b'{"metadata":{"name":"a"}}'),
        (
            b'{"data":{"managedFields":[]},"metadata":{"name":"a","managedFields":[]}}',
            b'{"data":{"managedFields":[]},"metadata":{"name":"a"}}',
        ),
        (
            b'{"metadata":{"name":"a","managedFields":[{"managedFields":[]}]}}',
            b'{"metadata":{"name":"a"}}',
        ),
        (b'{"metadata":{"name":"a","managedFields": [1]}}', b'{"metadata":{"name":"a"}}'),
        (b'{"metadata":{"name":"a","managedFields":null}}', b'{"metadata":{"name":"a"}}'),
    ],
)
def test_managed_fields_are_cut_out_and_nothing_else(given: bytes, kept: bytes) -> None:
    record = READER.item(msgspec.Raw(given))
    assert record is not None
    assert record.body == b'{"apiVersion":"v1","kind":"ConfigMap",' + kept[1:]


def test_equal_namespaces_are_one_string() -> None:
    first, second = (READER.item(msgspec.Raw(b'{"metadata":{"name":"a","namespace":"team-x"}}')) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.header.namespace is second.header.namespace
    assert first.key.namespace is first.header.namespace
