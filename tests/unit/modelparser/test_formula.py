"""Arithmetic written as data."""

import pytest

from omectl.modelparser.families import FAMILIES
from omectl.modelparser.formula import evaluate

_KNOWN = {"a": 3, "b": 4, "zero": 0, "part.c": 5}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("a + 2*b", 11),
        ("(a + b)//2 - 1", 2),
        ("part.c*a", 15),
        ("a if zero else b", 4),
        ("a if b else missing", 3),
        ("a + missing", None),
        ("zero*missing", 0),
        ("missing*zero", 0),
        ("a//zero", None),
    ],
)
def test_a_formula_is_its_value_or_unknown(formula: str, value: int | None) -> None:
    assert evaluate(formula, _KNOWN.get) == value


@pytest.mark.parametrize("formula", ["a**b", "a/b", "f(a)", "a.b.c", "'x'", "a[0]", "-a", "a and b", "lambda: 1"])
def test_nothing_else_can_be_written(formula: str) -> None:
    with pytest.raises(ValueError, match="a formula cannot have"):
        evaluate(formula, _KNOWN.get)


@pytest.mark.parametrize("formula", [f for family in FAMILIES for f in (family.parameters, family.beside) if f])
def test_every_formula_of_the_table_can_be_evaluated(formula: str) -> None:
    assert (evaluate(formula, lambda name: 64 if len(name) == 1 else 1) or 0) > 0


def test_a_model_type_stands_in_one_row() -> None:
    types = [name for family in FAMILIES for name in family.model_types]
    assert len(types) == len(set(types))
