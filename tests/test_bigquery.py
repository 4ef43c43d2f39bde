"""The source of BigQuery: what it asks, and what it refuses, on a server that a test scripts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from http_world import Act, answer, world
from redshank.errors import ConfigError, DataError, SourceError
from redshank.sources.base import Query
from redshank.sources.bigquery import BigquerySource
from redshank.sources.bigquery_sql import Asked, source_of
from redshank.sources.build import build_source
from redshank.tables.buckets import Buckets


def _source(**options: object) -> BigquerySource:
    source = build_source("bigquery", {"project": "p", "dataset": "d", **options})
    assert isinstance(source, BigquerySource)
    return source


def _json(body: object, status: str = "200 OK") -> Act:
    return answer(status, json.dumps(body).encode(), Content_Type="application/json")


def _table(**more: object) -> Act:
    fields = [{"name": "time", "type": "TIMESTAMP"}, {"name": "load", "type": "FLOAT"}]
    reference = {"projectId": "p", "datasetId": "d", "tableId": "t"}
    return _json({"tableReference": reference, "schema": {"fields": fields}, **more})


def test_an_address_names_project_dataset_and_table() -> None:
    assert BigquerySource.options_of("bigquery://p/d/t?location=EU") == {
        "project": "p", "dataset": "d", "table": "t", "location": "EU"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"table": "t"}, "needs credentials"),
        ({"table": "t", "credentials": '{"private_key": "hush"}'}, "must be the JSON key"),
        ({"table": "t", "query": "SELECT 1"}, "not both"),
        ({"query": "DELETE FROM t WHERE true"}, "must read"),
        ({"query": r"SELECT 'a\'; DROP TABLE t; --'; DROP TABLE t"}, "one statement"),
        ({"table": "a`b"}, "must be a name"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_asked(given: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        _source(**given)

    assert "hush" not in str(caught.value)


def test_open_values_are_parameters_in_code_only() -> None:
    assert source_of(None, "SELECT ':start' FROM t WHERE a >= :start") == "(SELECT ':start' FROM t WHERE a >= @start\n)"


def test_values_are_never_written_into_the_text() -> None:
    asked = Asked(
        source="`d.t`", time="time", types={"time": "TIMESTAMP", "host": "STRING"}, filter={"host": ("x'; --",)}
    )

    statement = asked.cells("count", Buckets.of(timedelta(hours=1), None))

    assert "x'" not in statement.sql
    assert statement.values == {"f0": ("x'; --",)}


def test_a_query_that_bigquery_says_writes_is_refused() -> None:
    job = {
        "jobReference": {"projectId": "p", "jobId": "j", "location": "US"},
        "configuration": {"query": {"query": "x"}, "dryRun": True},
        "statistics": {"query": {"statementType": "SCRIPT", "totalBytesProcessed": "7"}},
        "status": {"state": "DONE"},
    }

    with world(_json(job)) as told, pytest.raises(SourceError, match="SCRIPT"):
        _source(endpoint=told.url, query="SELECT 1").preview()

    assert b'"dryRun": true' in told.seen[0]


def test_a_query_that_costs_too_much_is_told_with_what_to_do() -> None:
    said = {"error": {"code": 400, "message": "Query exceeded limit for bytes billed: 5.", "errors": []}}

    with (
        world(_json(said, "400 Bad Request")) as told,
        pytest.raises(SourceError, match="raise max_bytes_billed"),
    ):
        _source(endpoint=told.url, query="SELECT 1", max_bytes_billed=5).preview()

    assert b'"maximumBytesBilled": "5"' in told.seen[0]


@pytest.mark.parametrize(
    ("partition", "problem"), [({"field": "day"}, "filter on 'day'"), ({"field": "time"}, "range of time")]
)
def test_a_table_that_must_be_filtered_is_not_read_without(partition: dict[str, str], problem: str) -> None:
    table = _table(timePartitioning={"type": "DAY", **partition}, requirePartitionFilter=True)
    rows = _json({"rows": [{"f": [{"v": "1704067200000000"}, {"v": "1.5"}]}] * 2, "totalRows": "2"})

    with world(table, table, rows) as told, pytest.raises(DataError, match=problem):
        _source(endpoint=told.url, table="t").read(Query())
