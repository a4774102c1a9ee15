"""Differences as JSON patches: minimal, in an order that can be applied, and never wrong."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.admission.patch import diff

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["", "a", "b"]))
NAMES = st.sampled_from(["a", "b", "/", "~", "~1", "a/b", "", "0", "-"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=20,
)
OBJECTS = st.dictionaries(NAMES, DOCUMENTS, max_size=4)


def applied(document: Any, operations: list[Any]) -> Any:
    """The document after the operations, as RFC 6902 says; strict about what must be there."""
    document = copy.deepcopy(document)
    for operation in operations:
        if operation["op"] == "move":
            moved = taken(document, operation["from"])
            document = applied(document, [{"op": "remove", "path": operation["from"]}])
            operation = {"op": "add", "path": operation["path"], "value": moved}
        path, value = operation["path"], copy.deepcopy(operation.get("value"))
        assert set(operation) == ({"op", "path"} if operation["op"] == "remove" else {"op", "path", "value"})
        if path == "":
            assert operation["op"] == "replace"
            document = value
            continue
        assert path.startswith("/")
        *steps, last = (step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/"))
        place = document
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if isinstance(place, list):
            index = int(last)
            match operation["op"]:
                case "add":
                    assert 0 <= index <= len(place)
                    place.insert(index, value)
                case "remove":
                    del place[index]
                case "replace":
                    place[index] = value
        else:
            assert (last in place) == (operation["op"] != "add")
            if operation["op"] == "remove":
                del place[last]
            else:
                place[last] = value
    return document


def taken(document: Any, path: str) -> Any:
    """What stands at a path."""
    for step in path.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


def exact(document: Any) -> str:
    """A text that tells 1, 1.0 and true apart."""
    return json.dumps(document, sort_keys=True)


@given(OBJECTS, OBJECTS)
def test_applying_the_difference_gives_the_second_document(before: Any, after: Any) -> None:
    kept = copy.deepcopy(before), copy.deepcopy(after)
    operations = diff(before, after)
    assert exact(applied(before, operations)) == exact(after)
    assert (exact(before), exact(after)) == (exact(kept[0]), exact(kept[1]))


@given(OBJECTS)
def test_equal_documents_differ_in_nothing(document: Any) -> None:
    assert diff(document, copy.deepcopy(document)) == []


@given(st.lists(st.integers(0, 3), max_size=6), st.integers(0, 6), st.integers(0, 3))
def test_one_item_more_or_less_is_one_operation(items: list[Any], index: int, value: int) -> None:
    longer = [*items[:index], value, *items[index:]]
    assert [operation["op"] for operation in diff({"a": items}, {"a": longer})] == ["add"]
    assert [operation["op"] for operation in diff({"a": longer}, {"a": items})] == ["remove"]


@pytest.mark.parametrize(
    ("before", "after", "operations"),
    [
        ({}, {"a": 1}, [{"op": "add", "path": "/a", "value": 1}]),
        ({"a": 1}, {}, [{"op": "remove", "path": "/a"}]),
        ({"a": 1}, {"a": 2}, [{"op": "replace", "path": "/a", "value": 2}]),
        ({"a": None}, {"a": None}, []),
        ({"a": None}, {}, [{"op": "remove", "path": "/a"}]),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ({"a": 1}, {"a": 1.0}, [{"op": "replace", "path": "/a", "value": 1.0}]),
        ({"a": {"b": 1}}, {"a": [1]}, [{"op": "replace", "path": "/a", "value": [1]}]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [{"op": "replace", "path": "/a/c", "value": 3}]),
        ({"a/b": {"~c": 1}}, {"a/b": {"~c": 2}}, [{"op": "replace", "path": "/a~1b/~0c", "value": 2}]),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, [{"op": "remove", "path": "/a/1"}]),
        ({"a": [{"n": 1, "x": 1}]}, {"a": [{"n": 1, "x": 2}]}, [{"op": "replace", "path": "/a/0/x", "value": 2}]),
        ({"a": [True]}, {"a": [1]}, [{"op": "replace", "path": "/a/0", "value": 1}]),
        ({"a": 1}, {"b": 1}, [{"op": "move", "from": "/a", "path": "/b"}]),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}, []),
    ],
)
def test_only_what_differs_is_told(before: Any, after: Any, operations: list[Any]) -> None:
    assert exact(diff(before, after)) == exact(operations)
