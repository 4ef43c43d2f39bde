"""The chores of a store: blocks of history into segments, and away with what is too old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from pydantic import ValidationError

from redshank.scheduler.upkeep import Chore
from redshank.specs.monitor import RetentionSpec
from redshank.store.records import Fence, Resource
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
        for owner in store.history.owners():
            if is_stopped():
                break
            compacted = store.history.compact(owner, fence=fence)
            done += [] if compacted.is_idle else [str(compacted)]
        return _in_short(done)

    def expire(fence: Fence, is_stopped: IsStopped) -> str:
        monitors = {monitor.id: monitor for monitor in store.resources.all("monitors")}
        checkpoints = {live.monitor_id: live.checkpoint_ns for live in store.live.all()}
        n_dropped = 0
        for owner in store.history.owners():
            if is_stopped():
                break
            monitor = monitors.get(owner)
            if monitor is None:
                n_dropped += store.history.remove(owner, fence)
                continue
            cutoff_ns = store.clock() - _kept_ns(monitor)
            n_dropped += store.history.drop_before(owner, min(cutoff_ns, checkpoints.get(owner, cutoff_ns)), fence)
        return f"{n_dropped:,} rows of history dropped" if n_dropped else ""

    def tidy(fence: Fence, _is_stopped: IsStopped) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in vars(sweep(store, fence)).items() if count)

    return (
        Chore(name="compaction", seconds=COMPACT_SECONDS, work=compact),
        Chore(name="retention of scores", seconds=EXPIRE_SECONDS, work=expire),
        Chore(name="retention", seconds=SWEEP_SECONDS, work=tidy),
    )


def _kept_ns(monitor: Resource) -> int:
    """Return how long the scores of a monitor are kept."""
    try:
        kept = RetentionSpec.model_validate(monitor.spec.get("retention", {})).scores
    except ValidationError:
        kept = RetentionSpec().scores
    return kept // MICROSECOND * 1000


def _in_short(done: list[str]) -> str:
    return "; ".join(done[:3]) + (f"; and {len(done) - 3:,} more monitors" if len(done) > 3 else "")
