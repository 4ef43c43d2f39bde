"""Saved objects for Kibana and OpenSearch Dashboards: sound by the form of Kibana 7.0, and imported over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from http_world import Act, answer, world
from redshank.dashboards.kibana import COLUMNS, Indices, Watched, kibana_objects, ndjson
from redshank.dashboards.kibana_import import import_objects
from redshank.dashboards.kibana_six import kibana_six
from redshank.errors import SinkError
from redshank.http.options import HttpOptions
from redshank.sinks.elastic_templates import SCORES
from sink_contract import HOSTILE

SERIES = [Watched(f"cpu{{host={name}}}", {"host": name}) for name in HOSTILE]
OBJECTS = kibana_objects({name: SERIES for name in HOSTILE[:6]}, Indices())
BY_HOST = kibana_objects({"hosts": [*SERIES, Watched("mem", {})]}, Indices(scores="s*", events="e"), by="host")
KEYS = {"id", "type", "attributes", "references", "migrationVersion"}
NEEDED = {
    "index-pattern": {"title": str, "timeFieldName": str},
    "visualization": {"title": str, "visState": str, "uiStateJSON": str, "kibanaSavedObjectMeta": dict, "version": int},
    "search": {"title": str, "columns": list, "sort": list, "kibanaSavedObjectMeta": dict, "version": int},
    "dashboard": {"title": str, "panelsJSON": str, "optionsJSON": str, "timeRestore": bool, "refreshInterval": dict},
}
REFUSED = answer(
    body=b'{"success": false, "errors": [{"type": "dashboard", "id": "x", "error": {"type": "unsupported_type"}}]}'
)
ONES = [pytest.param(each, id=f"{i}-{each['type']}") for i, each in enumerate(OBJECTS[:20] + BY_HOST)]


@pytest.mark.parametrize("given", ONES)
def test_an_object_has_what_its_type_needs(given: dict[str, Any]) -> None:
    known = {(each["type"], each["id"]) for each in (*OBJECTS, *BY_HOST)}

    assert set(given) == KEYS
    assert re.fullmatch(r"[0-9a-f-]{36}", given["id"])
    assert all(isinstance(given["attributes"][name], kind) for name, kind in NEEDED[given["type"]].items())
    assert all((each["type"], each["id"]) in known for each in given["references"])
    assert list(given["migrationVersion"]) == [given["type"]]


@pytest.mark.parametrize("given", ONES)
def test_every_name_of_a_reference_is_used_and_each_that_is_used_is_there(given: dict[str, Any]) -> None:
    text = json.dumps({"a": given["attributes"]}).replace('\\"', '"')
    used = set(re.findall(r'"(?:indexRefName|panelRefName)": "([^"]*)"', text))

    assert used == {each["name"] for each in given["references"]}


@pytest.mark.parametrize("given", [each for each in (*OBJECTS[:12], *BY_HOST) if each["type"] == "visualization"])
def test_a_chart_draws_fields_that_are_written(given: dict[str, Any]) -> None:
    state = json.loads(given["attributes"]["visState"])
    fields = {each["params"]["field"] for each in state["aggs"]}
    drawn = {each["data"]["id"] for each in state["params"].get("seriesParams", [])}
    axes = {each["id"] for each in state["params"].get("valueAxes", [])}

    assert fields <= set(SCORES)
    assert drawn == {each["id"] for each in state["aggs"] if each["schema"] == "metric"}
    assert axes == {each["valueAxis"] for each in state["params"].get("seriesParams", [])}
    assert state["title"] == given["attributes"]["title"]


def test_a_chart_is_of_one_series_of_one_monitor() -> None:
    charts = [
        each for each in OBJECTS if each["type"] == "visualization" and ": about" not in each["attributes"]["title"]
    ]
    found = []
    for each in charts:
        source = json.loads(each["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        found.append([one["query"]["match_phrase"] for one in source["filter"]])

    assert found == [[{"monitor": name}, {"series": each.series}] for name in HOSTILE[:6] for each in SERIES]


def test_a_label_has_a_chart_for_each_value_and_the_rest_one_for_each_series() -> None:
    titles = [each["attributes"]["title"] for each in BY_HOST if each["type"] == "visualization"]

    assert len(titles) == 1 + len(HOSTILE) + 1
    assert {"hosts: about", "hosts: host=plain", "hosts: mem"} <= set(titles)


def test_a_dashboard_shows_everything_once_and_nothing_overlaps() -> None:
    (dashboard,) = [each for each in BY_HOST if each["type"] == "dashboard"]
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    places = [each["gridData"] for each in panels]
    taken = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(panels) == len(BY_HOST) - 3
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < COLUMNS
    assert len({each["panelIndex"] for each in panels}) == len(panels)


def test_objects_are_the_same_each_time_and_one_a_line() -> None:
    text = ndjson(OBJECTS)

    assert text == ndjson(kibana_objects({name: SERIES for name in HOSTILE[:6]}, Indices()))
    assert [json.loads(line) for line in text.split("\n")[:-1]] == OBJECTS
    assert len({each["id"] for each in OBJECTS}) == len(OBJECTS)


def test_kibana_6_gets_objects_that_name_each_other_by_id() -> None:
    found = json.loads(kibana_six(BY_HOST))
    ids = {each["_id"] for each in found}
    named = set()
    for each in found:
        source = each["_source"].get("kibanaSavedObjectMeta", {}).get("searchSourceJSON", "{}")
        named |= {part["index"] for part in _parts(json.loads(source)) if "index" in part}
        named |= {panel["id"] for panel in json.loads(each["_source"].get("panelsJSON", "[]"))}

    assert [each["_type"] for each in found] == [each["type"] for each in BY_HOST]
    assert named == ids - {each["_id"] for each in found if each["_type"] == "dashboard"}
    assert "RefName" not in kibana_six(BY_HOST)


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _parts(each)


def imported(act: Act, space: str | None = None) -> tuple[int, bytes]:
    with world(act) as server:
        options = HttpOptions(url=server.url.replace("http://", "http://u:secret@"), retries=0)
        return import_objects(ndjson(OBJECTS), options, space), server.seen[0]


def test_objects_are_imported_as_a_file_and_replace_those_that_are_there() -> None:
    count, request = imported(answer(body=b'{"success": true, "successCount": 84}'), "ops")

    head, _, body = request.partition(b"\r\n\r\n")
    assert count == 84
    assert head.startswith(b"POST /s/ops/api/saved_objects/_import?overwrite=true ")
    assert all(part in head.lower() for part in (b"kbn-xsrf: true", b"osd-xsrf: true", b"authorization: basic"))
    boundary = re.search(rb"boundary=(\w+)", head)
    assert boundary
    part = body.split(b"--" + boundary[1])[1]
    assert b'filename="redshank.ndjson"' in part
    assert part.partition(b"\r\n\r\n")[2].strip().decode() == ndjson(OBJECTS).strip()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (REFUSED, "refuses 1 objects; dashboard 'x': unsupported_type"),
        (answer("401 Unauthorized", b'{"message": "no"}'), "401"),
        (answer(body=b"<html>"), "no JSON"),
        (answer(body=b"[]"), "see that the address is right"),
    ],
    ids=["refused", "password", "page", "another"],
)
def test_what_does_not_go_is_said_without_secrets(act: Act, said: str) -> None:
    with pytest.raises(SinkError, match=said) as raised:
        imported(act)

    assert "secret" not in str(raised.value)
