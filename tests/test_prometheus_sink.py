"""The sink of Prometheus against a scripted server: what is sent, and what becomes of samples that come too late."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from http_world import Act, World, answer, world
from redshank.errors import ConfigError, SinkError
from redshank.panel import Key
from redshank.sinks.build import build_sink
from redshank.sinks.prometheus import series_labels
from redshank.sinks.remote_write import Samples, body, label_names
from sink_contract import HOSTILE, block, event, scored, told

TAKEN = answer("204 No Content", b"")
LATE = answer("400 Bad Request", b"out of order sample")
NONE = answer(body=json.dumps({"data": {"result": []}}).encode())
Read = tuple[dict[str, str], list[tuple[float, int]]]


def fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message, slowly: a twin of what writes them."""
    while content:
        tag, content = number(content)
        if tag & 7 == 2:
            size, content = number(content)
            yield tag >> 3, content[:size]
            content = content[size:]
        elif tag & 7 == 1:
            yield tag >> 3, struct.unpack("<d", content[:8])[0]
            content = content[8:]
        else:
            value, content = number(content)
            yield tag >> 3, value - (1 << 64) if value >> 63 else value


def number(content: bytes) -> tuple[int, bytes]:
    value = 0
    for i, byte in enumerate(content):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, content[i + 1 :]
    raise ValueError("does not end")


def read(content: bytes) -> list[Read]:
    plain = content or b"\x00"
    size, _ = number(plain)
    unpacked = pa.decompress(plain, decompressed_size=size, codec="snappy", asbytes=True)
    found = []
    for _, series in fields(unpacked):
        parts = list(fields(series))
        labels = [dict(fields(part)) for which, part in parts if which == 1]
        samples = [dict(fields(part)) for which, part in parts if which == 2]
        found.append(
            ({each[1].decode(): each[2].decode() for each in labels}, [(each[1], each[2]) for each in samples])
        )
    return found


def test_a_body_says_what_was_given() -> None:
    times = np.array([-5, 0, 1_772_323_200_000])
    values = np.array([0.1, -1.7e308, 5e-324])
    labels = {"__name__": "redshank_score", "host": "🐦\n" * 100, "empty": ""}

    found = read(body([Samples(labels, times, values), Samples({"__name__": "x"}, times[:0], values[:0])]))

    known = {name: text for name, text in labels.items() if text}
    assert found == [(known, list(zip(values.tolist(), times.tolist(), strict=True)))]
    assert list(found[0][0]) == sorted(known)


@pytest.mark.parametrize("far", [0, -1, 1 << 35, (1 << 42) - 1, 1 << 42], ids=str)
def test_times_of_any_length_are_written_alike(far: int) -> None:
    times = np.array([far, 1_772_323_200_000, (1 << 35) + 1])

    ((_, found),) = read(body([Samples({"__name__": "x"}, times, np.array([1.0, -0.0, 1e300]))]))

    assert found == [(1.0, far), (-0.0, 1_772_323_200_000), (1e300, (1 << 35) + 1)]


def test_labels_get_names_that_prometheus_takes_and_no_two_become_one() -> None:
    labels = [(name, str(i)) for i, name in enumerate([*HOSTILE, "a.b", "a b", "a_b", "9", "__x", "monitor", ""])]

    found = label_names(labels, ["monitor"])

    assert sorted(found.values(), key=int) == [text for _, text in labels]
    assert all(name.replace("_", "").isascii() and not name.startswith("__") for name in found if name != "_")
    assert "monitor" not in found
    assert series_labels("m", Key.of("cpu", {"monitor": "x", "no": ""}))["label_monitor"] == "x"


def record(*acts: Act, path: str = "/api/v1/write", **options: Any) -> World:
    with world(*acts) as server:
        sink = build_sink("prometheus", {"url": server.url + path, "retries": 0, **options})
        assert sink.wants_scores
        sink.notify([told(event())])
        sink.record(block(scored(("a",))))
        sink.record(block())
        sink.close()
    return server


