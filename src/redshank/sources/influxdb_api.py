"""The ``/query`` of InfluxDB: statements of InfluxQL, and answers that come in portions.

Source: InfluxData, "InfluxDB API reference" (v1.8), which InfluxDB 2 and 3 answer too.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import msgspec
import polars as pl

from redshank.http.client import Http

TYPES: Mapping[str, Any] = {
    "float": pl.Float64,
    "integer": pl.Int64,
    "unsigned": pl.UInt64,
    "boolean": pl.Boolean,
    "string": pl.String,
}
_FORM = "application/x-www-form-urlencoded"


class Table(msgspec.Struct):
    """Rows of one series: columns, of which the first is the time in ns, and the tags that were grouped by."""

    columns: list[str] = []
    values: list[list[Any]] = []
    tags: dict[str, str] = {}
    name: str = ""


class _Result(msgspec.Struct):
    series: list[Table] = []
    error: str = ""


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    error: str = ""


class Api:
    """Statements for one database. ``headers``: those that sign in, where the client's own do not."""

    def __init__(self, http: Http, database: str, headers: Mapping[str, str], *, page_rows: int) -> None:
        """Ask nothing yet."""
        self.http = http
        self._database, self._headers, self._page_rows = database, headers, page_rows

    def tables(self, statement: str) -> Generator[Table]:
        """Yield what the server answers, in portions."""
        asked = {"db": self._database, "q": statement, "epoch": "ns", "chunked": "true", "chunk_size": self._page_rows}
        form = urlencode(asked).encode()
        headers = {"Content-Type": _FORM, **self._headers}
        stream = self.http.stream("POST", "query", content=form, headers=headers, retry=True)
        with stream as chunks, closing(_lines(chunks)) as lines:
            for line in lines:
                yield from self._read(line)

    def rows(self, statement: str) -> list[list[Any]]:
        """Return all rows of an answer, of whatever series."""
        return [row for table in self.tables(statement) for row in table.values]

    def _read(self, line: bytes) -> list[Table]:
        try:
            answer = msgspec.json.decode(line, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self.http.fail(f"answered what is none of InfluxDB: {error}; see that `url` is right") from error
        said = answer.error or next((result.error for result in answer.results if result.error), "")
        if said:
            raise self.http.fail(f"refuses what it is asked: {said[:300]}")
        return [table for result in answer.results for table in result.series]


def _lines(chunks: Any) -> Generator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else (rest + chunk,)
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


def frame_of(table: Table, columns: Sequence[str], types: Mapping[str, str]) -> pl.DataFrame:
    """Return rows as columns of these names; ``types``: of fields as InfluxDB calls them, other columns are texts.

    An empty text is null, as a tag without a value is none.
    """
    found = list(zip(*table.values, strict=True)) or [()] * len(columns)
    return pl.DataFrame(
        [
            pl.Series(name, _plain(values, types.get(name)), dtype=_type(name, types))
            for name, values in zip(columns, found, strict=True)
        ]
    )


def _type(name: str, types: Mapping[str, str]) -> Any:
    return TYPES.get(types.get(name, "string"), pl.String)


def _plain(values: Sequence[Any], kind: str | None) -> Sequence[Any]:
    if kind == "float":
        return [None if value is None else float(value) for value in values]
    return values if kind is not None else [value or None for value in values]
