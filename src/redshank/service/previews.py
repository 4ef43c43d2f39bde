"""What a monitor would do and need, before it is saved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from redshank.engine.backtest import Backtest
from redshank.engine.capacity import need_of
from redshank.engine.engine import Engine
from redshank.engine.job import Job
from redshank.errors import ConfigError, LimitError, NotFoundError
from redshank.registry import build_detector
from redshank.service.checks import Fit, SaveChecks
from redshank.service.config_checks import problems_of
from redshank.service.deadline import within
from redshank.service.hiding import keep
from redshank.service.resources import Resources
from redshank.specs.monitor import MonitorSpec
from redshank.specs.reading import problems_error, read_spec

AT_ONCE = 2
MOST_SECONDS = 120.0
DAY_NS = 86_400_000_000_000
MOST_DAYS = 3650


class Previews:
    """Runs monitors over the past without keeping anything; two at once, for they compute."""

    def __init__(self, engine: Engine, resources: Resources, checks: SaveChecks, clock: Callable[[], int]) -> None:
        """``engine``: one of its own, without threads; ``clock`` gives nanoseconds since 1970."""
        self._engine, self._resources, self._checks, self._clock = engine, resources, checks, clock
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def spec(self, given: Mapping[str, Any]) -> MonitorSpec:
        """Return a monitor that need not be saved; ``***`` stands for the secret of the saved one of its name."""
        try:
            kept = self._resources.clear("monitors", str(given.get("name", "")))
        except NotFoundError:
            kept = {}
        spec = read_spec(MonitorSpec, keep(given, kept), "monitor")
        problems = problems_of("monitors", spec)
        if problems:
            raise problems_error(problems, "monitor")
        return spec

    def preview(
        self,
        given: Mapping[str, Any],
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        days: float | None = None,
    ) -> Backtest:
        """Return the events that a monitor would have had in a past range, by the code that works live.

        ``days``: before the end, instead of ``start_ns``; None and no start = all history.

        Raises:
            LimitError: two are computed already.
            SourceError: the source does not answer, or it takes longer than two minutes.
        """
        if days is not None:
            if start_ns is not None or not 0 < days <= MOST_DAYS:
                raise ConfigError(
                    f"days: must be above 0 and at most {MOST_DAYS}, and stand without start", field="days"
                )
            start_ns = (self._clock() if end_ns is None else end_ns) - int(days * DAY_NS)
        spec = self.spec(given)
        if not self._places.acquire(blocking=False):
            raise LimitError(f"preview: at most {AT_ONCE} at once, try again soon", retry_seconds=5.0)
        job = Job()
        now_ns = self._clock()

        def work() -> Backtest:
            try:
                return self._engine.preview(spec, start_ns=start_ns, end_ns=end_ns, now_ns=now_ns, job=job)
            finally:
                self._places.release()

        return within(MOST_SECONDS, work, job.stop.set, f"preview of {spec.name}")

    def capacity(self, given: Mapping[str, Any]) -> Fit:
        """Return what a monitor would need, and what there is; NoPointsError when its source holds nothing yet."""
        return self._checks.fit(self.spec(given))

    def capacity_of(self, series: int, *, step: timedelta, detector: str, channels: int) -> Fit:
        """Return what so many series would need, and what there is."""
        need = need_of(build_detector(detector), series=series, step=step, channels=channels)
        return self._checks.fitted(need)
