import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.model_version import ModelVersion, version_matches


@pytest.mark.parametrize(
    ("runtime", "operator", "model", "matches"),
    [
        ("1", "Equal", "1.0.0", True),
        ("v1.0.0", "", "1.0.0", True),
        ("1", "GreaterThanOrEqual", "1.0.0", False),
        ("v1.0.0", "GreaterThan", "0.9.0", False),
        ("4.51.0", "GreaterThanOrEqual", "4.50.0", True),
        ("4.50.0", "GreaterThanOrEqual", "4.51.0", False),
        ("4.51.0", "GreaterThan", "4.51.0", False),
        ("4.51.0", "GreaterThanOrEqual", "4.51.0", True),
        ("4.51.0", "GreaterThanOrEqual", "4.50.0.dev0", False),
        ("4.50.0.dev0", "GreaterThan", "4.50.0.dev0", True),
        ("1.8.0+cu118", "GreaterThan", "1.8.0+cu121", False),
        ("4.43.0", "Equal", "4.43.1", False),
        ("1.08", "Equal", "1.8", False),
        ("latest", "Equal", "latest", False),
        ("2.0.0", "LessThan", "2.0.0", True),
        ("2.0.0", "LessThan", "1.9.9", False),
        ("10.0.0", "GreaterThan", "9.0.0", True),
    ],
)
def test_a_runtime_takes_a_version(runtime: str, operator: str, model: str, matches: bool) -> None:
    assert version_matches(runtime, operator, model) is matches


@pytest.mark.parametrize(
    "text", ["", "v", "V1.0.0", "1.08", "1.2-rc1", "1.12-beta", "1..2", "1.2.", "1.2.3-", "latest", "１"]
)
def test_a_text_that_is_no_version_is_none(text: str) -> None:
    assert ModelVersion.parse(text) is None


def test_suffixes_need_a_patch_part() -> None:
    parsed = ModelVersion.parse("1.12.0-beta+build.7")
    assert parsed is not None
    assert (parsed.pre, parsed.build, parsed.dev) == (("beta",), ("build", "7"), ())


def test_a_fourth_part_is_a_development_identifier() -> None:
    parsed = ModelVersion.parse("4.43.0.dev0")
    assert parsed is not None
    assert parsed.release == (4, 43, 0)
    assert parsed.dev == ("dev0",)
    assert not parsed.official


def test_a_prerelease_keeps_its_hyphens() -> None:
    parsed = ModelVersion.parse("4.51.3-SAM-HQ-preview")
    assert parsed is not None
    assert parsed.pre == ("SAM-HQ-preview",)


@given(st.text(max_size=30))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    parsed = ModelVersion.parse(text)
    assert parsed is None or parsed.same_as(parsed)


@given(st.tuples(*[st.integers(0, 99)] * 3), st.tuples(*[st.integers(0, 99)] * 3))
def test_plain_releases_are_ordered_by_their_numbers(ours: tuple[int, ...], theirs: tuple[int, ...]) -> None:
    runtime, model = (".".join(map(str, parts)) for parts in (ours, theirs))
    assert version_matches(runtime, "GreaterThan", model) is (ours > theirs)
    assert version_matches(runtime, "Equal", model) is (ours == theirs)
