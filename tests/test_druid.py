"""The source of Druid: what it asks, how it reads answers, and what it says when they are no good."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from http_world import answer, world
from redshank.errors import ConfigError, SourceError
from redshank.sources.base import Query
from redshank.sources.build import build_source
from redshank.sources.druid import DruidSource
from redshank.sources.druid_api import elements, read_lines
from redshank.sources.druid_granularity import Granularity
from redshank.sources.druid_sql import Relation

TIMESERIES = {
    "queryType": "timeseries",
    "dataSource": "rb_flow",
    "granularity": {"type": "period", "period": "pt5m", "origin": "2023-09-21T07:00:00Z"},
    "intervals": ["2023-09-21T07:00:00+00:00/2023-09-22T07:00:00+00:00"],
    "filter": {"type": "selector", "dimension": "sensor", "value": "a"},
    "aggregations": [
        {"type": "longSum", "name": "bytes", "fieldName": "sum_bytes"},
        {"type": "filtered", "filter": {}, "aggregator": {"type": "count", "name": "flows"}},
    ],
    "postAggregations": [{"type": "arithmetic", "name": "bps", "fn": "/", "fields": []}],
    "context": {"timeout": 90000, "skipEmptyBuckets": "true"},
    "limitSpec": {"type": "default", "limit": 100, "columns": []},
}


def _source(url: str, **options: object) -> DruidSource:
    source = build_source("druid", {"url": url, "retries": 0, **options})
    assert isinstance(source, DruidSource)
    return source


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _body(request: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(request.partition(b"\r\n\r\n")[2])
    return found


def test_an_address_names_the_datasource() -> None:
    assert DruidSource.options_of("druid://host/wikipedia?user=me") == {
        "url": "http://host:8082", "table": "wikipedia", "user": "me"
    }  # fmt: skip
    assert DruidSource.options_of("druid+https://host:9088/a/b%20c")["url"] == "https://host:9088/a"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"query": "DROP TABLE x"}, "must read"),
        ({"query": '{"queryType": '}, "begins as JSON"),
        ({"query": {"queryType": "search", "dataSource": "a"}}, "queryType must be"),
        ({"query": {"queryType": "timeseries", "dataSource": "a"}}, "must have aggregations"),
        ({"query": {**TIMESERIES, "granularity": "often"}}, "unknown granularity"),
        ({"query": "SELECT 1", "table": "a"}, "not both"),
        ({"table": "a", "context": {"timeout": 5}}, "timeout is set"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_asked(given: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        _source("http://localhost:1", **given)


@pytest.mark.parametrize("form", ["mapping", "json", "base64"])
def test_a_native_query_is_sent_as_it_stands_for_the_range_asked_for(form: str) -> None:
    text = json.dumps(TIMESERIES)
    query = {"mapping": TIMESERIES, "json": text, "base64": base64.b64encode(text.encode()).decode()}[form]
    rows = [
        {"timestamp": f"2024-01-01T00:{i:02d}:00.000Z", "result": {"bytes": i, "flows": 1, "bps": "NaN"}}
        for i in range(0, 30, 5)
    ]
    start = datetime(2024, 1, 1, tzinfo=UTC)

    with world(answer(body=_json(["rb_flow"])), answer(body=_json(rows))) as told:
        found = _source(told.url, query=query).read(Query(start=start, end=start + timedelta(minutes=33)))

    sent = _body(told.seen[1])
    assert sent["intervals"] == ["2024-01-01T00:00:00.000Z/2024-01-01T00:30:00.000Z"]
    assert {name: sent[name] for name in ("filter", "aggregations", "limitSpec")} == {
        name: TIMESERIES[name] for name in ("filter", "aggregations", "limitSpec")
    }
    assert found.findings.step == timedelta(minutes=5)
    bytes_row = next(panel for panel in found.panels if "bytes" in str(panel.keys[0]))
    assert bytes_row.values[0, :, 0].tolist() == [0, 5, 10, 15, 20, 25]


def test_a_step_that_is_no_multiple_of_the_granularity_is_an_error() -> None:
    with world(answer(body=_json(["rb_flow"]))) as told, pytest.raises(ConfigError, match="multiple of it"):
        _source(told.url, query=TIMESERIES).read(Query(step=timedelta(minutes=7)))


def test_an_unknown_datasource_is_an_error_with_near_names() -> None:
    with world(answer(body=_json(["wikipedia"]))) as told, pytest.raises(SourceError, match="wikipedia"):
        _source(told.url, table="wikipeda").preview()


def test_what_druid_says_of_an_error_is_told() -> None:
    said = {"error": "Unknown exception", "errorMessage": "Resource limit exceeded", "errorClass": "x.y"}

    with (
        world(answer(body=_json(["a"])), answer("500 Error", _json(said))) as told,
        pytest.raises(SourceError, match=r"Resource limit exceeded.*ask for less"),
    ):
        _source(told.url, table="a").preview()


@pytest.mark.parametrize("body", [b'{"a":{"sqlType":"BIGINT"}}\n{"a":1}\n', b'{"a":{"sqlType":"BIGINT"}}\n{"a":'])
def test_an_answer_that_is_cut_off_is_an_error(body: bytes) -> None:
    with (
        world(answer(body=_json(["a"])), answer(body=body)) as told,
        pytest.raises(SourceError, match="cut off"),
    ):
        _source(told.url, table="a").preview()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_elements_come_whole_however_they_are_cut(size: int) -> None:
    given = [{"a": "ø🦉,]"}, [1, 2], {}, {"b": {"c": []}}]
    text = json.dumps(given, ensure_ascii=False).encode()

    found = list(elements((text[i : i + size] for i in range(0, len(text), size)), ValueError))

    assert found == given
    with pytest.raises(ValueError, match="cut off"):
        list(elements([text[:-1]], ValueError))


def test_numbers_that_are_written_as_texts_are_numbers() -> None:
    import polars as pl

    frame = read_lines(b'{"a":"NaN","b":"NaN"}\n{"a":1.5,"b":null}\n', {"a": pl.Float64, "b": pl.String})

    assert str(frame["a"].to_list()) == "[nan, 1.5]"
    assert frame["b"].to_list() == ["NaN", None]


def test_start_and_end_are_put_into_code_only() -> None:
    relation = Relation.of(None, "SELECT ':start' FROM t WHERE __time >= :start AND __time < :end")

    assert "':start'" in relation.text(5, 7)
    assert "__time >= MILLIS_TO_TIMESTAMP(5) AND __time < MILLIS_TO_TIMESTAMP(7)" in relation.text(5, 7)


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ("minute", timedelta(minutes=1)),
        ("fifteen_minute", timedelta(minutes=15)),
        ("all", None),
        ("month", None),
        ("PT1H30M", timedelta(minutes=90)),
        ({"type": "period", "period": "P1W", "timeZone": "Europe/Oslo"}, timedelta(weeks=1)),
        ({"type": "duration", "duration": 7200000}, timedelta(hours=2)),
    ],
)
def test_granularities_are_steps(given: object, step: timedelta | None) -> None:
    assert Granularity.read(given).step == step
