"""The sink of InfluxDB: a scripted server for what goes wrong, a real one of 1.6 for the contract."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

import sink_contract as contract
from http_world import Act, World, answer, world
from redshank.errors import ConfigError, SinkError
from redshank.panel import Key
from redshank.sinks.base import Sink
from redshank.sinks.build import build_sink
from service_world import running
from sink_contract import Place, block, event, scored, told

TAKEN = answer("204 No Content", b"")
OLD = answer("400 Bad Request", b'{"error":"partial write: points beyond retention policy dropped=1"}')
CONFLICT = answer("400 Bad Request", b'{"error":"partial write: field type conflict: score is type integer dropped=1"}')
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PICTURES = str.maketrans({"␊": "\n", "␍": "\r", "\uff3c": "\\"})


def write(*acts: Act, **options: Any) -> World:
    with world(*acts) as server:
        sink = build_sink("influxdb", {"url": server.url, "retries": 0, "scores": True, **options})
        assert sink.wants_scores
        sink.notify([told(event(is_open=False))])
        sink.record(block(scored(("a",))))
        sink.close()
    return server


def lines(request: bytes) -> list[str]:
    return gzip.decompress(request.partition(b"\r\n\r\n")[2]).decode().splitlines()


def test_events_annotations_and_scores_are_written_to_a_database() -> None:
    server = write(
        TAKEN, database="metrics", retention_policy="year", annotation_database="chronograf", user="u", password="p"
    )

    paths = [request.split(b" ", 2)[1].decode() for request in server.seen]
    assert paths == [
        "/write?db=metrics&precision=ns&rp=year",
        "/write?db=chronograf&precision=ns",
        "/write?db=metrics&precision=ns&rp=year",
    ]
    assert lines(server.seen[0])[0].startswith(
        "redshank_events,host=a,id=e1,kind=anomaly,measure=cpu,monitor=shop end=1772323260000000000i,"
    )
    start, end = lines(server.seen[1])
    assert start.endswith("deleted=true 1772323200000000000")
    assert end.endswith("deleted=false 1772323260000000000")
    assert "start_time=1772323200000000000i" in end
    assert lines(server.seen[2])[1] == (
        "redshank_scores,host=a,measure=cpu,monitor=shop "
        "actual=1.0,expected=0.0,lower=-1.0,upper=3.0,score=0.001,anomaly=0.0 1772323260000000000"
    )


def test_a_bucket_is_written_to_with_a_token() -> None:
    server = write(TAKEN, bucket="b", org="o", token="secret", events="", annotations=False)

    assert server.seen[0].startswith(b"POST /api/v2/write?bucket=b&org=o&precision=ns ")
    assert b"authorization: token secret" in server.seen[0].lower()
    assert len(server.seen) == 1


def test_what_is_older_than_is_kept_there_is_passed_over() -> None:
    assert len(write(OLD, database="a").seen) == 3


@pytest.mark.parametrize(
    ("act", "permanent", "said"),
    [
        (CONFLICT, True, "field type conflict"),
        (answer("404 Not Found", b'{"error":"database not found: \\"a\\""}'), False, "database not found"),
        (answer("400 Bad Request", b"<html>"), True, "html"),
    ],
    ids=["conflict", "no database", "page"],
)
def test_what_is_refused_is_said(act: Act, permanent: bool, said: str) -> None:
    with pytest.raises(SinkError, match=said) as raised:
        write(act, database="a")

    assert raised.value.permanent is permanent


@pytest.mark.parametrize(
    "options", [{}, {"database": "a", "bucket": "b"}, {"bucket": "b", "create_database": True}], ids=str
)
def test_a_place_must_be_named_in_one_way(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="InfluxDB 1"):
        build_sink("influxdb", {"url": "http://localhost:8086", **options})


class Behind:
    """A database looked at from behind; the protocol's stand-ins are read as what they stand for."""

    def __init__(self, url: str) -> None:
        self.url, self.client, self.sinks = url, httpx2.Client(base_url=url, timeout=30), list[Sink]()

    def ask(self, query: str, method: str = "GET") -> list[dict[str, Any]]:
        told = self.client.request(method, "/query", params={"q": query, "db": "redshank", "epoch": "ns"}).json()
        found = [series for each in told["results"] for series in each.get("series", [])]
        return [dict(zip(each["columns"], row, strict=True)) for each in found for row in each["values"]]

    def empty(self) -> None:
        self.ask('DROP DATABASE "redshank"', "POST")
        self.ask('CREATE DATABASE "redshank"', "POST")

    def sink(self, **options: Any) -> Sink:
        self.sinks.append(build_sink("influxdb", {"url": self.url, "database": "redshank", "scores": True, **options}))
        return self.sinks[-1]

    def events(self) -> list[dict[str, Any]]:
        return [_event(row) for row in self.ask("SELECT * FROM redshank_events")]

    def scores(self) -> list[dict[str, Any]]:
        return [_point(row) for row in self.ask("SELECT * FROM redshank_scores")]


