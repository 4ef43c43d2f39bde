"""Train a monitor anew: learn its history with a fresh detector, and put that in the place of the old one.

Live detection goes on meanwhile. What the old state knows of events and absences is carried over, so that an open event
stays the one it was; scores that were given stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from redshank.engine.job import Job
from redshank.engine.live_memory import LiveMemory, fingerprint
from redshank.engine.reading import Reader
from redshank.engine.replay import replay
from redshank.engine.restore import restored
from redshank.engine.setting import Monitor, rules_of
from redshank.engine.start import MOST_STEPS, MOST_VALUES, Outset, look
from redshank.engine.steps import Grid
from redshank.engine.watch import RunShards, Watch
from redshank.engine.windows import Windows
from redshank.errors import StaleError, StateError
from redshank.sources.base import Source
from redshank.store.records import Blob, Live, Progress, TickCommit, Version
from redshank.store.store import Store

TRIES = 100  # at the swap, while live detection goes on


@dataclass(frozen=True, eq=False)
class Training:
    """What a training works with. ``is_anew``: what the points are is found anew, for the monitor was changed."""

    monitor: Monitor
    source: Source
    store: Store
    run: RunShards
    now_ns: int
    job: Job
    is_anew: bool = False
    note: str = ""


def train(work: Training, live: Live) -> Mapping[str, Any]:
    """Make a new version of a monitor that has begun, and let it take over; return what it is.

    Raises:
        NoPointsError, SourceError, DataError: its history cannot be read.
        StoppedError: the job is to stop.
    """
    outset = look(work.monitor, work.source, work.now_ns)
    memory = _memory(work, LiveMemory.from_json(live.memory), outset)
    reader = Reader(work.monitor.spec, work.source, memory.facts)
    cursor_ns = reader.grid.ceil(live.cursor_ns if live.version else max(live.cursor_ns, outset.end_ns))
    watch = _fresh(work, memory, reader)
    start_ns = min(outset.start_ns, cursor_ns)
    work.job.total(reader.grid.count(start_ns, cursor_ns) * max(1, outset.n_series))
    learned_ns = start_ns
    windows = Windows(reader, watch, outset.n_series)
    for window, moved in windows.through(start_ns, cursor_ns, work.run, work.job):
        learned_ns = window.cursor_ns
        work.job.done(sum(advance.values.size for advance in moved.advances))
    watch.skip(reader.grid.count(learned_ns, cursor_ns), learned_ns)
    if not work.is_anew:
        live = _newest(work)
        _replay(work, watch, reader.grid, LiveMemory.from_json(live.memory), cursor_ns, live.cursor_ns)
    return _swap(work, live, memory, watch, start_ns, max(cursor_ns, live.cursor_ns))


def _newest(work: Training) -> Live:
    live = work.store.live.get(work.monitor.id)
    if live is None:
        raise StaleError(f"monitor {work.monitor.name}: was reset while it was trained")
    return live


def train_from_scores(work: Training, live: Live) -> Mapping[str, Any]:
    """Make a new version from the values in the score history, which need no source; for a state that is lost."""
    memory = LiveMemory.from_json(live.memory)
    reader = Reader(work.monitor.spec, work.source, memory.facts)
    watch = _fresh(work, memory, reader)
    start_ns = max(memory.begun_ns, _earliest(reader.grid, live.cursor_ns, watch.n_series))
    _replay(work, watch, reader.grid, memory, start_ns, live.cursor_ns)
    return _swap(work, live, memory, watch, start_ns, live.cursor_ns)


def _earliest(grid: Grid, cursor_ns: int, n_series: int) -> int:
    return grid.after(cursor_ns, -max(1, min(MOST_STEPS, MOST_VALUES // max(1, n_series))))


def _memory(work: Training, old: LiveMemory, outset: Outset) -> LiveMemory:
    """The memory with detector and facts as they are now; facts change only with the declaration."""
    if not work.is_anew and outset.facts.step_ns == old.facts.step_ns:
        outset = replace(outset, facts=old.facts)
    return replace(
        old,
        facts=outset.facts if work.is_anew else old.facts,
        detector=outset.choice.kind,
        params=outset.choice.params,
        why=outset.choice.why,
        made_of=fingerprint(work.monitor.spec),
        expected_series=outset.n_series,
    )


def _fresh(work: Training, memory: LiveMemory, reader: Reader) -> Watch:
    """A watch that knows the monitor's series by name and nothing of them."""
    spec = work.monitor.spec
    rules = rules_of(spec, work.monitor.id, memory.facts, memory.detector, memory.params, reader.channels)
    watch = Watch(rules, most_series=spec.max_series)
    watch.know([series.key for series in work.store.series.all_of(work.monitor.id)])
    watch.lessons = tuple(memory.lessons)
    return watch


