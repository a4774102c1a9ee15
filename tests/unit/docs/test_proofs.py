"""The tables in docs/proofs name tests that exist, and decision records that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_PROOFS = _ROOT / "docs" / "proofs"
_TABLES = sorted(path for path in _PROOFS.glob("*.md") if path.name != "README.md")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
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
    wrong: list[str] = []
    for behaviour, proof in found:
        tests, links = _TEST.findall(proof), _LINK.findall(proof)
        if not tests and not links:
            wrong.append(f"{behaviour}: names neither a test nor a record: {proof}")
        for path, name in tests:
            file = _ROOT / path
            if not file.is_file() or name not in _tests_in(file):
                wrong.append(f"{behaviour}: no test {path}::{name}")
        wrong.extend(f"{behaviour}: no file {link}" for link in links if not (table.parent / link).is_file())
    assert not wrong, "\n".join(wrong)


def test_the_index_lists_every_table() -> None:
    index = (_PROOFS / "README.md").read_text()
    assert [path.name for path in _TABLES if f"]({path.name})" not in index] == []
