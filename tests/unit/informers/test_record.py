"""From the server's bytes to records: the fast path and the careful one agree, whatever comes."""

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.json import JsonObject
from omectl.api.resource import ObjectKey
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


@given(objects(), st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
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


@pytest.mark.parametrize(
    "half", [b'{"kind":"ConfigMap","metadata":{"name":"a"}}', b'{"metadata":{"name":"a"},"apiVersion":"v0"}']
)
def test_half_a_type_is_replaced_by_the_whole_one(half: bytes) -> None:
    record = READER.item(msgspec.Raw(half))
    assert record is not None
    assert record.body == b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}'


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
    "obj",
    [
        {"kind": "Pod", "metadata": {"name": "p"}},
        {"kind": "ConfigMap"},
        {"kind": "ConfigMap", "metadata": None},
        {"kind": "ConfigMap", "metadata": {}},
        {"kind": "ConfigMap", "metadata": {"name": 7}},
        {"kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": 1}}},
    ],
)
def test_what_is_no_object_of_the_kind_is_skipped_and_counted(obj: JsonObject) -> None:
    reader = RecordReader(CONFIG_MAPS)
    assert reader.event(msgspec.json.encode({"type": "ADDED", "object": obj})).record is None
    assert reader.skipped == 1


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


def test_a_record_keeps_no_part_of_the_page_it_came_from() -> None:
    body = bytes(msgspec.Raw(b'{"metadata":{"name":"a","managedFields":[{"x":1}]}}'))
    record = READER.item(msgspec.Raw(body))
    assert record is not None
    assert type(record.body) is bytes
    assert record.decode() == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
