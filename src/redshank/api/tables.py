"""Tables of points as an answer: JSON and MessagePack by column, CSV by row, Arrow as it is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

Format = Literal["json", "msgpack", "arrow", "csv"]
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "msgpack": "application/msgpack",
    "arrow": "application/vnd.apache.arrow.stream",
    "csv": "text/csv",
}
_KNOWN: dict[str, Format] = {
    **{media_type: name for name, media_type in MEDIA_TYPES.items()},
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
    "application/*": "json",
    "*/*": "json",
}


def format_of(request: Request, given: Format | None) -> Format:
    """Return the format asked for by the parameter, else by Accept; the first of its types that is one of ours."""
    if given is not None:
        return given
    accepted = request.headers.get("accept", "*/*").split(",")
    ranked = sorted(accepted, key=_quality, reverse=True)
    for each in ranked:
        name = _KNOWN.get(each.partition(";")[0].strip().lower())
        if name is not None and _quality(each) > 0:
            return name
    raise ConfigError(f"Accept: must be one of {', '.join(MEDIA_TYPES.values())}", field="Accept")


def _quality(accepted: str) -> float:
    _, found, text = accepted.replace(" ", "").partition(";q=")
    try:
        return float(text.partition(";")[0]) if found else 1.0
    except ValueError:
        return 0.0


def table_answer(frame: pl.DataFrame, about: Mapping[str, Any], format: Format) -> Response:
    """Return a table with ``time`` in UTC ns; in JSON and MessagePack beside what is said about it.

    Times are RFC 3339 texts in JSON and CSV, whole nanoseconds since 1970 in MessagePack, timestamps in Arrow. NaN is
    null everywhere, an empty cell in CSV.
    """
    if format == "json":
        return Json({**about, "columns": {"time": time_texts(frame), **_lists(frame)}})
    if format == "msgpack":
        columns = {"time": frame["time"].to_list(), **_lists(frame.with_columns(_nulls()))}
        body = msgspec.msgpack.encode({**about, "columns": columns})
        return Response(body, media_type=MEDIA_TYPES["msgpack"])
    if format == "arrow":
        return Response(_arrow(frame), media_type=MEDIA_TYPES["arrow"])
    return Response(_csv(frame), media_type="text/csv; charset=utf-8")


def time_texts(frame: pl.DataFrame) -> list[str]:
    """Return the times as RFC 3339 in UTC, all with as many digits as the finest needs."""
    times = frame["time"].to_numpy().astype("datetime64[ns]")
    ticks = times.astype(np.int64)
    unit: Literal["s", "ms", "us", "ns"] = next((unit for unit, size in _UNITS if not (ticks % size).any()), "ns")
    return [text + "Z" for text in np.datetime_as_string(times, unit=unit).tolist()]


_UNITS: tuple[tuple[Literal["s", "ms", "us"], int], ...] = (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000))


def _lists(frame: pl.DataFrame) -> dict[str, list[float]]:
    return {name: frame[name].to_list() for name in frame.columns if name != "time"}


def _nulls() -> pl.Expr:
    import polars as pl

    return pl.col(pl.Float64).fill_nan(None)


def _arrow(frame: pl.DataFrame) -> bytes:
    import polars as pl

    body = io.BytesIO()
    stamped = frame.with_columns(pl.from_epoch("time", time_unit="ns").dt.replace_time_zone("UTC"), _nulls())
    stamped.write_ipc_stream(body)
    return body.getvalue()


def _csv(frame: pl.DataFrame) -> bytes:
    import polars as pl

    texts = pl.Series("time", time_texts(frame), dtype=pl.String)
    return frame.with_columns(texts, _nulls()).write_csv().encode()
