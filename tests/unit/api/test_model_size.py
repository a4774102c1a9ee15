import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.model_size import format_model_size, parse_model_size


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("65B", 65_000_000_000),
        ("7B", 7_000_000_000),
        ("7.5B", 7_500_000_000),
        ("0.5B", 500_000_000),
        ("350M", 350_000_000),
        ("1.2T", 1_200_000_000_000),
        ("1000", 1000),
        ("13.02B", 13_020_000_000),
        ("8.03B", 8_030_000_000),
        ("1e1B", 10_000_000_000),
    ],
)
def test_a_size_is_read_by_its_suffix(text: str, parameters: int) -> None:
    assert parse_model_size(text) == parameters


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7b",
        "500K",
        "7 B",
        " 7B",
        "7B ",
        "8x7B",
        "B",
        "-7B",
        "inf",
        "nan",
        "nanB",
        "1e400",
        "٧B",
        "1_000",
        "0x1p3",
        "7BB",
    ],
)
def test_what_ome_cannot_read_is_zero(text: str) -> None:
    assert parse_model_size(text) == 0


def test_an_absent_size_is_zero() -> None:
    assert parse_model_size(None) == 0


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (7_000_000_000, "7B"),
        (8_030_261_248, "8.03B"),
        (46_702_792_704, "46.70B"),
        (1_100_048_384, "1.10B"),
        (22_713_216, "22.71M"),
        (1_000_000_000_000, "1T"),
        (137_000_000, "137M"),
        (999_999, "999999"),
        (0, "0"),
    ],
)
def test_a_count_is_written_as_ome_writes_it(parameters: int, text: str) -> None:
    assert format_model_size(parameters) == text


def test_a_count_that_rounds_up_to_the_next_unit_is_written_in_it() -> None:
    assert format_model_size(999_999_999) == "1.00B"


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_written_reads_back_within_half_a_hundredth(parameters: int) -> None:
    read = parse_model_size(format_model_size(parameters))
    unit = next((unit for unit in (10**12, 10**9, 10**6) if read >= unit), 1)
    assert abs(read - parameters) * 200 <= unit or read == parameters


@given(st.text(max_size=50))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    assert parse_model_size(text) >= 0
