"""What a database holds: tables with their rows, columns with their types and roles, and how many labels there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from redshank.errors import DataError, SourceError
from redshank.sources.base import Query
from redshank.sources.sql_database import Database
from redshank.sources.sql_range import TimeForm, time_form
from redshank.sources.sql_statement import FirstRows, Selection, first_rows
from redshank.sources.survey import LABEL, Column, Survey, examples_of, role_of
from redshank.tables.raw import RawTable
from redshank.tables.roles import Roles, find_roles

COUNTED_ROWS = 200_000  # among which different labels are counted


def survey_database(database: Database, selection: Selection | None, query: Query) -> Survey:
    """Return the tables and views, and of the one selected (or the query) the columns.

    Raises:
        SourceError: the database cannot be reached, or refuses what it is asked.
        DataError: there is no such table.
    """
    with database.connected() as connection:
        places = tuple(database.session.places(connection))
    if selection is None:
        return Survey(places=places)
    first = first_rows(database.session, selection, database.where)
    roles, notes = _roles(database.where, first, query)
    columns = _columns(database, first, roles)
    if roles is None:
        return Survey(places=places, columns=columns, notes=notes)
    if any(column.role == LABEL for column in columns):
        form = time_form(roles.clock, first.frame, query.tz)
        columns, more = _counted(database, first.selection, form, columns)
        notes = [*notes, *more]
    return Survey(places=places, columns=columns, time=roles.clock.name, notes=notes)


def _roles(where: str, first: FirstRows, query: Query) -> tuple[Roles | None, list[str]]:
    try:
        roles = find_roles(RawTable(where=where, frame=first.frame.lazy()), query)
    except DataError as error:
        return None, [str(error)]
    return roles, [*roles.notes, f"roles are those of the first {len(first.frame):,} rows"]


def _columns(database: Database, first: FirstRows, roles: Roles | None) -> tuple[Column, ...]:
    types = _types(database, first.selection)
    names = list(dict.fromkeys([*types, *first.kinds]))
    found = []
    for name in names:
        examples = examples_of(first.frame[name]) if name in first.frame.columns else ()
        found.append(Column(name, types.get(name, first.kinds.get(name, "")), role_of(name, roles), None, examples))
    return tuple(found)


def _types(database: Database, selection: Selection) -> dict[str, str]:
    """The types of a table's columns as the database calls them; none of a query, or where they are not told."""
    if selection.table is None:
        return {}
    schema, _, name = selection.table.rpartition(".")
    try:
        with database.connected() as connection:
            columns: list[Any] = list(sa.inspect(connection).get_columns(name, schema or None))
            return {str(each["name"]): str(each["type"].compile(connection.dialect)) for each in columns}
    except (SourceError, sa.exc.CompileError):
        return {}


def _counted(
    database: Database, selection: Selection, form: TimeForm | None, columns: tuple[Column, ...]
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns with the number of different values of labels among some rows."""
    labels = [column.name for column in columns if column.role == LABEL]
    try:
        with database.connected() as connection:
            rows = selection.some(labels, COUNTED_ROWS, form).subquery("counted")
            counts = [sa.func.count(sa.distinct(rows.c[name])).label(f"n{i}") for i, name in enumerate(labels)]
            *found, total = connection.execute(sa.select(*counts, sa.func.count())).one()
    except SourceError as error:
        return columns, [f"labels could not be counted: {error}"]
    numbers = dict(zip(labels, found, strict=True))
    note = [f"different labels are those among {COUNTED_ROWS:,} rows"] if total == COUNTED_ROWS else []
    return tuple(replace(one, values=numbers.get(one.name)) for one in columns), note
