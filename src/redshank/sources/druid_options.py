"""What is told of Druid: which broker or router, and which datasource or what query."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Container, Mapping
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, field_validator

from redshank.http.options import HttpOptions
from redshank.sources.base import url_options

PORT = 8082
SCHEMES = ("druid", "druid+http", "druid+https")
MOST_ROWS = 50_000_000
_OWN_CONTEXT = ("queryId", "sqlQueryId", "timeout", "sqlTimeZone")


class DruidOptions(HttpOptions):
    """Which server, and which of its datasources (``table``) or what query.

    ``query``: Druid SQL, or a native query as JSON, as a mapping, or as JSON in base64. ``count_column``: column of a
    rolled-up datasource that says how many rows each row stands for; ``count`` is then its sum. ``context``: of every
    query, such as a priority or a lane. ``parallel``: ranges of time that are read at once.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("query", "table")

    query: str | dict[str, Any] | None = None
    table: str | None = Field(default=None, min_length=1)
    count_column: str | None = Field(default=None, min_length=1)
    context: dict[str, Any] = Field(default_factory=dict)
    parallel: int = Field(default=2, ge=1, le=16)
    max_rows: int = Field(default=MOST_ROWS, ge=1)

    @field_validator("context")
    @classmethod
    def _others_context(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name in _OWN_CONTEXT:
            if name in given:
                raise ValueError(f"{name} is set by Redshank (timeout: by the option of that name, zones: by tz)")
        return given


def options_of_url(url: str, names: Container[str]) -> dict[str, Any]:
    """Return the options that ``druid://host:8082/wikipedia`` stands for; its last part is a datasource."""
    given = url_options(url, names)
    parts = urlsplit(given["url"])
    if parts.scheme in SCHEMES:
        is_secure = parts.scheme.endswith("https")
        place = parts.netloc
        if parts.hostname and parts.port is None and not is_secure:
            place = f"{place.removesuffix(':')}:{PORT}"
        head, _, last = parts.path.rpartition("/")
        if last and "table" not in given and "query" not in given:
            given["table"] = unquote(last)
            parts = parts._replace(path=head)
        parts = parts._replace(scheme="https" if is_secure else "http", netloc=place)
    return {**given, "url": urlunsplit(parts)}


def native_of(given: str | Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a native query; None when the text is SQL. ValueError when it begins as JSON but is none."""
    if isinstance(given, Mapping):
        return dict(given)
    text = given.strip()
    if not text.startswith("{"):
        text = _from_base64(text)
        if not text.startswith("{"):
            return None
    found = json.loads(text)
    return found if isinstance(found, dict) else None


def _from_base64(text: str) -> str:
    """The text that base64 stands for; "" when it is none."""
    try:
        return (
            base64.b64decode("".join(text.split()).replace("-", "+").replace("_", "/"), validate=True).decode().strip()
        )
    except (binascii.Error, ValueError):
        return ""
