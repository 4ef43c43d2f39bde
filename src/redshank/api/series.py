"""Routes of series, and of their points with scores."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from redshank.api.answers import Json
from redshank.api.listing import Listed, check_condition
from redshank.api.render import key_values, series
from redshank.api.route import Called, Routes, Shape, page_of
from redshank.api.schemas import CourseAnswer, SeriesAnswer
from redshank.api.tables import MEDIA_TYPES, Format, format_of, table_answer
from redshank.api.times import parse_time
from redshank.errors import ConfigError
from redshank.service.series import FEWEST_POINTS, MOST_POINTS, Wanted

routes = Routes("series")
EXAMPLE = {
    "id": "01m89mrp1zev98d8eg.0",
    "monitor": "hosts",
    "series": "cpu{host=a}",
    "measure": "cpu",
    "labels": {"host": "a"},
    "first": "2026-01-01T00:00:00Z",
    "last": "2026-03-01T11:55:00Z",
}
COURSE = {
    **{name: value for name, value in EXAMPLE.items() if name not in ("first", "last")},
    "columns": {
        "time": ["2026-03-01T11:50:00Z", "2026-03-01T11:55:00Z"],
        "score": [0.1, None],
        "rarity": [1.4, None],
        "value": [35.2, None],
        "expected": [34.8, 34.9],
        "lower": [21.5, 21.6],
        "upper": [48.0, 48.1],
        "share": [1.0, None],
    },
}
TABLE = Shape(
    schema=CourseAnswer,
    example=COURSE,
    more=(
        Shape(media_type=MEDIA_TYPES["msgpack"], schema={"type": "string", "format": "binary"}),
        Shape(media_type=MEDIA_TYPES["arrow"], schema={"type": "string", "format": "binary"}),
        Shape(media_type="text/csv", schema={"type": "string"}, example="time,score\n2026-03-01T11:50:00Z,0.1\n"),
    ),
)


@routes.add("GET", "/monitors/{name}/series", role="view", answers={200: page_of(SeriesAnswer, EXAMPLE)})
def list_all(call: Called, name: str, listing: Listed) -> Response:
    """List the series of a monitor.

    In the order in which they came. Filter fields: series (~: occurs in it), measure (=), and any label as
    label.NAME (=).
    """
    if listing.sort is not None:
        raise ConfigError("sort: series come in the order in which they were found", field="sort")
    text, measure, labels = None, None, {}
    for each in listing.conditions:
        if each.field.startswith("label."):
            check_condition(each, (each.field,), ("=",))
            labels[each.field.removeprefix("label.")] = each.value
        elif each.field == "measure":
            check_condition(each, ("measure",), ("=",))
            measure = each.value
        else:
            check_condition(each, ("series", "measure", "label.NAME"), ("~",))
            text = each.value
    page = call.service.series.list(
        name, text=text, measure=measure, labels=labels, limit=listing.limit, cursor=listing.cursor
    )
    return listing.answer(call.request, page, lambda record: series(record, name))


@routes.add("GET", "/series/{series_id}", role="view", answers={200: Shape(schema=SeriesAnswer, example=EXAMPLE)})
def get(call: Called, series_id: str) -> Response:
    """Get a series."""
    monitor, record = call.service.series.get(series_id)
    return Json(series(record, monitor))


@routes.add("GET", "/series/{series_id}/points", role="view", answers={200: TABLE})
def points(
    call: Called,
    series_id: str,
    start: Annotated[
        str | None, Query(max_length=40, description="From this time on.", examples=["2026-03-01"])
    ] = None,
    end: Annotated[str | None, Query(max_length=40, description="Before this time.")] = None,
    points: Annotated[
        int,
        Query(
            ge=FEWEST_POINTS,
            le=MOST_POINTS,
            description="At most so many; more are thinned so that the least and greatest of each stretch stay.",
        ),
    ] = 2000,
    thin: Annotated[bool, Query(description="False: all points, at most a million; `points` is not looked at.")] = True,
    columns: Annotated[
        str | None, Query(max_length=1000, description="Names with commas between: only these beside the time.")
    ] = None,
    format: Annotated[Format | None, Query(description="Goes before Accept.")] = None,
) -> Response:
    """Get the points of a series with their scores.

    By column: time, score, rarity, and value, expected, lower, upper and share (of many channels `value.NAME` and so
    on). As JSON, MessagePack (times as whole nanoseconds), Arrow or CSV, by `format` or Accept.
    """
    as_format = format_of(call.request, format)
    wanted = Wanted(
        start_ns=None if start is None else parse_time(start, "start"),
        end_ns=None if end is None else parse_time(end, "end"),
        points=points if thin else None,
        columns=[name.strip() for name in columns.split(",") if name.strip()] if columns else (),
    )
    course = call.service.series.course(series_id, wanted)
    about = {"id": series_id, "monitor": course.monitor, **key_values(course.series.key)}
    return table_answer(course.frame, about, as_format)
