"""A Prometheus for tests: rows of a table as metrics, told apart from those of other tests by the label ``run``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import httpx2
import numpy as np
import polars as pl

from redshank.sinks.remote_write import HEADERS, Samples, body
from redshank.sources.build import build_source
from redshank.sources.prometheus import PrometheusSource


class Filled:
    """A server with the columns ``measures`` of rows in it; ``rows`` as it has them."""

    def __init__(self, url: str, rows: pl.DataFrame, labels: Sequence[str], measures: Sequence[str]) -> None:
        self.url, self.run = url, uuid.uuid4().hex
        self.rows = as_kept(rows, labels, measures)
        series = [
            self._samples(dict(zip(labels, found, strict=True)), frame.drop_nulls(measure), measure)
            for found, frame in self.rows.group_by(labels)
            for measure in measures
        ]
        for one in series:  # the server takes no request that is too large
            answer = httpx2.post(f"{url}/api/v1/write", content=body([one]), headers=HEADERS, timeout=60)
            assert answer.status_code < 300, answer.text

    def _samples(self, labels: dict[str, str | None], frame: pl.DataFrame, measure: str) -> Samples:
        texts = {name: text or "" for name, text in labels.items()}
        times = frame["time"].dt.epoch("ms").to_numpy().astype(np.int64)
        return Samples({"__name__": measure, "run": self.run, **texts}, times, frame[measure].cast(float).to_numpy())

    def source(self, **options: object) -> PrometheusSource:
        given = {"url": self.url, "query": f'{{run="{self.run}"}}', **options}
        built = build_source("prometheus", {name: value for name, value in given.items() if value is not None})
        assert isinstance(built, PrometheusSource)
        return built


def as_kept(rows: pl.DataFrame, labels: Sequence[str], measures: Sequence[str]) -> pl.DataFrame:
    """Return rows as systems keep them that hold one value for series and time: in order, none twice, none empty."""
    rows = rows.with_columns(pl.col("time").dt.truncate("1ms"))
    kept = rows.filter(pl.any_horizontal(pl.col(measures).is_not_null()))
    return kept.unique(["time", *labels], keep="last").sort("time", *labels)
