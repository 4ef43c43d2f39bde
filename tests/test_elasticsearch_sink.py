"""The sink of search servers against a scripted one: each document has an outcome of its own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from http_world import Act, World, answer, world
from redshank.errors import ConfigError, SinkError
from redshank.panel import Key
from redshank.sinks.build import build_sink
from redshank.sinks.elastic_documents import loudml_document, loudml_id
from sink_contract import NAN, START, block, event, scored, told

OPENSEARCH = {"version": {"number": "3.8.0", "distribution": "opensearch", "lucene_version": "10"}}
ELASTIC6 = {"version": {"number": "6.8.23", "lucene_version": "7.7"}}
ELASTIC = {"version": {"number": "8.7.1", "lucene_version": "9.5"}}
FULL = {"type": "es_rejected_execution_exception", "reason": "queue is full"}
WRONG = {"type": "mapper_parsing_exception", "reason": "failed", "caused_by": {"type": "x", "reason": "too large"}}


def told_by(given: Any, status: str = "200 OK", **headers: str) -> Act:
    return answer(status, json.dumps(given).encode(), **headers)


def items(*statuses: int, **errors: Any) -> Act:
    """The outcomes of a bulk; errors by status, as s400=..."""
    made = [
        {"index": {"status": status, **({"error": errors[f"s{status}"]} if f"s{status}" in errors else {})}}
        for status in statuses
    ]
    return told_by({"errors": any(status > 299 for status in statuses), "items": made})


def written(request: bytes) -> list[Any]:
    """The lines of a bulk."""
    body = request.partition(b"\r\n\r\n")[2]
    plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    return [json.loads(line) for line in plain.splitlines()]


def notify(acts: list[Act], count: int = 2, **options: Any) -> World:
    with world(*acts) as server:
        sink = build_sink("elasticsearch", {"url": server.url, "retries": 1, "templates": False, **options})
        sink.notify([told(event(f"e{i}"), i + 1) for i in range(count)])
        sink.close()
    return server


def test_an_event_is_a_document_whose_version_is_its_sequence() -> None:
    server = notify([told_by(OPENSEARCH), items(201)], 1)

    about, document = written(server.seen[1])
    assert about == {
        "index": {"_index": ".redshank-anomalies", "_id": "e0", "version": 1, "version_type": "external_gte"}
    }
    assert document["@timestamp"] == "2026-03-01T00:00:00Z"
    assert (document["labels"], document["series"], document["severity"]) == ({"host": "a"}, "cpu{host=a}", 75)
    assert b"content-encoding: gzip" in server.seen[1].lower()


def test_requests_to_aws_are_signed() -> None:
    server = notify(
        [told_by(OPENSEARCH), items(201)], 1, aws_region="eu-north-1", aws_access_key="A", aws_secret_key="b"
    )

    assert all(b"AWS4-HMAC-SHA256 Credential=A/" in request for request in server.seen)
    assert b"/eu-north-1/es/aws4_request" in server.seen[1]


def test_documents_have_a_type_where_servers_have_types() -> None:
    server = notify([told_by(ELASTIC6), items(201)], 1, layout="loudml", compress=False)

    about, _ = written(server.seen[1])
    assert (about["index"]["_type"], about["index"]["_index"]) == ("anomaly", ".loudml-anomalies")


def test_a_template_is_put_in_the_form_the_server_knows() -> None:
    for told_first, path, fields in (
        (ELASTIC6, b"PUT /_template/redshank-anomalies", lambda body: body["mappings"]["_doc"]["properties"]),
        (ELASTIC, b"PUT /_index_template/redshank-anomalies", lambda body: body["template"]["mappings"]["properties"]),
    ):
        server = notify([told_by(told_first), told_by({"acknowledged": True}), items(201)], 1, templates=True)

        assert server.seen[1].startswith(path)
        assert fields(json.loads(server.seen[1].partition(b"\r\n\r\n")[2]))["severity"] == {"type": "integer"}


def test_what_a_busy_server_puts_back_is_sent_again_alone() -> None:
    server = notify([told_by(OPENSEARCH), items(201, 429, s429=FULL), items(201)])

    assert [each["index"]["_id"] for each in written(server.seen[2])[::2]] == ["e1"]


def test_a_form_that_is_older_than_what_is_there_counts_as_written() -> None:
    notify([told_by(OPENSEARCH), items(201, 409, s409={"type": "version_conflict_engine_exception"})])


def test_a_document_that_is_refused_is_named_and_the_others_are_written() -> None:
    with pytest.raises(
        SinkError, match=r"refuses 1 of 2 documents for good: mapper_parsing_exception.*too large"
    ) as raised:
        notify([told_by(OPENSEARCH), items(201, 400, s400=WRONG)])

    assert (list(raised.value.refused), raised.value.permanent) == (["e1"], True)


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        ([items(429, 201, s429=FULL), items(429, s429=FULL)], "is too busy: 1 documents wait .*queue is full"),
        ([items(404, 404, s404={"type": "index_not_found_exception"})], "auto_create_index"),
        ([items(403, 403, s403={"type": "cluster_block_exception", "reason": "read-only"})], "disk full"),
        ([items(201)], "answered for 1 documents where 2 were written"),
        ([told_by({}, "503 Service Unavailable", Retry_After="3000")], "503"),
    ],
    ids=["busy", "no index", "read-only", "wrong count", "away"],
)
def test_what_may_pass_is_tried_again_later(acts: list[Act], said: str) -> None:
    with pytest.raises(SinkError, match=said) as raised:
        notify([told_by(OPENSEARCH), *acts])

    assert not raised.value.permanent
    assert "http://127" in str(raised.value)


@pytest.mark.parametrize(
    "act",
    [told_by({"version": {"number": "1.2"}}), answer(body=b"<html>"), told_by([]), told_by({"name": "x"})],
    ids=["another", "page", "list", "no version"],
)
def test_what_is_no_search_server_is_said(act: Act) -> None:
    with pytest.raises(SinkError, match="see that `url` is right"):
        notify([act])


def test_a_build_that_does_not_answer_at_its_root_is_known_by_its_header() -> None:
    nodes = told_by({"nodes": {"a": {"version": "9.5.3"}}})
    refused = told_by({"error": "405"}, "405 Method Not Allowed", X_elastic_product="Elasticsearch")

    server = notify([refused, nodes, items(201)], 1)

    assert "_type" not in written(server.seen[2])[0]["index"]


@pytest.mark.parametrize("index", ["", "Big", "a*", "a/b", "_a", "a b"])
def test_a_name_that_no_index_can_have_is_refused(index: str) -> None:
    with pytest.raises(ConfigError, match="must be the name of an index"):
        build_sink("elasticsearch", {"url": "http://localhost:9200", "index": index})


def record(acts: Callable[[], list[Act]]) -> World:
    with world(told_by(ELASTIC), *acts()) as server:
        sink = build_sink("opensearch", {"url": server.url, "scores": True, "templates": False})
        assert sink.wants_scores
        sink.record(block(scored(("a",))))
        sink.record(block())
    return server


def test_points_go_into_the_index_of_their_month_where_there_are_no_data_streams() -> None:
    server = record(lambda: [told_by({}, "404 Not Found"), items(201, 201, 201)])

    lines = written(server.seen[2])
    assert {each["index"]["_index"] for each in lines[::2]} == {"redshank-scores-2026.03"}
    assert [each["score"] for each in lines[1::2]] == [None, 0.001, 0.002]
    assert len({each["index"]["_id"] for each in lines[::2]}) == 3


def test_a_point_that_an_older_index_of_a_data_stream_has_is_not_written_again() -> None:
    stream = {"data_streams": [{"indices": [{}, {}]}]}
    first = record(lambda: [told_by({}), told_by({"data_streams": [{"indices": [{}]}]}), items(201, 201, 201)])
    known = written(first.seen[3])[0]["create"]["_id"]

    server = record(
        lambda: [told_by({}), told_by(stream), told_by({"hits": {"hits": [{"_id": known}]}}), items(201, 201)]
    )

    assert [each["create"]["_id"] == known for each in written(server.seen[4])[::2]] == [False, False]


@pytest.mark.parametrize(
    ("changes", "kind", "description"),
    [
        ({}, "High", "High cpu. 9.25 times higher than usual. Actual=9.25 Typical=1"),
        (
            {"actual": 1.0, "expected": 4.0, "direction": "down"},
            "Low",
            "Low cpu. 4 times lower than usual. Actual=1 Typical=4",
        ),
        ({"actual": 0.0, "expected": 4.0, "direction": "down"}, "Low", "Low cpu. Actual=0 Typical=4"),
        ({"expected": NAN, "direction": "unknown"}, "None", "9.25 instead of 1"),
    ],
    ids=["high", "low", "nothing", "unknown"],
)
def test_a_document_of_loudml_says_what_those_of_loudml_said(
    changes: dict[str, Any], kind: str, description: str
) -> None:
    one = told(event(**changes))

    start_ms = int(START.timestamp() * 1000)
    assert loudml_document(one) == {
        "@timestamp": start_ms,
        "until": start_ms + 60_000,
        "key": "a",
        "score": 75,
        "max_score": 75,
        "model": "shop",
        "uuid": loudml_id(one.event),
        "kind": kind,
        "description": description,
    }
    assert loudml_document(told(event(key=Key.of("cpu"))))["key"] == "cpu"
