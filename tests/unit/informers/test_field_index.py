"""Selecting by fields: what a text asks for, and what an index holds."""

import pytest

from omectl.informers import BadFieldSelector, by_field
from omectl.informers.field_index import FieldValue, parse_field_selector


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("spec.nodeName=a", [("spec.nodeName", "a")]),
        ("spec.nodeName==a", [("spec.nodeName", "a")]),
        (" spec.nodeName = a , metadata.name=b", [("spec.nodeName", "a"), ("metadata.name", "b")]),
        ("spec.nodeName=", [("spec.nodeName", "")]),
    ],
)
def test_equal_terms_are_read(text: str, terms: list[tuple[str, str]]) -> None:
    assert parse_field_selector(text) == terms


def test_an_unequal_term_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        BadFieldSelector,
        match=r"wanted a field selector by = or ==, found 'status.phase!=Failed': a cache finds equal values only; "
        r"filter what it lists, or list at",
    ):
        parse_field_selector("spec.nodeName=a, status.phase!=Failed")


@pytest.mark.parametrize("text", ["spec", "=a", "a=b=c", "a=b,", "a b=c", ","])
def test_what_is_no_field_selector_is_refused(text: str) -> None:
    with pytest.raises(BadFieldSelector, match=r"wanted field selectors like spec\.nodeName=a, found"):
        parse_field_selector(text)


@pytest.mark.parametrize(
    ("obj", "values"),
    [
        ({"spec": {"x": "a"}}, ["a"]),
        ({"spec": {"x": ""}}, [""]),
        ({"spec": {"x": 3}}, ["3"]),
        ({"spec": {"x": True}}, ["true"]),
        ({"spec": {"x": False}}, ["false"]),
        ({"spec": {"x": None}}, []),
        ({"spec": {"x": {}}}, []),
        ({"spec": {"x": ["a"]}}, []),
        ({"spec": "x"}, []),
        ({}, []),
    ],
)
def test_an_index_holds_the_field_as_text(obj: dict[str, object], values: list[str]) -> None:
    assert list(FieldValue("spec.x")(obj)) == values


def test_the_same_field_is_the_same_index() -> None:
    assert by_field("spec.x") == {"field:spec.x": FieldValue("spec.x")}
    assert by_field("spec.x") == by_field("spec.x")
    assert by_field("spec.x") != by_field("spec.y")
