"""The source of search servers on real ones: the contract of sources, whole on two and shorter on the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest

import source_contract as contract
from elastic_world import CONTRACT, SERVERS, Behind
from redshank.errors import ConfigError, DataError, NoPointsError, SourceError
from redshank.panel import to_datetime
from redshank.sources.base import ROWS, Query, Reading
from redshank.tables import read_table
from service_world import running

pytestmark = pytest.mark.external_service
WHOLE = ("opensearch3", "elasticsearch6")  # servers of which the whole contract is asked, of the others less
TYPED = {
    "time": {"type": "date"},
    "ok": {"type": "boolean"},
    "ip": {"type": "ip"},
    "whole": {"type": "integer"},
    "broken": {"type": "double"},
    "day": {"type": "date"},
    "city": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
    "value": {"type": "double"},
    "made": {"type": "object", "enabled": False},
}


def rows() -> pl.DataFrame:
    """The rows of the contract, their times to the millisecond."""
    return contract.contract_rows().with_columns(pl.col("time").dt.truncate("1ms"))


def typed_documents() -> list[dict[str, Any]]:
    """A hundred documents with labels of all types."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return [
        {
            "time": start + i * timedelta(minutes=7),
            "ok": i % 2 == 0,
            "ip": ["10.0.0.1", "::1", "10.0.0.3", "10.0.0.4", "fe80::1"][i % 5],
            "whole": i % 5,
            "broken": i % 5 + 0.5,
            "day": f"2024-01-0{i % 5 + 1}",
            "city": ["São Paulo", "Oslo", "a*", "x"][i % 4],
            "value": i,
            "made": i * 3,
        }
        for i in range(100)
    ]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Behind]:
    """Each server after the other, filled with the rows of the contract."""
    script, environment = SERVERS[request.param]
    with running(request.param, script, environment) as url:
        behind = Behind(url, request.param)
        behind.create("contract", CONTRACT)
        behind.load_rows("contract", rows())
        yield behind
        behind.client.close()


def test_the_contract_of_sources_is_kept(server: Behind) -> None:
    make = partial(server.source, "contract", page_rows=500)
    if server.name in WHOLE:
        contract.check_all(make, rows())
        return

    contract.check_law(
        make, rows(), aggregations=("mean", "last", "std", "p5", "cardinality"), steps=contract.SPANS[1:4:2]
    )
    contract.check_raw(make, rows())
    contract.check_filter(make, rows())
    contract.check_newest(make, rows())
    contract.check_preview_survey(make)


@pytest.mark.parametrize(
    "agg", ["count", "min", "sum", "avg", "variance", "std_deviation", "first", "cardinality", "p100"]
)
def test_the_server_aggregates(server: Behind, agg: str) -> None:
    asked = contract.query(measures=("latency",), agg=agg, step=timedelta(hours=5), tz="Europe/Oslo", end=contract.END)

    reading = server.source("contract").read(replace(asked, closed=True))

    assert not [note for note in reading.findings.notes if "aggregated here" in note]
    contract.check_same(reading, read_table(rows(), replace(asked, closed=True)), 1e-9)


def test_weeks_and_days_begin_where_they_do_here(server: Behind) -> None:
    for days in (2, 3, 7, 14, 21) if server.name in WHOLE else (2, 14):
        for tz in (None, "Europe/Oslo", "America/St_Johns")[: 3 if server.name in WHOLE else 2]:
            asked = contract.query(agg="mean", step=timedelta(days=days), tz=tz, closed=True, end=contract.END)

            contract.check_same(server.source("contract").read(asked), read_table(rows(), asked), 1e-9)


def test_patterns_aliases_routing_and_data_streams_are_read(server: Behind) -> None:
    for index in ("many-a", "many-b"):
        server.create(index, {"time": {"type": "date"}, "value": {"type": "long"}}, number_of_shards=4)
        server.load(index, [{"time": contract.START + i * timedelta(hours=1), "value": 1} for i in range(40)])
    server.call("POST", "/_aliases", {"actions": [{"add": {"index": "many-b", "alias": "alias"}}]})
    asked = Query(measures=("value",), by=(), step=timedelta(days=30), agg="sum", closed=True, end=contract.END)

    sums = {index: _total(server.source(index).read(asked)) for index in ("many-*", "alias", "many-a,many-b", "many-a")}

    assert sums == {"many-*": 80, "alias": 40, "many-a,many-b": 80, "many-a": 40}
    assert 0 < _total(server.source("many-a", routing="x").read(asked)) < 40
    if server.name.startswith("opensearch"):
        _check_data_stream(server, asked)


def _total(reading: Reading) -> int:
    return int(sum(panel.values.sum() for panel in reading.panels))


