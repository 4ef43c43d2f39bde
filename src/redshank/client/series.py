"""Series of monitors, and their points with scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redshank.client.answers import Page, Series
from redshank.client.course import ARROW, Course, read_course
from redshank.client.lists import PAGE, Moment, all_pages, equal, moment_text, page_request
from redshank.client.operations import Group, Mode, operation, stream
from redshank.client.request import Flow, Request, as_json, place


class SeriesOfMonitors(Group[Mode]):
    """What the monitors watch, series by series."""

    @operation
    def list(
        self,
        monitor: str,
        *,
        series: str | None = None,
        measure: str | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Request[Page[Series]]:
        """Return a page, in the order in which they came; ``series``: occurs in the name."""
        where, path = _where(series, measure, labels), place("monitors", monitor, "series")
        return page_request(path, as_json(Page[Series]), limit=limit, cursor=cursor, sort=None, where=where)

    @stream
    def iterate(
        self,
        monitor: str,
        *,
        series: str | None = None,
        measure: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Flow[Series]:
        """Give all, page after page."""
        where, path = _where(series, measure, labels), place("monitors", monitor, "series")
        return all_pages(
            lambda cursor: page_request(path, as_json(Page[Series]), limit=PAGE, cursor=cursor, sort=None, where=where)
        )

    @operation
    def get(self, series_id: str) -> Request[Series]:
        """Return one."""
        return Request(method="GET", path=place("series", series_id), read=as_json(Series))

    @operation
    def points(
        self,
        series_id: str,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        points: int | None = 2000,
        columns: Sequence[str] = (),
    ) -> Request[Course]:
        """Return its points with their scores over start <= t < end: ``.polars()`` or ``.numpy()``.

        ``points``: at most so many, thinned so that the least and greatest of each stretch stay; None = all of them, at
        most a million. ``columns``: only these beside the time.
        """
        params = [("thin", "false") if points is None else ("points", str(points))]
        params += [(name, moment_text(each)) for name, each in (("start", start), ("end", end)) if each is not None]
        params += [("columns", ",".join(columns))] if columns else []
        return Request(
            method="GET",
            path=place("series", series_id, "points"),
            read=read_course,
            params=params,
            headers={"Accept": ARROW},
        )


def _where(series: str | None, measure: str | None, labels: Mapping[str, str] | None) -> list[str]:
    by_label = [f"label.{name}={value}" for name, value in (labels or {}).items()]
    return [*([] if series is None else [f"series~{series}"]), *equal("measure", measure), *by_label]
