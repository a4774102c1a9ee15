"""Resource versions are numbers of any length."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.kube.resource_version import compare, reached


@given(st.integers(1, 10**30), st.integers(1, 10**30))
def test_versions_compare_as_integers(left: int, right: int) -> None:
    found = compare(str(left), str(right))
    assert (found > 0) - (found < 0) == (left > right) - (left < right)
    assert reached(str(left), str(right)) == (left >= right)


@pytest.mark.parametrize(
    ("left", "right", "sign"),
    [
        ("7", "7", 0),
        ("9", "10", -1),
        ("10", "9", 1),
        ("100", "99", 1),
        ("19", "21", -1),
        ("123456789012345678901234567890", "123456789012345678901234567891", -1),
        ("123456789012345678901234567890", "99", 1),
    ],
)
def test_longer_is_newer_and_equally_long_ones_go_digit_by_digit(left: str, right: str, sign: int) -> None:
    found = compare(left, right)
    assert (found > 0) - (found < 0) == sign
    assert reached(left, right) is (sign >= 0)
    assert reached(right, left) is (sign <= 0)


@pytest.mark.parametrize("odd", ["", "0", "01", "-1", "+1", "1e3", "1.0", "abc", "١"])
def test_anything_but_a_number_is_refused_and_has_reached_nothing(odd: str) -> None:
    with pytest.raises(ValueError, match="wanted a resource version"):
        compare(odd, "1")
    with pytest.raises(ValueError, match=f"like 4711, found {re.escape(repr(odd))}"):
        compare("1", odd)
    assert not reached(odd, "1")
    assert not reached("1", odd)
    assert reached(odd, odd)
