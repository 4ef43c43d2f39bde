"""One place that builds the application: from what the user gave to a Result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from redshank.calibrate import Budget
from redshank.decide import Direction, Policy
from redshank.detectors.auto import Amount, Choice, choose, seconds_for
from redshank.durations import parse_duration
from redshank.engine.batch import Plan, blank_scores, check_mode, fill, score_shard, shards
from redshank.errors import ConfigError, DataError
from redshank.executors import local
from redshank.panel import Panel
from redshank.registry import build_detector
from redshank.result import NotScored, Result, Scored
from redshank.sources.base import Findings, Query, Reading, Source
from redshank.sources.base import Progress as SourceProgress
from redshank.sources.manner import Manner

if TYPE_CHECKING:
    from redshank.decide import Event
    from redshank.detectors.base import Detector

Mode = Literal["retrospective", "live"]
BASE_BYTES = 300_000_000  # interpreter, libraries and compiled kernels
BYTES_PER_VALUE = 120  # reading, panel and scores, at the highest
WORKING_BYTES_PER_VALUE = 300  # of the series in work, by a detector that sees them whole
Progress = Callable[[str, float | None], None]  # (what is being done, share done or None when unknown)

_PLAIN = Manner()
LIVE_GRACE_SECONDS = 30.0  # after Ctrl-C, for answers that come within a second but for the first time


def _silent(what: str, share: float | None) -> None:
    """Progress that nobody watches."""


def detect(
    data: Any,
    *,
    detector: str = "auto",
    params: Mapping[str, Any] | None = None,
    mode: Mode = "retrospective",
    train_until: datetime | str | None = None,
    budget: str | None = None,
    direction: Direction = "both",
    policy: Policy | None = None,
    by: Sequence[str] | str | None = None,
    measure: Sequence[str] | str = (),
    time: str | None = None,
    step: timedelta | str | None = None,
    agg: str | None = None,
    tz: str | None = None,
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    multivariate: bool = False,
    query: str | None = None,
    table: str | None = None,
    index: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Result:
    """Find what is not normal in ``data``.

    Args:
        data: a path, a glob, a folder or several of them; the address of a source, such as
            ``postgresql://user@host/db?table=orders``; a pandas, Polars or Arrow table; a numpy array of shape
            (n_time,), (n_series, n_time) or (n_series, n_time, n_channels); a Panel.
        detector: a name of ``redshank detectors``; "auto" picks by length, number of series and mode.
        params: parameters of the detector by name.
        mode: "retrospective" labels the past and may look both ways; "live" scores each point by what came before.
        train_until: points before it are learned from and not scored.
        budget: rate of false events to aim for, such as "2/day" or "1/5000points"; None = the detector's best cut.
        direction: "up" or "down" leaves out events on the other side of the expected value.
        policy: what is worth an event, in full; takes the place of ``direction``.
        by: label columns that tell series apart; None finds them.
        measure: value columns; empty finds them.
        time: the time column; None finds it.
        step: time between points, or the length of the buckets of ``agg``.
        agg: how the rows of a bucket become one value: count, min, max, sum, mean, median, variance, std, first, last,
            pNN.
        tz: time zone of times without one, and of days and hours in seasonality and reasons.
        start: only points from this time on.
        end: only points before this time.
        multivariate: score the measures of a series together instead of one by one.
        query: what to read at an address, in the language of that system.
        table: a table at an address, instead of a query.
        index: an index at an address.
        options: more options of the source at an address, such as ``{"password": "env:PW"}``.

    Raises:
        DataError, SourceError: the data cannot be read or holds nothing to score.
        ConfigError: an option is wrong; the message names the choices.
    """
    asked = Query(
        measures=(measure,) if isinstance(measure, str) else tuple(measure),
        by=None if by is None else (by,) if isinstance(by, str) else tuple(by),
        time=time,
        step=parse_duration(step, field="step") if isinstance(step, str) else step,
        agg=agg,
        tz=tz,
        start=read_moment(start, tz, "start"),
        end=read_moment(end, tz, "end"),
        multivariate=multivariate,
    )
    work = Work(
        detector=detector,
        params=params or {},
        mode=mode,
        train_until=read_moment(train_until, tz, "train_until"),
        budget=budget,
        policy=policy or Policy(direction=direction),
        tz=tz or "UTC",
    )
    work.check()
    named = {"query": query, "table": table, "index": index}
    target = {name: text for name, text in named.items() if text is not None}
    return run(read(data, asked, manner=Manner(options=options or {}, target=target)), work)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What to do with panels once they are read; the fields are those of ``detect``."""

    detector: str = "auto"
    params: Mapping[str, Any]
    mode: Mode = "retrospective"
    train_until: datetime | None = None
    budget: str | None = None
    policy: Policy
    tz: str = "UTC"

    def check(self) -> None:
        """Raise ConfigError for anything that is wrong whatever the data."""
        if self.mode not in ("retrospective", "live"):
            raise ConfigError(f"mode: must be retrospective or live, got {self.mode!r}", field="mode")
        if self.budget is not None:
            Budget.parse(self.budget)
        if self.detector == "auto":
            if self.params:
                raise ConfigError(
                    "param: parameters need a named detector, such as --detector hindsight", field="params"
                )
            return
        check_mode(Plan(detector=self.detector, params=self.params).new_detector(), self.mode)


