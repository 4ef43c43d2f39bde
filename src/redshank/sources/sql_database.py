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
from redshank.sources.sql_connect import connected
from redshank.sources.sql_session import Session


class Database:
    """Connects to a database and asks it."""

    def __init__(self, session: Session, where: str, counts: Counts) -> None:
        """Keep how to reach it; nothing is connected yet."""
        self.session, self.where, self.counts = session, where, counts
        self.flavour = session.speaks
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
            with connected(self.session, self.where) as connection:
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
        deadline, given_up = time.monotonic() + self.session.limits.read, self._given_up

        def look() -> float:
            if self._given_up != given_up:
                raise SourceError(f"{self.where}: reading was given up")
            left = deadline - time.monotonic()
            if left < 0:
                raise SourceError(f"{self.where}: took longer than timeout allows; ask for less, or raise timeout")
            return left

        self.counts.add(requests=1)
        for frame in self.session.frames(connection, statement, kinds, look):
            look()
            self.counts.add(rows=len(frame), bytes=int(frame.estimated_size()))
            if len(frame):
                yield frame

    def cancel(self) -> None:
        """Give up what other threads read; one that is just about to ask may go on until the next call."""
        with self._lock:
            self._given_up += 1
            for connection in self._open:
                self.session.give_up(connection)
