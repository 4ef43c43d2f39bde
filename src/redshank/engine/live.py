"""A monitor at work live: each tick scores what is complete by now and keeps it in one transaction.

The state in memory is that of the cursor. Whatever goes wrong before a commit, the state is thrown away and made again
from the last checkpoint and the score history, so that no window is lost and none counts twice.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from redshank.engine.absence_kernel import LAST_TIME
from redshank.engine.feedback import is_muted, learn_labels
from redshank.engine.job import Job
from redshank.engine.live_memory import LiveMemory
from redshank.engine.reading import Reader
from redshank.engine.score_block import score_block
from redshank.engine.setting import Monitor, complete_until, delay_ns, goes_by_data
from redshank.engine.stretches import Moved, joined_jumps
from redshank.engine.telling import Change, Told, deliveries, is_quiet, typed
from redshank.engine.tick_events import EventMaker
from redshank.engine.watch import RunShards, Watch
from redshank.engine.windows import LatePoints, Window, Windows
from redshank.errors import DataError, SourceError
from redshank.panel import Key
from redshank.store.events import EventFilter
from redshank.store.records import Blob, Block, Live, Progress, StoredEvent, StoredSeries, TickCommit, Version
from redshank.store.store import Store

CHECKPOINT_NS = 300_000_000_000  # between two, at least
CHECKPOINT_STEPS = 60  # which a restart replays in next to no time,
MOST_CHECKPOINT_NS = 12 * CHECKPOINT_NS  # but no longer
CHECKPOINT_BYTES_PER_NS = 50_000_000 / CHECKPOINT_NS  # of large states, which cost more than their replay
FUTURE_NS = 86_400_000_000_000  # newer times in the data than a day from now are taken for mistakes
MOST_LABELED = 1000
LOOK_NS = 10_000_000_000  # between two looks at whether data that is its own clock has grown


@dataclass(frozen=True)
class Ticked:
    """What a tick did. ``next_ns``: when the next is worth while; ``is_behind``: there is more to be done at once."""

    points: int
    next_ns: int | None
    is_behind: bool


class LiveMonitor:
    """A monitor in memory; used by one thread at a time. After an error other than SourceError it is of no use."""

    def __init__(
        self,
        monitor: Monitor,
        reader: Reader,
        watch: Watch,
        live: Live,
        *,
        store: Store,
        run: RunShards,
    ) -> None:
        """Go on from ``live``, of which ``watch`` is the state."""
        self.monitor = monitor
        self.reader = reader
        self.watch = watch
        self.live = live
        self.memory = LiveMemory.from_json(live.memory)
        self._store = store
        self._run = run
        self._maker = EventMaker(monitor, watch, self.memory, store.history)
        self._told = Told({event.id: event for event in store.events.open_of(monitor.id)})
        self._heard = -1  # the newest change of events that labels were looked at for
        self._checkpointed_ns = live.ticked_ns + self._stagger_ns()
        self._windows = Windows(reader, watch, self.memory.expected_series)
        self._late = LatePoints()
        self._is_by_data = goes_by_data(monitor.spec, reader.source)
        self._is_reading = False
        self._seen: str | None = None  # the signature of a source that held nothing more

    # ------------------------------------------------------------------ the tick

    def tick(self, now_ns: int, job: Job) -> Ticked:
        """Score what is complete by now, and keep it.

        Raises:
            SourceError: the source cannot be read; an event says so, and the next tick tries again.
            StaleError: somebody else went on.
        """
        self._hear()
        self._is_reading = True
        try:
            signature = self.reader.source.signature() if self._is_by_data else None
            if signature is not None and signature == self._seen:
                return Ticked(0, self._next_ns(self.live.cursor_ns, now_ns), False)
            self._seen = None
            end_ns = self._complete_until(now_ns)
            window = self._windows.read(self.live.cursor_ns, self._limit(end_ns))
        except (SourceError, DataError) as error:
            job.raise_if_stopped()
            self._keep_down(str(error), now_ns, job)
            raise SourceError(f"monitor {self.monitor.name}: {error}") from error
        finally:
            self._is_reading = False
        job.raise_if_stopped()
        self.watch.lessons = tuple(self.memory.lessons)
        before, is_past = self.watch.n_series, self.live.cursor_ns < self.memory.backfill_until_ns
        moved = self._windows.move(window, self._run)
        self._commit(moved, window, before, now_ns, job)
        if not is_past:
            self._late.add(window)
        if abs(now_ns - self._checkpointed_ns) >= self._checkpoint_ns():
            self._count_late(job)
            self._keep(self._with_checkpoint(self.live, job), (), job, now_ns)
        if not window.is_behind and not is_past:
            self._seen = signature
        points = sum(int(np.isfinite(advance.scores.score).sum()) for advance in moved.advances)
        is_behind = window.is_behind or (window.waiting == 0 and self.live.cursor_ns < end_ns)
        return Ticked(points, self._next_ns(end_ns, now_ns), is_behind)

    def _complete_until(self, now_ns: int) -> int:
        """The end of what is complete by now, but not before the cursor: a clock that was set back is waited for."""
        newest_ns = None
        if self._is_by_data:
            newest_ns = self.reader.newest_ns(now_ns + FUTURE_NS)
            if newest_ns is None:
                return self.live.cursor_ns
        spec, facts = self.monitor.spec, self.memory.facts
        return max(self.live.cursor_ns, complete_until(spec, facts, newest_ns=newest_ns, now_ns=now_ns))

    def _limit(self, end_ns: int) -> int:
        """The end of this tick: history and what came since are not mixed."""
        backfill_ns = self.memory.backfill_until_ns
        return min(end_ns, backfill_ns) if self.live.cursor_ns < backfill_ns and self.watch.n_series else end_ns

    def _next_ns(self, end_ns: int, now_ns: int) -> int | None:
        """When the step behind ``end_ns`` is complete, a step from now at the latest; None = as the data comes."""
        if self._is_by_data:
            has_signature = self.reader.source.signature() is not None
            return now_ns + min(LOOK_NS, self.reader.grid.step_ns) if has_signature else None
        delay = delay_ns(self.monitor.spec, self.memory.facts)
        return min(self.reader.grid.after(end_ns, 1) + delay, now_ns + self.memory.facts.step_ns + delay)

    # ------------------------------------------------------------------ keeping

    def _commit(self, moved: Moved, window: Window, before: int, now_ns: int, job: Job) -> None:
        memory, cursor_ns = self.memory, window.cursor_ns
        end_ns = self.reader.grid.after(cursor_ns, window.waiting)
        is_past = self.live.cursor_ns < memory.backfill_until_ns
        found = self._maker.found(moved.advances, self._told, end_ns, window.waiting)
        changes = [*self._wanted_changes(found, end_ns, is_past, now_ns), *self._back_up(now_ns)]
        memory.jumps = joined_jumps(self.reader.grid, [*memory.jumps, *moved.jumps])
        memory.refused = max([memory.refused, *(advance.refused for advance in moved.advances)])
        block = score_block(moved.advances)
        is_begun = is_past and not window.is_behind and self.watch.n_series > 0
        if not changes and self.live.error is None and cursor_ns == self.live.cursor_ns and not is_begun:
            return
        if is_begun:
            memory.backfill_until_ns = cursor_ns  # behind the last value of the history, however much was awaited
        live = replace(
            self.live,
            cursor_ns=cursor_ns,
            memory=memory.to_json(),
            ticked_ns=now_ns,
            points=self.live.points + (block.rows if block else 0),
            error=None,
        )
        version = None
        if is_begun:
            live, version = self._first_version(live, now_ns, job)
        self._keep(live, changes, job, now_ns, block=block, series=self._newcomers(moved, before), version=version)

    def _wanted_changes(self, found: Sequence[StoredEvent], end_ns: int, is_past: bool, now_ns: int) -> list[Change]:
        """What is new, by quiet hours, backfill and mutes told or not."""
        memory, open_now = self.memory, self._told.open
        heard = [event for event in found if event.id in open_now or not is_muted(event, memory.mutes)]
        changes = self._told.changes(heard, end_ns)
        if is_past:
            return [Change(replace(change.event, backfill=True), False) for change in changes]
        if is_quiet(self.monitor.spec, now_ns):
            held = [change.event.id for change in changes if change.is_told and change.event.is_open]
            memory.hushed = list(dict.fromkeys([*memory.hushed, *held]))
            return [replace(change, is_told=False) for change in changes]
        return self._with_hushed(changes)

    def _with_hushed(self, changes: list[Change]) -> list[Change]:
        """After quiet hours: tell of events that were held back and are still open, and drop those that are over."""
        if not self.memory.hushed:
            return changes
        hushed, self.memory.hushed = set(self.memory.hushed), []
        changed = {change.event.id for change in changes}
        still = [event for event in self._told.open.values() if event.id in hushed - changed]
        kept = [change if change.event.id not in hushed else _as_first(change) for change in changes]
        return [*kept, *(Change(event, True) for event in still)]

    def _newcomers(self, moved: Moved, before: int) -> list[StoredSeries]:
        admitted = [one for advance in moved.advances for one in advance.admitted]
        rows = self.watch.shard_rows
        return [
            StoredSeries(
                id=one.row,
                monitor_id=self.monitor.id,
                key=one.key,
                shard=one.row // rows,
                row=one.row % rows,
                first_ns=one.time_ns,
                last_ns=one.time_ns,
            )
            for one in admitted
            if one.row >= before
        ]

    def _keep(
        self,
        live: Live,
        changes: Sequence[Change],
        job: Job,
        now_ns: int,
        *,
        block: Block | None = None,
        series: Sequence[StoredSeries] = (),
        version: Version | None = None,
    ) -> None:
        rows = block.rows if block else 0
        has_state = live.state_id != self.live.state_id
        job.raise_if_stopped()
        job.done(rows)
        commit = TickCommit(
            base=self.live,
            live=live,
            events=[change.event for change in changes],
            deliveries=deliveries(changes, self.monitor.spec.sink_names),
            block=block,
            series=series,
            seen=self._newest_times() if has_state else {},
            progress=Progress(run_id=job.run_id, attempt=job.attempt, done=job.rows_done) if job.run_id else None,
            version=version,
        )
        self.live = self._store.live.commit(commit, job.fence)
        self._told.keep(changes)
        if has_state:
            self._checkpointed_ns = now_ns

    # ------------------------------------------------------------------ states

    def checkpoint(self, job: Job) -> None:
        """Keep the state, so that the next start replays nothing."""
        if self.live.cursor_ns == self.live.checkpoint_ns:
            return
        self._keep(self._with_checkpoint(self.live, job), (), job, self.live.ticked_ns)

    def _stagger_ns(self) -> int:
        """By its id, how much later its first checkpoint is, so that a thousand do not come at once."""
        return zlib.crc32(self.monitor.id.encode()) % self._checkpoint_ns()

    def _checkpoint_ns(self) -> int:
        """How long after a checkpoint the next is due."""
        size = sum(len(shard.keys) * shard.bytes_per_series for shard in self.watch.shards)
        steps = min(MOST_CHECKPOINT_NS, CHECKPOINT_STEPS * self.reader.grid.step_ns)
        return int(max(CHECKPOINT_NS, steps, min(MOST_CHECKPOINT_NS, size / CHECKPOINT_BYTES_PER_NS)))

    def _with_checkpoint(self, live: Live, job: Job) -> Live:
        blobs = (Blob(shard=i, parts=parts) for i, parts in enumerate(self.watch.save()))
        state_id = self._store.states.save(self.monitor.id, live.cursor_ns, blobs, job.fence)
        return replace(live, state_id=state_id, checkpoint_ns=live.cursor_ns)

    def _first_version(self, live: Live, now_ns: int, job: Job) -> tuple[Live, Version]:
        live = self._with_checkpoint(live, job)
        number = self._store.states.next_number(self.monitor.id)
        version = Version(
            monitor_id=self.monitor.id,
            number=number,
            detector=self.memory.detector,
            params=self.memory.params,
            start_ns=self.memory.begun_ns,
            cursor_ns=live.cursor_ns,
            n_series=self.watch.n_series,
            size_bytes=sum(len(shard.keys) * shard.bytes_per_series for shard in self.watch.shards),
            created_ns=now_ns,
            note=f"first training; {self.memory.why}",
            state_id=live.state_id,
        )
        return replace(live, version=number), version

    def _newest_times(self) -> dict[int, int]:
        times = [shard.marks[:, LAST_TIME] for shard in self.watch.shards]
        newest = np.concatenate(times) if times else np.empty(0, np.int64)
        changed = np.flatnonzero(newest > self.live.checkpoint_ns)
        return dict(zip(changed.tolist(), newest[changed].tolist(), strict=True))

    # ------------------------------------------------------------------ people and sources

    def _count_late(self, job: Job) -> None:
        """Count the points that came since their step was scored; their scores stay as they are."""
        try:
            late = self._late.count(self.reader)
        except (SourceError, DataError):
            return
        if late:
            self.memory.late += late
            self.live = replace(self.live, memory=self.memory.to_json())
            job.log(
                f"{late:,} points came after their time was scored and were left out; `delay` may be longer", "warning"
            )

    def _hear(self) -> None:
        """Bring lessons in line with what people said since the last tick."""
        newest = self._store.events.newest()
        if newest == self._heard:
            return
        labeled = self._store.events.list(
            EventFilter(monitor_ids=[self.monitor.id], label="any"), limit=MOST_LABELED
        ).items
        for event in labeled:
            if event.id in self._told.open:
                self._told.open[event.id] = event
        index, step_ns = self.watch.index, self.memory.facts.step_ns
        learn_labels(self.memory, labeled, index, self.live.cursor_ns, step_ns)
        self._heard = newest

    def _keep_down(self, error: str, now_ns: int, job: Job) -> None:
        """Keep that the source cannot be read: one event of the source, whoever of its monitors was first."""
        changes: list[Change] = []
        down = dict(self.memory.down)
        if not down:
            down = {"since_ns": now_ns, "count": 0}
        down["count"] += 1
        if self.monitor.spec.watch.source_down and "event" not in down:
            changes = self._down_event(down["since_ns"], error)
            down["event"] = changes[0].event.id if changes else ""
        if self.live.error == error and not changes:
            self.memory.down = down
            return
        self.memory.down = down
        live = replace(self.live, memory=self.memory.to_json(), ticked_ns=now_ns, error=error)
        self._keep(live, changes, job, now_ns)

    def give_up(self, error: str, now_ns: int, job: Job) -> None:
        """Keep that the source hangs, if it is what a tick waits for, and make it end; from another thread.

        The job of that tick must have been stopped, so that it keeps nothing when it comes back.
        """
        if not self._is_reading:
            return
        self._keep_down(error, now_ns, job)
        self.reader.source.cancel()

    def _back_up(self, now_ns: int) -> list[Change]:
        """Close the event of a source that can be read again."""
        event = self._told.open.get(str(self.memory.down.get("event")))
        self.memory.down = {}
        if event is None:
            return []
        return [Change(replace(event, is_open=False, end_ns=max(event.start_ns, now_ns)), True)]

    def _down_event(self, since_ns: int, error: str) -> list[Change]:
        source = self.monitor.spec.source
        name = source if isinstance(source, str) else self.reader.source.describe()
        key = Key.of(name)
        open_now = self._store.events.list(EventFilter(kinds=["source_down"], is_open=True), limit=MOST_LABELED).items
        if any(event.key == key for event in open_now):
            return []
        event = typed(
            "source_down",
            self.monitor.id,
            self.monitor.name,
            key,
            start_ns=since_ns,
            end_ns=since_ns + 1,
            opened_ns=since_ns,
            is_open=True,
        )
        is_quiet_now = is_quiet(self.monitor.spec, since_ns)
        return [Change(replace(event, reason=error[:500]), not is_quiet_now)]


def _as_first(change: Change) -> Change:
    """Of an event that was held back: told if it is still open, else it never was anybody's matter."""
    return replace(change, is_told=change.event.is_open)
