import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.quantity import Quantity, QuantityError


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("80Gi", 80 * 2**30),
        ("80", 80),
        (8, 8),
        ("500m", Fraction(1, 2)),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("1Ei", 2**60),
        ("2.5", Fraction(5, 2)),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("-1k", -1000),
        ("+3M", 3_000_000),
        ("100u", Fraction(1, 10_000)),
        ("7n", Fraction(7, 10**9)),
        ("1e-3", Fraction(1, 1000)),
    ],
)
def test_an_amount_is_exact(text: str | int, amount: Fraction | int) -> None:
    assert Quantity.parse(text).amount == amount


@pytest.mark.parametrize(
    "text", ["", "80GB", "80gi", "Gi", "1 Gi", "1e", "--1", "1.2.3", "1K", "٣", "1e9999", "9" * 65, "1Gi\n", True]
)
def test_a_text_that_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="wanted a quantity"):
        Quantity.parse(text)


def test_equal_amounts_are_equal_however_written() -> None:
    assert Quantity.parse("1Gi") == Quantity.parse("1024Mi") == Quantity.parse(2**30)
    assert len({Quantity.parse("1000m"), Quantity.parse("1")}) == 1


def test_quantities_are_ordered_by_amount() -> None:
    assert Quantity.parse("900m") < Quantity.parse("1") < Quantity.parse("1k") < Quantity.parse("1Ki")


def test_a_quantity_is_written_as_it_was_read() -> None:
    assert str(Quantity.parse("1024Mi")) == "1024Mi"


def test_a_computed_amount_is_written_with_the_largest_whole_unit() -> None:
    assert str(Quantity.parse("1500m") + Quantity.parse("500m")) == "2"
    assert str(Quantity.parse("1") - Quantity.parse("100m")) == "900m"
    assert str(Quantity.parse("500") * 2) == "1k"
    assert str(Quantity(Fraction(0))) == "0"
    assert str(Quantity(Fraction(1, 3))) == "333333334n"


def test_bytes_are_written_with_a_binary_unit() -> None:
    assert str(Quantity.of_bytes(3 * 2**30)) == "3Gi"
    assert str(Quantity.of_bytes(1000)) == "1000"
    assert str(Quantity.of_bytes(0)) == "0"


def test_a_whole_number_is_rounded_away_from_zero() -> None:
    assert Quantity.parse("1500m").ceil() == 2
    assert Quantity.parse("-1500m").ceil() == -2
    assert Quantity.parse("3").ceil() == 3


@given(st.fractions(min_value=-(10**18), max_value=10**18).map(lambda value: Fraction(round(value * 10**9), 10**9)))
def test_what_is_written_reads_back(amount: Fraction) -> None:
    assert Quantity.parse(str(Quantity(amount))).amount == amount


@given(st.text(max_size=40))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    with contextlib.suppress(QuantityError):
        assert str(Quantity.parse(text)) == text
