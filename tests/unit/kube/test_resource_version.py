"""Resource versions are numbers of any length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.kube.resource_version import compare, reached


@given(st.integers(1, 10**30), st.integers(1, 10**30))
def test_versions_compare_as_integers(left: int, right: int) -> None:
    found = compare(str(left), str(right))
    assert (found > 0) - (found < 0) == (left > right) - (left < right)
    assert reached(str(left), str(right)) == (left >= right)


@pytest.mark.parametrize("odd", ["", "0", "01", "-1", "+1", "1e3", "1.0", "abc", "١"])
def test_anything_but_a_number_is_refused_and_has_reached_nothing(odd: str) -> None:
    with pytest.raises(ValueError, match="wanted a resource version"):
        compare(odd, "1")
    assert not reached(odd, "1")
    assert reached(odd, odd)
