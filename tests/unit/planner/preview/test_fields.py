"""How two versions of an object differ."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.planner.preview.fields import HIDDEN, Edit, FieldChange, field_changes, masked

Json = Any


def told(before: Json, after: Json, **options: bool) -> list[tuple[str, str, Json, Json]]:
    return [(one.edit.value, one.path, one.before, one.after) for one in field_changes(before, after, **options)]


def pod(*containers: Json, **fields: Json) -> Json:
    return {"spec": {"containers": list(containers), **fields}}


_FIELDS: list[tuple[Json, Json, Json]] = [
    ({}, {}, []),
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": 2}, [("change", "a", 1, 2)]),
    ({"a": 1}, {"a": True}, [("change", "a", 1, True)]),
    ({}, {"a": 1}, [("add", "a", None, 1)]),
    ({"a": 1}, {}, [("remove", "a", 1, None)]),
    ({"a": None}, {}, []),
    ({"a": []}, {}, []),
    ({"a": 0}, {}, [("remove", "a", 0, None)]),
    ({}, {"a": {}}, [("add", "a", None, {})]),
    ({"a": None}, {"a": 1}, [("add", "a", None, 1)]),
    ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, [("change", "a.b.c", 1, 2)]),
    ({"a": {"b": 1}}, {"a": [1]}, [("change", "a", {"b": 1}, [1])]),
    ({"b": 1, "a": 1}, {"b": 2, "a": 2}, [("change", "a", 1, 2), ("change", "b", 1, 2)]),
    ({"metadata": {"labels": {"x.io/y": "1"}}}, {}, [("remove", "metadata.labels", {"x.io/y": "1"}, None)]),
    (
        {"metadata": {"labels": {"x.io/y": "1"}}},
        {"metadata": {"labels": {"x.io/y": "2"}}},
        [("change", "metadata.labels[x.io/y]", "1", "2")],
    ),
]


@pytest.mark.parametrize(("before", "after", "wanted"), _FIELDS)
def test_fields_that_differ_are_told_by_their_path(before: Json, after: Json, wanted: Json) -> None:
    assert told(before, after) == wanted


@pytest.mark.parametrize(
    ("name", "before", "after", "wanted"),
    [
        ("args", ["--a"], ["--a", "--b"], [("change", "args", ["--a"], ["--a", "--b"])]),
        ("args", ["--a", "--b"], ["--b", "--a"], [("change", "args", ["--a", "--b"], ["--b", "--a"])]),
        ("env", [{"name": "A", "value": "1"}], [{"name": "A", "value": "2"}], [("change", "env[A].value", "1", "2")]),
        ("env", [{"name": "A"}], [], [("remove", "env[A]", {"name": "A"}, None)]),
        ("env", [], [{"name": "A"}], [("add", "env[A]", None, {"name": "A"})]),
        (
            "env",
            [{"name": "A"}, {"name": "B"}],
            [{"name": "B"}, {"name": "A"}],
            [("reorder", "env", ["A", "B"], ["B", "A"])],
        ),
        (
            "env",
            [{"name": "A"}],
            [{"name": "B"}],
            [("remove", "env[A]", {"name": "A"}, None), ("add", "env[B]", None, {"name": "B"})],
        ),
        ("env", [{"name": "A"}, {"name": "A"}], [{"name": "A"}], [("remove", "env[A#2]", {"name": "A"}, None)]),
        (
            "volumeMounts",
            [{"name": "v", "mountPath": "/a"}],
            [{"name": "w", "mountPath": "/a"}],
            [("change", "volumeMounts[/a].name", "v", "w")],
        ),
        (
            "ports",
            [{"containerPort": 80, "name": "a"}],
            [{"containerPort": 80, "name": "b"}],
            [("change", "ports[80].name", "a", "b")],
        ),
        (
            "ports",
            [{"port": 80, "protocol": "TCP", "targetPort": 1}],
            [{"port": 80, "protocol": "TCP", "targetPort": 2}],
            [("change", "ports[80,TCP].targetPort", 1, 2)],
        ),
        ("rules", [{"host": "a"}], [{"host": "b"}], [("change", "rules[0].host", "a", "b")]),
        (
            "rules",
            [{"host": "a"}],
            [{"host": "a"}, {"host": "b"}],
            [("change", "rules", [{"host": "a"}], [{"host": "a"}, {"host": "b"}])],
        ),
        ("tolerations", [{"operator": "Exists"}], [{"operator": "Exists"}], []),
    ],
)
def test_lists_are_compared_by_key_where_they_have_one(name: str, before: Json, after: Json, wanted: Json) -> None:
    assert told({name: before}, {name: after}) == wanted


def test_containers_are_told_by_name_and_in_whatever_place() -> None:
    before = pod({"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"})
    after = pod({"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"})
    assert told(before, after) == [("change", "spec.containers[b].image", "y:1", "y:2")]


def test_what_server_and_omectl_keep_for_themselves_is_no_difference() -> None:
    def version(mark: str) -> Json:
        metadata = {
            "name": "x",
            "uid": mark,
            "resourceVersion": mark,
            "generation": mark,
            "managedFields": [{"manager": mark}],
            "ownerReferences": [{"uid": mark}],
            "labels": {"omectl.io/owned-by-uid": mark, "app": "x"},
            "annotations": {"omectl.io/desired-hash": mark},
        }
        return {"kind": "Service", "metadata": metadata, "status": {"x": mark}, "spec": {"a": 1}}

    assert told(version("1"), version("2")) == []
    changed = version("2")
    changed["metadata"]["labels"]["app"] = "y"
    assert told(version("1"), changed) == [("change", "metadata.labels.app", "x", "y")]


def test_of_what_is_wanted_only_the_fields_that_it_states_count() -> None:
    """Without the server nobody knows which of the other fields are defaults."""
    live = {"spec": {"a": 1, "b": 2, "containers": [{"name": "x", "image": "i"}, {"name": "injected"}]}}
    wanted: Json = {"spec": {"a": 3, "gone": {"deep": []}, "containers": [{"name": "x"}]}}
    assert told(live, wanted, known_only=True) == [("change", "spec.a", 1, 3)]


@pytest.mark.parametrize(("before", "after", "same"), [("1", 1, True), ("1000m", "1", True), ("1", 2, False)])
def test_amounts_of_resources_are_numbers_however_written(before: Json, after: Json, same: bool) -> None:
    one, other = ({"resources": {"limits": {"cpu": amount}}} for amount in (before, after))
    assert (told(one, other) == []) is same
    assert told({"cpu": before}, {"cpu": after}) == [("change", "cpu", before, after)]


def test_the_data_of_a_secret_are_never_told() -> None:
    before = {"kind": "Secret", "data": {"a": "MQ=="}}
    assert told(before, {"kind": "Secret", "data": {"a": "Mg=="}}) == [("change", "data.a", HIDDEN, HIDDEN)]
    assert told({"kind": "Secret"}, before) == [("add", "data", None, HIDDEN)]
    assert told(before, {"kind": "Secret", "stringData": {"a": "x"}}) == [
        ("remove", "data", HIDDEN, None),
        ("add", "stringData", None, HIDDEN),
    ]
    assert told({"kind": "ConfigMap", "data": {"a": "1"}}, {"kind": "ConfigMap", "data": {"a": "2"}}) == [
        ("change", "data.a", "1", "2")
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"name": "HF_TOKEN", "value": "x"}, {"name": "HF_TOKEN", "value": HIDDEN}),
        ({"name": "aws_secret_access_key", "value": "x"}, {"name": "aws_secret_access_key", "value": HIDDEN}),
        ({"name": "OPENAI_API_KEY", "value": "x"}, {"name": "OPENAI_API_KEY", "value": HIDDEN}),
        ({"name": "HF_TOKEN", "valueFrom": {"a": "b"}}, {"name": "HF_TOKEN", "valueFrom": {"a": "b"}}),
        ({"name": "TOKENIZER", "value": "x"}, {"name": "TOKENIZER", "value": "x"}),
        ({"name": "KEY", "value": "x"}, {"name": "KEY", "value": "x"}),
        (["--api-key=x", "--a"], [f"--api-key={HIDDEN}", "--a"]),
        (["--api-key", "x", "y"], ["--api-key", HIDDEN, "y"]),
        (["--hf-token", "x"], ["--hf-token", HIDDEN]),
        (["--tokenizer", "x", "--max-num-batched-tokens=1"], ["--tokenizer", "x", "--max-num-batched-tokens=1"]),
        (["-c", "serve --api-key x --port 1"], ["-c", f"serve --api-key {HIDDEN} --port 1"]),
        ([{"env": [{"name": "HF_TOKEN", "value": "x"}]}], [{"env": [{"name": "HF_TOKEN", "value": HIDDEN}]}]),
        ("--api-key", "--api-key"),
        (3, 3),
    ],
)
def test_what_looks_like_a_secret_is_hidden(value: Json, shown: Json) -> None:
    assert masked(value) == shown


def test_a_secret_that_changes_is_told_without_its_values() -> None:
    def version(token: str) -> Json:
        return pod({"name": "a", "env": [{"name": "HF_TOKEN", "value": token}], "args": [f"--api-key={token}"]})

    assert told(version("one"), version("two")) == [
        ("change", "spec.containers[a].args", [f"--api-key={HIDDEN}"], [f"--api-key={HIDDEN}"]),
        ("change", "spec.containers[a].env[HF_TOKEN].value", HIDDEN, HIDDEN),
    ]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (FieldChange(Edit.ADD, "a.b", None, {"c": 1}), 'a.b: {"c":1} added'),
        (FieldChange(Edit.REMOVE, "a", "x"), 'a: "x" removed'),
        (FieldChange(Edit.CHANGE, "a", 1, "1"), 'a: 1 -> "1"'),
        (FieldChange(Edit.REORDER, "env", ["A", "B"], ["B", "A"]), 'env: order ["A","B"] -> ["B","A"]'),
        (FieldChange(Edit.REMOVE, "a", "x" * 119), f'a: "{"x" * 119}... removed'),
        (FieldChange(Edit.REMOVE, "a", "x" * 118), f'a: "{"x" * 118}" removed'),
    ],
)
def test_a_change_in_words(change: FieldChange, text: str) -> None:
    assert str(change) == text


_SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "1", "1000m", "x"])
_NAMES = st.sampled_from(["env", "args", "ports", "limits", "name", "value", "a", "x.io/y"])
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=10
)
_OBJECTS = st.dictionaries(_NAMES, _VALUES, max_size=4)


def test_a_switch_is_no_number_also_deep_in_a_list() -> None:
    assert told({"spec": [[1], {"limits": False}]}, {"spec": [[1], {"limits": 0}]})
    assert told({"limits": {"a": False}}, {"limits": {"a": 0}})


@given(_OBJECTS, st.booleans())
def test_an_object_does_not_differ_from_itself(obj: Json, known_only: bool) -> None:
    assert told(obj, copy.deepcopy(obj), known_only=known_only) == []


@given(_OBJECTS, _OBJECTS)
def test_differences_are_the_same_seen_from_the_other_side(one: Json, other: Json) -> None:
    """What is added one way is removed the other way; neither object is changed by looking."""
    kept = copy.deepcopy((one, other))
    opposite = {"add": "remove", "remove": "add"}
    forth = {(opposite.get(edit, edit), path) for edit, path, _, _ in told(one, other)}
    assert {(edit, path) for edit, path, _, _ in told(other, one)} == forth
    assert kept == (one, other)


@given(_OBJECTS, _OBJECTS)
def test_objects_without_a_difference_serialise_alike(one: Json, other: Json) -> None:
    """Nothing is missed: as long as no amounts and no empty fields are involved, no difference means equal."""
    assert told(one, other) or _bare(one) == _bare(other)


def _bare(value: Json, parent: str = "") -> Json:
    """Without what counts as absent, and with amounts as one text."""
    if isinstance(value, dict):
        cleaned: Json = {key: _bare(item, key) for key, item in cast("dict[str, Json]", value).items()}
        return {key: item for key, item in cleaned.items() if item is not None and item != []}
    if isinstance(value, list):
        return [_bare(item) for item in cast("list[Json]", value)]
    if isinstance(value, bool):
        return str(value)
    return {"1000m": "1", 1: "1"}.get(value, value) if parent and value is not None else value
