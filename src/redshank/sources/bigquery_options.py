"""What is told of BigQuery: which project and dataset, who asks, and what it may cost."""

from __future__ import annotations

from collections.abc import Container
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator

from redshank.sources.base import url_options
from redshank.specs.base import Duration
from redshank.specs.options import Options

MOST_ROWS = 50_000_000
MOST_BYTES = 10 << 30


class BigqueryOptions(Options):
    """Which project and dataset, and which table or what query.

    ``credentials``: a service account's key, its JSON or ``file:PATH``. ``default_credentials``: use those that
    Google's libraries find where Redshank runs. ``max_bytes_billed``: what one query may scan. ``endpoint``: another
    address, such as an emulator's, which is asked without signing in unless there are credentials.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("query", "table")

    project: str = Field(min_length=1)
    dataset: str | None = Field(default=None, min_length=1)
    table: str | None = Field(default=None, min_length=1)
    query: str | None = None
    credentials: SecretStr | None = None
    default_credentials: bool = False
    location: str | None = None
    endpoint: str | None = None
    max_bytes_billed: int = Field(default=MOST_BYTES, ge=1)
    timeout: Duration = Field(default=timedelta(minutes=5), gt=timedelta(0))
    page_rows: int = Field(default=50_000, ge=1)
    max_rows: int = Field(default=MOST_ROWS, ge=1)

    @field_validator("project", "dataset", "table")
    @classmethod
    def _named(cls, given: str | None) -> str | None:
        if given is not None and any(char in "`\\\n\r\x00" for char in given):
            raise ValueError(f"must be a name, got {given[:60]!r}")
        return given

    @field_validator("endpoint")
    @classmethod
    def _address(cls, given: str | None) -> str | None:
        parts = urlsplit(given or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a host")
        return given


def options_of_url(url: str, names: Container[str]) -> dict[str, Any]:
    """Return the options that ``bigquery://project/dataset?table=name`` stands for."""
    given = url_options(url, names)
    parts = urlsplit(given.pop("url"))
    place = [unquote(part) for part in parts.path.split("/") if part]
    found = {"project": parts.netloc, **dict(zip(("dataset", "table"), place, strict=False))}
    return {**found, **given}
