"""Read datasources of Apache Druid, Druid SQL, and native queries as they stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Self

import numpy as np

from redshank.errors import ConfigError
from redshank.http.client import Http
from redshank.panel import to_datetime
from redshank.sources.base import Progress, Query, Reading, Source
from redshank.sources.druid_api import Api
from redshank.sources.druid_native import Results
from redshank.sources.druid_options import SCHEMES, DruidOptions, native_of, options_of_url
from redshank.sources.druid_points import Points
from redshank.sources.druid_sql import Relation
from redshank.sources.survey import Place, Survey
from redshank.specs.options import Access

_NEEDS = "source of kind 'druid': needs a table (a datasource) or a query, and not both"


class DruidSource(Source):
    """A datasource, or a query, of one broker or router."""

    kind: ClassVar[str] = "druid"
    schemes: ClassVar[tuple[str, ...]] = SCHEMES
    Options: ClassVar[type[DruidOptions]] = DruidOptions

    def __init__(self, api: Api, options: DruidOptions) -> None:
        """Keep what to read; nothing is asked yet. ConfigError when the query cannot be right."""
        self.api, self.where = api, api.where
        self._chosen: Points | Results | None = None
        try:
            native = None if options.query is None else native_of(options.query)
        except ValueError as error:
            raise ConfigError(f"query: begins as JSON, but is none: {error}", field="query") from None
        if native is not None:
            self._chosen = Results(api, native, options, self.counts)
        elif options.query is not None or options.table is not None:
            relation = Relation.of(options.table, None if options.query is None else str(options.query))
            self._chosen = Points(api, relation, options, self.counts)

    @classmethod
    def options_of(cls, url: str) -> dict[str, Any]:
        """Return the options that ``druid://host:8082/wikipedia`` stands for."""
        return options_of_url(url, cls.Options.model_fields)

    @classmethod
    def build(cls, options: DruidOptions, access: Access) -> Self:
        """Return the source; ConfigError when the address or what to read cannot be right."""
        if options.query is not None and options.table is not None:
            raise ConfigError(_NEEDS, field="query")
        what = options.table or ("" if options.query is None else "query")
        http = Http.of(options, access, f"druid {options.url.rstrip('/')} {what}".rstrip())
        return cls(Api(http, options.context), options)

    @property
    def _read_of(self) -> Points | Results:
        if self._chosen is None:
            raise ConfigError(_NEEDS, field="query")
        return self._chosen

    def describe(self) -> str:
        """Return the address without password, and what is read."""
        return self.where

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the panels of what is asked for, aggregated by Druid where it can.

        What it cannot do exactly as it is done here is done here, and a note says so.

        Raises:
            SourceError: the server cannot be reached, refuses what it is asked or takes too long, or has no such
                datasource.
            NoPointsError: there is nothing in the range asked for.
            DataError: what is there holds nothing to score.
        """
        chosen = self._read_of
        before = replace(self.api.http.counts)
        with self.counts.reading(), self.api.http.reading():
            try:
                return chosen.read(query, progress)
            finally:
                now = self.api.http.counts
                self.counts.add(
                    requests=now.requests - before.requests,
                    retries=now.retries - before.retries,
                    bytes=now.bytes_in - before.bytes_in,
                )

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time, found by the server."""
        chosen = self._read_of
        found = chosen.newest_ms(query) if isinstance(chosen, Points) else chosen.newest_ms()
        return None if found is None else to_datetime(np.datetime64(found * 1_000_000, "ns"))

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return some rows or results as they stand."""
        chosen = self._read_of
        return chosen.first(n)[1] if isinstance(chosen, Points) else chosen.preview(n)

    def survey(self, query: Query) -> Survey:
        """Return the datasources, and the columns of what is read."""
        places = tuple(Place(name, "datasource") for name in self.api.datasources())
        if self._chosen is None:
            return Survey(places=places, notes=["name one of these datasources by table to see its columns"])
        return replace(self._chosen.survey(query), places=places)

    def check(self) -> None:
        """Reach the server, and read one row when it is said of what."""
        if self._chosen is not None:
            super().check()
            return
        self.api.datasources()

    def cancel(self) -> None:
        """Give up what other threads read; they end with SourceError soon, and their queries on the server too."""
        self.api.cancel()
