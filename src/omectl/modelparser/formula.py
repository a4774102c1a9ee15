"""Arithmetic over the fields of a configuration, written as text so that a family's shapes are data.

A formula has whole numbers, names, `part.name`, `+ - * //`, brackets and `a if b else c`. Nothing else can be written.
"""

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

Lookup: TypeAlias = Callable[[str], int | None]
"""A name's number; None when the configuration doesn't say."""


def evaluate(formula: str, lookup: Lookup) -> int | None:
    """The formula's value, or None when it needs a name that is not known (or divides by zero)."""
    return _value(_parsed(formula), lookup)


def check(formula: str) -> None:
    """ValueError when the text is no formula."""
    try:
        for node in ast.walk(_parsed(formula)):
            if isinstance(node, ast.expr):
                _check_node(node)
    except SyntaxError as error:
        raise ValueError(f"wanted a formula, found {formula!r}: {error.msg}") from error


def _check_node(node: ast.expr) -> None:
    match node:
        case ast.Constant(value=int()) | ast.Name() | ast.Attribute(value=ast.Name()) | ast.IfExp():
            return
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv()):
            return
        case _:
            raise ValueError(f"a formula cannot have {ast.unparse(node)}")


@lru_cache(maxsize=1024)
def _parsed(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


def _value(node: ast.expr, lookup: Lookup) -> int | None:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return lookup(name)
        case ast.Attribute(value=ast.Name(id=part), attr=name):
            return lookup(f"{part}.{name}")
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, lookup) else orelse, lookup)
        case ast.BinOp(left=left, op=operator, right=right):
            return _combined(_value(left, lookup), operator, _value(right, lookup))
        case _:
            raise ValueError(f"a formula cannot have {ast.unparse(node)}")


def _combined(left: int | None, operator: ast.operator, right: int | None) -> int | None:
    if isinstance(operator, ast.Mult) and (left == 0 or right == 0):
        return 0
    if left is None or right is None:
        return None
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.FloorDiv():
            return left // right if right else None
        case _:
            raise ValueError(f"a formula cannot have the operator {type(operator).__name__}")
