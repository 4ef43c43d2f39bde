"""Charts of Kibana and OpenSearch Dashboards: what a visualization of lines draws, as both keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LEFT, RIGHT = "ValueAxis-1", "ValueAxis-2"
BAND = (  # name, how several points become one, axis, line width
    ("actual", "avg", LEFT, 2),
    ("expected", "avg", LEFT, 1),
    ("lower", "min", LEFT, 1),
    ("upper", "max", LEFT, 1),
    ("score", "max", RIGHT, 1),
)


def band_chart(title: str) -> dict[str, Any]:
    """Return lines of actual and expected value and its range; the score on an axis of its own and as size of dots."""
    metrics = [_metric(str(i), how, name) for i, (name, how, _, _) in enumerate(BAND, 1)]
    lines = [_line(str(i), name, axis, width) for i, (name, _, axis, width) in enumerate(BAND, 1)]
    return _lines(title, [*metrics, _by_time("6"), _dots("7")], lines)


def label_chart(title: str, most: int) -> dict[str, Any]:
    """Return a line of the value for each of ``most`` series, the score as size of dots."""
    split = {
        "id": "3",
        "enabled": True,
        "type": "terms",
        "schema": "group",
        "params": {"field": "series", "size": most, "order": "desc", "orderBy": "_key"},
    }
    metrics = [_metric("1", "avg", "actual"), _by_time("2"), split, _dots("4")]
    return _lines(title, metrics, [_line("1", "actual", LEFT, 2)])


def _lines(title: str, aggregations: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    axes = {each["valueAxis"] for each in lines}
    category = {
        "id": "CategoryAxis-1",
        "type": "category",
        "position": "bottom",
        "show": True,
        "style": {},
        "scale": {"type": "linear"},
        "labels": {"show": True, "truncate": 100},
        "title": {},
    }
    params = {
        "type": "line",
        "grid": {"categoryLines": False},
        "categoryAxes": [category],
        "valueAxes": [_axis(LEFT, "LeftAxis-1", "left", "value"), *([_score_axis()] if RIGHT in axes else [])],
        "seriesParams": list(lines),
        "addTooltip": True,
        "addLegend": True,
        "legendPosition": "bottom",
        "times": [],
        "addTimeMarker": False,
        "radiusRatio": 30,
    }
    return {"title": title, "type": "line", "params": params, "aggs": list(aggregations)}


def _metric(number: str, how: str, name: str) -> dict[str, Any]:
    params = {"field": name, "customLabel": name}
    return {"id": number, "enabled": True, "type": how, "schema": "metric", "params": params}


def _dots(number: str) -> dict[str, Any]:
    return {"id": number, "enabled": True, "type": "max", "schema": "radius", "params": {"field": "score"}}


def _by_time(number: str) -> dict[str, Any]:
    params = {"field": "@timestamp", "interval": "auto", "min_doc_count": 1, "extended_bounds": {}}
    return {"id": number, "enabled": True, "type": "date_histogram", "schema": "segment", "params": params}


def _line(number: str, name: str, axis: str, width: int) -> dict[str, Any]:
    return {
        "show": True,
        "type": "histogram" if axis == RIGHT else "line",
        "mode": "normal",
        "data": {"label": name, "id": number},
        "valueAxis": axis,
        "drawLinesBetweenPoints": True,
        "lineWidth": width,
        "interpolate": "linear",
        "showCircles": name == "actual",
    }


def _axis(axis: str, name: str, position: str, title: str) -> dict[str, Any]:
    return {
        "id": axis,
        "name": name,
        "type": "value",
        "position": position,
        "show": True,
        "style": {},
        "scale": {"type": "linear", "mode": "normal", "defaultYExtents": axis == LEFT},
        "labels": {"show": True, "rotate": 0, "filter": False, "truncate": 100},
        "title": {"text": title},
    }


def _score_axis() -> dict[str, Any]:
    return _axis(RIGHT, "RightAxis-1", "right", "score")


def markdown(title: str, text: str) -> dict[str, Any]:
    """Return a piece of text."""
    params = {"markdown": text, "fontSize": 12, "openLinksInNewTab": False}
    return {"title": title, "type": "markdown", "params": params, "aggs": []}
