"""The source of InfluxDB on a scripted server, and its pieces."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from http_world import Act, World, answer, cut_off, drip, world
from redshank.errors import ConfigError, NoPointsError, SourceError
from redshank.sources.base import Query
from redshank.sources.build import build_source
from redshank.sources.influxdb import InfluxdbSource
from redshank.sources.influxdb_text import Selection, named, text
from redshank.sources.stretches import Stretch

START = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = int(START.timestamp()) * 1_000_000_000
ASKED = Query(
    by=("host",), step=timedelta(hours=1), start=START, end=START + timedelta(hours=2), agg="max", closed=True
)


def portions(*series: dict[str, Any]) -> Act:
    """An answer in as many portions as there are series."""
    return answer(body=b"".join(json.dumps({"results": [{"series": [one]}]}).encode() + b"\n" for one in series))


def nothing() -> Act:
    return answer(body=b'{"results":[{"statement_id":0}]}\n')


FIELDS = portions({"columns": ["fieldKey", "fieldType"], "values": [["load", "float"]]})
TAGS = portions({"columns": ["tagKey"], "values": [["host"]]})
CELLS = portions(
    {"tags": {"host": "a"}, "columns": ["time", "m0"], "values": [[FIRST, 1]]},
    {"tags": {"host": "a"}, "columns": ["time", "m0"], "values": [[FIRST + 3_600_000_000_000, 2.5]]},
    {"tags": {"host": ""}, "columns": ["time", "m0"], "values": [[FIRST, 7]]},
)


def read(*acts: Act, query: Query = ASKED, **options: Any) -> tuple[dict[str, list[float]], World]:
    """The values by key, and the server."""
    with world(*acts) as told:
        given = {"url": told.url, "database": "db", "table": "cpu", "retries": 0, **options}
        found = build_source("influxdb", given).read(query)
    rows = [pair for panel in found.panels for pair in zip(panel.keys, panel.values, strict=True)]
    return {str(key): row[:, 0].tolist() for key, row in rows}, told


def statement(request: bytes) -> str:
    return parse_qs(request.partition(b"\r\n\r\n")[2].decode())["q"][0]


def test_buckets_come_in_portions() -> None:
    found, told = read(FIELDS, TAGS, CELLS, retention_policy="year", token="secret")

    assert found["load{host=a}"] == [1, 2.5]
    assert found["load"][0] == 7
    assert b"authorization: token secret" in told.seen[2].lower()
    assert statement(told.seen[2]) == (
        f'SELECT max("load") AS "m0" FROM "year"."cpu" WHERE time >= {FIRST} AND time < {FIRST + 7_200_000_000_000} '
        'GROUP BY time(3600000000000ns, 0ns), "host" fill(none)'
    )


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (
            answer("401 No", b'{"error":"authorization failed"}'),
            r"check user and password.*\(401\): authorization failed",
        ),
        (answer(body=b'{"results":[{"error":"timeout reached"}]}\n'), "refuses what it is asked: timeout reached"),
        (answer("400 Bad", b'{"error":"error parsing query"}'), "error parsing query"),
        (answer(body=b"<html>"), "what is none of InfluxDB"),
        (answer(body=b'{"results":[{"series":[{"values":7}]}]}\n'), "what is none of InfluxDB"),
        (cut_off, "broke off"),
        (drip, "took longer than timeout allows"),
    ],
    ids=["unknown user", "error in 200", "refused", "page", "wrong form", "cut off", "slow drip"],
)
def test_what_is_wrong_is_said(act: Act, said: str) -> None:
    with pytest.raises(SourceError, match=rf"^influxdb http://127.*/db cpu: .*{said}"):
        read(FIELDS, TAGS, act, timeout="300ms")


def test_an_error_after_some_portions_is_not_fewer_points() -> None:
    body = json.dumps(
        {"results": [{"series": [{"tags": {"host": "a"}, "columns": ["time", "m0"], "values": [[FIRST, 1]]}]}]}
    )

    with pytest.raises(SourceError, match="disk full"):
        read(FIELDS, TAGS, answer(body=body.encode() + b'\n{"results":[{"error":"disk full"}]}\n'))


def test_no_points_are_an_error_of_their_own() -> None:
    for acts in ((nothing(),), (FIELDS, TAGS, nothing())):
        with pytest.raises(NoPointsError):
            read(*acts)


def test_names_and_values_are_quoted() -> None:
    selection = Selection(named(None, 'a"b\\'), {"ho'st": ("x' OR 1=1 --", "\\")})

    assert named("rp", "m") == '"rp"."m"'
    assert text("a\nb") == "'a\\nb'"
    assert selection.points(('f"',), 1, None) == (
        'SELECT "f\\"" FROM "a\\"b\\\\" WHERE time >= 1 AND ("ho\'st" = \'x\\\' OR 1=1 --\' OR "ho\'st" = \'\\\\\')'
    )


def test_windows_need_not_begin_at_even_times() -> None:
    assert "GROUP BY time(10ns, 7ns) fill(none)" in Selection('"m"', {}).buckets("mean", ["f"], [], Stretch(27, 10, 3))


def test_addresses_become_options() -> None:
    options_of = InfluxdbSource.options_of

    assert options_of("influxdb://host/my%20db?table=cpu") == {
        "url": "http://host:8086", "database": "my db", "table": "cpu"
    }  # fmt: skip
    assert options_of("influxdb+https://host:1/p/db") == {"url": "https://host:1/p", "database": "db"}
    with pytest.raises(ConfigError, match="must name a host"):
        options_of("influxdb:///db")


def test_one_thing_is_read() -> None:
    with pytest.raises(ConfigError, match="a table or a query, not both"):
        build_source("influxdb", {"url": "http://host", "database": "d", "table": "t", "query": "SELECT 1"})
    with pytest.raises(ConfigError, match="needs a table"):
        build_source("influxdb", {"url": "http://host", "database": "d"}).read(ASKED)