def sent(request: bytes) -> dict[str, list[int]]:
    """The minutes of the samples of a request, by name."""
    found = read(request.partition(b"\r\n\r\n")[2])
    return {
        labels["__name__"]: [(time - 1_772_323_200_000) // 60_000 for _, time in samples] for labels, samples in found
    }


def test_each_number_is_a_series_and_what_is_not_known_is_left_out() -> None:
    server = record(TAKEN, labels={"site": "oslo"})

    assert len(server.seen) == 1
    assert sent(server.seen[0]) == {
        "redshank_actual": [0, 1, 2],
        "redshank_expected": [0, 1, 2],
        "redshank_lower": [0, 1, 2],
        "redshank_upper": [0, 1, 2],
        "redshank_score": [1, 2],
        "redshank_anomaly": [1, 2],
    }
    assert read(server.seen[0].partition(b"\r\n\r\n")[2])[0][0] == {
        "__name__": "redshank_actual",
        "host": "a",
        "measure": "cpu",
        "monitor": "shop",
        "series": "cpu{host=a}",
        "site": "oslo",
    }


def test_what_prometheus_has_already_is_asked_for_and_not_sent_again() -> None:
    labels, _ = read(record(TAKEN).seen[0].partition(b"\r\n\r\n")[2])[0]
    known = {"metric": labels, "values": [[1_772_323_200 + 60, "1"]]}

    server = record(LATE, answer(body=json.dumps({"data": {"result": [known]}}).encode()), TAKEN)

    assert len(server.seen) == 3
    assert b"redshank_score" in server.seen[1]
    assert (sent(server.seen[2])["redshank_actual"], sent(server.seen[2])["redshank_lower"]) == ([2], [0, 1, 2])


def test_what_is_too_old_is_passed_over_and_the_rest_is_sent() -> None:
    server = record(LATE, NONE, LATE, LATE, answer("500 Internal Server Error", b"too old sample"), TAKEN)

    assert [sent(server.seen[i])["redshank_actual"] for i in (3, 4, 5)] == [[0], [1], [2]]


def test_of_many_times_that_are_too_old_only_some_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redshank.sinks.prometheus.MOST_TRIED", 3)
    with world(LATE, NONE, LATE, LATE, LATE, LATE, TAKEN) as server:
        sink = build_sink("prometheus", {"url": server.url, "retries": 0})
        sink.record(block(scored(("a",), points=20)))
        sink.close()

    assert [sent(request)["redshank_actual"] for request in server.seen[3:]] == [[9], [14], [16], [17], [19]]


def test_a_stretch_of_time_is_sent_whole_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redshank.sinks.prometheus.MOST_SAMPLES", 40)
    names = [f"h{i}" for i in range(4)]
    with world(TAKEN) as server:
        sink = build_sink("prometheus", {"url": server.url, "retries": 0})
        sink.record(block(scored(names, points=70)))
        sink.close()

    minutes = [sorted({minute for each in sent(request).values() for minute in each}) for request in server.seen]
    sizes = [sum(len(samples) for _, samples in read(request.partition(b"\r\n\r\n")[2])) for request in server.seen]
    assert sum(sizes) == 4 * (6 * 56 - 2)
    assert max(sizes) <= 40
    assert all(each[-1] - each[0] < 30 for each in minutes)
    starts = [each[0] // 30 for each in minutes]
    assert starts == sorted(starts)


def test_an_address_that_is_not_of_prometheus_itself_is_not_asked() -> None:
    server = record(LATE, LATE, TAKEN, TAKEN, path="/api/v1/push")

    assert all(request.startswith(b"POST /api/v1/push ") for request in server.seen)
    assert [sent(request)["redshank_actual"] for request in server.seen[2:]] == [[0], [1, 2]]


@pytest.mark.parametrize(
    ("act", "permanent", "said"),
    [
        (answer("400 Bad Request", b"label name is wrong"), True, "label name is wrong"),
        (answer("500 Internal Server Error", b"disk full"), False, "disk full"),
        (answer("404 Not Found", b"not enabled"), False, "404"),
    ],
    ids=["wrong", "broken", "not enabled"],
)
def test_other_refusals_are_errors(act: Act, permanent: bool, said: str) -> None:
    with pytest.raises(SinkError, match=said) as raised:
        record(act)

    assert raised.value.permanent is permanent


@pytest.mark.parametrize(
    "options",
    [{}, {"url": "http://a", "labels": {"a-b": "1"}}, {"url": "http://a", "labels": {"monitor": "1"}}],
    ids=str,
)
def test_a_declaration_that_can_do_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="sink of kind 'prometheus'"):
        build_sink("prometheus", options)


def test_a_sink_that_is_only_scraped_sends_nothing() -> None:
    sink = build_sink("prometheus", {"scrape": True})

    sink.check()
    sink.record(block(scored()))
    assert not sink.wants_scores
    sink.close()
