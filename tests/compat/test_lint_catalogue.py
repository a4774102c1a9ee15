"""Lint on the reference's catalogue finds what the sheet says is wrong with it (D 27)."""

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from omectl.planner.lint import Code, Document, Finding, Severity, Source, lint

Found = dict[Code, list[Finding]]


@pytest.fixture(scope="module")
def found(compat_dir: Path) -> Found:
    folder = compat_dir / "inputs" / "catalogue"
    files = [
        *sorted((folder / "runtimes").rglob("*.yaml"), key=lambda file: str(file).encode()),
        *sorted((folder / "models").rglob("*.yaml")),
    ]
    documents = [
        Document(raw, Source(str(file.relative_to(folder)), number))
        for file in files
        for number, raw in enumerate(yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader), 1)
        if raw
    ]
    by_code: Found = defaultdict(list)
    for one in lint(documents):
        by_code[one.code].append(one)
    return by_code


def names(found: list[Finding]) -> set[str]:
    return {one.name for one in found}


def test_twelve_of_81_entries_lose_under_omes_ranking(found: Found) -> None:
    """The sheet's number, D: 8 of them lose under ours too, and to the same runtime; 4 only under OME's."""
    assert (len(found[Code.ENTRY_LOSES]), len(found[Code.ENTRY_LOSES_IN_OME])) == (8, 4)
    assert all("srt-deepseek-r1-distill-qwen-14b" in one.found for one in found[Code.ENTRY_LOSES_IN_OME])


def test_a_range_that_is_the_siblings_is_found(found: Found) -> None:
    """D: `srt-gpt-oss-20b-grpc`; the range of `srt-gpt-oss-20b` is as far from its name."""
    assert names(found[Code.RANGE_MISSES_NAME]) == {"srt-gpt-oss-20b-grpc", "srt-gpt-oss-20b"}


def test_four_names_are_defined_twice(found: Found) -> None:
    """D 27 and section 1 of the catalogue's sheet."""
    assert names(found[Code.NAME_DEFINED_TWICE]) == {
        "srt-qwen2-5-32b-instruct",
        "srt-qwen3-embedding-0-6b",
        "srt-llama-3-2-11b-vision-instruct",
        "srt-mixtral-8x7b-instruct",
    }


def test_two_prefill_runtimes_may_be_chosen_automatically(found: Found) -> None:
    """D."""
    assert names(found[Code.PREFILL_AUTO_SELECTABLE]) == {"srt-kimi-k2-pd", "srt-llama-4-scout-17b-16e-instruct-pd"}


def test_a_pod_of_16_gpus_and_a_moving_image_are_found(found: Found) -> None:
    """Section 1 of the catalogue's sheet, and its image S2."""
    assert names(found[Code.POD_LARGER_THAN_A_NODE]) == {"srt-llama-4-maverick-17b-128e-instruct"}
    assert names(found[Code.IMAGE_MOVES]) == {"srt-kimi-k2-pd"}


def test_pod_fields_that_nobody_reads_are_found(found: Found) -> None:
    """Section 0.2 of the selection's sheet: merging reads none of them."""
    assert names(found[Code.TOP_LEVEL_IGNORED]) == {"srt-gpt-oss-20b-grpc", "srt-gpt-oss-120b-grpc"}


def test_there_are_no_other_errors(found: Found) -> None:
    errors = {code for code, every in found.items() if every[0].severity is Severity.ERROR}
    assert errors == {Code.ENTRY_LOSES, Code.NAME_DEFINED_TWICE}
