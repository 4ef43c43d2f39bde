"""A slow, obvious twin of the archive of history: a list of rows."""

from __future__ import annotations

import polars as pl


class NaiveArchive:
    """All rows in the order in which they came."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def add(self, frame: pl.DataFrame) -> None:
        self.rows += frame.to_dicts()

    def read(self, series: list[int] | None, start_ns: int, end_ns: int) -> list[tuple[int, int, dict[str, float]]]:
        found = {}
        for row in self.rows:
            if start_ns <= row["time"] < end_ns and (series is None or row["series"] in series):
                found[int(row["series"]), int(row["time"])] = row
        return [(*key, found[key]) for key in sorted(found)]