def _event(row: dict[str, Any]) -> dict[str, Any]:
    plain = ("series", "severity", "direction", "points", "is_open", "reason", "rarity", "score", "actual")
    names = {name: row[name].translate(PICTURES) for name in ("id", "monitor", "kind", "measure")}
    times = {name: _moment(row["time" if name == "start" else name]) for name in ("start", "end", "opened", "peak")}
    numbers = {name: row.get(name) for name in (*plain, "expected", "lower", "upper")}
    return {**names, **times, **numbers}


def _point(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: row[name] for name in ("actual", "expected", "lower", "upper", "score")}
    series = f"{row['measure']}{{host={row['host'].translate(PICTURES)}}}"
    return {"monitor": row["monitor"].translate(PICTURES), "series": series, "time": _moment(row["time"]), **numbers}


def _moment(time_ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=time_ns // 1000)


@pytest.fixture(scope="module")
def server() -> Iterator[Behind]:
    with running("influxdb") as url:
        behind = Behind(url)
        yield behind
        behind.client.close()
        for sink in behind.sinks:
            sink.close()


@pytest.fixture
def behind(server: Behind) -> Behind:
    server.empty()
    return server


@pytest.mark.external_service
def test_events_keep_the_contract(behind: Behind) -> None:
    contract.check_events(Place(make=behind.sink, events=behind.events), behind.empty)


@pytest.mark.external_service
def test_scores_keep_the_contract(behind: Behind) -> None:
    contract.check_scores(Place(make=behind.sink, scores=behind.scores), behind.empty)


@pytest.mark.external_service
def test_one_event_that_is_refused_stops_no_other(behind: Behind) -> None:
    too_long = told(event("bad", key=Key.of("cpu", {"host": "x" * 70_000})), 99)

    contract.check_one_bad_event(Place(make=behind.sink, events=behind.events), too_long)


@pytest.mark.external_service
def test_an_annotation_moves_to_its_end_when_the_event_has_ended(behind: Behind) -> None:
    shown = 'SELECT id, start_time, text FROM annotations WHERE "deleted" = false'
    sink, ended = behind.sink(), told(event(is_open=False), 2)

    sink.notify([told(event())])
    (mark,) = behind.ask(shown)
    assert mark["time"] == mark["start_time"]
    sink.notify([ended, ended])
    (mark,) = behind.ask(shown)
    assert (mark["id"], mark["time"] - mark["start_time"]) == ("e1", 60_000_000_000)
    assert mark["text"] == "shop: cpu{host=a} is too high (severity 75). 9.25 instead of 1"


@pytest.mark.external_service
def test_a_check_says_that_the_database_is_not_there_or_makes_it(behind: Behind) -> None:
    with pytest.raises(SinkError, match="database not found"):
        behind.sink(database="no such").check()

    behind.sink(database='a "b', create_database=True).check()
    behind.sink(database='a "b').notify([replace(told(event()), monitor="m")])
    behind.ask('DROP DATABASE "a \\"b"', "POST")
