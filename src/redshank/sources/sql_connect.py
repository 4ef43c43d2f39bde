"""What a database says when something is wrong, in our words."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, exc

from redshank.errors import SourceError
from redshank.sources.sql_session import Session

SILENT_SECONDS = 5.0  # that a database may be silent after its own time-out before it counts as gone
_LATE = "took longer than timeout allows; ask for less, give the table an index by time, or raise timeout"


class RefusedError(SourceError):
    """The database understood who asks, but not what, or could not work it out."""


@contextmanager
def connected(session: Session, where: str) -> Iterator[Connection]:
    """Give a connection in a transaction that only reads, then close it; SourceError for what the database says.

    A connection whose other end has fallen silent is cut when all time-outs are over.
    """
    try:
        with session.engine.connect() as connection, _cut_in_the_end(session, connection) as cut:
            try:
                with session.within(connection) as timed:
                    yield timed
            except exc.SQLAlchemyError as error:
                if cut.is_set():
                    raise SourceError(f"{where}: {_LATE}") from error
                raise
    except exc.SQLAlchemyError as error:
        kind = RefusedError if session.is_refused(error) else SourceError
        raise kind(f"{where}: {_reason(session, error)}") from error


@contextmanager
def _cut_in_the_end(session: Session, connection: Connection) -> Iterator[threading.Event]:
    driver = connection.connection.driver_connection
    is_cut = threading.Event()

    def cut() -> None:
        is_cut.set()
        session.cut(driver)

    timer = threading.Timer(session.limits.read + SILENT_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield is_cut
    finally:
        timer.cancel()


def _reason(session: Session, error: exc.SQLAlchemyError) -> str:
    if session.is_late(error):
        return _LATE
    original = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    reason = lines[0] if lines else type(original).__name__
    remedy = next((remedy for said, remedy in session.remedies if re.search(said, str(original), re.IGNORECASE)), "")
    return f"{reason}; {remedy}" if remedy else reason
