"""A table as it stands in a file, before anything is known of its columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

EXTRA = "\x00extra"  # column that holds the first field too many of a row
SAMPLE_ROWS = 20_000


@dataclass(kw_only=True)
class RawTable:
    """Columns of text (from text files) or of their own types, read in a stream where the format allows.

    ``where``: for messages, such as ``csv data/cpu.csv``. ``label``: tells files apart when they hold separate series.
    ``first_line``: number of the first row, counted in ``unit``; ``lines``: the numbers of rows counted from 0, where
    they do not simply follow; None where they do. ``slowly``: the same rows by a reader that takes one
    line at a time and survives broken quotes; None when there is nothing to survive. ``bad``: rows that the format's
    own reader could not read, as (number, text, reason), and ``bad_count`` of them.
    """

    where: str
    frame: pl.LazyFrame
    label: str = ""
    first_line: int = 1
    unit: str = "row"
    separator: str | None = None
    slowly: Callable[[], pl.LazyFrame] | None = None
    lines: Callable[[Sequence[int]], list[int]] | None = None
    bad: list[tuple[int, str, str]] = field(default_factory=list)
    bad_count: int = 0
    notes: list[str] = field(default_factory=list)

    def use_slow(self) -> bool:
        """Go over to the reader of single lines; False when there is none."""
        if self.slowly is None:
            return False
        self.frame, self.slowly = self.slowly(), None
        return True

    def line_numbers(self, rows: Sequence[int]) -> list[int]:
        """Return the numbers, in ``unit``, of rows counted from 0 in rising order."""
        return self.lines(rows) if self.lines else [row + self.first_line for row in rows]

    def sample(self) -> pl.DataFrame:
        """Return the first rows without the column for extra fields."""
        head = self.frame.head(SAMPLE_ROWS)
        try:
            rows = head.collect(engine="streaming")
        except pl.exceptions.PolarsError:
            if not self.use_slow():
                raise
            rows = self.frame.head(SAMPLE_ROWS).collect(engine="streaming")
        return rows.drop(EXTRA, strict=False)
