"""Push points: tables and rows, in batches that are sent again until they have arrived."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from redshank.client.answers import RejectedRow, Taken
from redshank.client.course import ARROW
from redshank.client.operations import Group, Mode, operation, script
from redshank.client.request import Request, Steps, as_json, ask, place
from redshank.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

ROWS = 100_000  # of a request
SLOW_SECONDS = 120.0
Rows = Iterable[Mapping[str, Any]]


class Points(Group[Mode]):
    """Points of sources of kind push."""

    @operation
    def send(
        self,
        source: str,
        body: bytes,
        content_type: str,
        *,
        encoding: str | None = None,
        precision: str | None = None,
        key: str | None = None,
    ) -> Request[Taken]:
        """Push one body as it is: JSON, NDJSON, CSV, Influx line protocol or Arrow, by its content type.

        ``encoding``: gzip or zstd; ``precision``: unit of times that are numbers. ``key``: the same body sent with the
        same key is taken once; None = one of its own.
        """
        headers = {} if encoding is None else {"Content-Encoding": encoding}
        return _request(source, body, content_type, precision, {**headers, "Idempotency-Key": key or uuid.uuid4().hex})

    @script
    def push(self, source: str, data: Any, *, rows: int = ROWS) -> Steps[Taken]:
        """Push a polars or pandas table, an Arrow table, or rows as mappings; return what was taken of it in all.

        A column ``time``, columns of numbers (each a measure), columns of texts (labels); or one row a point, with
        ``measure``, ``value`` and labels. The index of a pandas table counts when it holds times. So many ``rows`` are
        sent at once, as Arrow; each request again until it has arrived, and never taken twice.

        Raises:
            ConfigError: it is no such table.
            DataError: not one row of a request could be taken; those before are kept.
        """
        total: Taken | None = None
        for body in _bodies(data, rows):
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            taken = yield from ask(_request(source, body, ARROW, None, headers))
            total = taken if total is None else _sum(total, taken)
        return total or Taken()


def _request(
    source: str, body: bytes, content_type: str, precision: str | None, headers: Mapping[str, str]
) -> Request[Taken]:
    params = [("source", source), *([] if precision is None else [("precision", precision)])]
    return Request(
        method="POST",
        path=place("points"),
        read=as_json(Taken),
        params=params,
        headers=headers,
        body=body,
        content_type=content_type,
        once=True,
        timeout_seconds=SLOW_SECONDS,
    )


def _bodies(data: Any, rows: int) -> Iterator[bytes]:
    """The table in pieces, each as an Arrow stream."""
    frame = _frame(data)
    for start in range(0, len(frame), max(1, rows)):
        sink = io.BytesIO()
        frame.slice(start, max(1, rows)).write_ipc_stream(sink, compat_level=_oldest())
        yield sink.getvalue()


def _oldest() -> Any:
    import polars as pl

    return pl.CompatLevel.oldest()  # texts as every Arrow library knows them


def _frame(data: Any) -> pl.DataFrame:
    """Any table as one of polars; times in UTC."""
    import polars as pl

    try:
        frame = pl.from_pandas(_with_time(data)) if _is_pandas(data) else _of_others(data)
    except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"push: must be a table or rows as mappings: {error}") from error
    if "time" in frame.columns and isinstance(frame.schema["time"], pl.Datetime) and frame.schema["time"].time_zone:
        frame = frame.with_columns(pl.col("time").dt.convert_time_zone("UTC"))
    return frame


def _of_others(data: Any) -> pl.DataFrame:
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return data
    if hasattr(data, "__arrow_c_stream__"):
        made = pl.from_arrow(data)
        assert isinstance(made, pl.DataFrame)
        return made
    rows = [_flat(row) for row in data]
    return pl.from_dicts(rows, infer_schema_length=None) if rows else pl.DataFrame()


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its labels beside the other fields."""
    labels = row.get("labels")
    if not isinstance(labels, Mapping):
        return dict(row)
    return {name: value for name, value in row.items() if name != "labels"} | {
        str(name): None if value is None else str(value) for name, value in labels.items()
    }


def _is_pandas(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas"


def _with_time(data: Any) -> Any:
    """A pandas table with its index as the column ``time`` when it holds times."""
    if type(data.index).__name__ != "DatetimeIndex":
        return data
    return data.rename_axis("time").reset_index()


def _sum(one: Taken, other: Taken) -> Taken:
    """What was taken of two requests."""
    return Taken(
        rows=one.rows + other.rows,
        accepted=one.accepted + other.accepted,
        points=one.points + other.points,
        missing=one.missing + other.missing,
        refused=one.refused + other.refused,
        new_series=one.new_series + other.new_series,
        rejected=one.rejected + other.rejected,
        left_out=list(dict.fromkeys([*one.left_out, *other.left_out])),
        rejected_rows=[*one.rejected_rows, *_moved(other, one.rows)],
        is_repeat=one.is_repeat and other.is_repeat,
    )


def _moved(taken: Taken, rows: int) -> Iterator[RejectedRow]:
    """Rejected rows by their number in the whole table."""
    import msgspec

    for each in taken.rejected_rows:
        yield msgspec.structs.replace(each, row=each.row + rows)
