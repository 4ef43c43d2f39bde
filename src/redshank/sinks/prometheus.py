"""Scores and bands for Prometheus: sent by remote write, or shown by the server for being scraped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

import numpy as np
from pydantic import Field, model_validator
from structlog import get_logger

from redshank.decide import Event
from redshank.errors import SinkError
from redshank.http.aws import AwsOptions
from redshank.http.client import Http
from redshank.panel import Key
from redshank.sinks.base import ScoreBlock
from redshank.sinks.monitor_sink import MonitorSink
from redshank.sinks.remote_write import HEADERS, Samples, body, label_names
from redshank.sinks.score_options import ScoreOptions
from redshank.sinks.series_points import series_points
from redshank.specs.options import Access, Options

WRITE = "/api/v1/write"
OWN_LABELS = ("__name__", "monitor", "measure", "series", "channel")
MOST_SAMPLES = 20_000  # of one call, about
SPAN_MS = 30 * 60_000
MOST_TRIED = 100  # times that are tried one by one
_UNTIMELY = re.compile(r"out[ -]of[ -](order|bounds)|too[ -](old|far)|duplicate sample|timestamp-too", re.IGNORECASE)

log = get_logger("redshank.sinks")


class PrometheusOptions(ScoreOptions, AwsOptions):
    """Where scores go.

    ``url``: of the remote write, such as http://prometheus:9090/api/v1/write; empty = nothing is sent. ``scrape``: show
    the newest scores at /api/v1/metrics/scores of this server, of at most ``max_series`` series of each monitor.
    ``labels``: more of them on everything, such as ``{site: oslo}``.
    """

    url: str = ""
    aws_service: Literal["es", "aoss", "aps"] = "aps"
    scores: bool = True
    scrape: bool = False
    max_series: int = Field(default=1000, ge=1, le=100_000)
    labels: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _does_something(self) -> PrometheusOptions:
        if not self.url and not self.scrape:
            raise ValueError("must have a url to write to, or scrape: true")
        wrong = next((name for name in self.labels if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name)), None)
        if wrong is not None or set(self.labels) & set(OWN_LABELS):
            raise ValueError("labels: names must be of letters, digits and _, and none of Redshank's own")
        return self


def series_labels(monitor: str, key: Key, channel: str = "", more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the labels of a series, without ``__name__``; ``series`` is the whole of it as people write it."""
    own = {"monitor": monitor, "measure": key.measure, "series": str(key), "channel": channel, **(more or {})}
    found = {**label_names(key.labels, (*OWN_LABELS, *(more or {}))), **own}
    return {name: value for name, value in found.items() if value}


