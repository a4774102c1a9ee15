"""Cutting chunks into lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.kube.lines import LineSplitter, LineTooLong


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 7), max_size=200))
def test_lines_are_the_same_however_the_stream_is_cut(parts: list[bytes], cuts: list[int]) -> None:
    lines = [part.replace(b"\n", b"?") for part in parts]
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter()
    found: list[bytes] = []
    rest = stream
    for cut in cuts:
        found += splitter.feed(rest[:cut])
        rest = rest[cut:]
    found += splitter.feed(rest)
    assert found == [line for line in lines if line]
    assert splitter.pending == 0


def test_a_line_comes_out_whole_when_it_came_byte_by_byte() -> None:
    text = 'ü{"a":"é"}'.encode()
    splitter = LineSplitter()
    found = [line for byte in text + b"\n" for line in splitter.feed(bytes([byte]))]
    assert found == [text]


def test_what_has_no_newline_yet_is_pending() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"a\nbc") == [b"a"]
    assert splitter.pending == 2
    assert splitter.feed(b"") == []
    assert splitter.feed(b"d\n") == [b"bcd"]


def test_empty_lines_are_dropped_wherever_they_are() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"\n\na\n\nb\n\n") == [b"a", b"b"]
    assert splitter.feed(b"c") == []
    assert splitter.feed(b"\n\n") == [b"c"]
    assert splitter.pending == 0


def test_the_limit_is_for_what_has_no_newline_yet() -> None:
    splitter = LineSplitter(limit=4)
    assert splitter.feed(b"123456\n1234") == [b"123456"]
    assert splitter.feed(b"\n") == [b"1234"]
    assert splitter.feed(b"12") == []
    assert splitter.feed(b"34") == []
    with pytest.raises(LineTooLong, match="5 bytes without a newline, the limit is 4"):
        splitter.feed(b"5")


def test_a_line_may_have_a_quarter_of_a_gigabyte() -> None:
    assert LineSplitter()._limit == 256 * 1024 * 1024


def test_a_line_of_twelve_megabytes_is_no_problem_and_an_endless_one_is_refused() -> None:
    splitter = LineSplitter(limit=16 * 1024 * 1024)
    chunk = b"x" * (64 * 1024)
    for _ in range(192):
        assert splitter.feed(chunk) == []
    assert len(splitter.feed(b"\n")[0]) == 12 * 1024 * 1024
    for _ in range(256):
        splitter.feed(chunk)
    with pytest.raises(LineTooLong, match="without a newline"):
        splitter.feed(chunk)