def _check_data_stream(server: Behind, asked: Query) -> None:
    server.client.delete("/_data_stream/stream")
    template = {
        "index_patterns": ["stream*"],
        "data_stream": {},
        "template": {"mappings": {"properties": {"value": {"type": "long"}}}},
    }
    server.call("PUT", "/_index_template/stream", template)
    for i in range(5):
        server.call("POST", "/stream/_doc?refresh=true", {"@timestamp": f"2024-03-21T0{i}:00:00Z", "value": 2})

    source = server.source("stream")

    assert _total(source.read(asked)) == 10
    assert ("stream", "data stream") in {(place.name, place.kind) for place in source.survey(Query()).places}
    server.client.delete("/_data_stream/stream")


def test_a_shorter_page_and_one_thread_give_the_same(server: Behind) -> None:
    asked = contract.query(agg="mean", step=timedelta(hours=1), closed=True, end=contract.END)

    for options in ({"page_rows": 10, "parallel": 1}, {"page_rows": 3_000, "parallel": 8}):
        contract.check_same(server.source("contract", **options).read(asked), read_table(rows(), asked), 1e-9)


def test_hostile_labels_come_through(server: Behind) -> None:
    server.create("hostile", {"time": {"type": "date"}, "name": {"type": "keyword"}, "value": {"type": "double"}})
    server.load_rows("hostile", contract.hostile_rows())

    contract.check_hostile_labels(partial(server.source, "hostile", page_rows=10), contract.hostile_rows())


def test_labels_of_all_types_are_the_texts_of_documents(server: Behind) -> None:
    server.create("typed", TYPED)
    server.load("typed", typed_documents())
    source = server.source("typed", page_rows=50)
    for by in (("ok",), ("ip",), ("whole",), ("broken",), ("day",), ("city",), ("ok", "ip", "city")):
        asked = Query(measures=("value",), by=by, time="time", step=timedelta(hours=1), agg="sum")

        pushed, local = source.read(asked), source.read(replace(asked, agg="median"))

        assert "aggregated here" not in str(pushed.findings.notes)
        assert [panel.keys for panel in pushed.panels] == [panel.keys for panel in local.panels], by


def test_a_filter_keeps_exactly_its_texts(server: Behind) -> None:
    server.create("typed", TYPED)
    server.load("typed", typed_documents())
    source = server.source("typed", page_rows=50)
    asked = Query(
        measures=ROWS, agg="count", by=(), time="time", step=timedelta(days=30), closed=True, end=contract.END
    )
    found = {
        (name, values): int(sum(p.values.sum() for p in source.read(replace(asked, filter={name: values})).panels))
        for name, values in (
            ("ok", ("true",)), ("ip", ("10.0.0.1",)), ("ip", ("10.0.0.1", "::1")), ("whole", ("1", "2")),
            ("broken", ("1.5",)), ("broken", ("1.5", "2.50")), ("city", ("São Paulo", "Oslo")),
            ("day", ("2024-01-02T00:00:00.000Z",)),
        )
    }  # fmt: skip

    assert list(found.values()) == [50, 20, 40, 40, 20, 20, 50, 20]
    for name, value in (("ip", "10.0.0.0/8"), ("whole", "1.0"), ("ok", "1"), ("city", "*"), ("city", "Oslo*")):
        with pytest.raises(NoPointsError):
            source.read(replace(asked, filter={name: (value,)}))


def test_scripts_are_measures_and_labels(server: Behind) -> None:
    server.create("typed", TYPED)
    server.load("typed", typed_documents())
    scripts = {"double": "doc['value'].value * 2", "parity": "doc['whole'].value % 2 == 0 ? 'even' : 'odd'"}
    source = server.source("typed", scripts=scripts, page_rows=50)
    asked = Query(measures=("double",), by=("parity",), time="time", step=timedelta(days=30), agg="sum", closed=True)
    asked = replace(asked, end=contract.END)
    if not server.has_painless:
        with pytest.raises(SourceError, match="has no scripts of 'painless' here"):
            source.read(asked)
        return

    even = 2.0 * np.array([i for i in range(100) if i % 5 % 2 == 0])
    for agg, expected in (("sum", even.sum()), ("median", np.median(even)), ("cardinality", 60)):
        (panel,) = source.read(replace(asked, agg=agg)).panels

        assert {str(key): values.item() for key, values in zip(panel.keys, panel.values[:, :, 0], strict=True)}[
            "double{parity=even}"
        ] == expected
    with pytest.raises(DataError, match="a script failed"):
        server.source("typed", scripts={"x": "doc['nothing'].value"}).read(replace(asked, measures=("x",), by=()))