def read(data: Any, query: Query, on_progress: Progress = _silent, manner: Manner = _PLAIN) -> Reading:
    """Return the panels of whatever the user gave; ``manner``: what is said beside an address."""
    if isinstance(data, str | Path):
        data = [data]
    if isinstance(data, list | tuple) and data and all(isinstance(item, str | Path) for item in data):
        source = source_of([str(item) for item in data], manner)
        return _read_patiently(source, query, lambda share, what: on_progress(what, share))
    if manner:
        raise ConfigError(f"{next(iter((*manner.target, *manner.options)))}: is for the address of a source")
    if isinstance(data, np.ndarray) and data.ndim == 3:
        data = Panel.of(data)
    if isinstance(data, Panel):
        panel = data.between(query.start, query.end)
        return Reading([panel], Findings(rows=panel.n_series * panel.n_time))
    from redshank.tables import read_table

    return read_table(data, query)


def source_of(given: Sequence[str], manner: Manner) -> Source:
    """Return the source that one address, or paths, mean; nothing is read yet."""
    from redshank.sources.addresses import FILES, is_address, kind_of_address, source_at
    from redshank.sources.build import build_source
    from redshank.sources.files import FileSource

    others = [one for one in given if is_address(one) and kind_of_address(one) != FILES]
    if others and len(given) > 1:
        raise ConfigError(
            f"paths: an address must stand alone, got {len(given)} of which {others[0].split('://')[0]}://"
        )
    if others:
        return source_at(others[0], manner)
    if manner:
        return build_source(FILES, {"path": list(given), **manner.options}, manner.target)
    return FileSource(given)


def _read_patiently(source: Source, query: Query, progress: SourceProgress) -> Reading:
    """Read in a thread, so that Ctrl-C is heard at once, and what the source waits for is given up."""
    try:
        ((_, reading),) = local.run(lambda _: source.read(query, progress), [None], threads=1, grace_seconds=0.0)
    except KeyboardInterrupt:
        source.cancel()
        raise
    return reading


def run(reading: Reading, work: Work, on_progress: Progress = _silent, *, threads: int | None = None) -> Result:
    """Score what was read; on Ctrl-C return what was done so far, marked as not complete."""
    started = time.perf_counter()
    panels = [panel for panel in reading.panels if panel.n_series and panel.n_time]
    if not panels:
        raise DataError("detect: there are no points to score; check --measure, --from and --to")
    choice = _choice(panels, work)
    budget = None if work.budget is None else Budget.parse(work.budget, _common_step(panels))
    plan = Plan(
        detector=choice.kind,
        params=choice.params,
        policy=work.policy,
        budget=budget,
        train_until=work.train_until,
        tz=work.tz,
    )
    parts = [Scored(panel, blank_scores(panel)) for panel in panels]
    events, not_scored, complete = _score(parts, plan, on_progress, threads)
    return Result(
        parts=parts,
        events=sorted(events, key=lambda event: (-event.score, event.start, event.key)),
        detector=choice.kind,
        why=choice.why,
        rows=reading.findings.rows,
        seconds=time.perf_counter() - started,
        notes=_notes(plan, reading.findings),
        not_scored=sorted(not_scored, key=lambda series: series.key),
        complete=complete,
        tz=work.tz,
    )


def _choice(panels: list[Panel], work: Work) -> Choice:
    if work.detector != "auto":
        return Choice(work.detector, dict(work.params), "as asked")
    return choose(panels, work.mode)


