"""The dashboard that Grafana imports asks only what the server answers, and is put together soundly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redshank.api.grafana import ANNOTATION, EVENT, MONITOR, POINT, SERIES
from redshank.api.grafana import routes as grafana_routes
from redshank.cli.main import run
from redshank.dashboards.grafana import SOURCE, grafana_dashboard

FIELDS = {"/monitors": MONITOR, "/series": SERIES, "/points": POINT, "/events": EVENT, "/annotations": ANNOTATION}


@pytest.fixture(params=[None, "hosts, all"], ids=["of any monitor", "of one"])
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return grafana_dashboard(request.param)


def parts(part: Any) -> Iterator[dict[str, Any]]:
    """Every object inside."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from parts(value)
    elif isinstance(part, list):
        for value in part:
            yield from parts(value)


def test_it_asks_for_routes_parameters_and_fields_that_there_are(dashboard: dict[str, Any]) -> None:
    handlers = {each.path: each.handler for each in grafana_routes}
    queries = [part for part in parts(dashboard) if "url_options" in part]

    assert len(queries) >= 5
    for query in queries:
        taken = {"from" if name == "from_ms" else name for name in handlers[query["url"]].__annotations__}
        assert {each["key"] for each in query["url_options"]["params"]} <= taken
        fields = FIELDS[query["url"].removeprefix("/api/v1/grafana")]
        assert {each["selector"] for each in query["columns"]} <= set(fields)


def test_every_variable_that_is_used_is_there(dashboard: dict[str, Any]) -> None:
    known = {each["name"] for each in dashboard["templating"]["list"]}
    text = json.dumps(dashboard)

    assert known == {"source", "monitor", "series", "severity"}
    assert all(f"${{{name}" in text for name in known)
    assert all(part["datasource"] == SOURCE for part in parts(dashboard) if "datasource" in part)


def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    taken = [(x, y) for panel in panels for x, y in _cells(panel["gridPos"])]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        yield from ((x, y) for y in range(place["y"], place["y"] + place["h"]))


def test_it_is_the_same_each_time_and_another_for_each_monitor() -> None:
    assert grafana_dashboard("cpu") == grafana_dashboard("cpu")
    assert len({grafana_dashboard(name)["uid"] for name in (None, "cpu", "mem")}) == 3
    assert len(grafana_dashboard("x" * 300)["uid"]) <= 40  # more is refused


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grafana", "dashboard", "--monitor", "cpu", "-o", str(tmp_path / "d.json")]) == 0
    assert json.loads((tmp_path / "d.json").read_text()) == grafana_dashboard("cpu")
    capsys.readouterr()
    assert run(["grafana", "dashboard"]) == 0
    assert json.loads(capsys.readouterr().out) == grafana_dashboard()
    assert run(["grafana", "dashboard", "-o", str(tmp_path / "no" / "d.json")]) == 2
