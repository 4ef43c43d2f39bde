"""The source of search servers, with servers that answer what a test tells them to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from http_world import Act, World, answer, world
from redshank.errors import ConfigError, DataError, NoPointsError, SourceError
from redshank.sources import elastic_query as dsl
from redshank.sources.base import Query
from redshank.sources.build import build_source
from redshank.sources.elastic import ElasticSource
from redshank.sources.elastic_fields import Field
from redshank.sources.elastic_query import NotPushedError
from redshank.sources.parallel import in_parallel

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ASKED = Query(
    measures=("load",), by=("host",), time="time", step=HOUR, agg="max", start=START, end=START + 4 * HOUR, closed=True
)
OPENSEARCH = {
    "version": {"number": "3.8.0", "distribution": "opensearch", "lucene_version": "10"},
    "tagline": "OpenSearch",
}
ELASTIC_6 = {"version": {"number": "6.8.23", "lucene_version": "7"}, "tagline": "You Know, for Search"}
FIELDS = {"time": "date", "host": "keyword", "load": "double", "mem": "double"}


def said(body: Any, status: str = "200 OK", **headers: str) -> Act:
    return answer(status, json.dumps(body).encode(), **headers)


def fields(**types: str) -> Act:
    found = {name: {kind: {"type": kind, "aggregatable": True}} for name, kind in {**FIELDS, **types}.items()}
    return said({"fields": found})


def cells(*values: float | None, begin: int = 0, **more: Any) -> Act:
    """Buckets of host a, one for each hour."""
    times = [int((START + (begin + i) * HOUR).timestamp()) * 1000 for i in range(len(values))]
    buckets = [
        {"key": {"t": time, "l0": "a"}, "doc_count": 2, "m0": {"value": value}}
        for time, value in zip(times, values, strict=True)
    ]
    return said({"aggregations": {"cells": {"buckets": buckets}}, "_shards": {"total": 2, "failed": 0}, **more})


def source(told: World, **options: Any) -> ElasticSource:
    built = build_source("elasticsearch", {"url": told.url, "index": "logs", "retries": 0, **options})
    assert isinstance(built, ElasticSource)
    return built


def failed(kind: str, reason: str) -> dict[str, Any]:
    return {"error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason}}


def bodies(told: World) -> list[dict[str, Any]]:
    """What was searched for."""
    searches = [one for one in told.seen if b"/_search" in one.split(b"\r\n")[0]]
    return [json.loads(one.partition(b"\r\n\r\n")[2]) for one in searches]


def test_buckets_of_the_server_become_panels() -> None:
    with world(fields(), said(OPENSEARCH), cells(1.0, None, 3.0)) as told:
        found = source(told)
        reading = found.read(ASKED)

    (panel,) = reading.panels
    assert [str(key) for key in panel.keys] == ["load{host=a}"]
    assert str(panel.values.ravel().tolist()) == "[1.0, nan, 3.0]"
    (body,) = bodies(told)
    assert body["query"]["bool"]["filter"][0]["range"]["time"]["gte"] == "2024-01-01T00:00:00.000Z"
    assert body["aggs"]["cells"]["composite"]["sources"][0]["t"]["date_histogram"]["fixed_interval"] == "1h"
    assert (found.counts.reads, found.counts.rows, found.counts.requests) == (1, 3, 3)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        pytest.param(cells(1.0, timed_out=True), SourceError, "took longer than the server allows", id="timed out"),
        pytest.param(
            cells(1.0, _shards={"total": 2, "failed": 1, "failures": [{"reason": {"type": "x", "reason": "disk"}}]}),
            SourceError, "1 of 2 shards failed: disk; mend them, or set `partial: true`", id="shards",
        ),
        pytest.param(
            said(failed("circuit_breaking_exception", "Data too large"), "429 Too Many Requests"), SourceError,
            "asked too often \\(429\\): Data too large", id="breaker",
        ),
        pytest.param(
            said(failed("search_phase_execution_exception", "all shards failed"), "503 Service Unavailable"),
            SourceError, "not ready \\(503\\): all shards failed", id="red",
        ),
        pytest.param(
            said(failed("index_closed_exception", "closed"), "400 Bad Request"), DataError, "is closed; open it",
            id="closed",
        ),
        pytest.param(
            said(failed("illegal_argument_exception", "script_lang not supported [painless]"), "400 Bad Request"),
            SourceError, "OpenSearch 3.8.0 has no scripts of 'painless' here", id="language",
        ),
        pytest.param(
            said(failed("parsing_exception", "Unknown key"), "400 Bad Request"), SourceError,
            "refused the request \\(400\\): Unknown key", id="refused",
        ),
        pytest.param(cells(), NoPointsError, "got none", id="nothing"),
    ],
)  # fmt: skip
def test_what_goes_wrong_in_a_search_is_said(act: Act, error: type[Exception], message: str) -> None:
    with world(fields(), said(OPENSEARCH), act) as told, pytest.raises(error, match=message):
        source(told, page_rows=10).read(ASKED)


def test_a_wrong_password_is_named_and_not_told() -> None:
    act = said(failed("security_exception", "unable to authenticate hush-hush"), "401 Unauthorized")
    with world(act) as told, pytest.raises(SourceError, match="check user and password") as raised:
        source(told, user="reader", password="hush-hush").read(ASKED)

    assert "hush-hush" not in str(raised.value)


@pytest.mark.parametrize("act", [answer(body=b"<html>"), said({"name": "other"}), said({}, "404 Not Found")])
def test_another_server_is_told_apart(act: Act) -> None:
    with world(fields(), act) as told, pytest.raises(SourceError, match="see that `url`"):
        source(told).read(ASKED)


def test_failed_shards_are_a_note_where_that_will_do() -> None:
    shards = {"total": 2, "failed": 1, "failures": []}
    with world(fields(), said(OPENSEARCH), cells(1.0, 2.0, _shards=shards), cells(1.0, 2.0)) as told:
        found = source(told, partial=True)
        first, second = found.read(ASKED), found.read(ASKED)

    assert "1 shards failed and are missing" in first.findings.notes
    assert not second.findings.notes


def test_smaller_pages_are_asked_for_where_the_server_allows_no_more() -> None:
    too_many = said(failed("too_many_buckets_exception", "Trying to create too many buckets"), "503 Unavailable")
    with world(fields(), said(OPENSEARCH), too_many, too_many, cells(1.0, 2.0)) as told:
        reading = source(told, page_rows=1_000).read(ASKED)

    assert reading.panels[0].values.ravel().tolist() == [1.0, 2.0]
    assert [body["aggs"]["cells"]["composite"]["size"] for body in bodies(told)] == [1_000, 500, 250]


def test_fields_that_have_changed_are_looked_at_again() -> None:
    refused = said(failed("illegal_argument_exception", "Field [load] of type [keyword]"), "400 Bad Request")
    acts = (fields(), said(OPENSEARCH), cells(1.0), refused, fields(load="keyword"))
    with world(*acts, cells(1.0)) as told:
        found = source(told)
        found.read(ASKED)

        with pytest.raises(DataError):
            found.read(ASKED)

    assert sum(b"_field_caps" in one for one in told.seen) == 2


def test_an_answer_that_is_too_large_is_an_error() -> None:
    acts = (fields(), said(OPENSEARCH), cells(*[1.0] * 100))
    with world(*acts) as told, pytest.raises(SourceError, match="answered more than 3,000 bytes"):
        source(told, max_bytes=3_000).read(ASKED)


def test_old_servers_are_asked_in_their_words() -> None:
    with world(fields(), said(ELASTIC_6), cells(1.0)) as told:
        source(told).read(ASKED)

    (histogram,) = bodies(told)[0]["aggs"]["cells"]["composite"]["sources"][0]["t"].values()
    assert histogram == {"field": "time", "interval": "1h"}


def test_values_too_close_together_for_sums_of_squares_are_read_as_rows() -> None:
    about = {"count": 10, "sum": 1e9, "sum_of_squares": 1e17, "min": 99_999_999.0, "max": 1e8}
    field = Field("load", "load", "double", "broken")

    with pytest.raises(NotPushedError, match="too close together"):
        dsl.values("std", field, [about])
    same = {**about, "min": 1e8}
    one = {"count": 1, "sum": 2.0, "sum_of_squares": 4.0, "min": 2.0, "max": 2.0}
    none = {"count": 0, "sum": 0.0, "sum_of_squares": 0.0, "min": None, "max": None}
    assert dsl.values("variance", field, [same, one, none]).to_list() == [0.0, None, None]


@pytest.mark.parametrize(
    ("kind", "type", "texts", "wanted"),
    [
        ("text", "keyword", ["a", "*", ""], ["a", "*", ""]),
        ("text", "ip", ["10.0.0.1", "10.0.0.0/8", "::1", "0:0:0:0:0:0:0:1", "x"], ["10.0.0.1", "::1"]),
        ("whole", "long", ["7", "07", "7.0", "-3", "٣", "9" * 30, "x"], [7, -3]),
        ("broken", "double", ["1.5", "1.50", "2.0", "2", "nan", "inf", "x"], [1.5, 2.0]),
        ("boolean", "boolean", ["true", "1", "false"], [True, False]),
        ("date", "date", ["2024-01-01"], None),
    ],
)
def test_a_filter_means_the_text_and_nothing_else(kind: str, type: str, texts: list[str], wanted: object) -> None:
    clause = dsl.is_one_of(Field("f", "f", type, kind), texts)

    assert clause == (None if wanted is None else {"terms": {"f": wanted}})


@pytest.mark.parametrize(
    "index",
    [
        "",
        "../_all",
        "_all",
        "a,-b",
        "a/b",
        "a b",
        "a?x=1",
        "a#b",
        "-b",
        "+b",
        "..",
        "a,,b",
        "<logs-{now/d}>",
        "a|b",
        "\x00",
    ],
)
def test_what_is_no_name_of_an_index_is_refused(index: str) -> None:
    with pytest.raises(ConfigError, match="must be a name or pattern of an index"):
        build_source("elasticsearch", {"url": "http://localhost:1", "index": index})


@pytest.mark.parametrize("index", ["logs-*", ".ds-logs", "a,b*", "日本", "a%2fb", "remote:logs"])
def test_a_name_stays_a_name(index: str) -> None:
    built = build_source("elasticsearch", {"url": "http://localhost:1", "index": index})

    assert isinstance(built, ElasticSource)
    assert built.server.path("_search").count("/") == 2


@pytest.mark.parametrize(
    ("given", "clause"),
    [
        (None, None),
        (" ", None),
        ("status:500", {"query_string": {"query": "status:500"}}),
        ('{"term": {"a": 1}}', {"term": {"a": 1}}),
        ('{"query": {"term": {"a": 1}}}', {"term": {"a": 1}}),
        ({"match_all": {}}, {"match_all": {}}),
    ],
)
def test_a_query_is_read_in_all_its_forms(given: Any, clause: object) -> None:
    assert dsl.read_query(given) == clause


@pytest.mark.parametrize("given", ["{", '{"size": 1, "query": {}}', {}, '{"query": 3}'])
def test_what_is_no_query_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match="query: must be"):
        dsl.read_query(given)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("es://h:9200/logs-*", {"url": "http://h:9200", "index": "logs-*"}),
        ("es+https://u:p@h/base/logs?query=a:1", {"url": "https://u:p@h/base", "index": "logs", "query": "a:1"}),
        ("opensearch://h:9200/?index=x&routing=r", {"url": "http://h:9200/", "index": "x", "routing": "r"}),
        ("elasticsearch://h:9200", {"url": "http://h:9200"}),
    ],
)
def test_an_address_stands_for_options(url: str, options: dict[str, str]) -> None:
    assert ElasticSource.options_of(url) == options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scripts": {"a": {"sauce": "1"}}}, "scripts: a.source"),
        ({"runtime": {"a": {"script": "emit(1)"}}}, "runtime: a.type"),
        ({"page_rows": 1}, "page_rows"),
        ({"query": "{"}, "query: must be JSON"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_source("opensearch", {"url": "http://localhost:1", "index": "a", **options})


def test_a_source_without_an_index_asks_for_one() -> None:
    with pytest.raises(ConfigError, match="needs an index"):
        build_source("elasticsearch", {"url": "http://localhost:1"}).read(ASKED)


def test_threads_bring_all_parts_and_the_first_error() -> None:
    def read(part: int) -> Iterator[int]:
        yield from range(part)
        if part == 7:
            raise SourceError("part 7")

    assert sorted(in_parallel([3, 2, 4], read, 2)) == [0, 0, 0, 1, 1, 1, 2, 2, 3]
    assert list(in_parallel([2], read, 8)) == [0, 1]
    assert list(in_parallel([], read, 8)) == []
    with pytest.raises(SourceError, match="part 7"):
        list(in_parallel([1, 7, 1], read, 2))
    endless = in_parallel([10**9, 10**9], read, 2)
    next(endless)
    endless.close()