def _replay(work: Training, watch: Watch, grid: Grid, memory: LiveMemory, start_ns: int, end_ns: int) -> None:
    replay(
        watch,
        work.store,
        work.monitor.id,
        grid,
        start_ns=start_ns,
        end_ns=end_ns,
        jumps=memory.jumps,
        run=work.run,
        job=work.job,
    )


def _swap(
    work: Training, live: Live, memory: LiveMemory, watch: Watch, start_ns: int, cursor_ns: int
) -> Mapping[str, Any]:
    """Save the state of ``cursor_ns`` and make it the live one; steps since then are replayed when it is loaded."""
    store, job, monitor = work.store, work.job, work.monitor
    if not work.is_anew:
        _carry_over(work, live, memory, watch)
    job.raise_if_stopped()
    blobs = (Blob(shard=i, parts=parts) for i, parts in enumerate(watch.save()))
    state_id = store.states.save(monitor.id, cursor_ns, blobs, job.fence)
    version = Version(
        monitor_id=monitor.id,
        number=store.states.next_number(monitor.id),
        detector=memory.detector,
        params=memory.params,
        start_ns=start_ns,
        cursor_ns=cursor_ns,
        n_series=watch.n_series,
        size_bytes=sum(len(shard.keys) * shard.bytes_per_series for shard in watch.shards),
        created_ns=work.now_ns,
        note=work.note or memory.why,
        state_id=state_id,
    )
    result = {
        "version": version.number,
        "detector": version.detector,
        "params": dict(version.params),
        "why": memory.why,
        "series": version.n_series,
        "start": start_ns,
        "end": cursor_ns,
        "bytes": version.size_bytes,
    }
    _commit(work, live, memory, version, result)
    return result


def _commit(work: Training, base: Live, memory: LiveMemory, version: Version, result: Mapping[str, Any]) -> None:
    """Make a version the live one, on top of what live detection has kept meanwhile."""
    job = work.job
    for last in range(TRIES):
        job.raise_if_stopped()
        newest = LiveMemory.from_json(base.memory)
        now = replace(
            newest,
            facts=memory.facts,
            detector=memory.detector,
            params=memory.params,
            why=memory.why,
            made_of=memory.made_of,
            expected_series=memory.expected_series,
            backfill_until_ns=min(newest.backfill_until_ns, version.cursor_ns),
        )
        live = replace(
            base,
            cursor_ns=max(base.cursor_ns, version.cursor_ns),
            checkpoint_ns=version.cursor_ns,
            state_id=version.state_id,
            version=version.number,
            memory=now.to_json(),
        )
        progress = None
        if job.run_id and not work.is_anew and not work.note:
            progress = Progress(run_id=job.run_id, attempt=job.attempt, done=job.rows_done, total=job.rows_done)
        tick = TickCommit(base=base, live=live, version=version, progress=progress)
        try:
            work.store.live.commit(tick, job.fence)
        except StaleError:
            found = _newest(work)
            if found.revision == base.revision or last == TRIES - 1:
                raise
            base = found
        else:
            return


def _carry_over(work: Training, live: Live, memory: LiveMemory, watch: Watch) -> None:
    """Let the new state know of events and absences what the old one does; without the old one, what it made itself."""
    old_memory = LiveMemory.from_json(live.memory)
    reader = Reader(work.monitor.spec, work.source, old_memory.facts)
    try:
        old = restored(work.monitor, reader, old_memory, live, work.store, work.run, work.job)
    except StateError:
        return
    if old.rules.channels == watch.rules.channels:
        watch.adopt(old)
