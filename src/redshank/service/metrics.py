"""Figures for Prometheus, in a registry of our own: counters kept here, the rest read from the store when asked."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

import redshank

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


class _OfTheStore(Collector):
    """Figures that are read when they are asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        yield _gauge("redshank_info", "Which version runs.", {("version",): {(redshank.__version__,): 1.0}})
        yield _gauge("redshank_memory_bytes", "Most memory that the process has had resident.", {(): {(): memory()}})
        yield _gauge("redshank_runs_unfinished", "Runs by verb and state.", {("verb", "state"): self._runs()})

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def _runs(self) -> dict[tuple[str, ...], float]:
        return {tuple(key): float(count) for key, count in self._service.store.runs.counts().items()}


def _gauge(name: str, about: str, values: dict[tuple[str, ...], dict[tuple[str, ...], float]]) -> GaugeMetricFamily:
    ((labels, found),) = values.items()
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in found.items():
        family.add_metric(list(key), value)
    return family


def memory() -> float:
    """Return the most bytes that this process has had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
