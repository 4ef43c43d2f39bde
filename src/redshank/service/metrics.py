"""Figures for Prometheus, in a registry of our own: counters kept here, the rest read from the store when asked."""

from __future__ import annotations

import resource
import sys
from collections import Counter as Counts
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

import redshank
from redshank.errors import RedshankError
from redshank.service.monitors import lag_seconds, source_kinds
from redshank.service.opening import OF_ITS_OWN

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from redshank.service.service import Service

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What is counted and measured."""

    def __init__(self, service: Service) -> None:
        """Start all counters at zero."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "redshank_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "redshank_request_duration_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=self._registry
        )
        self._points = Counter("redshank_points_pushed", "Points taken by push.", ["source"], registry=self._registry)
        self._registry.register(_OfTheStore(service))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def pushed(self, source: str, points: int) -> None:
        """Count points that a source got."""
        self._points.labels(source).inc(points)

    def text(self) -> tuple[str, str]:
        """Return all figures as Prometheus reads them, and their media type."""
        return generate_latest(self._registry).decode(), CONTENT_TYPE_LATEST


_DELIVERED = (  # by this process since it started
    ("redshank_deliveries", "Events that a sink took.", "events"),
    ("redshank_delivery_failures", "Calls of a sink that failed.", "failures"),
    ("redshank_scores_delivered", "Scored points that a sink took.", "points"),
    ("redshank_scores_refused", "Scored points that a sink refused for good.", "refused"),
)
_SOURCES = (  # by this process since it started
    ("redshank_source_reads", "Readings of a source.", "reads"),
    ("redshank_source_rows", "Rows, or buckets, that they brought.", "rows"),
    ("redshank_source_bytes", "Bytes that they brought, where known.", "bytes"),
    ("redshank_source_requests", "Calls or statements sent, where known.", "requests"),
    ("redshank_source_retries", "Those among them that were repeats.", "retries"),
    ("redshank_source_errors", "Readings that failed.", "errors"),
    ("redshank_source_read_seconds", "Time that readings took.", "seconds"),
)
Values = Mapping[Any, float]  # by the values of the labels, a tuple


class _OfTheStore(Collector):
    """Figures that are read when they are asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        yield _gauge("redshank_info", "Which version runs.", ("version",), {(redshank.__version__,): 1.0})
        yield _gauge("redshank_memory_bytes", "Resident memory now.", (), {(): resident_bytes()})
        yield from self._work()
        yield from self._configuration()
        yield from self._sources()
        try:
            yield from [*self._runs_and_events(), *self._monitors()]
        except RedshankError:
            yield _gauge("redshank_store_up", "Whether the store answers.", (), {(): 0.0})
        else:
            yield _gauge("redshank_store_up", "Whether the store answers.", (), {(): 1.0})

    def _configuration(self) -> Iterator[Metric]:
        watch = self._service.config_watch
        if watch is not None:
            good, applied_ns = float(watch.status.state != "wrong"), watch.status.applied_ns
            yield _gauge("redshank_config_good", "Whether the configuration files are right.", (), {(): good})
            applied = {} if applied_ns is None else {(): applied_ns / 1e9}
            yield _gauge("redshank_config_applied_timestamp_seconds", "When they were last applied.", (), applied)

    def _sources(self) -> Iterator[Metric]:
        done = self._service.open_source.counts.totals()
        for name, about, field in _SOURCES:
            yield _counter(name, about, ("source",), {(source,): figures[field] for source, figures in done.items()})

    def _work(self) -> Iterator[Metric]:
        status = self._service.worker.status()
        yield _gauge("redshank_leads", "Whether this process leads the schedule.", (), {(): float(status["leads"])})
        figures = {(name,): float(value) for name, value in status.items() if name != "leads"}
        yield _gauge(
            "redshank_work", "What the scheduler has to do: monitors, due, ticking, runs ...", ("what",), figures
        )

    def _runs_and_events(self) -> Iterator[Metric]:
        store = self._service.store
        runs: Values = {key: float(count) for key, count in store.runs.totals().items()}
        yield _gauge("redshank_runs", "Runs that are kept, by verb and state.", ("verb", "state"), runs)
        opened = {(kind,): float(count) for kind, count in store.events.open_counts().items()}
        yield _gauge("redshank_events_open", "Open events, by kind.", ("kind",), opened)
        changes = float(store.events.newest())
        yield CounterMetricFamily("redshank_event_changes", "Changes of events since the beginning.", value=changes)
        yield from self._deliveries()

    def _deliveries(self) -> Iterator[Metric]:
        store, courier = self._service.store, self._service.courier
        waiting = {(sink,): float(count) for sink, count in store.outbox.waiting().items()}
        yield _gauge("redshank_deliveries_waiting", "Events that a sink has not taken yet.", ("sink",), waiting)
        dead = {(sink,): float(count) for sink, count in store.outbox.dead().items()}
        yield _gauge("redshank_deliveries_dead", "Events that were given up, by sink.", ("sink",), dead)
        found = store.score_cursors.lags()
        lags = {(sink,): seconds for sink, (seconds, _) in found.items()}
        yield _gauge("redshank_scores_lag_seconds", "From what a sink has to what is scored.", ("sink",), lags)
        failing = {(sink,): float(count) for sink, (_, count) in found.items()}
        yield _gauge("redshank_scores_failing", "Monitors whose scores a sink does not take.", ("sink",), failing)
        done = {} if courier is None else courier.delivered()
        for name, about, field in _DELIVERED:
            counts = {(sink,): float(getattr(count, field)) for sink, count in done.items()}
            yield _counter(name, about, ("sink",), counts)

    def _monitors(self) -> Iterator[Metric]:
        monitors = {each.id: each for each in self._service.store.resources.all("monitors")}
        kinds = source_kinds(self._service.store)
        now_ns = self._service.clock()
        lags, points, failing = {}, {}, Counts[str]()
        for live in self._service.store.live.all():
            monitor = monitors.get(live.monitor_id)
            if monitor is None:
                continue
            points[(monitor.name,)] = float(live.points)
            if monitor.spec.get("enabled", True):
                lag = lag_seconds(monitor.spec, kinds, live, now_ns)
                if lag is not None:
                    lags[(monitor.name,)] = lag
                failing[_source_name(monitor.spec)] += live.error is not None
        yield _gauge(
            "redshank_monitor_lag_seconds",
            "From what is scored to now, of monitors that go by the clock.",
            ("monitor",),
            lags,
        )
        yield _counter("redshank_monitor_points", "Points scored.", ("monitor",), points)
        errors = {(name,): float(count) for name, count in failing.items()}
        yield _gauge("redshank_source_failing", "Monitors that cannot read their source now.", ("source",), errors)


def _source_name(spec: Mapping[str, Any]) -> str:
    """Return the name of a source; those that are written in a monitor, and files by path alone, share one."""
    source = spec.get("source")
    return source if isinstance(source, str) else OF_ITS_OWN


def _gauge(name: str, about: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def _counter(name: str, about: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = CounterMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def resident_bytes() -> float:
    """Return the resident memory of this process; where that cannot be told, the most there has been."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
    return float(pages * resource.getpagesize())
