"""The sink of search servers on real ones, one after the other."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import sink_contract as contract
from redshank.dashboards.kibana import Indices, Watched, kibana_objects
from redshank.http.client import Http
from redshank.sinks.elastic_scores import MonthlyIndices
from redshank.sinks.elasticsearch import ElasticsearchOptions
from redshank.specs.options import Access
from search_places import EVENTS, SCORES, Behind, moment
from service_world import running
from sink_contract import Place, block, event, scored, told

pytestmark = pytest.mark.external_service
SERVERS = {  # by name: the script, and its variables
    "opensearch3": ("opensearch", {"OPENSEARCH_VERSION": "3.8.0"}),
    "opensearch2": ("opensearch", {"OPENSEARCH_VERSION": "2.19.6"}),
    "elasticsearch6": ("elasticsearch6", {}),
    "elasticsearch7": ("elasticsearch7", {}),
    "elasticsearch8": ("elasticsearch", {"ELASTICSEARCH_VERSION": "8.7.1"}),
    "elasticsearch9": ("elasticsearch", {"ELASTICSEARCH_VERSION": "9.5.3"}),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Behind]:
    script, environment = SERVERS[request.param]
    with running(request.param, script, environment) as url:
        behind = Behind(url, request.param)
        yield behind
        behind.close()


@pytest.fixture
def behind(server: Behind) -> Behind:
    server.empty()
    return server


def test_events_keep_the_contract(behind: Behind) -> None:
    contract.check_events(Place(make=behind.sink, events=behind.events), behind.empty)


def test_one_event_that_is_refused_stops_no_other(behind: Behind) -> None:
    too_large = told(event("bad", points=2**40), 99)

    contract.check_one_bad_event(Place(make=behind.sink, events=behind.events), too_large)


def test_an_older_form_never_takes_the_place_of_a_newer_one(behind: Behind) -> None:
    sink = behind.sink()
    sink.notify([told(event("e1", points=2), 7)])
    sink.notify([told(event("e1", points=1), 3)])

    assert [row["points"] for row in behind.events()] == [2]


def test_fields_have_their_types(behind: Behind) -> None:
    behind.sink().notify([told(event())])

    found = behind.client.get(f"/{EVENTS}/_mapping").json()[EVENTS]["mappings"]
    fields = found.get("_doc", found)["properties"]
    kinds = {name: fields[name]["type"] for name in ("@timestamp", "monitor", "severity", "is_open", "reason")}
    assert kinds == {
        "@timestamp": "date",
        "monitor": "keyword",
        "severity": "integer",
        "is_open": "boolean",
        "reason": "text",
    }
    assert fields["labels"]["properties"]["host"]["type"] == "keyword"


def test_documents_in_the_layout_of_loudml(behind: Behind) -> None:
    sink = behind.sink(layout="loudml")
    sink.notify([told(event("e1"))])
    sink.notify([told(event("e1", severity=90, end=contract.START + timedelta(minutes=9), is_open=False), 2)])

    (hit,) = behind.hits(".loudml-anomalies")
    document = hit["_source"]
    assert hit["_id"] == document["uuid"]
    assert hit.get("_type", "_doc") == ("anomaly" if behind.name == "elasticsearch6" else "_doc")
    assert (document["until"] - document["@timestamp"], document["max_score"]) == (9 * 60_000, 90)


def test_scores_of_hostile_names_are_kept_once(behind: Behind) -> None:
    place = Place(make=lambda: behind.sink(scores=True), scores=behind.scores)

    contract.check_scores_of_hostile_names(place)
    behind.empty()
    for sink in (place.make(), place.make()):
        sink.record(block(scored()))
        sink.record(block(scored(first=2, points=5), scored(("c",))))
        sink.close()
    contract.assert_points(place, [block(scored(points=7)), block(scored(("c",)))])
    assert bool(behind.months()) != behind.name.startswith("opensearch")


def test_scores_twice_are_once_where_they_are_in_monthly_indices(behind: Behind) -> None:
    if behind.name.startswith("opensearch"):
        pytest.skip("they are in a data stream, in which nothing is changed")
    contract.check_scores(Place(make=lambda: behind.sink(scores=True), scores=behind.scores), behind.empty)


def test_a_point_is_known_again_after_a_data_stream_rolled_over(behind: Behind) -> None:
    if not behind.name.startswith("opensearch"):
        pytest.skip("this build has no data streams")
    sink = behind.sink(scores=True)
    sink.record(block(scored()))
    assert behind.client.post(f"/{SCORES}/_rollover").json()["rolled_over"]
    behind.client.post(f"/{SCORES}/_refresh")

    sink.record(block(scored(points=6)))

    contract.assert_points(Place(make=behind.sink, scores=behind.scores), [block(scored(points=6))])


def test_old_scores_are_dropped_by_the_server_or_by_the_sink(behind: Behind) -> None:
    behind.sink(scores=True, retention="36500d").record(block(scored()))

    if behind.name == "elasticsearch6":
        policy = behind.client.get(f"/_ilm/policy/{SCORES}").json()[SCORES]["policy"]["phases"]["delete"]
        index = behind.client.get(f"/{SCORES}-2026.03/_settings").json()[f"{SCORES}-2026.03"]["settings"]["index"]
        assert (policy["min_age"], index["lifecycle"]["name"]) == (f"{36531 * 86_400}s", SCORES)
    else:
        assert _dropped(behind, "2026-04-30T00:00:00Z") == []
        assert _dropped(behind, "2026-05-01T00:00:00Z") == [f"{SCORES}-2026.03"]


def _dropped(behind: Behind, now: str) -> list[str]:
    before = behind.months()
    behind.client.put(f"/{SCORES}-2026.3x")
    http = Http.of(ElasticsearchOptions(url=behind.url), Access(), "here")
    MonthlyIndices(http, SCORES, timedelta(days=30), lambda: moment(now)).clean()
    http.close()
    after = behind.months()
    assert f"{SCORES}-2026.3x" in after
    return sorted(set(before) - set(after))


def test_scores_go_into_monthly_indices_beside_a_data_stream_of_before(behind: Behind) -> None:
    behind.sink(scores=True).record(block(scored(("a",))))

    behind.sink(scores=True, retention="36500d").record(block(scored(("b",))))

    contract.assert_points(
        Place(make=behind.sink, scores=behind.scores), [block(scored(("a",))), block(scored(("b",)))]
    )


def test_a_generated_chart_finds_the_points_of_its_series(behind: Behind) -> None:
    sink = behind.sink(scores=True)
    sink.record(block(scored(contract.HOSTILE), monitor=contract.HOSTILE[1]))
    behind.hits(f"{SCORES}*")
    watched = [Watched(f"cpu{{host={name}}}", {"host": name}) for name in contract.HOSTILE]
    objects = kibana_objects({contract.HOSTILE[1]: watched}, Indices())
    charts = [each for each in objects if each["references"] and each["type"] == "visualization"]

    counts = [_drawn(behind, each["attributes"]) for each in charts]

    assert counts == [(3, {"actual", "expected", "lower", "upper", "score"})] * len(contract.HOSTILE)


def _drawn(behind: Behind, chart: dict[str, Any]) -> tuple[int, set[str]]:
    """How many points the search of a chart finds, and which of its numbers have a value."""
    source = json.loads(chart["kibanaSavedObjectMeta"]["searchSourceJSON"])
    metrics = [each for each in json.loads(chart["visState"])["aggs"] if each["schema"] == "metric"]
    body = {
        "size": 0,
        "query": {"bool": {"filter": [each["query"] for each in source["filter"]]}},
        "aggs": {each["params"]["field"]: {each["type"]: {"field": each["params"]["field"]}} for each in metrics},
    }
    told = behind.client.post(f"/{SCORES}*/_search", json=body).json()
    total = told["hits"]["total"]
    found = {name for name, each in told["aggregations"].items() if each["value"] is not None}
    return (total if isinstance(total, int) else total["value"]), found


WRITER = """
import sys
sys.path[:0] = [{tests!r}]
from redshank.panel import Key
from redshank.sinks.build import build_sink
from sink_contract import event, told
sink = build_sink("elasticsearch", {{"url": {url!r}}})
for first in range(0, {count}, 100):
    sink.notify([told(event(f"e{{i}}", key=Key.of("cpu", {{"n": str(i)}})), i + 1) for i in range(first, first + 100)])
    print(first + 100, flush=True)
"""


def test_a_writer_that_is_killed_and_runs_again_leaves_each_event_once(behind: Behind) -> None:
    code = WRITER.format(tests=str(contract.__file__).rpartition("/")[0], url=behind.url, count=2000)

    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        for line in writer.stdout:
            if int(line) >= 700:
                writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    assert 700 <= len(behind.hits(EVENTS)) < 2000
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    assert sorted(hit["_id"] for hit in behind.hits(EVENTS)) == sorted(f"e{i}" for i in range(2000))
