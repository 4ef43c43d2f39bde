"""The fields of an index as its mapping has them: what each is, how it is asked for, and how its values read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from redshank.errors import DataError, did_you_mean
from redshank.sources.elastic_server import Server
from redshank.tables import names
from redshank.tables.clock import column_not_found

_WHOLE = frozenset({"long", "integer", "short", "byte", "unsigned_long"})
_BROKEN = frozenset({"double", "float", "half_float", "scaled_float"})
_TEXTS = frozenset({"keyword", "constant_keyword", "wildcard", "version", "ip"})
_UNREAD = frozenset({"object", "nested", "unmapped"})
WHOLE, BROKEN, BOOLEAN, TEXT, DATE, NANOS, WORDS, OTHER = (
    "whole", "broken", "boolean", "text", "date", "nanos", "words", "other"
)  # fmt: skip
TIMES = (DATE, NANOS)
NANOS_FORMAT, ISO_FORMAT = "strict_date_optional_time_nanos", "strict_date_optional_time"
_SCRIPT = "script"


@dataclass(frozen=True)
class Field:
    """One field.

    ``path``: what is asked for, a keyword beside a text. ``type``: as the server says. ``kind``: how it reads.
    ``script``: what makes it, None = it is stored. ``has_values``: whether the server can aggregate it.
    ``nested``: the path of the nested documents it is in, "" = none. ``is_defined``: by the search itself.
    """

    name: str
    path: str
    type: str
    kind: str
    script: Mapping[str, Any] | None = None
    has_values: bool = True
    nested: str = ""
    is_defined: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it can be a measure as it is."""
        return self.kind in (WHOLE, BROKEN, BOOLEAN) or self.script is not None

    def source(self) -> dict[str, Any]:
        """Return what a metric aggregation works on."""
        return {"script": dict(self.script)} if self.script is not None else {"field": self.path}

    def stored(self, *, is_time: bool = False) -> dict[str, Any]:
        """Return how its values are asked for: of times as numbers or, for labels, as texts."""
        if self.kind == NANOS:
            return {"field": self.path, "format": NANOS_FORMAT}
        if self.kind == DATE:
            return {"field": self.path, "format": "epoch_millis" if is_time else ISO_FORMAT}
        return {"field": self.path}

    @property
    def as_text(self) -> Field:
        """The same where its values are told apart: what a script makes is a text then, else a number."""
        return self if self.script is None else replace(self, kind=TEXT)

    def series(self, values: Sequence[Any], *, is_time: bool = False) -> pl.Series:
        """Return values of documents as a column of its type; what does not fit is missing."""
        if is_time:
            return self._times(values)
        if self.kind == OTHER and self.script is not None:
            numbers = [float(v) if isinstance(v, int | float) else None for v in values]
            return pl.Series(self.name, numbers, pl.Float64)
        if self.kind == BOOLEAN:
            return pl.Series(self.name, [None if v is None else v in (True, 1, "true") for v in values], pl.Boolean)
        if self.kind == WHOLE:
            if any(v is not None and not -(1 << 63) <= v < 1 << 63 for v in values):
                return pl.Series(self.name, [None if v is None else float(v) for v in values], pl.Float64)
            return pl.Series(self.name, values, pl.Int64)
        if self.kind == BROKEN:
            return pl.Series(self.name, [None if v is None else float(v) for v in values], pl.Float64)
        texts = [None if v is None else v if isinstance(v, str) else str(v) for v in values]
        return pl.Series(self.name, texts, pl.String)

    def written(self, values: Sequence[Any]) -> pl.Series:
        """Return values as they were written into documents, which may be texts of numbers."""
        if self.kind in (WHOLE, BROKEN):
            numbers = pl.Series(self.name, [None if v is None else str(v) for v in values], pl.String)
            floats = numbers.cast(pl.Float64, strict=False)
            return floats if self.kind == BROKEN else floats.cast(pl.Int64, strict=False)
        return self.series(values)

    def _times(self, values: Sequence[Any]) -> pl.Series:
        texts = pl.Series(self.name, values, pl.String)
        if self.kind == NANOS:
            parsed = texts.str.strip_suffix("Z").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="ns", strict=False)
            return parsed.dt.replace_time_zone("UTC")
        return (texts.cast(pl.Int64, strict=False) * 1_000_000).cast(pl.Datetime("ns", "UTC"))

    def labels(self, keys: Sequence[Any]) -> pl.Series:
        """Return keys of buckets as the texts that values of documents give."""
        if self.kind == DATE:
            return pl.Series(keys, dtype=pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        return self.series(keys).cast(pl.String)


class Fields:
    """All fields of what is read."""

    def __init__(
        self,
        where: str,
        found: Mapping[str, Mapping[str, Mapping[str, Any]]],
        *,
        scripts: Mapping[str, Mapping[str, Any]],
        runtime: Mapping[str, Mapping[str, Any]],
        nested: str = "",
    ) -> None:
        """``found``: as ``_field_caps`` gives them: name, type, what is known of it. ``nested``: path of the rows."""
        self.where, self._found, self._scripts, self._runtime = where, found, scripts, runtime
        self._rows = nested

    @classmethod
    def of(
        cls,
        server: Server,
        scripts: Mapping[str, Mapping[str, Any]],
        runtime: Mapping[str, Mapping[str, Any]],
        nested: str = "",
    ) -> Fields:
        """Ask the server; DataError when there is no such index, or nothing in it."""
        answer = server.ask("GET", server.path("_field_caps"), params={"fields": "*"})
        found = {name: types for name, types in answer.get("fields", {}).items() if not name.startswith("_")}
        if not found:
            raise server.no_fields()
        if nested and "nested" not in found.get(nested, {}):
            paths = [name for name, types in found.items() if "nested" in types]
            raise DataError(
                f"{server.where}: {did_you_mean('path of nested documents', nested, paths)}", field="nested"
            )
        return cls(server.where, found, scripts=scripts, runtime=runtime, nested=nested)

    @cached_property
    def _nested(self) -> list[str]:
        return sorted((name for name, types in self._found.items() if "nested" in types), key=len, reverse=True)

    @cached_property
    def names(self) -> list[str]:
        """The names of all that can be read, without the keywords beside texts."""
        own = [name for name, types in self._found.items() if not set(types) <= _UNREAD and not self._is_beside(name)]
        return sorted({*own, *self._scripts, *self._runtime})

    def _is_beside(self, name: str) -> bool:
        parent = name.rpartition(".")[0]
        return bool(parent) and not set(self._found.get(parent, {"object": {}})) <= _UNREAD

    def find(self, name: str) -> Field:
        """Return a field; DataError when there is none, or when it is another thing in each index."""
        if name in self._scripts:
            return Field(name, name, _SCRIPT, OTHER, script=self._scripts[name])
        if name in self._runtime:
            kind = str(self._runtime[name]["type"])
            return Field(name, name, kind, _kind({kind}), is_defined=True)
        types = {kind: about for kind, about in self._found.get(name, {}).items() if kind not in _UNREAD}
        if not types:
            raise DataError(column_not_found(self.where, name, self.names), field="column")
        kind = _kind(set(types))
        if not kind:
            raise DataError(f"{self.where}: field {name!r} is {_conflict(types)}; read one of them", field="index")
        nested = next((path for path in self._nested if name.startswith(f"{path}.")), "")
        if nested and nested != self._rows:
            raise DataError(
                f"{self.where}: field {name!r} is in nested documents; set nested: {nested}", field="nested"
            )
        beside = self._keyword_beside(name) if kind == WORDS else None
        has_values = beside is not None or all(about.get("aggregatable") for about in types.values())
        shown = TEXT if beside is not None else kind
        return Field(name, beside or name, "/".join(sorted(types)), shown, has_values=has_values, nested=nested)

    def _keyword_beside(self, name: str) -> str | None:
        """The keyword that holds a text as one value."""
        likely = [f"{name}.keyword", f"{name}.raw"]
        others = [other for other in self._found if other.startswith(f"{name}.") and other not in likely]
        for other in (*likely, *others):
            if set(self._found.get(other, {})) - {"unmapped"} == {"keyword"}:
                return other
        return None

    def __iter__(self) -> Iterator[Field]:
        """Give all fields that are the same thing in every index."""
        for name in self.names:
            try:
                yield self.find(name)
            except DataError:
                continue

    def time(self, asked: str | None) -> Field:
        """Return the field of the time: the one asked for, ``@timestamp``, or the only one that is likely."""
        if asked is not None:
            field = self.find(asked)
            if field.kind not in TIMES or not field.has_values:
                raise DataError(
                    f"{self.where}: field {asked!r} must be a date, got {field.type}; map it as one, or define it by "
                    "`runtime`",
                    field="time",
                )
            return field
        dates = [field for field in self if field.kind in TIMES and field.has_values and not field.nested]
        named = [field for field in dates if names.plain(field.name.rsplit(".", 1)[-1]) in names.TIMESTAMPS]
        for found in ([field for field in dates if field.name == "@timestamp"], dates, named):
            if len(found) == 1:
                return found[0]
        shown = ", ".join(repr(field.name) for field in dates[:8])
        problem = f"has several dates ({shown}); name one by time" if dates else "must have a field of type date"
        raise DataError(f"{self.where}: {problem}", field="time")

    @property
    def defined(self) -> Mapping[str, Mapping[str, Any]]:
        """The fields that a search defines itself."""
        return self._runtime


def _kind(types: set[str]) -> str:
    """How fields of all these types read; "" when they do not go together."""
    if types <= _WHOLE:
        return WHOLE
    if types <= _WHOLE | _BROKEN:
        return BROKEN
    if types <= _TEXTS:
        return TEXT
    if types <= {"date", "date_nanos"}:
        return NANOS if "date_nanos" in types else DATE
    if types <= {"text", "match_only_text"}:
        return WORDS
    if len(types) > 1:
        return ""
    return BOOLEAN if types == {"boolean"} else OTHER


def _conflict(types: Mapping[str, Mapping[str, Any]]) -> str:
    parts = []
    for kind, about in sorted(types.items()):
        found = [str(name) for name in about.get("indices") or ()]
        parts.append(kind + (f" in {', '.join(found[:3])}{', ...' if len(found) > 3 else ''}" if found else ""))
    return " and ".join(parts)
