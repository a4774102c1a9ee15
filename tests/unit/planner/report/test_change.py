"""A change in words, and what of it the user has to fill in."""

import pytest

from omectl.planner.report import Change


def test_a_change_says_what_to_set_where() -> None:
    change = Change("ServingRuntime r", "spec.modelSizeRange.max", "8B")
    assert str(change) == 'set spec.modelSizeRange.max of ServingRuntime r to "8B"'
    assert change.to_fill == ()


def test_a_change_without_a_value_takes_the_field_out() -> None:
    assert str(Change("InferenceService s", "spec.runtime")) == "remove spec.runtime from InferenceService s"


@pytest.mark.parametrize("value", [False, 0, "", []])
def test_an_empty_value_is_one(value: object) -> None:
    assert str(Change("A a", "spec.x", value)).startswith("set spec.x of A a to ")  # pyright: ignore[reportArgumentType]


def test_what_only_the_user_knows_is_told_once() -> None:
    change = Change("A a", "spec.x", {"image": "<image>", "other": ["<image>", "<size>"], "text": "a <b> c"})
    assert '{"image": "<image>", "other": ["<image>", "<size>"], "text": "a <b> c"}' in str(change)
    assert change.to_fill == ("<image>", "<size>")
    assert str(change).endswith(" (put in your own <image>, <size>)")


def test_a_long_value_is_cut() -> None:
    assert str(Change("A a", "spec.x", "v" * 2000)) == f'set spec.x of A a to "{"v" * 999}...'


def test_one_more_item_of_a_list_is_added() -> None:
    assert str(Change("A a", "spec.list[-]", {"b": 1})) == 'add to spec.list of A a: {"b": 1}'
