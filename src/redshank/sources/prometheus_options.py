"""What is told of Prometheus: which server, and what of it."""

from __future__ import annotations

from collections.abc import Container
from datetime import timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, field_validator

from redshank.http.aws import AwsOptions
from redshank.sources.base import url_options
from redshank.sources.prometheus_text import Selector
from redshank.specs.base import Duration

PORT = 9090
SCHEMES = ("prometheus", "prometheus+http", "prometheus+https")
MOST_ROWS = 50_000_000


class PrometheusOptions(AwsOptions):
    """Which server, and which of its metrics or what expression.

    ``query``: PromQL; a plain selector is read as the points that are stored, anything else is evaluated ``every`` so
    long. ``metric``: name of a metric instead. ``partial``: take answers that miss a store. ``page_points``: of one
    answer.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("query", "metric")

    query: str | None = None
    metric: str | None = None
    every: Duration = Field(default=timedelta(minutes=1), ge=timedelta(milliseconds=1))
    partial: bool = False
    aws_service: Literal["es", "aoss", "aps"] = "aps"
    parallel: int = Field(default=2, ge=1, le=32)
    page_points: int = Field(default=500_000, ge=1)
    max_rows: int = Field(default=MOST_ROWS, ge=1)

    @field_validator("metric")
    @classmethod
    def _named(cls, given: str | None) -> str | None:
        if given is not None and (Selector.read(given) or Selector(None, ("",))).matchers:
            raise ValueError(f"must be the name of a metric, got {given[:60]!r}; write expressions as query")
        return given


def options_of_url(url: str, names: Container[str]) -> dict[str, Any]:
    """Return the options that ``prometheus://host:9090/prefix?query=up`` stands for."""
    given = url_options(url, names)
    parts = urlsplit(given["url"])
    if parts.scheme in SCHEMES:
        is_secure = parts.scheme.endswith("https")
        place = parts.netloc
        if parts.hostname and parts.port is None and not is_secure:
            place = f"{place.removesuffix(':')}:{PORT}"
        parts = parts._replace(scheme="https" if is_secure else "http", netloc=place)
    return {**given, "url": urlunsplit(parts)}
