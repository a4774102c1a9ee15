"""JSON merge patch by the cases of its definition, and by its laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.json import JsonValue
from omectl.local.embedded.patches import merged

_SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"])
_DOCUMENTS = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
)


def without_nulls(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_cases_of_the_definition(document: JsonValue, patch: JsonValue, result: JsonValue) -> None:
    assert merged(document, patch) == result


@given(_DOCUMENTS, _DOCUMENTS)
def test_a_patch_twice_is_the_patch_once_and_changes_neither_input(document: JsonValue, patch: JsonValue) -> None:
    before = (repr(document), repr(patch))
    once = merged(document, patch)
    assert merged(once, patch) == once
    assert (repr(document), repr(patch)) == before


@given(_DOCUMENTS)
def test_a_patch_of_nothing_is_the_patch_without_its_nulls(patch: JsonValue) -> None:
    assert merged(None, patch) == without_nulls(patch)