def test_runtime_fields_are_there_while_searching(server: Behind) -> None:
    server.create("typed", TYPED)
    server.load("typed", typed_documents())
    script = {"script": "emit(doc['value'].value * 2)"} if server.has_painless else {}
    source = server.source("typed", runtime={"made": {"type": "double", **script}}, page_rows=50)
    asked = Query(measures=("made",), by=(), time="time", step=timedelta(days=30), agg="sum", closed=True)
    asked = replace(asked, end=contract.END)
    if server.name in ("elasticsearch6", "elasticsearch7"):
        with pytest.raises(ConfigError, match="has no runtime fields; use scripts"):
            source.read(asked)
        return

    for agg, factor in (("sum", 4950), ("median", 49.5), ("max", 99)):
        (panel,) = source.read(replace(asked, agg=agg)).panels

        assert panel.values.item() == factor * (2 if server.has_painless else 3), agg


def test_documents_within_documents_are_rows(server: Behind) -> None:
    inner = {"type": "nested", "properties": {"shop": {"type": "keyword"}, "price": {"type": "double"}}}
    server.create("orders", {"time": {"type": "date"}, "items": inner, "region": {"type": "keyword"}})
    items = [{"shop": "a", "price": 1.5}, {"shop": "b", "price": 2}, {"shop": "a", "price": 3}, {"shop": "b"}]
    start = datetime(2024, 1, 1, tzinfo=UTC)
    server.load(
        "orders",
        [{"time": start + i * timedelta(hours=1), "region": "x", "items": items[: i % 5]} for i in range(50)],
    )
    asked = Query(measures=("items.price",), by=("items.shop", "region"), step=timedelta(days=30), agg="sum")
    asked = replace(asked, closed=True, end=contract.END)

    (panel,) = server.source("orders", nested="items", page_rows=20).read(asked).panels

    totals = {str(key): value for key, value in zip(panel.keys, panel.values.ravel().tolist(), strict=True)}
    assert totals == {"items.price{items.shop=a, region=x}": 120.0, "items.price{items.shop=b, region=x}": 60.0}
    with pytest.raises(DataError, match="set nested: items"):
        server.source("orders").read(asked)
    with pytest.raises(DataError, match="unknown path of nested documents 'itms'; did you mean 'items'"):
        server.source("orders", nested="itms").read(asked)


def test_times_with_nanoseconds_are_kept(server: Behind) -> None:
    if server.has_types:
        pytest.skip("Elasticsearch 6 has no times with nanoseconds")
    server.create("nanos", {"time": {"type": "date_nanos"}, "value": {"type": "double"}})
    times = [f"2024-01-01T00:00:{i:02d}.123456789Z" for i in range(60)]
    server.load("nanos", [{"time": time, "value": i} for i, time in enumerate(times)])
    source = server.source("nanos", page_rows=10)

    (panel,) = source.read(Query(by=(), measures=("value",))).panels
    (summed,) = source.read(Query(by=(), measures=("value",), step=timedelta(seconds=10), agg="sum")).panels

    assert str(panel.times[0]) == "2024-01-01T00:00:00.123456789"
    assert summed.values.ravel().tolist() == [45.0, 145.0, 245.0, 345.0, 445.0, 545.0]
    assert source.newest(Query()) == to_datetime(np.datetime64(times[-1][:-1]))


def test_what_to_read_is_found(server: Behind) -> None:
    reading = server.source("contract").read(Query())

    assert reading.findings.time == "time"
    assert {key.measure for panel in reading.panels for key in panel.keys} == {"load", "requests", "latency"}
    assert "host" in reading.findings.labels


def test_a_query_chooses_documents(server: Behind) -> None:
    asked = contract.query(agg="count", measures=ROWS, by=(), step=timedelta(days=30), closed=True, end=contract.END)
    expected = rows().filter(pl.col("host") == "web-1", pl.col("city") == "Oslo").height
    texts = (
        'host:"web-1" AND city.keyword:Oslo',
        '{"bool": {"filter": [{"term": {"host": "web-1"}}, {"term": {"city.keyword": "Oslo"}}]}}',
    )

    for query in (*texts, {"query": json.loads(texts[1])}):
        found = server.source("contract", query=query).read(asked)

        assert sum(panel.values.sum() for panel in found.panels) == expected, query
    with pytest.raises(SourceError, match="parse query"):
        server.source("contract", query="host:(").read(asked)
    with pytest.raises(SourceError, match="nonsense"):
        server.source("contract", query={"nonsense": {}}).read(asked)


