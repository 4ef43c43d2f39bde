"""InfluxQL: names and texts quoted, conditions, and the functions that aggregate as it is done here.

Source: InfluxData, "Influx Query Language (InfluxQL) reference" (v1.8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redshank.sources.stretches import Stretch

NUMBERS = ("float", "integer", "unsigned")
_FUNCTIONS = {
    **dict.fromkeys(("count", "min", "max", "sum", "mean", "median", "first", "last")),
    "p0": "min",
    "p100": "max",
    "std": "stddev",
    "variance": "stddev",  # to be squared
}


class NotPushedError(Exception):
    """The server cannot aggregate this as it is done here; the text says why."""


def named(*names: str | None) -> str:
    """Return a name of a field, tag, measurement or what stands before it, as InfluxQL reads it."""
    written = [name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for name in names if name]
    return ".".join(f'"{name}"' for name in written)


def text(value: str) -> str:
    """Return a text as InfluxQL reads it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


@dataclass(frozen=True)
class Selection:
    """Where points come from, and which of them: ``tags`` are one of these values."""

    source: str
    tags: Mapping[str, Sequence[str]]

    def points(self, columns: Sequence[str], start: int | None, end: int | None, *, tail: str = "") -> str:
        """Return the statement for points in start <= t < end (nanoseconds); no columns = all."""
        asked = ", ".join(named(name) for name in columns) or "*"
        return f"SELECT {asked} FROM {self.source}{self._where(start, end)}{tail}"

    def buckets(self, agg: str, fields: Sequence[str], labels: Sequence[str], part: Stretch) -> str:
        """Return the statement for the aggregates of fields in windows, as columns ``m0`` ..."""
        asked = ", ".join(f'{function(agg, field)} AS "m{i}"' for i, field in enumerate(fields))
        groups = [f"time({part.length}ns, {part.begin % part.length}ns)", *(named(label) for label in labels)]
        where = self._where(part.begin, part.end)
        return f"SELECT {asked} FROM {self.source}{where} GROUP BY {', '.join(groups)} fill(none)"

    def _where(self, start: int | None, end: int | None) -> str:
        conditions = [] if start is None else [f"time >= {start}"]
        conditions += [] if end is None else [f"time < {end}"]
        for name, values in self.tags.items():
            conditions.append("(" + " OR ".join(f"{named(name)} = {text(value)}" for value in values) + ")")
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def function(agg: str, field: str) -> str:
    """Return the expression for an aggregate of a field.

    Raises:
        NotPushedError: there is none that gives what local aggregation does.
    """
    if agg == "cardinality":
        return f"count(distinct({named(field)}))"
    if agg not in _FUNCTIONS:
        raise NotPushedError(f"the server's {agg} takes the nearest value")
    return f"{_FUNCTIONS[agg] or agg}({named(field)})"
