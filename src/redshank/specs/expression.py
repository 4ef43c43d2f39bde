"""Arithmetic over measures, such as ``sum(errors) / sum(requests)``: read once, worked out on arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from redshank.errors import ConfigError
from redshank.sources.base import OTHER_NAMES

MOST_CHARACTERS, MOST_DEPTH = 500, 30
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)|(?P<name>[^\W\d][\w.]*)"
    r"|`(?P<quoted>[^`]+)`|(?P<sign>[-+*/()]))"
)


@dataclass(frozen=True)
class Input:
    """What an expression needs: the values of ``column`` (None: the rows themselves), aggregated by ``agg``."""

    column: str | None
    agg: str | None = None

    def __str__(self) -> str:
        """Return it as it is written, ``mean(cpu)``."""
        if self.agg is None:
            return self.column or ""
        return self.agg if self.column is None else f"{self.agg}({self.column})"


@dataclass(frozen=True)
class Operation:
    """Two parts and what joins them: ``+ - * /``."""

    sign: str
    left: Node
    right: Node


Node: TypeAlias = float | Input | Operation


@dataclass(frozen=True)
class Expression:
    """An expression that was read; ``inputs``: what it needs, in order, each once."""

    root: Node
    inputs: tuple[Input, ...]

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Read an expression of numbers, columns, ``agg(column)``, ``count``, ``+ - * /`` and brackets.

        A column whose name is no word stands in backticks. Raises ConfigError that says what is wrong where.
        """
        if len(text) > MOST_CHARACTERS:
            raise ConfigError(f"expression: must have at most {MOST_CHARACTERS} characters, got {len(text)}")
        reader = _Reader(text, _tokens(text))
        root = reader.sum(0)
        if reader.at < len(reader.tokens):
            raise reader.wrong("an operator such as + - * /")
        inputs = tuple(dict.fromkeys(_inputs(root)))
        if not inputs:
            raise ConfigError(f"expression: must name at least one column, got {text!r}", field="expression")
        return cls(root, inputs)

    def evaluate(self, values: Mapping[Input, Any]) -> Any:
        """Return the result for arrays (or numbers) of all inputs; NaN where it is missing, infinite or undefined."""
        import numpy as np

        with np.errstate(all="ignore"):
            result = np.asarray(_evaluate(self.root, values), dtype=np.float64)
        return np.where(np.isfinite(result), result, np.nan)


def _evaluate(node: Node, values: Mapping[Input, Any]) -> Any:
    """The value of a part; what is undefined within is missing, and so is all that is made of it."""
    import numpy as np

    if isinstance(node, Input):
        return np.asarray(values[node], dtype=np.float64)
    if not isinstance(node, Operation):
        return np.float64(node)
    left, right = _evaluate(node.left, values), _evaluate(node.right, values)
    if node.sign == "+":
        result = left + right
    elif node.sign == "-":
        result = left - right
    else:
        result = left * right if node.sign == "*" else left / right
    return np.where(np.isfinite(result), result, np.nan)


def _inputs(node: Node) -> list[Input]:
    if isinstance(node, Input):
        return [node]
    return _inputs(node.left) + _inputs(node.right) if isinstance(node, Operation) else []


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if not token:
            raise ConfigError(
                f"expression: {text[at:].strip()[0]!r} cannot stand in it, in {text!r}; a column of such a name is "
                "written in backticks",
                field="expression",
            )
        kind = str(token.lastgroup)
        found.append((kind, token[kind]))
        at = token.end()
    return found


@dataclass
class _Reader:
    """Reads tokens from left to right."""

    text: str
    tokens: list[tuple[str, str]]
    at: int = 0

    def sum(self, depth: int) -> Node:
        left = self.product(depth)
        while self._sign() in ("+", "-"):
            left = Operation(self._take()[1], left, self.product(depth))
        return left

    def product(self, depth: int) -> Node:
        left = self.part(depth)
        while self._sign() in ("*", "/"):
            left = Operation(self._take()[1], left, self.part(depth))
        return left

    def part(self, depth: int) -> Node:
        if depth > MOST_DEPTH:
            raise ConfigError(f"expression: has brackets more than {MOST_DEPTH} deep", field="expression")
        if self.at >= len(self.tokens):
            raise self.wrong("a column or number")
        kind, value = self._take()
        if kind == "number":
            return float(value)
        if kind == "quoted":
            return Input(value)
        if kind == "name":
            return self._named(value)
        if value in ("-", "+"):
            inner = self.part(depth + 1)
            return Operation("-", 0.0, inner) if value == "-" else inner
        if value == "(":
            inner = self.sum(depth + 1)
            self._close()
            return inner
        self.at -= 1
        raise self.wrong("a column or number")

    def _named(self, name: str) -> Input:
        if self._sign() != "(":
            return Input(None, "count") if name == "count" else Input(name)
        self._take()
        if self._sign() == ")":
            self._take()
            if name != "count":
                raise ConfigError(f"expression: {name}() needs a column, such as {name}(value)", field="expression")
            return Input(None, "count")
        if self.at >= len(self.tokens) or self.tokens[self.at][0] not in ("name", "quoted"):
            raise self.wrong("the name of a column")
        column = self._take()[1]
        self._close()
        return Input(column, OTHER_NAMES.get(name, name))

    def _close(self) -> None:
        if self._sign() != ")":
            raise self.wrong("a closing bracket")
        self._take()

    def _sign(self) -> str:
        kind, value = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        return value if kind == "sign" else ""

    def _take(self) -> tuple[str, str]:
        self.at += 1
        return self.tokens[self.at - 1]

    def wrong(self, wanted: str) -> ConfigError:
        got = repr(self.tokens[self.at][1]) if self.at < len(self.tokens) else "its end"
        return ConfigError(f"expression: must have {wanted} where it has {got}, in {self.text!r}", field="expression")
