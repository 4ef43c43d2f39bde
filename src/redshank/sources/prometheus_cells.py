"""Buckets that Prometheus aggregates: one window after the other, each exactly the points of its bucket."""

from __future__ import annotations

import time as clock
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import polars as pl

from redshank.sources.parallel import in_parallel
from redshank.sources.prometheus_api import MILLISECOND, MOST_STEPS, Api, frame_of
from redshank.sources.prometheus_text import GROUPED, NotPushedError, Selector, grouped, over_time
from redshank.sources.stretches import Stretch, cut_all
from redshank.tables.cells import BUCKET, COUNTED

FIRST_STEPS = 200  # windows of the first call, which shows how many series there are
_SHOWS_ALL = ("min", "max", "sum", "mean", "last", "variance", "std")  # whose result shows that a point is not finite


@dataclass(frozen=True, kw_only=True)
class Cells:
    """What is asked: of each measure the aggregate of its points, by labels.

    ``most``: points of one answer.
    """

    api: Api
    measures: Mapping[str, Selector]
    labels: tuple[str, ...]
    agg: str
    most: int
    parallel: int

    def read(self, stretches: Sequence[Stretch]) -> Generator[pl.DataFrame]:
        """Yield cells as ``read_cells`` takes them.

        Raises:
            NotPushedError: the server cannot give what local aggregation does.
        """
        if any(part.length % MILLISECOND or part.length < 2 * MILLISECOND for part in stretches):
            raise NotPushedError("windows must be of two or more whole milliseconds")
        self._aggregate(Selector("x"), 1000)
        self.api.takes_first()
        parts = cut_all(stretches, FIRST_STEPS)
        if not parts:
            return
        first = self._part(parts[0])
        yield first
        n_series = first.select(self._keys).unique().height or 1
        size = max(1, min(MOST_STEPS, self.most // n_series))
        rest = [*Stretch(stretches[0].begin + parts[0].n * stretches[0].length, stretches[0].length,
                         stretches[0].n - parts[0].n).cut(size), *cut_all(stretches[1:], size)]  # fmt: skip
        deadline = self.api.http.deadline()

        def read(part: Stretch) -> Generator[pl.DataFrame]:
            with self.api.http.reading(deadline - clock.monotonic()):
                yield self._part(part)

        with closing(in_parallel(rest, read, self.parallel)) as frames:
            yield from frames

    @property
    def _keys(self) -> list[str]:
        return [f"l{i}" for i in range(len(self.labels))]

    def _part(self, part: Stretch) -> pl.DataFrame:
        """The cells of one stretch, all measures beside each other."""
        frames = [
            self._measured(selector, part).rename({"value": f"m{i}"})
            for i, selector in enumerate(self.measures.values())
        ]
        keys = [BUCKET, *self._keys]
        if any(frame.select(keys).is_duplicated().any() for frame in frames):
            raise NotPushedError(f"several series have the same {', '.join(self.labels) or 'labels'}")
        counts = [frame.rename({COUNTED: f"n{i}"}) for i, frame in enumerate(frames)]
        whole = counts[0]
        for frame in counts[1:]:
            whole = whole.join(frame, on=keys, how="full", coalesce=True, nulls_equal=True)
        rows = pl.max_horizontal(f"n{i}" for i in range(len(frames))).alias(COUNTED)
        return whole.select(*keys, *(f"m{i}" for i in range(len(frames))), rows)

    def _measured(self, selector: Selector, part: Stretch) -> pl.DataFrame:
        """One measure: ``value``, and how many points it is made of where that was asked for."""
        length = part.length // MILLISECOND
        span = length - 1 if self.api.takes_first() else length
        found = self._ask(self._aggregate(selector, span), part)
        if self.agg == "count":
            self._finite(self._ask(self._grouped("sum", selector, span), part))
            return found.with_columns(pl.col("value").alias(COUNTED))
        if self.agg not in _SHOWS_ALL:
            self._finite(self._ask(over_time("sum", selector, span), part))
        if self.agg in ("min", "max"):
            found = found.with_columns(pl.col("value").fill_nan(None))
        self._finite(found)
        if self.agg not in ("mean", "variance", "std"):
            return found.with_columns(pl.lit(0.0).alias(COUNTED))
        n = self._grouped("count", selector, span) if self.agg == "mean" else over_time("count", selector, span)
        return _divided(self.agg, found, self._ask(n, part), [BUCKET, *self._keys])

    def _aggregate(self, selector: Selector, span: int) -> str:
        if self.agg in GROUPED:
            return self._grouped(self.agg, selector, span)
        if self.agg == "mean":
            return self._grouped("sum", selector, span)
        return over_time(self.agg, selector, span)

    def _grouped(self, agg: str, selector: Selector, span: int) -> str:
        return grouped(agg, selector, span, self.labels)

    def _ask(self, expression: str, part: Stretch) -> pl.DataFrame:
        length = part.length // MILLISECOND
        found = self.api.steps(expression, part.begin // MILLISECOND + length - 1, length, part.n)
        return frame_of(found, self.labels, BUCKET, "value", label_names=self._keys)

    def _finite(self, found: pl.DataFrame) -> None:
        if not np.isfinite(found["value"].drop_nulls().to_numpy()).all():
            raise NotPushedError("some points are NaN or infinite, which counts as none here")


def _divided(agg: str, found: pl.DataFrame, counts: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Means of sums, and variances of a sample (n - 1) of those of a population."""
    both = found.join(counts.rename({"value": COUNTED}), on=list(keys), how="left", nulls_equal=True)
    n, value = pl.col(COUNTED), pl.col("value")
    if agg == "mean":
        return both.with_columns(value / n)
    variance = pl.when(n > 1).then(value * n / (n - 1))
    return both.with_columns((variance if agg == "variance" else variance.sqrt()).alias("value"))
