"""From a request's body to points, whatever its format."""

from __future__ import annotations

from collections.abc import Callable

from redshank.errors import MediaTypeError
from redshank.push.arrow_body import read_arrow
from redshank.push.bodies import unpacked
from redshank.push.csv_body import read_csv
from redshank.push.line_protocol import read_lines
from redshank.push.points import Intake, Limits, Pushed
from redshank.push.rows import read_json, read_ndjson
from redshank.push.times import TimeReader, unit_of

FORMATS: dict[str, Callable[[bytes, Intake, TimeReader], None]] = {
    "application/json": read_json,
    "application/x-ndjson": read_ndjson,
    "application/ndjson": read_ndjson,
    "application/jsonl": read_ndjson,
    "text/csv": read_csv,
    "text/tab-separated-values": read_csv,
    "text/plain": read_lines,  # what InfluxDB clients say
    "application/x-influxdb-line-protocol": read_lines,
    "application/vnd.apache.arrow.stream": read_arrow,
    "application/vnd.apache.arrow.file": read_arrow,
}
_NO_LIMITS = Limits()


def decode(
    body: bytes,
    content_type: str | None,
    content_encoding: str | None = None,
    limits: Limits = _NO_LIMITS,
    *,
    now_ns: int,
    precision: str | None = None,
) -> Pushed:
    """Return the points of a body and the rows that were not taken, by number and reason.

    A row is taken whole or not at all. Values: any finite number, integers exact to 2**53; null (an empty cell, NaN in
    Arrow) says "no value": accepted, counted, nothing is kept. Times: RFC 3339 (UTC without a zone), or a number since
    1970, of the unit ``precision`` (s, ms, us, ns, m, h; None = told from its size); a row without a time has
    ``now_ns``. Of two points of one series and time the later one counts. Memory beside the unpacked body: up to
    three times as much.

    Raises:
        MediaTypeError: the content type or encoding is none of those read here.
        TooLargeError: the unpacked body is larger than the limits.
        DataError: nothing can be read at all: damaged, no JSON, no header, no column of numbers.
        ConfigError: the precision is unknown.
    """
    kind = (content_type or "application/json").split(";")[0].strip().lower()
    if kind not in FORMATS:
        raise MediaTypeError(f"push: content type must be one of {', '.join(FORMATS)}, got {kind!r}")
    times = TimeReader(unit_of(precision), now_ns)
    intake = Intake(limits)
    FORMATS[kind](unpacked(body, content_encoding, limits.body_bytes), intake, times)
    return intake.pushed()
