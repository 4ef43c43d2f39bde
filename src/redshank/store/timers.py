"""When the schedules of monitors fired last: kept together with the runs that were made then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from redshank.store.database import Database
from redshank.store.ids import new_id
from redshank.store.records import Fence, Run, Verb
from redshank.store.rows import as_row
from redshank.store.tables import runs, timers


@dataclass(frozen=True, kw_only=True)
class Firing:
    """What a schedule makes due: a run for each of ``windows`` (start and end), ``last_ns`` is the newest end.

    ``is_one``: when the run of the last firing still waits, its end moves on instead, so that nothing piles up behind
    a slow one.
    """

    monitor_id: str
    monitor: str
    verb: Verb
    windows: Sequence[tuple[int, int]]
    last_ns: int
    is_one: bool = True


class Timers:
    """All schedules that have fired or begun."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def all(self) -> dict[tuple[str, Verb], int]:
        """Return when each fired last, or began, by monitor id and verb."""
        with self._database.read() as connection:
            rows = connection.execute(select(timers.c.monitor_id, timers.c.verb, timers.c.last_ns))
            return {(monitor_id, verb): last_ns for monitor_id, verb, last_ns in rows}

    def begin(self, last: Mapping[tuple[str, Verb], int], fence: Fence | None = None) -> None:
        """Note schedules that are new, each with the time after which they fire, and those set back."""
        rows = [{"at": monitor_id, "of": verb, "to": last_ns} for (monitor_id, verb), last_ns in last.items()]
        mine = (timers.c.monitor_id == bindparam("at")) & (timers.c.verb == bindparam("of"))
        with self._database.write(fence) as connection:
            for row in rows:
                if connection.execute(update(timers).where(mine).values(last_ns=bindparam("to")), row).rowcount == 0:
                    connection.execute(
                        insert(timers).values(monitor_id=row["at"], verb=row["of"], last_ns=row["to"], run_id=None)
                    )

    def fire(self, firings: Sequence[Firing], fence: Fence | None = None) -> int:
        """Make the runs of schedules that are due, all or nothing; return how many were made.

        One that has fired up to that time already, as seen from another process, makes none.
        """
        now_ns = self._clock()
        with self._database.write(fence) as connection:
            return sum(self._fire(connection, firing, now_ns) for firing in firings)

    def forget(self, monitor_ids: Sequence[str]) -> None:
        """Drop the timers of monitors that are no more."""
        with self._database.write() as connection:
            for monitor_id in monitor_ids:
                connection.execute(delete(timers).where(timers.c.monitor_id == monitor_id))

    def _fire(self, connection: Connection, firing: Firing, now_ns: int) -> int:
        mine = (timers.c.monitor_id == firing.monitor_id) & (timers.c.verb == firing.verb)
        row = connection.execute(select(timers.c.last_ns, timers.c.run_id).where(mine)).first()
        if row is None or row.last_ns >= firing.last_ns:
            return 0
        moved = update(timers).where(mine).values(last_ns=firing.last_ns)
        if firing.is_one and firing.windows and row.run_id is not None:
            still = (runs.c.id == row.run_id) & (runs.c.state == "waiting")
            if connection.execute(update(runs).where(still).values(end_ns=firing.windows[-1][1])).rowcount:
                connection.execute(moved)
                return 0
        made = [_run(firing, window, now_ns) for window in firing.windows]
        for run in made:
            connection.execute(insert(runs), as_row(run))
        connection.execute(moved.values(run_id=made[-1].id) if made else moved)
        return len(made)


def _run(firing: Firing, window: tuple[int, int], now_ns: int) -> Run:
    return Run(
        id=new_id(now_ns),
        monitor_id=firing.monitor_id,
        monitor=firing.monitor,
        verb=firing.verb,
        state="waiting",
        start_ns=window[0],
        end_ns=window[1],
        params={},
        due_ns=window[1],
        created_ns=now_ns,
    )
