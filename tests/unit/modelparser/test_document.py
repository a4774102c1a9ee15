"""Reading other people's JSON."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omectl.modelparser import ModelParseError
from omectl.modelparser.document import MAX_DOCUMENT, Section, read_object


def section(**values: object) -> Section:
    return Section("config.json", values, "text_config.")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "found", "wanted"),
    [
        (b"", "an empty file", "a JSON object"),
        (b" \n ", "an empty file", "a JSON object"),
        (b"[1]", "a list", "a JSON object"),
        (b'"x"', "the text 'x'", "a JSON object"),
        (b"null", "null", "a JSON object"),
        (b"{} trailing", "Extra data", "a JSON object"),
        (b"<html>", "Expecting value at line 1", "a JSON object"),
        (b'{"a": "x\ny"}', "Invalid control character", "a JSON object"),
        (b"\xff\xfe{\0}\0", "UTF-16", "UTF-8"),
        (b"\0" * 512, "binary", "UTF-8"),
        (b'{"a": "\xe8"}', "byte 0xe8 at 7", "UTF-8"),
        (b'{"a": 1, "a": 2}', "a repeated key", "each key once"),
        (b'{"a": [' + b"[" * 300 + b"]" * 300 + b"]}", "deeply nested", "at most 200 levels"),
        (b'{"a": ' + b"[" * 100_000, "deeply nested", "at most 200 levels"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits", "below 4300 digits"),
        (b'{"a": "\\ud800"}', "surrogate", "whole characters"),
        (b" " * (MAX_DOCUMENT + 1), f"{MAX_DOCUMENT + 1} bytes", "at most"),
    ],
)
def test_what_is_not_an_object_in_utf8_is_refused(data: bytes, found: str, wanted: str) -> None:
    with pytest.raises(ModelParseError) as caught:
        read_object("config.json", data)
    assert found in caught.value.found
    assert wanted in caught.value.wanted
    assert "config.json" in str(caught.value)


def test_nan_infinity_and_a_byte_order_mark_are_understood() -> None:
    value = read_object("c", b'\xef\xbb\xbf{"a": Infinity, "b": [NaN, NaN], "c": "Infinity, NaN", "d": -Infinity}')
    assert value["a"] == math.inf
    assert value["c"] == "Infinity, NaN"
    assert value["d"] == -math.inf


def test_integers_stay_integers() -> None:
    assert read_object("c", b'{"a": 9007199254740993}')["a"] == 9007199254740993


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet='{}[]":,0123456789.eE-+ntrufalsI\\ \n', max_size=300).map(str.encode))
def test_any_bytes_give_an_object_or_the_parsers_error(data: bytes) -> None:
    message = ""
    try:
        assert isinstance(read_object("config.json", data), dict)
    except ModelParseError as error:
        message = str(error)
    assert message.isprintable()


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), _json, max_size=4))
def test_what_python_writes_is_read_back(value: dict[str, object]) -> None:
    text = json.dumps(value)
    assert json.dumps(read_object("c", text.encode())) == text


@pytest.mark.parametrize(("value", "read"), [(7, 7), (4096.0, 4096), (None, None), (math.nan, None), (0, None)])
def test_an_integer_may_be_written_as_a_whole_number(value: object, read: int | None) -> None:
    assert (section(n=value).integer("n", minimum=0) or None) == read


@pytest.mark.parametrize("value", [-1, 10.5, "64", True, [1], {}, math.inf, 2**31, 10**400])
def test_a_number_of_the_wrong_kind_or_range_names_its_field(value: object) -> None:
    with pytest.raises(ModelParseError) as caught:
        section(n=value).integer("n")
    assert caught.value.field == "text_config.n"
    assert "an integer from 1 to" in caught.value.wanted


def test_the_first_field_that_is_said_counts() -> None:
    assert section(a=None, b=2, c=3).integer("a", "b", "c") == 2


@pytest.mark.parametrize("value", [1e30, 10**30, 1_000_000_000_000_000_019_884_624_838_656])
def test_a_length_without_limit_is_not_said(value: object) -> None:
    assert section(model_max_length=value, n_ctx=5).length("model_max_length", "n_ctx") == 5


@pytest.mark.parametrize("value", [7, ["x"], "two\nlines", "\x1b[31m", "x" * 1001])
def test_a_text_is_one_printable_line(value: object) -> None:
    with pytest.raises(ModelParseError):
        section(t=value).text("t")
