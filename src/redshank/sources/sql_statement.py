"""What is asked of a database: a table or a query, with a range of time and some values put to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Self

import polars as pl
import sqlalchemy as sa

from redshank.errors import ConfigError, DataError, SourceError, did_you_mean
from redshank.sources.sql_connect import RefusedError, connected
from redshank.sources.sql_range import TimeForm
from redshank.sources.sql_rows import kinds, portion, usable
from redshank.sources.sql_session import Session
from redshank.sources.sql_text import END, START, bindable, checked_query, open_values

SAMPLE_ROWS = 5_000
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
LEAST, MOST = 0, (1 << 63) - 1
_ALIAS = "redshank"


@dataclass(frozen=True)
class Selection:
    """A table or a query. ``open``: of ``start`` and ``end``, those that the query leaves open, in its own words.

    ``takes_numbers``: the query compares them with numbers; None = not known yet.
    """

    dialect: str
    query: str | None = None
    table: str | None = None
    open: frozenset[str] = frozenset()
    takes_numbers: bool | None = None

    @classmethod
    def of(cls, dialect: str, *, query: str | None, table: str | None) -> Self:
        """Return the selection; ConfigError when the query does anything but read."""
        if table is not None:
            if not table.strip() or "\x00" in table:
                raise ConfigError(f"table: must be a name such as points or shop.points, got {table!r}", field="table")
            return cls(dialect, table=table)
        assert query is not None
        if "\x00" in query:
            raise ConfigError("query: must not hold a zero character", field="query")
        kept = checked_query(query, dialect)
        return cls(dialect, query=kept, open=frozenset(open_values(kept, dialect)))

    def __str__(self) -> str:
        """Return the table, or the query on one line."""
        text = self.table if self.table is not None else " ".join((self.query or "").split())
        return text if len(text) <= 60 else f"{text[:60]}..."

    def statement(
        self,
        names: Sequence[str],
        time: str,
        form: TimeForm | None,
        *,
        start: datetime | None,
        end: datetime | None,
        conditions: Sequence[Any] = (),
    ) -> sa.Select[Any]:
        """Return the statement for columns of the rows with start <= time < end.

        ``form``: how times are compared, None = they cannot be. ``conditions``: that rows must meet besides.
        """
        column = self.sorted(sa.column(time), form)
        wanted: list[Any] = [sa.column(name) for name in names]
        statement = sa.select(*wanted).select_from(self._from(self._open_bounds(form, start, end)))
        if form is not None and start is not None:
            statement = statement.where(column >= _value(form.bound(start, is_end=False)))
        if form is not None and end is not None:
            statement = statement.where(column < _value(form.bound(end, is_end=True)))
        for condition in conditions:
            statement = statement.where(condition)
        return statement

    def sample(self, rows: int, guess: tuple[Any, Any]) -> sa.Select[Any]:
        """Return the statement for the first rows, all columns; ``guess``: values for :start and :end."""
        bounds = {name: value for name, value in zip((START, END), guess, strict=True) if name in self.open}
        return sa.select(sa.literal_column("*")).select_from(self._from(bounds)).limit(rows)

    def some(self, names: Sequence[str], rows: int, form: TimeForm | None) -> sa.Select[Any]:
        """Return the statement for columns of so many rows."""
        bounds = self._open_bounds(form, None, None)
        wanted: list[Any] = [sa.column(name) for name in names]
        return sa.select(*wanted).select_from(self._from(bounds)).limit(rows)

    def sorted(self, column: Any, form: TimeForm | None) -> Any:
        """Return the column, texts compared by their code points whatever the language of the database."""
        is_text = form is not None and (form.is_by_day or bool(form.pattern)) and not form.is_number
        return column.collate("C") if is_text and self.dialect == "postgresql" else column

    def _from(self, bounds: Mapping[str, Any]) -> Any:
        if self.table is not None:
            schema, _, name = self.table.rpartition(".")
            return sa.table(name, schema=schema or None)
        text = sa.text(bindable(self.query or "", self.dialect))
        if bounds:
            text = text.bindparams(*(_value(value, name) for name, value in bounds.items()))
        return text.columns().subquery(_ALIAS)

    def _open_bounds(self, form: TimeForm | None, start: datetime | None, end: datetime | None) -> dict[str, Any]:
        asked = {START: (start or EARLIEST, False), END: (end or LATEST, True)}
        return {name: self._open_bound(form, *asked[name]) for name in self.open}

    def _open_bound(self, form: TimeForm | None, moment: datetime, is_end: bool) -> Any:
        is_number = form is not None and (bool(form.clock.nanoseconds) or form.is_number)
        if form is not None and is_number == bool(self.takes_numbers):
            return form.bound(moment, is_end=is_end)
        if not self.takes_numbers and self.dialect != "sqlite":
            return moment
        raise ConfigError(
            "query: compares :start and :end with something else than its time column; select that as the time, or "
            "leave them out, and the range is put around the query",
            field="query",
        )


@dataclass(frozen=True)
class FirstRows:
    """Some rows, the kinds of their columns (``sql_rows.kinds``), and the selection with what was learned."""

    frame: pl.DataFrame
    kinds: dict[str, str]
    selection: Selection


def first_rows(session: Session, selection: Selection, where: str, rows: int = SAMPLE_ROWS) -> FirstRows:
    """Return the first rows, columns of bytes and nested values left out.

    Whether a query compares its open values with times or with numbers is found by trying.

    Raises:
        SourceError: the database cannot be reached, or refuses what it is asked.
        DataError: there is no such table, or two columns of a query share a name.
    """
    first_error: RefusedError | None = None
    found = None
    for takes_numbers, guess in ((False, (EARLIEST, LATEST)), (True, (LEAST, MOST))):
        try:
            found = _first_rows(session, selection.sample(rows, guess), where)
        except RefusedError as error:
            first_error = first_error or error
        else:
            if len(found[0]) or not selection.open:
                learned = replace(selection, takes_numbers=takes_numbers) if selection.open else selection
                return FirstRows(*found, learned)
        if not selection.open:
            break
    if found is not None and first_error is None:
        return FirstRows(*found, selection)
    assert first_error is not None
    _check_table(session, selection, where)
    raise first_error


def _first_rows(session: Session, statement: sa.Select[Any], where: str) -> tuple[pl.DataFrame, dict[str, str]]:
    with connected(session, where) as connection:
        result = connection.execute(statement)
        names = list(result.keys())
        rows = result.fetchall()
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{where}: gives two columns named {twice[0]!r}; name one of them otherwise with AS")
    kept = usable(names, rows)
    return portion(names, rows).select(kept), kinds(names, rows)


def _check_table(session: Session, selection: Selection, where: str) -> None:
    """Raise DataError with the near names when the table is not there, and the database tells its tables."""
    if selection.table is None:
        return
    schema, _, name = selection.table.rpartition(".")
    try:
        with connected(session, where) as connection:
            inspector = sa.inspect(connection)
            known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
    except SourceError:
        return
    if name not in known:
        raise DataError(f"{where}: {did_you_mean('table', name, known)}", field="table") from None


def _value(value: Any, name: str | None = None) -> sa.BindParameter[Any]:
    """A value with the type that it is sent as."""
    if isinstance(value, datetime):
        kind: Any = sa.DateTime(timezone=value.tzinfo is not None)
    elif isinstance(value, date):
        kind = sa.Date()
    elif isinstance(value, int):
        kind = sa.BigInteger()
    else:
        kind = sa.Double() if isinstance(value, float) else sa.String()
    return sa.bindparam(name, value, type_=kind, unique=name is None)
