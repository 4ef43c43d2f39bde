"""Make the state of a monitor's cursor again: from the last checkpoint and the score history since."""

from __future__ import annotations

from redshank.engine.job import Job
from redshank.engine.live_memory import LiveMemory
from redshank.engine.reading import Reader
from redshank.engine.replay import replay
from redshank.engine.setting import Monitor, rules_of
from redshank.engine.watch import RunShards, Watch
from redshank.store.records import Live
from redshank.store.store import Store


def restored(
    monitor: Monitor, reader: Reader, memory: LiveMemory, live: Live, store: Store, run: RunShards, job: Job
) -> Watch:
    """Return the state of the cursor.

    Raises:
        StateError: the kept state is damaged, or not of this monitor as it is declared now.
    """
    rules = rules_of(monitor.spec, monitor.id, memory.facts, memory.detector, memory.params, reader.channels)
    blobs = () if live.state_id is None else store.states.load(live.state_id)
    watch = Watch.load(rules, (blob.parts for blob in blobs), most_series=monitor.spec.max_series)
    watch.lessons = tuple(memory.lessons)
    replay(
        watch,
        store,
        monitor.id,
        reader.grid,
        start_ns=live.checkpoint_ns,
        end_ns=live.cursor_ns,
        jumps=memory.jumps,
        run=run,
        job=job,
    )
    return watch