def test_what_cannot_be_read_is_named(server: Behind) -> None:
    server.create("conflict-a", {"time": {"type": "date"}, "load": {"type": "long"}, "note": {"type": "text"}})
    server.create("conflict-b", {"time": {"type": "date"}, "load": {"type": "keyword"}, "when": {"type": "date"}})
    server.create("closed", {"time": {"type": "date"}})
    server.client.post("/closed/_close")
    asked = Query(measures=("load",), by=(), step=timedelta(hours=1), agg="mean")
    cases = (
        ("contrct", asked, "unknown index 'contrct'; did you mean 'contract'"),
        ("nothing-*", asked, "unknown index 'nothing-\\*'"),
        ("closed", asked, "closed: is closed; open it"),
        ("conflict-*", replace(asked, time="time"), "'load' is keyword in conflict-b and long in conflict-a"),
        ("conflict-*", replace(asked, time="time", measures=("lod",)), "column 'lod' not found; did you mean 'load'"),
        ("conflict-a", replace(asked, time="load"), "field 'load' must be a date, got long"),
        ("conflict-b", asked, "has several dates \\('time', 'when'\\)|holds no documents"),
    )
    for index, query, message in cases:
        with pytest.raises((DataError, NoPointsError), match=message):
            server.source(index).read(query)
    server.client.delete("/closed")


def test_a_look_shows_places_and_fields(server: Behind) -> None:
    survey = server.source("contract").survey(Query())
    columns = {column.name: column for column in survey.columns}

    assert next(place for place in survey.places if place.name == "contract").rows == rows().height
    assert (columns["host"].type, columns["host"].values) == ("keyword", rows()["host"].n_unique())
    assert columns["city"].type == "text"


def test_percentiles_may_be_estimated(server: Behind) -> None:
    asked = contract.query(
        measures=("latency",), by=(), agg="p95", step=timedelta(days=1), closed=True, end=contract.END
    )
    exact, estimated = (server.source("contract", approximate=each).read(asked) for each in (False, True))

    assert "aggregated here, not by the server: the server's p95 is an estimate" in str(exact.findings.notes)
    contract.check_same(exact, read_table(rows(), asked), 1e-12)
    contract.check_same(estimated, exact, 0.05)


def test_a_reading_that_is_given_up_ends(server: Behind) -> None:
    source = server.source("contract", page_rows=10)
    said: list[str] = []

    def give_up(share: float | None, what: str) -> None:
        said.append(what)
        source.cancel()

    with pytest.raises(SourceError, match="given up"):
        source.read(contract.query(agg="mean", step=timedelta(hours=1)), give_up)
    assert len(said) < 20


def test_what_has_no_values_to_aggregate_is_read_as_it_was_written(server: Behind) -> None:
    deep = {"properties": {"note": {"type": "text"}, "number": {"type": "keyword"}, "on": {"type": "boolean"}}}
    server.create("written", {"time": {"type": "date"}, "deep": deep, "cold": {"type": "double", "doc_values": False}})
    start = datetime(2024, 1, 1, tzinfo=UTC)
    server.load(
        "written",
        [
            {
                "time": start + i * timedelta(hours=1),
                "deep.note": "A b",
                "deep": {"number": f"{i}.5", "on": i % 2 == 0},
                "cold": i,
            }
            for i in range(100)
        ],
    )
    source = server.source("written", page_rows=30)
    asked = Query(
        measures=("cold",), by=("deep.note",), step=timedelta(days=30), closed=True, end=contract.END, agg="sum"
    )
    cases = (("cold", 4950.0, True), ("deep.number", 5000.0, True), ("deep.on", 50.0, False))

    for measure, total, is_local in cases:
        reading = source.read(replace(asked, measures=(measure,), by=("deep.note",) if is_local else ()))

        assert [str(key) for key in reading.panels[0].keys] == [f"{measure}{{deep.note=A b}}" if is_local else measure]
        assert _total(reading) == total
        assert ("aggregated here" in str(reading.findings.notes)) == is_local


@pytest.mark.parametrize("agg", ["mean", "count", "last"])
def test_empty_and_missing_labels_are_the_same(server: Behind, agg: str) -> None:
    server.create("blank", {"time": {"type": "date"}, "host": {"type": "keyword"}, "value": {"type": "double"}})
    hosts = ["", None, "a", ""]
    written = [{"time": contract.START + i * timedelta(hours=1), "host": hosts[i % 4], "value": i} for i in range(48)]
    server.load("blank", written)
    asked = Query(measures=("value",), by=("host",), time="time", step=timedelta(days=1), agg=agg, closed=True)
    asked = replace(asked, end=contract.END)

    reading = server.source("blank").read(asked)

    contract.check_same(reading, read_table(pl.DataFrame(written), asked), 1e-12)
