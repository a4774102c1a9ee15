"""The tables in docs/proofs name tests that exist, and decision records that are there and in their index."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_PROOFS = _ROOT / "docs" / "proofs"
_RECORDS = _ROOT / "docs" / "decisions"
_TABLES = sorted(path for path in _PROOFS.glob("*.md") if path.name != "README.md")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
_NAMED = re.compile(r"`((?:unit|simulation|envtest)/[\w/]+\.py)::(test_\w+)`")
_LINK = re.compile(r"\]\(([^)]+\.md)\)")


def _rows(table: Path) -> list[tuple[str, str]]:
    """Behaviour and proof of every row."""
    found: list[tuple[str, str]] = []
    for line in table.read_text().splitlines():
        if line.startswith("|") and not line.startswith(("| behaviour |", "|---")):
            behaviour, proof = line.strip("| ").rsplit(" | ", 1)
            found.append((behaviour, proof))
    return found


@cache
def _tests_in(path: Path) -> frozenset[str]:
    """Names of the tests of a file, those of a class behind its name."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}::{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            }
    return frozenset(name for name in names if name.rsplit("::", 1)[-1].startswith("test_"))


@pytest.mark.parametrize("table", _TABLES, ids=lambda path: path.stem)
def test_every_row_names_a_proof_that_is_there(table: Path) -> None:
    found = _rows(table)
    assert found, f"{table.name} has no rows"
    assert _wrong(table.parent, found) == []


def test_every_deviation_has_a_record_and_a_test() -> None:
    lines = [line for line in (_PROOFS / "README.md").read_text().splitlines() if line.startswith("| D")]
    cells = [line.strip("| ").split(" | ") for line in lines]
    assert [number for number, *_ in cells] == [f"D{number}" for number in range(1, 15)]
    assert all(_TEST.search(proof) for *_, proof in cells)
    for number, _, record, _ in cells:
        (link,) = _LINK.findall(record)
        assert (_PROOFS / link).read_text().splitlines()[0].endswith(f"({number})"), link
    assert _wrong(_PROOFS, [(number, f"{record} {proof}") for number, _, record, proof in cells]) == []


def test_every_test_that_is_named_in_full_among_bad_inputs_is_there() -> None:
    named = _NAMED.findall((_ROOT / "docs" / "bad-input.md").read_text())
    assert len(named) > 30
    missing = [f"{path}::{name}" for path, name in named if name not in _tests_in(_ROOT / "tests" / path)]
    assert missing == []


def test_every_record_has_its_number_and_is_in_the_index() -> None:
    index = (_RECORDS / "README.md").read_text()
    for path in sorted(_RECORDS.glob("0*.md")):
        number = int(path.name[:4])
        title = path.read_text().splitlines()[0]
        assert title.startswith(f"# {number}. "), path.name
        assert f"| [{number}]({path.name}) |" in index, path.name


def _wrong(folder: Path, found: list[tuple[str, str]]) -> list[str]:
    """What the rows name and is not there; links are relative to `folder`."""
    wrong: list[str] = []
    for behaviour, proof in found:
        tests, links = _TEST.findall(proof), _LINK.findall(proof)
        if not tests and not links:
            wrong.append(f"{behaviour}: names neither a test nor a record: {proof}")
        for path, name in tests:
            file = _ROOT / path
            if not file.is_file() or name not in _tests_in(file):
                wrong.append(f"{behaviour}: no test {path}::{name}")
        wrong.extend(f"{behaviour}: no file {link}" for link in links if not (folder / link).is_file())
    return wrong


def test_the_index_lists_every_table() -> None:
    index = (_PROOFS / "README.md").read_text()
    assert [path.name for path in _TABLES if f"]({path.name})" not in index] == []
