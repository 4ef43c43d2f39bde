"""Arithmetic over measures."""

from __future__ import annotations

import ast
import math
import operator
import random
from typing import Any

import numpy as np
import pytest

from redshank.errors import ConfigError
from redshank.specs.expression import Expression, Input

A, B = Input("a"), Input("b")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a + b * 2", 8.0),
        ("(a + b) * 2", 10.0),
        ("a - b - 1", -2.0),
        ("b / a / 3", 0.5),
        ("-a + +b", 1.0),
        ("--a", 2.0),
        ("a * 1.5e1", 30.0),
        ("`a` + .5", 2.5),
    ],
)
def test_it_is_worked_out_as_in_school(text: str, result: float) -> None:
    assert Expression.parse(text).evaluate({A: 2.0, B: 3.0}) == result


def test_it_agrees_with_another_reader() -> None:
    chosen = random.Random(4)
    for _ in range(200):
        text = _random(chosen, 4)
        if not {"a", "b"} & set(text):
            continue
        values = {"a": chosen.uniform(1, 9), "b": chosen.uniform(1, 9)}

        result = float(Expression.parse(text).evaluate({A: values["a"], B: values["b"]}))

        expected = _worked_out(ast.parse(text, mode="eval").body, values)
        assert result == expected or (math.isnan(result) and not math.isfinite(expected)), text


def _random(chosen: random.Random, depth: int) -> str:
    if depth == 0 or chosen.random() < 0.2:
        return chosen.choice(["a", "b", "2", "0.5", "-a"])
    inner = f"{_random(chosen, depth - 1)} {chosen.choice('+-*/')} {_random(chosen, depth - 1)}"
    return f"({inner})" if chosen.random() < 0.4 else inner


def _worked_out(node: ast.expr, values: dict[str, float]) -> float:
    """The naive twin: Python's own reader, a node at a time."""
    signs: dict[type, Any] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
    if isinstance(node, ast.BinOp):
        left, right = _worked_out(node.left, values), _worked_out(node.right, values)
        if isinstance(node.op, ast.Div):
            return left / right if right else math.nan
        return float(signs[type(node.op)](left, right))
    if isinstance(node, ast.UnaryOp):
        return -_worked_out(node.operand, values)
    if isinstance(node, ast.Name):
        return values[node.id]
    assert isinstance(node, ast.Constant)
    return float(str(node.value))


def test_what_it_needs_is_named_once() -> None:
    parsed = Expression.parse("sum(errors) / (sum(errors) + count(rows) + count + count() + `odd name`)")

    assert parsed.inputs == (
        Input("errors", "sum"),
        Input("rows", "count"),
        Input(None, "count"),
        Input("odd name"),
    )


def test_arrays_are_worked_out_at_once_and_what_is_undefined_is_missing() -> None:
    values = {A: np.array([1.0, 0.0, np.nan, 1e308]), B: np.array([0.0, 0.0, 1.0, 1e-308])}

    np.testing.assert_array_equal(Expression.parse("a / b").evaluate(values), [np.nan] * 4)
    np.testing.assert_array_equal(Expression.parse("a + 1").evaluate(values)[:2], [2.0, 1.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a column or number where it has its end"),
        ("a b", "an operator such as"),
        ("a + * b", r"a column or number where it has '\*'"),
        ("(a", "a closing bracket where it has its end"),
        ("a)", "an operator such as"),
        ("sum()", r"sum\(\) needs a column"),
        ("sum(a + b)", "a closing bracket"),
        ("sum(1)", "the name of a column"),
        ("1 + 2", "must name at least one column"),
        ("a % b", "'%' cannot stand in it"),
        ("a; b", "';' cannot stand in it"),
        ("__import__('os')", '"\'" cannot stand in it'),
        ("(" * 40 + "a" + ")" * 40, "more than 30 deep"),
        ("a" * 501, "at most 500 characters"),
    ],
)
def test_anything_else_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Expression.parse(text)
