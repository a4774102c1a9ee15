"""Versions: what the older fields mean (the sheet's A.6), and specifier sets beside them (D 8)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet as Reference
from tests.unit.planner.build import FORMAT, entry, runtime
from tests.unit.planner.selection.parts import framework, name_of, picked

from omectl.planner.selection.specifiers import parse_release, parse_specifiers
from omectl.planner.selection.versions import specifier_problem, version_problem


@pytest.mark.parametrize(
    ("stated", "operator", "found", "fits"),
    [
        ("1", "Equal", "1.0.0", True),
        ("v1.0.0", "", "1.0.0", True),
        ("1", "GreaterThanOrEqual", "1.0.0", False),
        ("v1.0.0", "GreaterThan", "0.9.0", False),
        ("4.51.0", "GreaterThanOrEqual", "4.50.0", True),
        ("4.50.0", "GreaterThanOrEqual", "4.51.0", False),
        ("4.51.0", "GreaterThanOrEqual", "4.50.0.dev0", True),  # Q13: the base counts
        ("4.50.0.dev0", "GreaterThan", "4.50.0.dev0", True),
        ("1.8.0+cu118", "GreaterThan", "1.8.0+cu121", False),
        ("4.43.0", "Equal", "4.43.1", False),
        ("1.08", "Equal", "1.8", False),
        ("latest", "Equal", "latest", True),  # Q15: the same text is the same version
        ("2.0.0", "LessThan", "2.0.0", False),  # Q14: an unknown operator takes nothing
        ("2.0.0", "LessThan", "1.9.9", False),
    ],
)
def test_the_older_fields_read_runtime_operator_model(stated: str, operator: str, found: str, fits: bool) -> None:
    assert (version_problem(stated, operator, found) == "") is fits


@pytest.mark.parametrize(
    ("specifiers", "found", "failing"),
    [
        (">=4.43,<5", "4.43.0", ""),
        (">=4.43,<5", "4.57.1", ""),
        (">=4.43,<5", "4.42.9", ">=4.43"),
        (">=4.43,<5", "5.0.0", "<5"),
        (">=4.43,<5", "4.43.0.dev0", ""),
        ("<4.45", "4.45.0rc1", "<4.45"),
        (">4.45", "4.45.0.post1", ">4.45"),
        ("==4.45.0.dev0", "4.45.0.dev0", ""),
        ("==4.45.0.dev0", "4.45.0", "==4.45.0.dev0"),
        ("4.45.0.dev0", "4.45.0.dev1", "4.45.0.dev0"),
        (">=4.45.0rc1", "4.45.0.dev0", ">=4.45.0rc1"),
        (">=4.45.0rc1", "4.45.0rc2", ""),
        (">=4.45.0rc1", "4.45.0", ""),
        ("==4.43", "4.43.0", ""),
        ("4.43.0", "4.43", ""),
        ("==4.43.*", "4.43.2.dev0", ""),
        ("==4.43.*", "4.44.0", "==4.43.*"),
        ("!=4.43.*", "4.43.2", "!=4.43.*"),
        ("!=4.43.1", "4.43.1", "!=4.43.1"),
        ("~=4.43", "4.57.0", ""),
        ("~=4.43", "5.0", "~=4.43"),
        ("~=4.43.1", "4.43.0", "~=4.43.1"),
        ("~=4.43.1", "4.44.0", "~=4.43.1"),
        ("===4.43", "4.43.0", "===4.43"),
        ("==1.8.0+cu118", "1.8.0+cu121", "==1.8.0+cu118"),
        ("==1.8.0+cu118", "1.8.0+cu118", ""),
        (">=4.51", "4.51.3-SAM-HQ-preview", ""),
        ("==4.51.3-SAM-HQ-preview", "4.51.3-SAM-HQ-preview", ""),
        ("==4.51.3-SAM-HQ-preview", "4.51.3", "==4.51.3-SAM-HQ-preview"),
        (" >= 4.43 , < 5 ", "v4.50", ""),
        (">=1!1.0", "4.0", ">=1!1.0"),
    ],
)
def test_a_specifier_set_takes_bases_unless_it_pins_and_names_the_bound_that_fails(
    specifiers: str, found: str, failing: str
) -> None:
    """D 8."""
    known, release = parse_specifiers(specifiers), parse_release(found)
    assert known is not None
    assert release is not None
    assert known.failing(release) == failing


@pytest.mark.parametrize(
    "text", ["", ",", ">=4,", ">=", "=4", "=>4", ">=4 <5", "latest", "~=4", ">=4.*", "==4.dev0.*", "4..5", "9" * 300]
)
def test_what_is_no_specifier_set_is_told_apart(text: str) -> None:
    assert parse_specifiers(text) is None
    assert specifier_problem(text, "4.43.0") == f"{text!r} is no specifier set"


@given(
    st.lists(
        st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~="]), st.integers(0, 3), st.integers(0, 3)),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
)
def test_releases_compare_as_the_reference_implementation_of_pep_440_has_them(
    bounds: list[tuple[str, int, int]], numbers: list[int]
) -> None:
    text = ",".join(f"{operator}{major}.{minor}" for operator, major, minor in bounds)
    found = ".".join(str(number) for number in numbers)
    known, release = parse_specifiers(text), parse_release(found)
    assert known is not None
    assert release is not None
    assert (known.failing(release) == "") is Reference(text).contains(found)


ORDERED = ["1.0.dev1", "1.0a1.dev1", "1.0a1", "1.0b2", "1.0rc1.dev2", "1.0rc1", "1.0", "1.0.post1.dev1", "1.0.post1"]


@pytest.mark.parametrize(("before", "after"), list(pairwise(ORDERED)))
def test_pinned_bounds_order_stages_as_pep_440_does(before: str, after: str) -> None:
    if after != "1.0":
        bound, release = parse_specifiers(f">={after}"), parse_release(before)
        assert bound is not None
        assert release is not None
        assert bound.failing(release) == f">={after}"
    if before != "1.0":
        bound, release = parse_specifiers(f"<={before}"), parse_release(after)
        assert bound is not None
        assert release is not None
        assert bound.failing(release) == f"<={before}"


@given(st.text(alphabet="0123456789.v!+-*<>=~ ,rcadevpost", max_size=24), st.text(max_size=24))
def test_no_text_makes_a_version_check_raise(specifiers: str, found: str) -> None:
    assert isinstance(specifier_problem(specifiers, found), str)
    assert isinstance(version_problem(specifiers, "", found), str)


def test_specifiers_take_the_place_of_the_older_fields() -> None:
    """D 8."""
    ours = runtime("a", entry(modelFrameworkVersions=">=4.43,<5", modelFormatVersions=">=1"))
    assert name_of(picked(ours, **framework("4.57.0.dev0"))) == "a"
    refused = picked(ours, **framework("5.0.0"))
    assert refused.candidates[0].codes == ("FrameworkVersionMismatch",)
    assert refused.candidates[0].reasons == ("framework transformers: wanted >=4.43,<5, found 5.0.0, which is not <5",)
    assert picked(ours, modelFormat={**FORMAT, "version": "0.9"}).candidates[0].codes == ("FormatVersionMismatch",)


def test_specifiers_that_cannot_be_read_name_their_field_and_the_others_are_still_ranked() -> None:
    found = picked(runtime("a", entry(modelFrameworkVersions="newest")), runtime("b", entry()))
    assert name_of(found) == "b"
    assert found.candidates[1].codes == ("VersionUnreadable",)
    assert found.candidates[1].reasons == ("modelFrameworkVersions: wanted versions as in >=4.43,<5, found 'newest'",)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"modelFramework": {"name": "transformers"}}, "the model has no version"),
        (framework("latest"), "which is no version"),
    ],
)
def test_a_model_without_a_version_that_can_be_read_is_outside_every_specifier(
    changes: dict[str, object], told: str
) -> None:
    found = picked(runtime("a", entry(modelFrameworkVersions=">=4")), **changes)
    assert told in found.candidates[0].reasons[0]
