"""The SQL sink over a database, and a look into its tables, for the contract of sinks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from redshank.sinks.build import build_sink
from redshank.sinks.sql import SqlSink
from sink_contract import Place

TIMES = ("start", "end", "opened", "peak")


def sink_to(url: str, **options: Any) -> SqlSink:
    """A sink of events and scores to a database."""
    sink = build_sink("sql", {"url": url, "scores": True, **options})
    assert isinstance(sink, SqlSink)
    return sink


def rows_of(sink: SqlSink, table: sa.Table, *joined: sa.Table) -> list[dict[str, Any]]:
    """The rows of a table, or of two with the same series; none when the table is not there."""
    query = sa.select(table)
    for other in joined:
        query = sa.select(table, other).join(other, table.c.series_id == other.c.series_id)
    with sink.engine.connect() as connection:
        if not sa.inspect(connection).has_table(table.name, schema=table.schema):
            return []
        return [
            {column.name: row._mapping[column] for column in query.selected_columns}
            for row in connection.execute(query)
        ]


def event_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the events in the words of the contract."""
    same = ("id", "monitor", "kind", "measure", "series", "severity", "direction", "points", "is_open", "reason")
    numbers = ("score", "actual", "expected", "lower", "upper", "rarity")
    return {
        **{name: row[name] for name in (*same, *numbers)},
        **{name: row[f"{name}_time"] for name in TIMES},
        "labels": json.loads(row["labels"]),
    }


def point_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the scores, with that of its series, in the words of the contract."""
    names = ("monitor", "series", "measure", "time", "actual", "expected", "lower", "upper", "score")
    return {**{name: row[name] for name in names}, "labels": json.loads(row["labels"])}


def place_at(url: str, **options: Any) -> Place:
    """The sink and a look behind it."""

    def events() -> list[dict[str, Any]]:
        sink = sink_to(url, **options)
        found = [event_of(row) for row in rows_of(sink, sink.tables.events)]
        sink.close()
        return found

    def scores() -> list[dict[str, Any]]:
        sink = sink_to(url, **options)
        found = [point_of(row) for row in rows_of(sink, sink.tables.scores, sink.tables.series)]
        sink.close()
        return found

    return Place(make=lambda: sink_to(url, **options), events=events, scores=scores)


def emptied(url: str, **options: Any) -> None:
    """Take the tables of the sink away."""
    sink = sink_to(url, **options)
    sink.tables.metadata.drop_all(sink.engine)
    sink.close()
