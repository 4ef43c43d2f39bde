"""The newest scores and bands of monitors that ask for it, as figures for Prometheus to scrape."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from pydantic import ValidationError

from redshank.errors import ConfigError
from redshank.specs.connection import SinkSpec
from redshank.specs.options import read_options
from redshank.store.records import Resource
from redshank.store.store import Store

if TYPE_CHECKING:
    from redshank.sinks.prometheus import PrometheusOptions

SHOWN = {
    "value": ("actual", "Newest value."),
    "expected": ("expected", "What was expected of it."),
    "lower": ("lower", "Least of the expected range."),
    "upper": ("upper", "Greatest of the expected range."),
}


class ScoreMetrics(Collector):
    """Figures that are read from the score history when they are asked for."""

    def __init__(self, store: Store) -> None:
        """Read from a store."""
        self._store = store

    def text(self) -> tuple[str, str]:
        """Return all figures as Prometheus reads them, and their media type."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry).decode(), CONTENT_TYPE_LATEST

    def describe(self) -> Iterator[Metric]:
        """Say nothing: figures are known when they are asked for."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Yield the figures, of each a sample for each series."""
        numbers = {ours: Metric(f"redshank_{ours}", about, "gauge") for ours, about in SHOWN.values()}
        score = Metric("redshank_score", "Newest score: from 1 on not normal.", "gauge")
        anomaly = Metric("redshank_anomaly", "Whether the newest score is 1 or more.", "gauge")
        at = Metric("redshank_score_timestamp_seconds", "When the newest value was.", "gauge")
        for monitor, options in self._monitors():
            for labels, row in self._rows(monitor, options):
                for name, metric in numbers.items():
                    _add(metric, labels, row[name])
                _add(score, labels, row["score"])
                _add(anomaly, labels, row["score"] if math.isnan(row["score"]) else float(row["score"] >= 1.0))
                _add(at, labels, row["time"] / 1e9)
        yield from (*numbers.values(), score, anomaly, at)

    def _monitors(self) -> Iterator[tuple[Resource, PrometheusOptions]]:
        """The monitors that have a sink of kind prometheus with ``scrape: true``, and its options."""
        declared = {each.name: each.spec for each in self._store.resources.all("sinks")}
        for monitor in self._store.resources.all("monitors"):
            for given in monitor.spec.get("sinks") or ():
                options = _scraped(declared.get(given) if isinstance(given, str) else given)
                if options is not None:
                    yield monitor, options
                    break

    def _rows(self, monitor: Resource, options: PrometheusOptions) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
        """Labels and numbers of the newest point of each series and channel, as many series as are shown."""
        from redshank.sinks.prometheus import series_labels

        frame = self._store.history.last(monitor.id).head(options.max_series)
        keys = {one.id: one.key for one in self._store.series.all_of(monitor.id)} if len(frame) else {}
        channels = [name.removeprefix("value.") for name in frame.columns if name.startswith("value.")]
        for row in frame.to_dicts():
            key = keys.get(row["series"])
            if key is None:
                continue
            for channel in channels:
                labels = series_labels(monitor.name, key, channel if len(channels) > 1 else "", options.labels)
                numbers = {ours: row.get(f"{theirs}.{channel}", math.nan) for theirs, (ours, _) in SHOWN.items()}
                yield labels, {**numbers, "score": row.get("score", math.nan), "time": row["time"]}


def _scraped(given: Any) -> PrometheusOptions | None:
    """The options of a declaration, if it is of a sink that is scraped; secrets stay as they are written."""
    from redshank.sinks.prometheus import PrometheusOptions

    try:
        spec = SinkSpec.model_validate(given)
        if spec.kind != "prometheus" or not spec.options.get("scrape"):
            return None
        return read_options(PrometheusOptions, "sink of kind 'prometheus'", spec.options)
    except (ValidationError, ConfigError):
        return None


def _add(metric: Metric, labels: Mapping[str, str], value: float | None) -> None:
    if value is not None and not math.isnan(value):
        metric.add_sample(metric.name, dict(labels), value)
