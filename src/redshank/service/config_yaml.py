"""One YAML text as values, with the line of every one of them, and everything that is wrong with it as YAML.

Plain words are read as YAML 1.2 does: ``12:30``, ``no`` and ``2026-01-31`` are texts, not 750, false and a date.
``${NAME}`` and ``${NAME:-otherwise}`` in values (never in keys) are taken from ``environment``; ``$${`` is ``${``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from redshank.specs.problems import Path, Problem

MOST_VALUES = 2_000_000  # in a file, aliases followed
DEEPEST = 50
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_PLAIN = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str", "timestamp", "value", "merge")}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_DIGITS = 300


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        """Return ``redshank.yaml:12``."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class PlacedProblem:
    """What is wrong, and in which line of which file."""

    place: Place
    problem: Problem

    def __str__(self) -> str:
        """Return ``redshank.yaml:12: monitors[0].step: must be ...``."""
        return f"{self.place}: {self.problem}"


@dataclass
class YamlDocument:
    """One document of a file: its values, and its nodes to find their lines by (None: they came without lines)."""

    file: str
    values: Any
    root: Any

    def place(self, path: Path) -> Place:
        """Return where the value at a path stands, or the nearest one around it that there is."""
        return Place(self.file, 0 if self.root is None else _line(self.root, path))


def read_yaml(text: str, file: str, environment: Mapping[str, str]) -> tuple[list[YamlDocument], list[PlacedProblem]]:
    """Return the documents of a text, and what is wrong with it; a document that is no YAML at all is left out."""
    try:
        roots = [root for root in yaml.compose_all(text, Loader=_LOADER) if root is not None]
    except yaml.YAMLError as error:
        return [], [_not_yaml(error, file)]
    except RecursionError:
        return [], [PlacedProblem(Place(file, 1), Problem((), f"must not be nested deeper than {DEEPEST} levels"))]
    documents, problems = [], []
    for root in roots:
        reader = _Reader(file, environment, [])
        values = reader.values(root)
        documents.append(YamlDocument(file, values, root))
        problems += reader.problems
    return documents, problems


def _not_yaml(error: yaml.YAMLError, file: str) -> PlacedProblem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    context = getattr(error, "context", None)
    reason = f"{said} {context}" if context else said
    return PlacedProblem(Place(file, mark.line + 1 if mark else 1), Problem((), f"is not YAML: {reason}"))


class _TooMuchError(Exception):
    """Nothing more of this document is read."""


@dataclass
class _Reader:
    """Makes values of nodes, and keeps what is wrong on the way."""

    file: str
    environment: Mapping[str, str]
    problems: list[PlacedProblem]
    seen: int = 0
    around: list[int] = field(default_factory=list)

    def values(self, root: Any) -> Any:
        """Return the values of a document; None when it is too large to be read."""
        try:
            return self._value(root, ())
        except _TooMuchError:
            return None

    def _complain(self, node: Any, path: Path, message: str) -> None:
        self.problems.append(PlacedProblem(Place(self.file, node.start_mark.line + 1), Problem(path, message)))

    def _give_up(self, node: Any, path: Path, message: str) -> _TooMuchError:
        self._complain(node, path, message)
        return _TooMuchError()

    def _value(self, node: Any, path: Path) -> Any:
        self.seen += 1
        if self.seen > MOST_VALUES:
            raise self._give_up(node, (), f"must hold at most {MOST_VALUES:,} values, aliases followed")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self.around:
            raise self._give_up(node, path, "must not hold itself through an alias")
        if len(self.around) >= DEEPEST:
            raise self._give_up(node, path, f"must not be nested deeper than {DEEPEST} levels")
        self.around.append(id(node))
        made = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self.around.pop()
        return made

    def _sequence(self, node: Any, path: Path) -> list[Any]:
        if node.tag != f"{_TAG}seq":
            self._complain(node, path, f"must have no tag, got {node.tag!r}")
        return [self._value(one, (*path, i)) for i, one in enumerate(node.value)]

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        if node.tag != f"{_TAG}map":
            self._complain(node, path, f"must have no tag, got {node.tag!r}")
        made: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._complain(key, path, "a key must be a text")
            elif _is_merge(key):
                merged = {**self._merged(value, path), **merged}
            elif key.value in lines:
                message = f"key {key.value!r} stands twice; first in line {lines[key.value]}"
                self._complain(key, (*path, key.value), message)
            else:
                lines[key.value] = key.start_mark.line + 1
                made[key.value] = self._value(value, (*path, key.value))
        return {**merged, **made}

    def _merged(self, node: Any, path: Path) -> dict[str, Any]:
        """What ``<<`` adds: of several mappings the first that has a key gives its value."""
        made: dict[str, Any] = {}
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(part, yaml.MappingNode):
                made = {**self._value(part, path), **made}
            else:
                self._complain(part, path, "<< must be given names with values, such as *defaults")
        return made

    def _scalar(self, node: Any, path: Path) -> Any:
        if node.tag not in _PLAIN:
            self._complain(node, path, f"must have no tag, got {node.tag!r}")
            return None
        text = self._substituted(node, path) if "${" in node.value else node.value
        return text if node.style else self._plain(node, path, text)

    def _plain(self, node: Any, path: Path, text: str) -> Any:
        """The value of a text without quotes."""
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            if len(text) <= _MOST_DIGITS:
                return int(text)
            self._complain(node, path, f"must have at most {_MOST_DIGITS} digits")
            return None
        if _FLOAT.fullmatch(text):
            return self._finite(node, path, float(text))
        if _NOT_FINITE.fullmatch(text):
            return self._finite(node, path, math.nan)
        return text

    def _finite(self, node: Any, path: Path, value: float) -> float | None:
        if math.isfinite(value):
            return value
        self._complain(node, path, f"must be a finite number, got {node.value}")
        return None

    def _substituted(self, node: Any, path: Path) -> str:
        """The text with the values of environment variables in it."""

        def replaced(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            name, otherwise, default = match[1].partition(":-")
            if not _VARIABLE_NAME.fullmatch(name):
                message = f"must be ${{NAME}} or ${{NAME:-otherwise}} ($${{ stands for ${{), got {match[0]}"
                self._complain(node, path, message)
                return ""
            if otherwise:
                return self.environment.get(name) or default
            if name not in self.environment:
                message = f"environment variable {name} must be set, or ${{{name}:-otherwise}} written"
                self._complain(node, path, message)
            return self.environment.get(name, "")

        return _VARIABLE.sub(replaced, node.value)


def _is_merge(key: Any) -> bool:
    return bool(key.value == "<<" and key.tag == f"{_TAG}merge")


def _line(root: Any, path: Path) -> int:
    """The line of the key that leads to a value, or of the nearest thing around it."""
    node, line = root, root.start_mark.line
    for part in path:
        found = _inside(node, part)
        if found is None:
            break
        line, node = found
    return int(line) + 1


def _inside(node: Any, part: str | int) -> tuple[int, Any] | None:
    """The line and node of a part: that of the key in a mapping, of the value in a list."""
    if isinstance(node, yaml.SequenceNode):
        if isinstance(part, int) and part < len(node.value):
            return node.value[part].start_mark.line, node.value[part]
        return None
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value == part and not _is_merge(key):
            return key.start_mark.line, value
    for merged in _merged_nodes(node):
        found = _inside(merged, part)
        if found is not None:
            return found
    return None


def _merged_nodes(node: Any) -> Iterator[Any]:
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and _is_merge(key):
            yield from value.value if isinstance(value, yaml.SequenceNode) else [value]
