"""Range headers."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omectl.local.hub.ranges import UnsatisfiableRangeError, parse_range


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("", None),
        ("bytes=0-4", (0, 5)),
        ("bytes=5-", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=4-3", None),
        ("bytes=0-1,4-5", None),
        ("items=0-1", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
    ],
)
def test_one_range_of_bytes_is_understood(header: str | None, wanted: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == wanted


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=11-12", 10), ("bytes=-0", 10), ("bytes=-5", 0)]
)
def test_a_range_outside_the_file_is_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, size)


@settings(deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,30}-\d{0,30}", fullmatch=True), st.integers(0, 1 << 60))
def test_any_header_is_a_range_inside_the_file_or_ignored(header: str, size: int) -> None:
    wanted: tuple[int, int] | None = None
    with suppress(UnsatisfiableRangeError):
        wanted = parse_range(header, size)
    if wanted is not None:
        assert 0 <= wanted[0] < wanted[1] <= size
