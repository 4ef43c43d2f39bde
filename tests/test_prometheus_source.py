"""The source of Prometheus on a scripted server, and its pieces."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from http_world import Act, World, answer, world
from redshank.errors import ConfigError, NoPointsError, SourceError
from redshank.sources.base import Query
from redshank.sources.build import build_source
from redshank.sources.prometheus import PrometheusSource
from redshank.sources.prometheus_text import Selector
from redshank.sources.stretches import Stretch, stretches_of
from redshank.tables.buckets import Buckets

START = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = int(START.timestamp())
HOUR_NS = 3_600_000_000_000
ASKED = Query(by=(), step=timedelta(hours=1), start=START, end=START + timedelta(hours=2), agg="max", closed=True)
GONE = answer("405 Method Not Allowed", b"")


def success(*points: tuple[float, str], **more: Any) -> Act:
    """An answer with one series, or with none where there are no points."""
    result = [{"metric": {}, "values": points}] if points else []
    told = {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}
    return answer(body=json.dumps(told).encode())


def reading(*acts: Act, query: Query = ASKED, **options: Any) -> tuple[list[float], list[str], World]:
    """The values of the only panel, the notes, and the server."""
    with world(*acts) as told:
        options = {"url": f"{told.url}/prefix", "query": "up", "retries": 0, **options}
        found = build_source("prometheus", options).read(query)
    (panel,) = found.panels
    return panel.values.ravel().tolist(), found.findings.notes, told


def asked(request: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.partition(b"\r\n\r\n")[2].decode()).items()}


@pytest.mark.parametrize(("seen", "range_ms"), [("2", 3_600_000), ("3", 3_599_999)], ids=["version 3", "version 2"])
def test_a_bucket_takes_its_first_moment_and_not_its_end(seen: str, range_ms: int) -> None:
    values, _, told = reading(success((FIRST, seen)), success((FIRST + 3599.999, "1"), (FIRST + 7199.999, "2")))

    assert values == [1, 2]
    assert told.seen[1].startswith(b"POST /prefix/api/v1/query_range ")
    form = asked(told.seen[1])
    assert form["query"] == f'max by () (max_over_time({{__name__="up"}}[{range_ms}ms]))'
    assert (form["start"], form["end"], form["step"]) == (f"{FIRST + 3599}.999", f"{FIRST + 7199}.999", "3600.000")


def test_warnings_are_notes() -> None:
    _, notes, _ = reading(success((FIRST, "2")), success((FIRST + 3599.999, "1"), warnings=["a store is slow"]))

    assert notes == ["the server says: a store is slow"]


def test_a_partial_answer_is_an_error_unless_it_is_allowed() -> None:
    acts = success((FIRST, "2")), success((FIRST + 3599.999, "1"), isPartial=True)

    with pytest.raises(SourceError, match="answered in part"):
        reading(*acts)
    _, notes, told = reading(*acts, partial=True)

    assert notes == ["the answer is partial: a store behind the server is away"]
    assert (asked(told.seen[1])["partial_response"], asked(told.seen[1])["deny_partial_response"]) == ("true", "0")


def test_a_server_that_takes_no_forms_is_asked_by_address() -> None:
    values, _, told = reading(GONE, success((FIRST, "2")), success((FIRST + 3599.999, "5")))

    assert values == [5]
    assert [request.split(b" ", 1)[0] for request in told.seen] == [b"POST", b"GET", b"GET"]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (answer("422 Unprocessable", b'{"status":"error","error":"too many samples"}'), r"\(422\): too many samples"),
        (answer("401 No", b"who?"), "check user and password"),
        (answer(body=b"<html>"), "what is none of Prometheus"),
        (answer(body=b'{"status":"success","data":{"result":[{"metric":7}]}}'), "what is none of Prometheus"),
        (answer(body=b'{"status":"error","error":"no"}'), "refuses what it is asked: no"),
    ],
    ids=["refused", "unknown user", "page", "wrong form", "error in 200"],
)
def test_what_is_wrong_is_said(act: Act, said: str) -> None:
    with pytest.raises(SourceError, match=rf"^prometheus http://127.*/prefix up: .*{said}"):
        reading(act)


def test_no_points_are_an_error_of_their_own() -> None:
    with pytest.raises(NoPointsError):
        reading(success())


def test_points_that_are_not_finite_are_aggregated_here() -> None:
    steps = success((FIRST + 3599.999, "+Inf"), (FIRST + 7199.999, "2"))
    points = success((FIRST, "3"), (FIRST + 1, "+Inf"), (FIRST + 3600, "2"), (FIRST + 3601, "NaN"))

    values, notes, _ = reading(success((FIRST, "2")), steps, success((FIRST + 59.999, "4")), points)

    assert values == [3, 2]
    assert "aggregated here, not by the server: some points are NaN or infinite, which counts as none here" in notes


def test_a_filter_of_labels_is_put_into_the_selector() -> None:
    query = Query(by=("job",), step=ASKED.step, start=ASKED.start, end=ASKED.end, agg="max", closed=True,
                  filter={"job": ('a"b\\', "c.d")})  # fmt: skip

    _, _, told = reading(success((FIRST, "2")), success((FIRST + 3599.999, "1")), query=query)

    assert 'job=~"a\\"b\\\\\\\\|c\\\\.d"' in asked(told.seen[1])["query"]


def test_addresses_become_options() -> None:
    options_of = PrometheusSource.options_of

    assert options_of("prometheus://me@host/p?query=up%7Ba%3D%22b%22%7D&every=5m") == {
        "url": "http://me@host:9090/p", "query": 'up{a="b"}', "every": "5m"
    }  # fmt: skip
    assert options_of("prometheus+https://host/") == {"url": "https://host/"}


@pytest.mark.parametrize("options", [{"query": "up", "metric": "up"}, {"metric": "sum(up)"}, {"metric": 'up{a="b"}'}])
def test_one_thing_is_read(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        build_source("prometheus", {"url": "http://host", **options})


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("up", '{__name__="up"}'),
        (' up { a = "b" , c!~\'d}\', } ', '{__name__="up",a="b",c!~\'d}\'}'),
        ('{__name__="up",a=`}`}', '{__name__="up",a=`}`}'),
        ('{a="b"}', '{a="b"}'),
        ("{}", '{__name__!=""}'),
        *((text, None) for text in ("sum(up)", "up offset 5m", "up[5m]", "1", "up + 1", "up{a}", "", "Inf", "up @ 1")),
    ],
)  # fmt: skip
def test_selectors_are_told_from_other_expressions(text: str, selector: str | None) -> None:
    found = Selector.read(text)

    assert (None if found is None else str(found)) == selector


def test_windows_follow_the_clock_of_a_zone() -> None:
    night = int(datetime(2026, 3, 28, 23, tzinfo=UTC).timestamp()) * 1_000_000_000  # midnight before clocks go forward
    days = stretches_of(Buckets.of(timedelta(days=1), "Europe/Oslo"), night - 25 * HOUR_NS, night + 48 * HOUR_NS)

    assert [(part.length // HOUR_NS, part.n) for part in days] == [(1, 1), (24, 1), (23, 1), (24, 1), (1, 1)]
    assert [b.begin - a.end for a, b in pairwise(days)] == [0] * 4


def test_windows_cut_short_are_those_at_the_ends() -> None:
    rule = Buckets.of(timedelta(hours=1), None)

    assert stretches_of(rule, 0, 0) == []
    assert stretches_of(rule, HOUR_NS - 7, HOUR_NS + 9) == [Stretch(HOUR_NS - 7, 7, 1), Stretch(HOUR_NS, 9, 1)]
    (whole,) = stretches_of(rule, 0, 10 * HOUR_NS)
    assert [part.n for part in whole.cut(4)] == [4, 4, 2]
    assert np.diff([part.begin for part in whole.cut(4)]).tolist() == [4 * HOUR_NS] * 2
