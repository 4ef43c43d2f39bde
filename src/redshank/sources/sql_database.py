"""One database as a source sees it: connections that others can give up, and answers in portions."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import sqlalchemy as sa

from redshank.errors import SourceError
from redshank.sources.counts import Counts
from redshank.sources.sql_buckets import Wording, wording_of
from redshank.sources.sql_connect import Limits, connected, give_up
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

    def portions(self, connection: sa.Connection, statement: Any) -> Generator[pl.DataFrame]:
        """Yield the answer to a statement, some rows at a time; SourceError when it takes too long or is given up."""
        deadline, given_up = time.monotonic() + self.limits.read, self._given_up
        names = [column.name for column in statement.selected_columns]
        self.counts.add(requests=1)
        with connection.execution_options(yield_per=PORTION_ROWS).execute(statement) as result:
            for rows in result.partitions():
                if self._given_up != given_up:
                    raise SourceError(f"{self.where}: reading was given up")
                if time.monotonic() > deadline:
                    raise SourceError(f"{self.where}: took longer than timeout allows; ask for less, or raise timeout")
                self.counts.add(rows=len(rows))
                yield portion(names, rows)

    def cancel(self) -> None:
        """Give up what other threads read; one that is just about to ask may go on until the next call."""
        with self._lock:
            self._given_up += 1
            for connection in self._open:
                give_up(connection)
