"""What is told of InfluxDB: which server and database, and what of it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field

from redshank.errors import ConfigError
from redshank.http.options import HttpOptions
from redshank.sources.base import url_options

PORT = 8086
SCHEMES = ("influxdb", "influxdb+http", "influxdb+https")
MOST_ROWS = 50_000_000


class InfluxdbOptions(HttpOptions):
    """Which database, and which of its measurements or what query.

    ``table``: a measurement; ``query``: a SELECT of InfluxQL instead. ``database``: of InfluxDB 2 the bucket that is
    mapped to it. ``page_rows``: of one portion of an answer.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("query", "table")

    database: str = Field(min_length=1)
    retention_policy: str | None = None
    table: str | None = None
    query: str | None = None
    parallel: int = Field(default=2, ge=1, le=32)
    page_rows: int = Field(default=10_000, ge=1)
    max_rows: int = Field(default=MOST_ROWS, ge=1)


def options_of_url(url: str, names: Container[str]) -> dict[str, Any]:
    """Return the options that ``influxdb://host:8086/database?table=cpu`` stands for."""
    given = url_options(url, names)
    parts = urlsplit(given["url"])
    if not parts.hostname:
        raise ConfigError(f"url: must name a host, such as influxdb://localhost:8086/db, got {url[:60]!r}", field="url")
    if parts.scheme not in SCHEMES:
        return given
    is_secure = parts.scheme.endswith("https")
    place = parts.netloc
    if parts.port is None and not is_secure:
        place = f"{place.removesuffix(':')}:{PORT}"
    head, _, last = parts.path.rpartition("/")
    path = parts.path
    if last and "database" not in given:
        given["database"], path = unquote(last), head
    return {**given, "url": urlunsplit(("https" if is_secure else "http", place, path, parts.query, ""))}
