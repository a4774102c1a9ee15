"""Sizes of models and ranges of runtimes (Q9, Q10, D 23): every text is a size, or is said to be none."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planner.build import runtime
from tests.unit.planner.selection.parts import E0, name_of, picked, sized, view

from omectl.api.serving_runtime import ModelSizeRangeSpec
from omectl.planner.selection.difference import Code
from omectl.planner.selection.size import SizeRange

BILLION = 10**9


def of(low: str | None, high: str | None) -> SizeRange:
    return SizeRange.of(ModelSizeRangeSpec(min=low, max=high))


@pytest.mark.parametrize(
    ("low", "high", "read", "unreadable"),
    [
        ("7B", "9B", (7 * BILLION, 9 * BILLION), ""),
        ("0.5B", "1.2T", (BILLION // 2, 1200 * BILLION), ""),
        ("350M", "500K", (350_000_000, 500_000), ""),
        ("0", "1000", (0, 1000), ""),
        ("0.0B", None, (0, None), ""),
        (None, "9B", (None, 9 * BILLION), ""),
        ("7B", None, (7 * BILLION, None), ""),
        (None, None, (None, None), ""),
        ("7b", "9B", (None, 9 * BILLION), "modelSizeRange.min '7b'"),
        ("7B", "8x7B", (7 * BILLION, None), "modelSizeRange.max '8x7B'"),
        ("", " ", (None, None), "modelSizeRange.min ''"),
        (" 7B ", None, (None, None), "modelSizeRange.min ' 7B '"),
        ("nan", None, (None, None), "modelSizeRange.min 'nan'"),
        ("٧B", None, (None, None), "modelSizeRange.min '٧B'"),
    ],
)
def test_bounds_are_read_or_named(
    low: str | None, high: str | None, read: tuple[int | None, int | None], unreadable: str
) -> None:
    found = of(low, high)
    assert ((found.low, found.high), found.unreadable) == (read, unreadable)


@pytest.mark.parametrize(
    ("size", "sizes", "code"),
    [
        ("8B", ("7B", "9B"), None),
        ("7B", ("7B", "9B"), None),
        ("9B", ("7B", "9B"), None),
        ("6.99B", ("7B", "9B"), Code.SIZE),
        ("9.01B", ("7B", "9B"), Code.SIZE),
        ("9.01B", ("7B", None), None),
        ("6.99B", (None, "9B"), None),
        ("8B", ("9B", "7B"), Code.SIZE),
        ("8B", ("7b", "9B"), Code.SIZE_UNREADABLE),
        ("8x7B", ("7B", "9B"), Code.SIZE_UNREADABLE),
        ("8x7B", (None, None), None),
        (None, ("7B", "9B"), None),
        ("500K", ("1", "1M"), None),
    ],
)
def test_a_size_is_inside_outside_or_unreadable(
    size: str | None, sizes: tuple[str | None, str | None], code: Code | None
) -> None:
    difference = of(*sizes).difference(view(modelParameterSize=size))
    assert (difference.code if difference is not None else None) is code


def test_a_difference_says_what_was_written() -> None:
    told = [
        of("7B", "9B").difference(view(modelParameterSize="13.02B")),
        of("7b", None).difference(view()),
        of("7B", None).difference(view(modelParameterSize="8x7B")),
    ]
    assert [one.text for one in told if one is not None] == [
        "size: wanted 7B to 9B, found 13.02B",
        "size: modelSizeRange.min '7b' is no size; write 7B or 350M",
        "size: wanted 7B to any, modelParameterSize '8x7B' is no size; write 7B or 350M",
    ]


def test_the_distance_to_the_middle_is_a_ratio() -> None:
    """D 1: log-distance, so that twice as large is as far as half as large."""
    around = of("6B", "10B")
    assert around.distance(8 * BILLION) == 1
    assert around.distance(4 * BILLION) == around.distance(16 * BILLION) == 2
    assert around.distance(9 * BILLION) == Fraction(9, 8)
    assert of("6B", None).distance(8 * BILLION) == 0


@pytest.mark.parametrize(
    ("nearer", "farther"),
    [
        (("7B", "9B"), ("6B", "10B")),
        (("7B", "11B"), ("1B", None)),
        ((None, "9B"), (None, None)),
        (("6B", "10B"), ("7B", "11B")),
    ],
)
def test_the_range_that_fits_better_is_preferred(
    nearer: tuple[str | None, str | None], farther: tuple[str | None, str | None]
) -> None:
    """D 1: bounded, then narrow, then central."""
    assert name_of(picked(runtime("z", E0, **sized(*nearer)), runtime("a", E0, **sized(*farther)))) == "z"


@given(
    st.none() | st.text("0123456789.TBMKkbx eE+-٧n", max_size=60), st.none() | st.text("0123456789.TBMK", max_size=9)
)
def test_no_text_makes_a_range_raise(low: str | None, high: str | None) -> None:
    found = of(low, high)
    for size in (None, "8B", low):
        found.difference(view(modelParameterSize=size))
    assert found.width >= 0 or (found.low is not None and found.high is not None and found.low > found.high)