def _score(
    parts: list[Scored], plan: Plan, on_progress: Progress, threads: int | None
) -> tuple[list[Event], list[NotScored], bool]:
    """Score all shards into ``parts``; return events, series too short, and whether it was all done."""
    cut = shards([part.panel for part in parts])
    weight = [(shard.last - shard.first) * parts[shard.panel].panel.n_time for shard in cut]
    inside = [0.0] * len(cut)
    stop = threading.Event()

    def work_on(index: int) -> Any:
        shard = cut[index]

        def heard(share: float) -> None:
            inside[index] = share
            on_progress("scoring", sum(w * s for w, s in zip(weight, inside, strict=True)) / sum(weight))

        panel = parts[shard.panel].panel.take(slice(shard.first, shard.last))
        answer = score_shard(panel, plan, heard, is_stopped=stop.is_set)
        heard(1.0)
        return answer

    events: list[Event] = []
    not_scored: list[NotScored] = []
    on_progress("preparing the detector (compiles on the first run)", None)
    try:
        # What a live detector has scored is kept; on the first run of all, kernels compile between that and the answer.
        grace = LIVE_GRACE_SECONDS if plan.new_detector().causal else local.GRACE_SECONDS
        for index, answer in local.run(work_on, range(len(cut)), threads=threads, stop=stop, grace_seconds=grace):
            fill(parts[cut[index].panel], cut[index], answer)
            events += answer.events
            not_scored += answer.not_scored
    except KeyboardInterrupt:
        return events, not_scored, False
    return events, not_scored, True


@dataclass(frozen=True)
class Outlook:
    """What a detection would be: the detector picked for a mode, and about what it takes on this machine.

    ``memory_bytes``: of the whole process. ``too_short``: series with fewer points than ``warmup``.
    """

    mode: Mode
    choice: Choice
    seconds: float
    memory_bytes: int
    warmup: int
    too_short: int


def outlooks(panels: Sequence[Panel]) -> list[Outlook]:
    """Return what to expect of a detection in panels, in either mode."""
    amount = Amount.of(panels)
    there = np.concatenate([np.isfinite(panel.values).any(axis=2).sum(axis=1) for panel in panels])
    expected = []
    for mode in get_args(Mode):
        choice = choose(panels, mode)
        detector = build_detector(choice.kind, choice.params)
        expected.append(
            Outlook(
                mode=mode,
                choice=choice,
                seconds=seconds_for(detector, amount, cores=local.cores()),
                memory_bytes=_memory_bytes(panels, detector),
                warmup=detector.warmup,
                too_short=int((there < detector.warmup).sum()),
            )
        )
    return expected


def _memory_bytes(panels: Sequence[Panel], detector: Detector) -> int:
    """About the most memory of a process that scores the panels."""
    values = sum(panel.values.size for panel in panels)
    longest = max(panel.n_time * panel.n_channels * min(panel.n_series, local.cores()) for panel in panels)
    return BASE_BYTES + BYTES_PER_VALUE * values + (0 if detector.causal else WORKING_BYTES_PER_VALUE * longest)


def _common_step(panels: list[Panel]) -> timedelta:
    """The step of the panel with most points, which a budget per day is counted in."""
    return max(panels, key=lambda panel: panel.n_series * panel.n_time).step


def _notes(plan: Plan, findings: Findings) -> list[str]:
    notes = list(findings.notes)
    if plan.budget is not None:
        notes += plan.budget.notes(plan.new_detector().calibration)
    return notes


def read_moment(moment: datetime | str | None, tz: str | None, field: str) -> datetime | None:
    """Return a moment as an aware UTC datetime; a text is ISO 8601, and without an offset is in ``tz``."""
    if moment is None:
        return None
    from datetime import UTC

    zone = read_zone(tz)
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.strip())
        except ValueError:
            raise ConfigError(
                f"{field}: must be a time such as 2024-05-01 or 2024-05-01T12:00, got {moment!r}", field=field
            ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def read_zone(tz: str | None) -> Any:
    """Return the time zone of that name, UTC for None; ConfigError with the near names."""
    from zoneinfo import ZoneInfo, available_timezones

    from redshank.errors import did_you_mean

    if tz is None or tz == "UTC":
        return ZoneInfo("UTC")
    if tz not in available_timezones():
        raise ConfigError(did_you_mean("time zone", tz, available_timezones()), field="tz")
    return ZoneInfo(tz)