class PrometheusSink(MonitorSink):
    """Samples of scores. Events are left to the rules of Prometheus: an alert is ``redshank_anomaly == 1``."""

    kind: ClassVar[str] = "prometheus"
    Options: ClassVar[type[Options]] = PrometheusOptions
    _options: PrometheusOptions

    def __init__(self, options: PrometheusOptions, http: Http | None) -> None:
        """``http``: None = nothing is sent."""
        self._options, self._http = options, http
        self._path = WRITE if _is_prometheus(options.url) else ""

    @classmethod
    def build(cls, options: PrometheusOptions, access: Access) -> Self:
        """Return the sink."""
        if not options.url:
            return cls(options, None)
        url = options.url.rstrip("/").removesuffix(WRITE) if _is_prometheus(options.url) else options.url
        base = options.model_copy(update={"url": url})
        return cls(options, Http.of(base, access, f"prometheus {options.url}", error=SinkError))

    def check(self) -> None:
        """Write nothing, as a write."""
        if self._http is not None:
            self._post(self._http, [])

    @property
    def wants_scores(self) -> bool:
        """Whether scores are to be sent."""
        return self._http is not None and super().wants_scores

    def write_events(self, events: Sequence[Event]) -> None:
        """Do nothing: what is sent are scores."""

    def record(self, block: ScoreBlock) -> None:
        """Send the scores of points that have a value or a score.

        Prometheus takes points in the order of time and never changes one: what it has already, or calls too old, is
        passed over.
        """
        if self._http is None:
            return
        for samples in _calls(list(_samples(block, self._options.labels))):
            self._write(self._http, block.monitor, samples)

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()

    def _write(self, http: Http, monitor: str, samples: Sequence[Samples]) -> None:
        """Send samples; when some are refused for their time, those that are not there already and not too old."""
        samples = [one for one in samples if len(one.times_ms)]
        if not samples or not self._post(http, samples):
            return
        samples = self._unknown(http, monitor, samples)
        if samples and self._post(http, samples):
            self._write_newest(http, monitor, samples)

    def _write_newest(self, http: Http, monitor: str, samples: Sequence[Samples]) -> None:
        """Try one time after the other, of many times only some, until one is not too old; then send what follows."""
        times = np.unique(np.concatenate([one.times_ms for one in samples])).tolist()
        refused, said = -1, ""
        while (left := len(times) - 1 - refused) > 0:
            tried = refused + (1 if left <= MOST_TRIED else left // 2)
            answer = self._post(http, [one.between(times[tried], times[tried] + 1) for one in samples])
            if not answer:
                self._write(http, monitor, [one.between(times[tried] + 1, times[-1] + 1) for one in samples])
                break
            refused, said = tried, answer
        log.warning("scores are too old for Prometheus", url=http.url, monitor=monitor, times=refused + 1, said=said)

    def _unknown(self, http: Http, monitor: str, samples: Sequence[Samples]) -> Sequence[Samples]:
        """The samples that are newer than the newest one that Prometheus has of their series; all if it cannot say."""
        first = min(int(one.times_ms[0]) for one in samples)
        last = max(int(one.times_ms[-1]) for one in samples)
        newest = self._newest(http, monitor, first, last)
        kept = [one.between(newest.get(frozenset(one.labels.items()), first - 1) + 1, last + 1) for one in samples]
        return [one for one in kept if len(one.times_ms)]

    def _newest(self, http: Http, monitor: str, first_ms: int, last_ms: int) -> dict[frozenset[tuple[str, str]], int]:
        if not self._path:
            return {}
        quoted = json.dumps(monitor, ensure_ascii=False)
        names = "|".join(_name(name) for name in ("actual", "expected", "lower", "upper", "score", "anomaly"))
        query = f'{{__name__=~"{names}",monitor={quoted}}}[{last_ms - first_ms + 1000}ms]'
        params = {"query": query, "time": f"{last_ms / 1000:.3f}"}
        answer = http.send("GET", "/api/v1/query", params=params, ok=range(200, 600))
        if answer.status != 200:
            return {}
        found = answer.json().get("data", {}).get("result", [])
        return {frozenset(each["metric"].items()): round(float(each["values"][-1][0]) * 1000) for each in found}

    def _post(self, http: Http, samples: Sequence[Samples]) -> str:
        """Send samples; return what was said when they were refused for their time, else nothing.

        Raises:
            SinkError: they were refused for something else.
        """
        content = body(samples)
        statuses = (200, 202, 204, 400, 409, 422, 500)
        answer = http.send("POST", self._path, content=content, headers=HEADERS, ok=statuses, retry=True)
        if answer.status < 300:
            return ""
        said = " ".join(answer.content.decode(errors="replace").split())[:300]
        if _UNTIMELY.search(said):
            return said or "refused"
        text = str(http.fail(f"refuses scores ({answer.status}): {said}"))
        raise SinkError(text, permanent=answer.status != 500)


def _is_prometheus(url: str) -> bool:
    """Whether an address is of Prometheus itself, or one that answers as it, which can be asked for what it has."""
    plain = url.rstrip("/")
    return plain.endswith(WRITE) or not urlsplit(plain).path


def _samples(block: ScoreBlock, more: Mapping[str, str]) -> Iterator[Samples]:
    """The samples of a block by series and metric, NaN left out; times to the millisecond, of two the later one."""
    for points in series_points(block.parts):
        labels = series_labels(block.monitor, points.key, points.channel, more)
        times_ms = points.times_ns // 1_000_000
        for name, values in points.columns().items():
            kept = ~np.isnan(values)
            kept[:-1] &= np.diff(times_ms) > 0
            yield Samples({"__name__": _name(name), **labels}, times_ms[kept], values[kept])


def _name(number: str) -> str:
    return f"redshank_{number}"


def _calls(samples: Sequence[Samples]) -> Iterator[list[Samples]]:
    """Samples for one call after the other, about ``MOST_SAMPLES`` in each.

    Prometheus refuses what is more than an hour older than the newest sample of any series. So a stretch of time is
    sent whole before the next; one that takes several calls is no longer than ``SPAN_MS``.
    """
    for start_ms, end_ms in _stretches(samples):
        waiting: list[Samples] = []
        count = 0
        for one in samples:
            part = one.between(start_ms, end_ms)
            if waiting and count + len(part.times_ms) > MOST_SAMPLES:
                yield waiting
                waiting, count = [], 0
            if len(part.times_ms):
                waiting.append(part)
                count += len(part.times_ms)
        yield waiting


def _stretches(samples: Sequence[Samples]) -> Iterator[tuple[int, int]]:
    """Start and end of stretches of time, as long as they are one call, or else ``SPAN_MS``."""
    if not samples:
        return
    times, counts = np.unique(np.concatenate([one.times_ms for one in samples]), return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])
    first = 0
    while first < len(times):
        fits = int(np.searchsorted(before, before[first] + MOST_SAMPLES, side="right")) - 1
        spans = int(np.searchsorted(times, times[first] + SPAN_MS))
        last = max(fits, spans, first + 1)
        yield int(times[first]), int(times[last - 1]) + 1
        first = last
