"""The contract of sources on a stand-in for Snowflake, run by a Python that has its connector: ADDRESS as argument."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import polars as pl
import sqlalchemy as sa
from tests import source_contract as contract

from redshank.sources.base import Source
from redshank.sources.sql import SqlOptions, SqlSource
from redshank.specs.options import Access, read_options


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    if isinstance(value, float):
        return f"'{value}'::float" if value != value else repr(value)
    return f"'{value.isoformat(sep=' ')}'::timestamp_tz" if hasattr(value, "isoformat") else repr(value)


def load(cursor: Any, table: str, columns: str, rows: pl.DataFrame) -> None:
    values = ", ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows.iter_rows())
    cursor.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
    cursor.execute(f"INSERT INTO {table} VALUES {values}")


def of(address: str, table: str) -> Callable[[], Source]:
    return lambda: SqlSource.build(read_options(SqlOptions, "snowflake", {"url": address, "table": table}), Access())


def main(address: str) -> None:
    from snowflake import connector

    url = sa.make_url(address)
    given = {"account": url.host, "user": url.username, "password": url.password, **url.query}
    rows, hostile = contract.contract_rows(), contract.hostile_rows()
    hostile = hostile.filter(~pl.col("name").str.contains("$", literal=True))  # a variable, also in texts, to fakesnow
    hostile = hostile.with_columns(value=pl.col("name").rle_id().cast(pl.Float64))
    with connector.connect(**given, database="redshank", schema="public") as connection:
        cursor = connection.cursor()
        numbers = "load double, requests bigint, latency double"
        load(cursor, "points", f"time timestamp_tz, host varchar, city varchar, {numbers}", rows)
        load(cursor, "hostile", "time timestamp_tz, name varchar, value double", hostile)
    make = of(address, "points")
    contract.check_raw(make, rows)
    contract.check_law(make, rows)
    contract.check_repeatable(make)
    contract.check_cursor(make, ranges=10)
    contract.check_filter(make, rows)
    contract.check_preview_survey(make)
    contract.check_none(make)
    assert make().newest(contract.query()) == rows["time"].max()
    contract.check_hostile_labels(of(address, "hostile"), hostile)
    notes = make().read(contract.query(agg="p90", step=contract.HOURS, tz="Europe/Oslo")).findings.notes
    assert not [note for note in notes if "aggregated here" in note], notes


main(sys.argv[1])
