"""Rows of PostgreSQL by ``COPY ... (FORMAT binary)``: several times as fast as rows through its driver.

Every column is cast to one of a few types, so that the format is known before the first byte comes. Bytes are read
without blocking other threads, and taken apart by the kernels of sql_copy_kernel.py.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa
from numpy.typing import NDArray

from redshank.sources.sql_copy_kernel import find_texts, read_tuples

PORTION_BYTES = 8_000_000
LOOK_SECONDS = 1.0  # between two looks at the deadline while nothing comes
_HEADER = 11 + 4 + 4  # signature, flags, length of an extension that no version has
_SINCE_2000_US, _SINCE_2000_DAYS = 946_684_800_000_000, 10_957
_MOST_US, _MOST_DAYS = 8_000_000_000_000_000, 90_000  # of which nanoseconds since 1970 fit: 1753 to 2246
_CASTS: dict[str, Any] = {
    "int": sa.BigInteger(),
    "float": sa.Double(),
    "decimal": sa.Double(),
    "bool": sa.Boolean(),
    "datetime": sa.DateTime(),
    "datetimetz": sa.DateTime(timezone=True),
    "date": sa.Date(),
}


def copied(
    connection: sa.Connection, statement: sa.Select[Any], kinds: Mapping[str, str], look: Callable[[], float]
) -> Iterator[pl.DataFrame]:
    """Yield the answer to a statement, some rows at a time.

    ``kinds``: of its columns (``sql_rows.kinds``). ``look``: raises when it is time to end; else returns the seconds
    that are left.
    """
    names = [column.name for column in statement.selected_columns]
    used = [kinds.get(name, "str") for name in names]
    answer = statement.subquery("answer")
    wanted = sa.select(*(_cast(answer.c[name], kind).label(name) for name, kind in zip(names, used, strict=True)))
    driver: Any = connection.connection.driver_connection
    text = _text(connection, driver, wanted)
    dtypes = [kind if kind in _CASTS else "float" if kind == "interval" else "str" for kind in used]
    is_done = False
    try:
        for buffer in _buffers(driver, f"COPY ({text}) TO STDOUT (FORMAT binary)", look):
            yield _table(names, dtypes, np.frombuffer(buffer, np.uint8))
        is_done = True
    except driver.Error as error:
        raise _as_sqlalchemy(error) from error
    finally:
        if not is_done:
            connection.invalidate()  # the driver does not know that rows are still on their way


def _cast(column: sa.ColumnElement[Any], kind: str) -> sa.ColumnElement[Any]:
    if kind == "interval":
        return sa.cast(sa.extract("epoch", column), sa.Double())
    return sa.cast(column, _CASTS.get(kind, sa.Text()))


def _text(connection: sa.Connection, driver: Any, statement: sa.Select[Any]) -> str:
    """The statement with its values in it, written by the driver, which knows how to quote them."""
    from psycopg import ClientCursor

    compiled = statement.compile(dialect=connection.dialect)
    return str(ClientCursor(driver).mogrify(str(compiled), compiled.params))


def _buffers(driver: Any, command: str, look: Callable[[], float]) -> Iterator[bytearray]:
    """The bytes of the answer; whole rows in each buffer."""
    from psycopg import errors, pq

    pgconn = driver.pgconn
    with driver.cursor() as cursor:
        cursor.execute("SELECT 1")  # begins the transaction
    pgconn.send_query(command.encode())
    while pgconn.is_busy():
        _wait(pgconn, look)
    result = pgconn.get_result()
    if result.status == pq.ExecStatus.COPY_OUT:
        buffer = bytearray()
        skipped = _HEADER
        while _fill(pgconn, buffer, look):
            yield buffer[skipped:]
            buffer.clear()
            skipped = 0
        yield buffer[skipped:]
    while (more := pgconn.get_result()) is not None:
        result = more
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise errors.error_from_result(result)


def _fill(pgconn: Any, buffer: bytearray, look: Callable[[], float]) -> bool:
    """Add rows to the buffer until it has enough; False when there are no more, or the server broke off."""
    look()
    while len(buffer) < PORTION_BYTES:
        size, data = pgconn.get_copy_data(1)
        if size > 0:
            buffer += data
        elif size == 0:
            _wait(pgconn, look)
        else:
            return False
    return True


def _wait(pgconn: Any, look: Callable[[], float]) -> None:
    """Wait until there is more to read; other threads run meanwhile."""
    while not select.select([pgconn.socket], [], [], min(LOOK_SECONDS, max(0.0, look())))[0]:
        look()
    pgconn.consume_input()


def _as_sqlalchemy(error: Exception) -> sa.exc.DBAPIError:
    """What the driver says, as SQLAlchemy says it."""
    import psycopg

    found = sa.exc.DBAPIError.instance("COPY", None, error, psycopg.Error)
    assert isinstance(found, sa.exc.DBAPIError)
    return found


# ---------------------------------------------------------------------- bytes to columns


def _table(names: list[str], kinds: list[str], buffer: NDArray[np.uint8]) -> pl.DataFrame:
    is_text = np.array([kind == "str" for kind in kinds])
    capacity = len(buffer) // (2 + 4 * len(kinds)) + 1 if kinds else 0
    numbers = np.empty((len(kinds), capacity), np.int64)
    lengths = np.empty((len(kinds), capacity), np.int32)
    rows = read_tuples(buffer, is_text, numbers, lengths)
    columns = [
        _column(name, kind, buffer, numbers[i, :rows], lengths[i, :rows])
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return pl.DataFrame(columns)


def _column(
    name: str, kind: str, buffer: NDArray[np.uint8], numbers: NDArray[np.int64], lengths: NDArray[np.int32]
) -> pl.Series:
    missing = lengths < 0
    if kind == "str":
        return _texts(name, buffer, numbers, lengths)
    if kind in ("float", "decimal"):
        series = pl.Series(name, numbers.view(np.float64))
    elif kind == "bool":
        series = pl.Series(name, numbers != 0)
    elif kind == "date":
        missing |= np.abs(numbers) > _MOST_DAYS
        series = pl.Series(name, (numbers + _SINCE_2000_DAYS).astype(np.int32)).cast(pl.Date)
    elif kind == "int":
        series = pl.Series(name, numbers)
    else:
        missing |= (numbers > _MOST_US) | (numbers < -_MOST_US)
        zone = "UTC" if kind == "datetimetz" else None
        series = pl.Series(name, numbers + _SINCE_2000_US).cast(pl.Datetime("us", zone))
    return series.set(pl.Series(missing), None) if missing.any() else series


def _texts(name: str, buffer: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int32]) -> pl.Series:
    """Texts, of which equal ones are made once."""
    codes, firsts = find_texts(buffer, starts, lengths)
    texts = [
        buffer[start : start + length].tobytes().decode("utf-8", "replace") if length >= 0 else None
        for start, length in zip(starts[firsts].tolist(), lengths[firsts].tolist(), strict=True)
    ]
    return pl.Series(name, texts, pl.String).gather(pl.Series(codes))
