"""The chores of a store: blocks of history into segments, and away with what is too old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from pydantic import ValidationError

from redshank.scheduler.upkeep import Chore
from redshank.specs.connection import SourceSpec
from redshank.specs.monitor import RetentionSpec
from redshank.store.records import Fence, Live, Resource
from redshank.store.retention import sweep
from redshank.store.store import Store

COMPACT_SECONDS = 120.0
EXPIRE_SECONDS = 1800.0
SWEEP_SECONDS = 1800.0
MICROSECOND = timedelta(microseconds=1)

IsStopped = Callable[[], bool]


def chores_of(store: Store) -> tuple[Chore, ...]:
    """Return all chores of a store."""

    def compact(fence: Fence, is_stopped: IsStopped) -> str:
        done = []
        pieces = ((part, owner) for part in (store.history, store.points) for owner in part.to_compact())
        for part, owner in pieces:
            if is_stopped():
                break
            compacted = part.compact(owner, fence=fence)
            done += [] if compacted.is_idle else [str(compacted)]
        return _in_short(done)

    def expire(fence: Fence, is_stopped: IsStopped) -> str:
        monitors = {monitor.id: monitor for monitor in store.resources.all("monitors")}
        lives = {live.monitor_id: live for live in store.live.all()}
        n_dropped = 0
        for owner in store.history.owners():
            if is_stopped():
                break
            monitor = monitors.get(owner)
            if monitor is None:
                n_dropped += store.history.remove(owner, fence)
                continue
            cutoff_ns = too_old_ns(store.clock(), _kept_ns(monitor), lives.get(owner))
            n_dropped += store.history.drop_before(owner, cutoff_ns, fence)
        return f"{n_dropped:,} rows of history dropped" if n_dropped else ""

    def tidy(fence: Fence, _is_stopped: IsStopped) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in vars(sweep(store, fence)).items() if count)

    return (
        Chore(name="compaction", seconds=COMPACT_SECONDS, work=compact),
        Chore(name="retention of scores", seconds=EXPIRE_SECONDS, work=expire),
        Chore(name="retention of points", seconds=EXPIRE_SECONDS, work=partial(_expire_points, store)),
        Chore(name="retention", seconds=SWEEP_SECONDS, work=tidy),
    )


def too_old_ns(now_ns: int, kept_ns: int, live: Live | None) -> int:
    """Return the time before which scores are too old.

    It goes by where the monitor stands, since files of the past are watched by the clock of their data. What is
    younger than the checkpoint is a part of the state.
    """
    if live is None:
        return now_ns - kept_ns
    return min(min(now_ns, live.cursor_ns) - kept_ns, live.checkpoint_ns)


def _kept_ns(monitor: Resource) -> int:
    """Return how long the scores of a monitor are kept."""
    try:
        kept = RetentionSpec.model_validate(monitor.spec.get("retention", {})).scores
    except ValidationError:
        kept = RetentionSpec().scores
    return kept // MICROSECOND * 1000


def _expire_points(store: Store, fence: Fence, is_stopped: IsStopped) -> str:
    """Drop the points of sources that are gone, and those too old, counted from the newest where that is past."""
    sources = {source.id: source for source in store.resources.all("sources")}
    n_dropped = 0
    for owner in store.points.sources():
        if is_stopped():
            break
        source, newest_ns = sources.get(owner), store.points.newest(owner)
        if source is None:
            n_dropped += store.points.remove(owner, fence)
        elif newest_ns is not None:
            cutoff_ns = min(store.clock(), newest_ns) - _pushed_kept_ns(source)
            n_dropped += store.points.drop_before(owner, cutoff_ns, fence)
    return f"{n_dropped:,} pushed points dropped" if n_dropped else ""


def _pushed_kept_ns(source: Resource) -> int:
    """Return how long the points pushed to a source are kept."""
    from redshank.engine.pushed import PushOptions

    try:
        kept = PushOptions.model_validate(SourceSpec.model_validate(source.spec).options).retention
    except ValidationError:
        kept = PushOptions().retention
    return kept // MICROSECOND * 1000


def _in_short(done: list[str]) -> str:
    return "; ".join(done[:3]) + (f"; and {len(done) - 3:,} more" if len(done) > 3 else "")
