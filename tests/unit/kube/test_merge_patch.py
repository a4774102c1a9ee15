"""Merge patches from two trees."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.json import JsonObject, JsonValue
from omectl.kube.merge_patch import apply_merge_patch, merge_patch_from, same_json

_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
_KEYS = st.sampled_from(["a", "b", "c"])
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3))
TREES = st.dictionaries(_KEYS, _VALUES, max_size=3)


def without_nulls(value: JsonValue) -> JsonValue:
    """The tree as a merge patch can say it: no field of an object is null; a list stays what it is."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


@given(TREES, TREES)
def test_applying_the_patch_gives_the_changed_tree(base: JsonObject, changed: JsonObject) -> None:
    patch = merge_patch_from(base, changed)
    assert same_json(without_nulls(apply_merge_patch(base, patch)), without_nulls(changed))


@given(TREES, TREES)
def test_neither_tree_is_changed(base: JsonObject, changed: JsonObject) -> None:
    kept = copy.deepcopy((base, changed))
    apply_merge_patch(base, merge_patch_from(base, changed))
    assert (base, changed) == kept


@given(TREES)
def test_equal_trees_give_an_empty_patch(tree: JsonObject) -> None:
    assert merge_patch_from(tree, copy.deepcopy(tree)) == {}
    assert merge_patch_from(tree, {}) == {name: None for name, value in tree.items() if value is not None}


@pytest.mark.parametrize(
    ("base", "changed", "patch"),
    [
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 2}, {"b": 2}),
        ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({}, {"a": None}, {}),
        ({"a": None}, {}, {}),
        ({"a": None}, {"a": 1}, {"a": 1}),
        ({"l": [1, 2]}, {"l": [1, 2, 3]}, {"l": [1, 2, 3]}),
        ({"l": [{"n": "a", "v": 1}]}, {"l": [{"n": "a", "v": 2}]}, {"l": [{"n": "a", "v": 2}]}),
        ({"l": [1]}, {"l": []}, {"l": []}),
        ({"o": {"a": 1, "b": 1}}, {"o": {"a": 1, "b": 2}}, {"o": {"b": 2}}),
        ({"o": {"a": 1}}, {"o": {}}, {"o": {"a": None}}),
        ({"o": {"a": 1}}, {}, {"o": None}),
        ({"o": {"a": None}}, {"o": {}}, {}),
        ({"o": {"a": 1}}, {"o": 1}, {"o": 1}),
        ({"o": 1}, {"o": {"a": 1}}, {"o": {"a": 1}}),
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"l": [0]}, {"l": [False]}, {"l": [False]}),
        ({"a": 0}, {"a": ""}, {"a": ""}),
    ],
)
def test_the_patch_says_only_what_differs(base: JsonObject, changed: JsonObject, patch: JsonObject) -> None:
    found = merge_patch_from(base, changed)
    assert same_json(found, patch)


def test_the_optimistic_patch_carries_the_bases_version() -> None:
    base: JsonObject = {"metadata": {"resourceVersion": "7", "labels": {"a": "1"}}, "data": {}}
    assert merge_patch_from(base, {**base, "data": {"x": "1"}}, optimistic=True) == {
        "metadata": {"resourceVersion": "7"},
        "data": {"x": "1"},
    }
    labelled: JsonObject = {**base, "metadata": {"resourceVersion": "7", "labels": {"a": "2"}}}
    assert merge_patch_from(base, labelled, optimistic=True) == {
        "metadata": {"labels": {"a": "2"}, "resourceVersion": "7"}
    }


def test_an_optimistic_patch_of_nothing_stays_empty() -> None:
    assert merge_patch_from({"metadata": {"resourceVersion": "7"}}, {"metadata": {"resourceVersion": "7"}}) == {}
    assert (
        merge_patch_from(
            {"metadata": {"resourceVersion": "7"}}, {"metadata": {"resourceVersion": "7"}}, optimistic=True
        )
        == {}
    )


def test_an_optimistic_patch_needs_a_version() -> None:
    with pytest.raises(ValueError, match="a base with a resourceVersion, found none; read the object first"):
        merge_patch_from({}, {"data": {}}, optimistic=True)
