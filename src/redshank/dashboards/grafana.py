"""A dashboard for Grafana: for each series actual value, expected range and score, with its events marked.

It reads the routes under ``/api/v1/grafana`` by the Infinity data source (Grafana 10 or newer), which is chosen on the
dashboard itself, so that importing asks for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

PLUGIN = "yesoreyeram-infinity-datasource"
SOURCE = {"type": PLUGIN, "uid": "${source}"}
PATH = "/api/v1/grafana"
RANGE = {"from": "${__from}", "to": "${__to}"}
NUMBER, TEXT, TIME = "number", "string", "timestamp_epoch"
COLOURS = {"actual": "blue", "expected": "green", "lower": "super-light-green", "upper": "super-light-green"}
EVENT_COLUMNS = {
    "time": TIME,
    "timeEnd": TIME,
    "monitor": TEXT,
    "kind": TEXT,
    "series": TEXT,
    "severity": NUMBER,
    "actual": NUMBER,
    "expected": NUMBER,
    "reason": TEXT,
}


def grafana_dashboard(monitor: str | None = None) -> dict[str, Any]:
    """Return the dashboard of one monitor, or of whichever is chosen on it; the same each time."""
    name = "Redshank" if monitor is None else f"Redshank: {monitor}"
    mark = "" if monitor is None else "-" + hashlib.sha256(monitor.encode()).hexdigest()[:12]
    return {
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"},
            {"type": "datasource", "id": PLUGIN, "name": "Infinity", "version": "2.0.0"},
        ],
        "uid": f"redshank{mark}",
        "title": name,
        "tags": ["redshank"],
        "timezone": "browser",
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": _variables(monitor)},
        "annotations": {"list": [_annotations()]},
        "panels": [_event_table(), _row(), _band(), _score()],
    }


def _variables(monitor: str | None) -> list[dict[str, Any]]:
    chosen = (
        _chosen_by("monitor", "Monitor", _query("/monitors", {}, {"__text": TEXT, "__value": TEXT}))
        if monitor is None
        else _one_of("monitor", "Monitor", [monitor]) | {"hide": 2}
    )
    series = _query("/series", {"monitor": "${monitor:csv}"}, {"__text": TEXT, "__value": TEXT})
    return [
        {"name": "source", "label": "Server", "type": "datasource", "query": PLUGIN, "hide": 0},
        chosen,
        _chosen_by("series", "Series", series) | {"multi": True},
        _one_of("severity", "Severity from", ["0", "25", "50", "75", "90"]),
    ]


def _chosen_by(name: str, label: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """A variable whose choices are asked for."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"queryType": "infinity", "query": "", "infinityQuery": {**query, "refId": "variable"}},
        "refresh": 1,
        "sort": 0,
        "hide": 0,
        "multi": False,
        "includeAll": False,
    }


def _one_of(name: str, label: str, values: Sequence[str]) -> dict[str, Any]:
    """A variable of given choices, the first of them chosen."""
    options = [{"text": value, "value": value, "selected": value == values[0]} for value in values]
    text = ",".join(value.replace("\\", "\\\\").replace(",", "\\,") for value in values)
    return {
        "name": name,
        "label": label,
        "type": "custom",
        "query": text,
        "options": options,
        "current": options[0],
        "hide": 0,
        "multi": False,
        "includeAll": False,
    }


def _query(path: str, params: Mapping[str, str], columns: Mapping[str, str], format_: str = "table") -> dict[str, Any]:
    """A question to the data source: ``columns`` says the type of each."""
    return {
        "datasource": SOURCE,
        "refId": "A",
        "type": "json",
        "parser": "backend",
        "source": "url",
        "format": format_,
        "url": PATH + path,
        "url_options": {
            "method": "GET",
            "data": "",
            "params": [{"key": name, "value": value} for name, value in params.items()],
        },
        "root_selector": "",
        "columns": [{"selector": name, "text": name, "type": kind} for name, kind in columns.items()],
        "filters": [],
    }


def _annotations() -> dict[str, Any]:
    params = {**RANGE, "series": "${series:csv}", "severity": "${severity}"}
    columns = {"time": TIME, "timeEnd": TIME, "title": TEXT, "text": TEXT, "tags": TEXT}
    return {
        "name": "Events",
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "target": _query("/annotations", params, columns),
        "mappings": {name: {"source": "field", "value": name} for name in columns},
    }


def _event_table() -> dict[str, Any]:
    params = {**RANGE, "monitor": "${monitor:csv}", "severity": "${severity}"}
    times = [
        _override(f"^{name}$", {"unit": "dateTimeAsLocal", "custom.width": 170, "displayName": title})
        for name, title in (("time", "from"), ("timeEnd", "to"))
    ]
    return {
        "id": 1,
        "type": "table",
        "title": "Events",
        "datasource": SOURCE,
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 7},
        "targets": [_query("/events", params, EVENT_COLUMNS)],
        "fieldConfig": {"defaults": {"custom": {"align": "auto"}}, "overrides": times},
        "options": {"showHeader": True, "sortBy": [{"displayName": "from", "desc": True}]},
    }


def _row() -> dict[str, Any]:
    return {
        "id": 2,
        "type": "row",
        "title": "$series",
        "repeat": "series",
        "collapsed": False,
        "panels": [],
        "gridPos": {"x": 0, "y": 7, "w": 24, "h": 1},
    }


def _band() -> dict[str, Any]:
    looks = [
        _override(
            f"^{name}",
            {"color": {"mode": "fixed", "fixedColor": colour}, "displayName": name, "custom.lineWidth": _width(name)},
        )
        for name, colour in COLOURS.items()
    ]
    looks.append(_override("^upper", {"custom.fillBelowTo": "lower", "custom.fillOpacity": 15}))
    return {
        "id": 3,
        "type": "timeseries",
        "title": "Value and expected range",
        "datasource": SOURCE,
        "gridPos": {"x": 0, "y": 8, "w": 24, "h": 8},
        "targets": [_points(COLOURS)],
        "fieldConfig": {"defaults": {"custom": {"drawStyle": "line", "spanNulls": False}}, "overrides": looks},
        "options": {"legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"}},
    }


def _width(name: str) -> int:
    return 2 if name == "actual" else 1 if name == "expected" else 0


def _score() -> dict[str, Any]:
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 1}]
    return {
        "id": 4,
        "type": "timeseries",
        "title": "Score (from 1 on not normal)",
        "datasource": SOURCE,
        "gridPos": {"x": 0, "y": 16, "w": 24, "h": 5},
        "targets": [_points(["score"])],
        "fieldConfig": {
            "defaults": {
                "min": 0,
                "color": {"mode": "thresholds"},
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"drawStyle": "bars", "fillOpacity": 60, "thresholdsStyle": {"mode": "dashed"}},
            },
            "overrides": [_override("^score", {"displayName": "score"})],
        },
        "options": {"legend": {"showLegend": False}},
    }


def _points(names: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    params = {**RANGE, "series": "${series:csv}", "interval_ms": "${__interval_ms}"}
    columns = {"time": TIME, "series": TEXT, **dict.fromkeys(names, NUMBER)}
    return _query("/points", params, columns, "timeseries")


def _override(pattern: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """How the fields look whose name matches."""
    return {
        "matcher": {"id": "byRegexp", "options": f"/{pattern}/"},
        "properties": [{"id": name, "value": value} for name, value in properties.items()],
    }
