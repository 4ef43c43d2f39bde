"""Where each monitor stands, and the one way by which results of live detection and training are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from redshank.errors import StaleError
from redshank.store.database import Database
from redshank.store.events import Events
from redshank.store.outbox import Outbox
from redshank.store.records import Block, Fence, Live, TickCommit
from redshank.store.rows import as_record, as_row
from redshank.store.runs import Runs
from redshank.store.series import Series
from redshank.store.states import States, check_state, write_version
from redshank.store.tables import live, score_blocks

_GET = select(live).where(live.c.monitor_id == bindparam("of_monitor"))
_FIELDS = [column.name for column in live.columns if column.name != "monitor_id"]
_GO_ON = (
    update(live)
    .where(live.c.monitor_id == bindparam("of_monitor"), live.c.revision == bindparam("of_revision"))
    .values({name: bindparam(f"new_{name}") for name in _FIELDS})
)


class LiveRecords:
    """Where all monitors stand."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], int],
        *,
        events: Events,
        outbox: Outbox,
        series: Series,
        runs: Runs,
        states: States,
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._series = series
        self._runs = runs
        self._states = states

    def get(self, monitor_id: str) -> Live | None:
        """Return where a monitor stands; None = it has not started."""
        with self._database.read() as connection:
            row = connection.execute(_GET, {"of_monitor": monitor_id}).first()
        return None if row is None else as_record(Live, row)

    def all(self) -> Sequence[Live]:
        """Return where all monitors stand, in one query."""
        with self._database.read() as connection:
            return [as_record(Live, row) for row in connection.execute(select(live))]

    def commit(self, tick: TickCommit, fence: Fence | None = None) -> Live:
        """Keep all of a tick or training, or nothing; return the live record as kept.

        The states it refers to must have been saved by ``states.save``; one that it leaves behind is dropped.

        Raises:
            StaleError: the monitor went on, or its run was taken back, since ``tick.base`` was read; nothing was kept.
            LeaseLostError: somebody else leads; nothing was kept.
        """
        base = tick.base
        kept = replace(tick.live, revision=1 if base is None else base.revision + 1)
        left = None if base is None or base.state_id == kept.state_id else base.state_id
        try:
            with self._database.write(fence) as connection:
                self._write(connection, tick, kept)
        except IntegrityError as error:
            raise StaleError(f"monitor {kept.monitor_id}: a number of a series or version is taken") from error
        if left is not None:
            self._states.drop([left])
        return kept

    def remove(self, monitor_id: str) -> None:
        """Forget where a monitor stood, as if it had never started; ticks under way come to nothing."""
        with self._database.write() as connection:
            connection.execute(delete(live).where(live.c.monitor_id == monitor_id))

    def _write(self, connection: Connection, tick: TickCommit, kept: Live) -> None:
        """The order of the tables is the same everywhere, so that no two transactions wait for each other."""
        if tick.version is not None:
            write_version(connection, tick.version)
        if kept.state_id is not None and (tick.base is None or tick.base.state_id != kept.state_id):
            check_state(connection, kept.state_id)
        _go_on(connection, tick.base, kept)
        self._series.write(connection, tick.series)
        self._series.seen(connection, kept.monitor_id, tick.seen)
        if tick.block is not None:
            write_block(connection, kept.monitor_id, tick.block)
        if tick.progress is not None:
            self._runs.write_progress(connection, tick.progress, tick.finished)
        now_ns = self._clock()
        sequences = self._events.write(connection, tick.events, now_ns)
        self._outbox.write(connection, tick.deliveries, sequences, now_ns)


def write_block(connection: Connection, monitor_id: str, block: Block) -> None:
    """Add a piece of score history inside a transaction."""
    connection.execute(insert(score_blocks), {"owner": monitor_id, **as_row(block)})


def _go_on(connection: Connection, base: Live | None, kept: Live) -> None:
    if base is None:
        try:
            connection.execute(insert(live), as_row(kept))
        except IntegrityError as error:
            raise StaleError(f"monitor {kept.monitor_id}: must not have started yet, but it has") from error
        return
    values = {f"new_{name}": getattr(kept, name) for name in _FIELDS}
    values |= {"of_monitor": kept.monitor_id, "of_revision": base.revision}
    if connection.execute(_GO_ON, values).rowcount != 1:
        raise StaleError(f"monitor {kept.monitor_id}: went on from revision {base.revision} without this tick")
