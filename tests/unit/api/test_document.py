import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.document import as_list, as_number, as_object, as_objects, as_text, as_texts, at, text_values
from omectl.api.json import JsonValue

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("value", [None, True, 1.5, "x", ["x"], [{}], {"x": "y"}])
def test_what_has_another_shape_reads_as_absent(value: JsonValue) -> None:
    assert as_object(value) == (value if isinstance(value, dict) else {})
    assert as_list(value) == (value if isinstance(value, list) else [])
    assert as_text(value) == (value if isinstance(value, str) else "")
    assert as_number(value) == 0


def test_lists_keep_only_what_was_asked_for() -> None:
    mixed: JsonValue = ["a", 1, {"b": 2}, None, [], "c"]
    assert as_texts(mixed) == ["a", "c"]
    assert as_objects(mixed) == [{"b": 2}]
    assert text_values({"a": "b", "c": 1, "d": None}) == {"a": "b"}


def test_a_truth_is_no_number() -> None:
    assert (as_number(True), as_number(3)) == (0, 3)


@given(ANY_JSON, st.lists(st.text(max_size=2), max_size=3))
def test_no_document_and_no_path_raises(value: JsonValue, path: list[str]) -> None:
    found = at(value, *path)
    assert path or found == value
    assert isinstance(text_values(found), dict)
