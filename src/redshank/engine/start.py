"""How a monitor begins: what its data is like, which detector, and from when on its history is learned."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from redshank.detectors.auto import Amount, Choice
from redshank.engine.live_memory import LiveMemory, fingerprint
from redshank.engine.reading import Facts, find_facts
from redshank.engine.setting import Monitor, choose_detector, complete_until, goes_by_data, plan_of
from redshank.engine.steps import DAY, Grid
from redshank.errors import NoPointsError
from redshank.panel import Panel, to_datetime, to_time
from redshank.sources.base import Query, Source
from redshank.store.records import Live

MOST_STEPS = 20_000  # of history that is learned, if the monitor does not say
MOST_VALUES = 50_000_000  # of history of all series
LOOKS = (DAY // 96, DAY // 8, 2 * DAY, 60 * DAY)  # how far back one looks for what the data is like, until there is
ENOUGH_TIMES = 12  # so many times of a series
FUTURE_NS = DAY


@dataclass(frozen=True, eq=False)
class Outset:
    """What was found at the start: steps in start <= t < end are history."""

    facts: Facts
    choice: Choice
    n_series: int
    start_ns: int
    end_ns: int


def look(monitor: Monitor, source: Source, now_ns: int) -> Outset:
    """Look at the newest data, and settle on grid, detector and history.

    Raises:
        NoPointsError: there is nothing yet, or too little to tell the step from.
        SourceError, DataError, ConfigError: it cannot be read, or not as declared.
    """
    spec = monitor.spec
    newest_ns = _newest_ns(monitor, source, now_ns)
    facts, panels = _facts(monitor, source, newest_ns)
    by_data = newest_ns if goes_by_data(spec, source) else None
    complete_ns = complete_until(spec, facts, newest_ns=by_data, now_ns=now_ns)
    grid = Grid(facts.step_ns, spec.tz)
    last_ns = max(int(panel.times[-1].view(np.int64)) for panel in panels)
    end_ns = min(complete_ns, grid.after(grid.floor(last_ns), 1))
    n_series = sum(panel.n_series for panel in panels)
    steps = max(1, min(MOST_STEPS, MOST_VALUES // max(1, n_series)))
    if spec.history is not None:
        steps = min(MOST_VALUES // max(1, n_series), spec.history // timedelta(microseconds=facts.step_ns // 1000))
    amount = replace(Amount.of(panels), values=n_series * steps)
    start_ns = grid.after(end_ns, -max(1, steps))
    return Outset(facts, choose_detector(spec, amount), n_series, start_ns, end_ns)


def _newest_ns(monitor: Monitor, source: Source, now_ns: int) -> int:
    query = Query(time=monitor.spec.time, tz=monitor.spec.tz, end=to_datetime(np.datetime64(now_ns + FUTURE_NS, "ns")))
    newest: datetime | None = source.newest(query)
    if newest is None:
        raise NoPointsError(f"{source.describe()}: has no points yet")
    return min(now_ns + FUTURE_NS, int(to_time(newest).view(np.int64)))


def _facts(monitor: Monitor, source: Source, newest_ns: int) -> tuple[Facts, list[Panel]]:
    """What the data is like, by the newest stretch that tells."""
    step = monitor.spec.step
    known = () if step is None else (ENOUGH_TIMES * (step // timedelta(microseconds=1)) * 1000,)
    for look_back in sorted({*known, *LOOKS}):
        with suppress(NoPointsError):
            found = find_facts(monitor.spec, source, start_ns=newest_ns - look_back, end_ns=newest_ns + 1000)
            if max(panel.n_time for panel in found[1]) >= ENOUGH_TIMES:
                return found
    return find_facts(monitor.spec, source, start_ns=None, end_ns=newest_ns + 1000)


def first_memory(monitor: Monitor, outset: Outset) -> LiveMemory:
    """Return what a monitor that begins must know."""
    return LiveMemory(
        facts=outset.facts,
        detector=outset.choice.kind,
        params=outset.choice.params,
        why=outset.choice.why,
        made_of=fingerprint(monitor.spec),
        begun_ns=outset.start_ns,
        backfill_until_ns=outset.end_ns,
        expected_series=outset.n_series,
    )


def first_live(monitor: Monitor, outset: Outset, now_ns: int) -> Live:
    """Return where a monitor stands that begins: at the start of its history."""
    plan_of(monitor.spec, monitor.id, outset.choice.kind, outset.choice.params).new_detector()
    return Live(
        monitor_id=monitor.id,
        cursor_ns=outset.start_ns,
        checkpoint_ns=outset.start_ns,
        version=0,
        memory=first_memory(monitor, outset).to_json(),
        ticked_ns=now_ns,
        points=0,
    )
