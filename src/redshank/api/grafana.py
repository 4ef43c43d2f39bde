"""Routes for Grafana: flat rows of JSON, times in milliseconds, as its Infinity and JSON API data sources read them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.grafana_rows import annotation, event_row, point_rows, series_row
from redshank.api.grafana_schemas import GrafanaAnnotation, GrafanaEvent, GrafanaMonitor, GrafanaPoint, GrafanaSeries
from redshank.api.route import Called, Routes, Shape
from redshank.errors import ConfigError
from redshank.service.charts import MOST_SERIES, Asked, Range
from redshank.service.series import FEWEST_POINTS, MOST_POINTS

routes = Routes("grafana", prefix="/api/v1/grafana")
LATEST_MS = 253_402_300_799_999  # the end of the year 9999, as a picker of times may say
MONITOR = {"__text": "hosts", "__value": "hosts", "kind": "analog", "enabled": True}
SERIES = {
    "__text": "cpu{host=a}",
    "__value": "01m89mrp1zev98d8eg.0",
    "monitor": "hosts",
    "measure": "cpu",
    "labels": "host=a",
    "last": 1_772_366_100_000,
}
POINT = {
    "time": 1_772_366_100_000,
    "series": "cpu{host=a}",
    "actual": 35.2,
    "expected": 34.8,
    "lower": 21.5,
    "upper": 48.0,
    "score": 0.1,
}
EVENT = {
    "time": 1_772_366_400_000,
    "timeEnd": 1_772_367_600_000,
    "monitor": "hosts",
    "kind": "anomaly",
    "series": "cpu{host=a}",
    "severity": 83,
    "score": 2.4,
    "actual": 96.1,
    "expected": 34.8,
    "direction": "up",
    "reason": "96.1 is 61.3 above the expected 34.8",
    "is_open": False,
    "label": None,
    "id": "9b1f0c4d2e7a6b58",
}
ANNOTATION = {
    "time": 1_772_366_400_000,
    "timeEnd": 1_772_367_600_000,
    "isRegion": True,
    "title": "cpu{host=a} too high (83)",
    "text": "96.1 is 61.3 above the expected 34.8",
    "tags": "hosts,anomaly,up",
    "id": "9b1f0c4d2e7a6b58",
}

From = Annotated[
    int, Query(alias="from", ge=0, le=LATEST_MS, description="From this time on, in ms since 1970: `${__from}`.")
]
To = Annotated[int, Query(ge=0, le=LATEST_MS, description="Before this time, in ms since 1970: `${__to}`.")]
Monitors = Annotated[
    str | None, Query(max_length=4000, description="Names of monitors, with commas between; none = all.")
]
SeriesIds = Annotated[
    str, Query(max_length=4000, description=f"Ids of series, with commas between; at most {MOST_SERIES}.")
]
Severity = Annotated[int, Query(ge=0, le=100, description="Of at least this severity.")]
Most = Annotated[int, Query(ge=1, le=1000, description="At most so many, the newest.")]


def _rows(schema: Any, example: dict[str, Any]) -> Shape:
    """A list of rows."""
    items = {"$ref": f"#/components/schemas/{schema.__name__}"}
    return Shape(schema={"type": "array", "items": items}, example=[example])


def _names(text: str | None) -> list[str]:
    """Names with commas between; as Grafana writes several choices, also {a,b}."""
    inside = (text or "").strip().removeprefix("{").removesuffix("}")
    return list(dict.fromkeys(name.strip() for name in inside.split(",") if name.strip()))


def _range(from_ms: int, to_ms: int) -> Range:
    if from_ms >= to_ms:
        raise ConfigError("to: must be after from", field="to")
    return Range.of_ms(from_ms, to_ms)


@routes.add("GET", "", role="view", answers={200: Shape(schema={"type": "object"}, example={"status": "ok"})})
def probe(call: Called) -> Response:
    """Say that a data source of Grafana has reached the server, and may.

    What the button *Save & test* asks.
    """
    return Json({"status": "ok"})


@routes.add("GET", "/monitors", role="view", answers={200: _rows(GrafanaMonitor, MONITOR)})
def monitors(call: Called) -> Response:
    """List the monitors, for a variable of a dashboard.

    `__text` and `__value` are both the name.
    """
    found = call.service.charts.monitors()
    return Json(
        [
            {
                "__text": each.name,
                "__value": each.name,
                "kind": each.spec.get("detector") or "auto",
                "enabled": each.spec.get("enabled", True),
            }
            for each in found
        ]
    )


@routes.add("GET", "/series", role="view", answers={200: _rows(GrafanaSeries, SERIES)})
def series(
    call: Called,
    monitor: Monitors = None,
    text: Annotated[
        str | None, Query(max_length=200, description="Occurs in the series as written, such as `host=a`.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 200,
) -> Response:
    """List the series of monitors, for a variable of a dashboard.

    `__text` is the series as people write it, `__value` its id, as the other routes take it.
    """
    found = call.service.charts.series(_names(monitor), text, limit)
    return Json([series_row(name, each) for name, each in found])


@routes.add("GET", "/points", role="view", answers={200: _rows(GrafanaPoint, POINT)})
def points(
    call: Called,
    series: SeriesIds,
    from_ms: From,
    to: To,
    points: Annotated[
        int,
        Query(
            ge=FEWEST_POINTS,
            le=MOST_POINTS,
            description="At most so many of each series; the least and greatest of each stretch stay.",
        ),
    ] = 1000,
    interval_ms: Annotated[
        int | None,
        Query(ge=1, le=LATEST_MS, description="No more points than one each so many ms: `${__interval_ms}`."),
    ] = None,
) -> Response:
    """Give actual and expected value, range and score of series, thinned to what a panel can show.

    One row for each point, by series and time; of a series of many variables one for each variable, whose name is
    behind that of the series. Numbers that are not known are null.
    """
    wanted = _range(from_ms, to)
    if interval_ms is not None:
        points = min(points, max(FEWEST_POINTS, -(-(to - from_ms) // interval_ms)))
    courses = call.service.charts.courses(_names(series), wanted, points)
    return Json([row for course in courses for row in point_rows(course)])


@routes.add("GET", "/events", role="view", answers={200: _rows(GrafanaEvent, EVENT)})
def events(
    call: Called,
    from_ms: From,
    to: To,
    monitor: Monitors = None,
    series: SeriesIds = "",
    severity: Severity = 0,
    limit: Most = 500,
) -> Response:
    """Give the events of a stretch of time as rows of a table, newest first.

    Of monitors, or of these series only.
    """
    asked = Asked(range=_range(from_ms, to), monitors=_names(monitor), series=_names(series), severity=severity)
    return Json([event_row(each) for each in call.service.charts.events(asked, limit)])


@routes.add("GET", "/annotations", role="view", answers={200: _rows(GrafanaAnnotation, ANNOTATION)})
def as_annotations(
    call: Called,
    from_ms: From,
    to: To,
    monitor: Monitors = None,
    series: SeriesIds = "",
    severity: Severity = 0,
    limit: Most = 500,
) -> Response:
    """Give the events of a stretch of time as annotations: regions with title, text and tags.

    What people labeled as false is left out. An event that goes on ends, here, where its points end.
    """
    asked = Asked(range=_range(from_ms, to), monitors=_names(monitor), series=_names(series), severity=severity)
    found = call.service.charts.events(asked, limit)
    return Json([annotation(each) for each in found if each.label != "false"])
