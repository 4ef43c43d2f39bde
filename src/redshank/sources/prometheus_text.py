"""PromQL: selectors taken apart and put together, and the functions that aggregate as it is done here.

Source: Prometheus, "Querying basics" and "Query functions". A range in square brackets takes its last moment in,
and its first one before version 3 only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

NAME = "__name__"
_METRIC = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_TEXT = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'" + r"|`[^`]*`"
_MATCHER = rf"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*({_TEXT})\s*"
_SELECTOR = re.compile(rf"\s*({_METRIC})?\s*(?:\{{((?:{_MATCHER},)*(?:{_MATCHER})?)\s*\}})?\s*")
_ONE = re.compile(_MATCHER)
_WORDS = frozenset({"inf", "nan", "bool", "by", "without", "on", "ignoring", "offset", "start", "end"})

GROUPED = {"count": "sum", "sum": "sum", "min": "min", "max": "max"}  # what puts series together afterwards


class NotPushedError(Exception):
    """The server cannot aggregate this as it is done here; the text says why."""


@dataclass(frozen=True)
class Selector:
    """The series of one metric (``name``; None = of any) whose labels fit."""

    name: str | None
    matchers: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> Selector | None:
        """Return the selector that a text is; None when it is another expression."""
        found = _SELECTOR.fullmatch(text)
        if found is None or not text.strip() or (found[1] or "").lower() in _WORDS:
            return None
        name, matchers = found[1], []
        for each in _ONE.finditer(found[2] or ""):
            if each[1] == NAME and each[2] == "=" and name is None and "\\" not in each[3]:
                name = each[3][1:-1]
            else:
                matchers.append(f"{each[1]}{each[2]}{each[3]}")
        return cls(name, tuple(matchers))

    def named(self, name: str) -> Selector:
        """Return the same series of another metric."""
        return replace(self, name=name)

    def where(self, label: str, values: Sequence[str]) -> Selector:
        """Return those of the series whose label is one of these values, whatever is written in them."""
        if len(values) == 1:
            matcher = f"{label}={quoted(values[0])}"
        else:
            matcher = f"{label}=~{quoted('|'.join(re.escape(value) for value in values))}"
        return replace(self, matchers=(*self.matchers, matcher))

    def __str__(self) -> str:
        """Return it in PromQL."""
        own = () if self.name is None else (f"{NAME}={quoted(self.name)}",)
        return "{" + ",".join((*own, *self.matchers) or (f'{NAME}!=""',)) + "}"


def quoted(text: str) -> str:
    """Return a text between quotation marks, as PromQL reads it."""
    return json.dumps(text, ensure_ascii=False)


def over_time(agg: str, selector: Selector, range_ms: int) -> str:
    """Return the expression for an aggregate of the points of each series; variances are those of a population.

    Raises:
        NotPushedError: there is none that gives what local aggregation does.
    """
    points = f"{selector}[{range_ms}ms]"
    simple = {"count": "count", "sum": "sum", "min": "min", "max": "max", "mean": "avg", "last": "last"}
    if agg in simple:
        return f"{simple[agg]}_over_time({points})"
    if agg in ("variance", "std"):
        return f"stdvar_over_time({points})"
    if agg == "median" or agg.startswith("p"):
        share = 0.5 if agg == "median" else float(agg[1:]) / 100
        return f"quantile_over_time({share!r}, {points})"
    raise NotPushedError(f"there is no exact {agg} over time")


def grouped(agg: str, selector: Selector, range_ms: int, labels: Sequence[str]) -> str:
    """Return the expression for an aggregate of ``GROUPED`` of all points that have the same labels."""
    return f"{GROUPED[agg]} by ({', '.join(labels)}) ({over_time(agg, selector, range_ms)})"


def is_label(name: str) -> bool:
    """Whether a label of that name can be written in an expression."""
    return re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) is not None
