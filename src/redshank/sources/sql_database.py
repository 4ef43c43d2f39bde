"""One database as a source sees it: connections that others can give up, and answers in portions."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import polars as pl
import sqlalchemy as sa

from redshank.errors import SourceError
from redshank.sources.counts import Counts
from redshank.sources.sql_buckets import Wording, wording_of
from redshank.sources.sql_connect import Limits, connected, give_up
from redshank.sources.sql_copy import copied
from redshank.sources.sql_rows import PORTION_ROWS, portion


class Database:
    """Connects to a database and asks it; ``flavour``: its dialect, or the name of one that speaks like it."""

    def __init__(self, engine: sa.Engine, where: str, limits: Limits, counts: Counts, flavour: str = "") -> None:
        """Keep how to reach it; nothing is connected yet."""
        self.engine, self.where, self.limits, self.counts = engine, where, limits, counts
        self.flavour = flavour or engine.dialect.name
        self._lock = threading.Lock()
        self._open: set[Any] = set()
        self._given_up = 0

    def wording(self, connection: sa.Connection) -> Wording | None:
        """Return how it says the parts of an aggregation; None when that is not known."""
        version = getattr(connection.dialect, "server_version_info", None)
        return wording_of(self.flavour, tuple(version or ()))

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """Give a connection that ends with SourceError when ``cancel`` is called."""
        given_up = self._given_up
        try:
            with connected(self.engine, self.where) as connection:
                driver = connection.connection.driver_connection
                with self._lock:
                    self._open.add(driver)
                try:
                    yield connection
                finally:
                    with self._lock:
                        self._open.discard(driver)
        except SourceError as error:
            if self._given_up != given_up:
                raise SourceError(f"{self.where}: reading was given up") from error
            raise

    def portions(
        self, connection: sa.Connection, statement: sa.Select[Any], kinds: Mapping[str, str] | None = None
    ) -> Generator[pl.DataFrame]:
        """Yield the answer to a statement, some rows at a time; SourceError when it takes too long or is given up.

        ``kinds``: of all its columns (``sql_rows.kinds``), None = not known; where they are known there may be a
        faster way.
        """
        deadline, given_up = time.monotonic() + self.limits.read, self._given_up

        def look() -> float:
            if self._given_up != given_up:
                raise SourceError(f"{self.where}: reading was given up")
            left = deadline - time.monotonic()
            if left < 0:
                raise SourceError(f"{self.where}: took longer than timeout allows; ask for less, or raise timeout")
            return left

        self.counts.add(requests=1)
        if kinds is not None and self.flavour == "postgresql":
            frames = copied(connection, statement, kinds, look)
        else:
            frames = _partitions(connection, statement)
        for frame in frames:
            look()
            self.counts.add(rows=len(frame), bytes=int(frame.estimated_size()))
            if len(frame):
                yield frame

    def cancel(self) -> None:
        """Give up what other threads read; one that is just about to ask may go on until the next call."""
        with self._lock:
            self._given_up += 1
            for connection in self._open:
                give_up(connection)


def _partitions(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[pl.DataFrame]:
    names = [column.name for column in statement.selected_columns]
    with connection.execution_options(yield_per=PORTION_ROWS).execute(statement) as result:
        for rows in result.partitions():
            yield portion(names, rows)
