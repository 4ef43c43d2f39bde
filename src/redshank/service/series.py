"""Series of monitors: found by name and label, and read back point by point with their scores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redshank.errors import ConfigError, NotFoundError, TooLargeError, did_you_mean
from redshank.store.records import Page, StoredSeries
from redshank.store.store import Store

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS = 1_000_000  # that are read unthinned
FEWEST_POINTS, MOST_POINTS = 8, 100_000
SHOWN_MOVED = 1000  # scores of a tick that are told at once
EARLIEST_NS, LATEST_NS = -(2**63), 2**63 - 1
_ID = re.compile(r"([0-9a-z]{1,64})\.([0-9]{1,9})")


@dataclass(frozen=True, eq=False)
class Course:
    """The points of a series with their scores, by time; where they are thinned, extremes stand for the rest.

    ``frame``: time (UTC ns), score, rarity, and value, expected, lower, upper, share of each channel (``value.cpu``;
    of the only channel of a series just ``value``); NaN = not known.
    """

    monitor: str
    series: StoredSeries
    frame: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which points: start <= t < end; at most ``points``, None = all. ``columns``: by name, () = all."""

    start_ns: int | None = None
    end_ns: int | None = None
    points: int | None = 2000
    columns: Sequence[str] = ()


class Series:
    """All series of all monitors. ``MONITOR_ID.NUMBER`` is the id of a series."""

    def __init__(self, store: Store) -> None:
        """Read from a store."""
        self._store = store

    def list(
        self,
        monitor: str,
        *,
        text: str | None = None,
        measure: str | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of the series of a monitor, in the order in which they came; NotFoundError: no such monitor."""
        monitor_id = self._store.resources.get("monitors", monitor).id
        return self._store.series.list(
            monitor_id, text=text, measure=measure, labels=labels, limit=limit, cursor=cursor
        )

    def get(self, series_id: str) -> tuple[str, StoredSeries]:
        """Return the name of the monitor and the series; NotFoundError when there is none."""
        parts = _ID.fullmatch(series_id)
        if not parts:
            raise NotFoundError(f"series {series_id[:80]!r}: not found")
        monitor = self._store.resources.by_id(parts[1])
        return monitor.name, self._store.series.get(parts[1], int(parts[2]))

    def course(self, series_id: str, wanted: Wanted) -> Course:
        """Return the points of a series with their scores.

        Raises:
            NotFoundError: there is no such series.
            ConfigError: the range or the number of points is wrong, or a column is not there.
            TooLargeError: too many rows were asked for unthinned.
        """
        monitor, series = self.get(series_id)
        start_ns = EARLIEST_NS if wanted.start_ns is None else wanted.start_ns
        end_ns = LATEST_NS if wanted.end_ns is None else wanted.end_ns
        if start_ns >= end_ns:
            raise ConfigError("end: must be after start", field="end")
        frame = self._rows(series, start_ns, end_ns, wanted.points)
        return Course(monitor, series, _chosen(_plain(frame), wanted.columns))

    def _rows(self, series: StoredSeries, start_ns: int, end_ns: int, points: int | None) -> pl.DataFrame:
        history = self._store.history
        if points is not None:
            if not FEWEST_POINTS <= points <= MOST_POINTS:
                raise ConfigError(f"points: must be {FEWEST_POINTS} to {MOST_POINTS:,}, got {points}", field="points")
            return history.thinned(series.monitor_id, series.id, start_ns, end_ns, points)
        frame = history.read(series.monitor_id, [series.id], start_ns, end_ns)
        if len(frame) > MOST_ROWS:
            raise TooLargeError(f"series: at most {MOST_ROWS:,} rows at once, got {len(frame):,}; ask for less time")
        return frame

    def newest_scores(self, monitor_id: str, start_ns: int, end_ns: int) -> Sequence[dict[str, Any]]:
        """Return the newest score of each series in a range, the highest first, a thousand at most."""
        import polars as pl

        frame = self._store.history.read(monitor_id, None, start_ns, end_ns)
        if not len(frame):
            return []
        newest = _plain(frame.group_by("series").last())
        top = newest.sort(pl.col("score").fill_nan(None), descending=True, nulls_last=True).head(SHOWN_MOVED)
        columns = [name for name in ("series", "time", "score", "value") if name in top.columns]
        return [{**row, "series": f"{monitor_id}.{row['series']}"} for row in top.select(columns).to_dicts()]


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows whose only channel is called by nothing: ``value`` instead of ``value.value``."""
    channels = {name.partition(".")[2] for name in frame.columns if name.startswith("value.")}
    if len(channels) != 1:
        return frame
    suffix = "." + channels.pop()
    return frame.rename({name: name.removesuffix(suffix) for name in frame.columns if name.endswith(suffix)})


def _chosen(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return the columns asked for, ``time`` always among them."""
    known = [name for name in frame.columns if name != "series"]
    if not len(frame) or not columns:
        return frame.select(known)
    for name in columns:
        if name not in known:
            raise ConfigError(f"columns: {did_you_mean('column', name, known)}", field="columns")
    return frame.select("time", *(name for name in known if name in columns and name != "time"))
