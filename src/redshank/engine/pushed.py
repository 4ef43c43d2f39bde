"""The source of pushed points: what was sent to ``POST /api/v1/points``, as panels."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from redshank.errors import ConfigError, DataError, NoPointsError
from redshank.panel import VALUE, Floats, Key, Panel, to_datetime, to_time
from redshank.push.identity import key_of
from redshank.sources.base import ROWS, Findings, Progress, Query, Reading, Source
from redshank.specs.monitor import Length
from redshank.specs.options import Access, Options
from redshank.store.history_blocks import SERIES, TIME
from redshank.store.points import PushedPoints
from redshank.store.points_series import SourceSeries
from redshank.tables.bucketed import DEFAULT, MOST_CELLS
from redshank.tables.buckets import Buckets, aggregate, fill_empty, last_is_full
from redshank.tables.grid import Rows, Tidied, blocks

ROW, CHANNEL, PLACE, COUNT = "row", "channel", "place", "count"
_LOOKS = tuple(seconds * 10**9 for seconds in (60, 3600, 86_400, 10 * 86_400))  # how far back newest points are sought
_KEPT_LAYOUTS = 16
_SPREAD = ("variance", "std")


@dataclass(eq=False)
class _Layout:
    """Which row and channel of the panel each pushed series belongs to (-1 = to none).

    Rows are in the order in which their first series came, so that they stay when others come.
    """

    query: Query
    keys: list[Key] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    rows: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    places: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    chosen: NDArray[np.int32] | None = None  # numbers of the series that belong to any; None = all
    is_joint: bool = False  # several series share a row and channel
    _numbers: dict[tuple[str, tuple[tuple[str, str], ...]], int] = field(default_factory=dict)

    def extend(self, known: SourceSeries) -> None:
        """Take in the series that came since."""
        first, total = len(self.rows), len(known.identities)
        if first == total:
            return
        rows, places = np.full(total - first, -1, np.int32), np.zeros(total - first, np.int32)
        measures = () if self.query.measures == ROWS else self.query.measures
        for number in known.chosen(measures, self.query.filter, first):
            if number >= total:
                break
            rows[number - first], places[number - first] = self._placed(key_of(known.identities[number]))
        self.rows, self.places = np.concatenate([self.rows, rows]), np.concatenate([self.places, places])
        numbers = np.flatnonzero(self.rows >= 0).astype(np.int32)
        self.chosen = None if len(numbers) == total else numbers
        used = self.rows[self.rows >= 0].astype(np.int64) * (len(self.channels) + 1) + self.places[self.rows >= 0]
        self.is_joint = len(np.unique(used)) < len(used)

    def _placed(self, key: Key) -> tuple[int, int]:
        labels = key.labels
        if self.query.by is not None:
            labels = tuple((name, value) for name, value in labels if name in self.query.by)
        joint = self.query.multivariate
        measure = "" if joint else COUNT if self.query.measures == ROWS else key.measure
        row = self._numbers.setdefault((measure, labels), len(self._numbers))
        if row == len(self.keys):
            self.keys.append(Key(measure, labels))
        if not joint:
            return row, 0
        if key.measure not in self.channels:
            self.channels.append(key.measure)
        return row, self.channels.index(key.measure)


class PushOptions(Options):
    """Points are sent to the source by its name. ``retention``: how long they are kept before the newest."""

    retention: Length = timedelta(days=90)


class PushedSource(Source):
    """Points pushed to one source. Made once per monitor: it remembers which series goes where."""

    kind: ClassVar[str] = "push"
    Options: ClassVar[type[Options]] = PushOptions

    def __init__(self, points: PushedPoints, source: str, name: str = "") -> None:
        """``source``: as in ``PushedPoints.append``. ``name``: how people call it, "" = the same."""
        self._points = points
        self._source = source
        self._name = name or source
        self._layouts: dict[tuple[Any, ...], _Layout] = {}

    @classmethod
    def build(cls, options: Any, access: Access) -> Self:
        """Refuse: the points are in the store of a server, which makes this source itself."""
        raise ConfigError("source of kind 'push': can only be read by the server that points are sent to", field="kind")

    def read(self, query: Query, progress: Progress | None = None) -> Reading:
        """Return the points asked for, series by measure and the labels of ``by`` (None = all labels).

        Points of several series that become one are aggregated by ``agg`` (None = mean), in buckets of ``step`` or at
        equal times.

        Raises:
            NoPointsError: there are none in the range.
            DataError: there are too many steps in it.
        """
        known = self._points.series.of(self._source)
        layout = self._layout(query, known)
        start, end = _bounds(query)
        found = self._points.rows(self._source, layout.chosen, start, end)
        found = found.filter(pl.col(SERIES) < len(layout.rows))
        series = found[SERIES].to_numpy()
        places = {ROW: layout.rows[series], CHANNEL: layout.places[series]}
        rows = pl.DataFrame({**places, TIME: found[TIME], VALUE: found[VALUE]})
        findings = Findings(name=self.describe(), rows=len(rows), time=TIME, time_format="pushed")
        panels = self._bucketed(rows, layout, query) if query.step else _as_they_are(rows, layout, query)
        if not panels:
            raise NoPointsError(f"{self.describe()}: must hold points in the range asked for, got none")
        _describe(findings, panels, layout, query)
        return Reading(panels, findings)

    def describe(self) -> str:
        """Return ``points pushed to NAME``."""
        return f"points pushed to {self._name}"

    def preview(self, n: int = 10) -> list[dict[str, Any]]:
        """Return the newest ``n`` points."""
        newest = self._points.newest(self._source)
        if newest is None:
            return []
        for span in _LOOKS:
            found = self._points.read(self._source, newest - span, newest + 1)
            if len(found) >= n:
                break
        return found.sort(TIME, descending=True).head(n).to_dicts()

    def newest(self, query: Query) -> datetime | None:
        """Return the newest time of the points asked for before ``end``, to the microsecond; None = there are none."""
        last, (start, end) = self._points.newest(self._source), _bounds(query)
        if last is None:
            return None
        layout = self._layout(query, self._points.series.of(self._source))
        before = min(end, last + 1)
        if layout.chosen is None and before == last + 1:
            return _moment(last)
        for span in (*_LOOKS, None):
            since = start if span is None else max(start, before - span)
            times = self._points.rows(self._source, layout.chosen, since, before)[TIME]
            if len(times):
                return _moment(int(times.max()))  # type: ignore[arg-type]
        return None

    def _layout(self, query: Query, known: SourceSeries) -> _Layout:
        asked = tuple(sorted((name, tuple(values)) for name, values in query.filter.items()))
        shape = (query.measures, query.by, query.multivariate, asked)
        layout = self._layouts.get(shape)
        if layout is None:
            layout = _Layout(query, channels=list(query.measures) if query.multivariate else [VALUE])
            if len(self._layouts) >= _KEPT_LAYOUTS:
                self._layouts.clear()
            self._layouts[shape] = layout
        layout.extend(known)
        return layout

    def _bucketed(self, rows: pl.DataFrame, layout: _Layout, query: Query) -> list[Panel]:
        """One panel of all series, from the first bucket with a point to the last."""
        assert query.step is not None
        rule, agg = Buckets.of(query.step, query.tz), query.agg or DEFAULT
        index = rows.select(rule.index(pl.col(TIME)).alias(PLACE))[PLACE].to_numpy().astype(np.int64)
        if not (query.closed and query.end) and len(index) and self._is_filling(rows, int(index.max()), rule):
            keep = index < index.max()
            rows, index = rows.filter(pl.Series(keep)), index[keep]
        return [] if not len(index) else [_bucket_panel(rows, index, rule, agg, layout, query)]

    def _is_filling(self, rows: pl.DataFrame, last: int, rule: Buckets) -> bool:
        """Whether the last bucket with a point is not known to be full."""
        end = int(rule.starts(np.array([last + 1], np.int64))[0])
        newest = self._points.newest(self._source) or 0
        last_time = int(rows[TIME].to_numpy().max())
        return newest < end and not last_is_full(rows.lazy(), TIME, last_time, end, rule.step)


def _moment(nanoseconds: int) -> datetime:
    return to_datetime(np.datetime64(nanoseconds, "ns"))


def _bounds(query: Query) -> tuple[int, int]:
    start = -(2**63) if query.start is None else int(to_time(query.start).view(np.int64))
    end = 2**63 - 1 if query.end is None else int(to_time(query.end).view(np.int64))
    return start, end


def _bucket_panel(
    rows: pl.DataFrame, index: NDArray[np.int64], rule: Buckets, agg: str, layout: _Layout, query: Query
) -> Panel:
    first, last = int(index.min()), int(index.max())
    present = np.unique(rows[ROW].to_numpy())
    shape = (len(present), last - first + 1, len(layout.channels))
    if np.prod(shape, dtype=np.float64) > MOST_CELLS:
        raise DataError(f"step: from the first to the last time there are {shape[1]:,} steps; set a longer one")
    place = np.searchsorted(present, rows[ROW].to_numpy())
    cell = (place * shape[1] + index - first) * shape[2] + rows[CHANNEL].to_numpy()
    values = np.full(shape, np.nan)
    _aggregated(values.reshape(-1), cell, rows, agg)
    for channel in () if query.closed and query.end else range(shape[2]):
        fill_empty(agg, values[:, :, channel])
    times = rule.starts(np.arange(first, last + 1)).view("datetime64[ns]")
    return _panel(layout, present, times, values, query)


def _aggregated(values: Floats, cell: NDArray[np.int64], rows: pl.DataFrame, agg: str) -> None:
    """Put the aggregate of the points of each cell into it (in place)."""
    ordered = np.sort(cell)
    if (ordered[1:] == ordered[:-1]).any():
        grouped = (
            rows.with_columns(pl.Series(PLACE, cell)).group_by(PLACE).agg(aggregate(agg, VALUE, TIME).alias(VALUE))
        )
        values[grouped[PLACE].to_numpy()] = grouped[VALUE].fill_null(float("nan")).to_numpy()
    elif agg not in _SPREAD:
        values[cell] = 1.0 if agg == "count" else rows[VALUE].to_numpy()


def _as_they_are(rows: pl.DataFrame, layout: _Layout, query: Query) -> list[Panel]:
    """Panels on the times that there are; series of one grid share one."""
    if layout.is_joint:
        value = aggregate(query.agg or DEFAULT, VALUE, TIME).alias(VALUE)
        rows = rows.group_by(ROW, CHANNEL, TIME).agg(value).drop_nulls(VALUE)
    rows = rows.sort(ROW, TIME)
    times = rows[TIME].unique().sort().to_numpy()
    if len(times) <= 2:  # as a tick of very many series is
        present, place = np.unique(rows[ROW].to_numpy(), return_inverse=True)
        values = np.full((len(present), len(times), len(layout.channels)), np.nan)
        values[place, np.searchsorted(times, rows[TIME].to_numpy()), rows[CHANNEL].to_numpy()] = rows[VALUE].to_numpy()
        return [_panel(layout, present, times.view("datetime64[ns]"), values, query)] if len(present) else []
    wide = rows.select(ROW, TIME).unique(maintain_order=True)
    columns = []
    for channel in range(len(layout.channels)):
        own = rows.filter(pl.col(CHANNEL) == channel).select(ROW, TIME, VALUE)
        joined = wide.join(own, on=[ROW, TIME], how="left", maintain_order="left")
        columns.append(joined[VALUE].fill_null(float("nan")).to_numpy())
    laid = blocks(Rows(wide[ROW].to_numpy(), wide[TIME].to_numpy(), columns), Tidied())
    return [
        _panel(layout, block.series, block.times.view("datetime64[ns]"), np.stack(block.values, axis=2), query)
        for block in laid
    ]


def _panel(
    layout: _Layout, present: NDArray[np.int32], times: NDArray[np.datetime64], values: Floats, query: Query
) -> Panel:
    keys = layout.keys
    picked = tuple(keys) if len(present) == len(keys) else tuple(keys[row] for row in present.tolist())
    if not query.multivariate:
        return Panel(picked, times, values)
    names = layout.channels
    name = "+".join(names) if len(names) <= 3 else f"{len(names)} measures"
    return Panel(tuple(Key(name, key.labels) for key in picked), times, values, tuple(names))


def _describe(findings: Findings, panels: list[Panel], layout: _Layout, query: Query) -> None:
    keys = layout.keys
    findings.measures = tuple(layout.channels) if query.multivariate else tuple(dict.fromkeys(k.measure for k in keys))
    findings.labels = tuple(sorted({name for key in keys for name, _ in key.labels}))
    findings.n_series = sum(panel.n_series for panel in panels)
    findings.gaps = sum(int(np.isnan(panel.values[:, :, 0]).sum()) for panel in panels)
    steps = {panel.step for panel in panels if panel.is_regular and panel.n_time > 1}
    findings.step = query.step or (steps.pop() if len(steps) == 1 else None)
