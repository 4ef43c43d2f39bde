"""Runs: asked for, claimed by one worker, followed, ended, and kept for months."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, or_, select, update

from redshank.errors import ConfigError, ConflictError, NotFoundError, StaleError
from redshank.store.columns import clean_text
from redshank.store.database import Database
from redshank.store.events import drop_in_parts
from redshank.store.ids import new_id
from redshank.store.pages import check_limit, page_of
from redshank.store.records import FINISHED, Fence, Page, Progress, Run, RunLine, RunState, Verb
from redshank.store.rows import as_record, as_row
from redshank.store.tables import run_lines, runs

COLUMNS = [column for column in runs.columns if column.name != "fence"]
HELD = ("running", "canceling")
UNFINISHED = ("waiting", *HELD)
_CONTINUOUS = (runs.c.verb == "detect") & runs.c.end_ns.is_(None)
_PROGRESS = (
    update(runs)
    .where(runs.c.id == bindparam("run_id"), runs.c.attempt == bindparam("of_attempt"), runs.c.state.in_(HELD))
    .values({name: bindparam(name) for name in ("done", "total", "remaining_seconds")})
)


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs; None or () = all. ``start_ns`` <= created < ``end_ns``."""

    monitor_ids: Sequence[str] | None = None
    verbs: Sequence[Verb] = ()
    states: Sequence[RunState] = ()
    start_ns: int | None = None
    end_ns: int | None = None


class Runs:
    """All runs."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def create(
        self,
        monitor_id: str,
        monitor: str,
        verb: Verb,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        params: Mapping[str, Any] | None = None,
        due_ns: int | None = None,
        fence: Fence | None = None,
    ) -> Run:
        """Ask for a run, due now or at ``due_ns``; return it, waiting."""
        now_ns = self._clock()
        run = Run(
            id=new_id(now_ns),
            monitor_id=monitor_id,
            monitor=monitor,
            verb=verb,
            state="waiting",
            start_ns=start_ns,
            end_ns=end_ns,
            params=params or {},
            due_ns=now_ns if due_ns is None else due_ns,
            created_ns=now_ns,
        )
        with self._database.write(fence) as connection:
            connection.execute(insert(runs), {column.name: getattr(run, column.name) for column in COLUMNS})
        return run

    def get(self, run_id: str) -> Run:
        """Return one run; NotFoundError when there is none."""
        with self._database.read() as connection:
            return _one(connection, run_id)

    def list(
        self, wanted: RunFilter = RunFilter(), *, limit: int = 100, cursor: str | None = None, sort: str = "-created"
    ) -> Page:
        """Return a page of runs; ``sort``: created, or -created for the newest first."""
        if sort not in ("created", "-created"):
            raise ConfigError(f"sort: must be created or -created, got {sort!r}", field="sort")
        query = select(*COLUMNS).where(*_conditions(wanted))
        order = (runs.c.created_ns, runs.c.id)
        with self._database.read() as connection:
            return page_of(connection, [query], order, _run, limit=limit, cursor=cursor, descending=sort[0] == "-")

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many unfinished runs there are, by verb and state."""
        query = select(runs.c.verb, runs.c.state, func.count()).where(runs.c.state.in_(UNFINISHED))
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(runs.c.verb, runs.c.state))
            return {(verb, state): count for verb, state, count in rows}

    def totals(self) -> dict[tuple[str, str], int]:
        """Return how many runs are kept, ended ones too, by verb and state."""
        query = select(runs.c.verb, runs.c.state, func.count()).group_by(runs.c.verb, runs.c.state)
        with self._database.read() as connection:
            return {(verb, state): count for verb, state, count in connection.execute(query)}

    def next_due(self) -> int | None:
        """Return when the first waiting run that ``claim`` may give is due; None = there is none."""
        waiting = (runs.c.state == "waiting") & ~_CONTINUOUS
        with self._database.read() as connection:
            return connection.execute(select(func.min(runs.c.due_ns)).where(waiting)).scalar()

    def continuous(self, monitor_id: str, monitor: str, fence: Fence | None = None) -> Run:
        """Return the running continuous detection of a monitor; made, or claimed anew, when it is not this fence's."""
        mine = (runs.c.monitor_id == monitor_id) & _CONTINUOUS & runs.c.state.in_(UNFINISHED)
        with self._database.read() as connection:
            found = connection.execute(select(runs.c.id, runs.c.state, runs.c.fence).where(mine)).first()
        token = None if fence is None else fence.token
        if found is not None and found.state in HELD and found.fence == token:
            return self.get(found.id)
        run_id = self.create(monitor_id, monitor, "detect", fence=fence).id if found is None else found.id
        with self._database.write(fence) as connection:
            return self._hold(connection, run_id, fence, None)

    def claim(
        self,
        now_ns: int,
        fence: Fence | None = None,
        *,
        per_monitor: int = 1,
        verbs: Sequence[Verb] = (),
        deadline_ns: int | None = None,
    ) -> Run | None:
        """Take the run that is due longest; None = there is none whose monitor has fewer than ``per_monitor`` running.

        Continuous detections neither are taken nor count. The claim is void when the run is claimed again: its
        ``attempt`` is then another.
        """
        due = [runs.c.state == "waiting", runs.c.due_ns <= now_ns, ~_CONTINUOUS]
        if verbs:
            due.append(runs.c.verb.in_(verbs))
        other = runs.alias("other")
        busy = select(func.count()).where(
            other.c.monitor_id == runs.c.monitor_id,
            other.c.state.in_(HELD),
            or_(other.c.verb != "detect", other.c.end_ns.is_not(None)),
        )
        query = select(runs.c.id).where(*due, busy.scalar_subquery() < per_monitor)
        with self._database.write(fence) as connection:
            self._database.one_at_a_time(connection, "claim")
            run_id = connection.execute(query.order_by(runs.c.due_ns, runs.c.id).limit(1)).scalar()
            return None if run_id is None else self._hold(connection, run_id, fence, deadline_ns)

    def progress(self, progress: Progress, fence: Fence | None = None) -> None:
        """Say how far a claimed run is.

        Raises:
            StaleError: the run is no longer held by that claim.
        """
        with self._database.write(fence) as connection:
            self.write_progress(connection, progress, None)

    def write_progress(self, connection: Connection, progress: Progress, result: Mapping[str, Any] | None) -> None:
        """Do ``progress`` inside a transaction, and end the run as done when there is a result."""
        if connection.execute(_PROGRESS, {**as_row(progress), "of_attempt": progress.attempt}).rowcount != 1:
            raise _not_held(progress.run_id, progress.attempt)
        if result is not None:
            values = {"state": "done", "result": result, "finished_ns": self._clock(), "remaining_seconds": None}
            self._set(connection, progress.run_id, progress.attempt, values)

    def finish(
        self,
        run_id: str,
        attempt: int,
        state: RunState,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        fence: Fence | None = None,
    ) -> None:
        """End a claimed run; StaleError when it is no longer held by that claim."""
        if state not in FINISHED:
            raise ConfigError(f"run: must end as one of {', '.join(FINISHED)}, got {state!r}", field="state")
        values = {"state": state, "result": result, "error": error, "finished_ns": self._clock()}
        with self._database.write(fence) as connection:
            self._set(connection, run_id, attempt, {**values, "remaining_seconds": None})

    def retry(
        self, run_id: str, attempt: int, due_ns: int, error: Mapping[str, Any], fence: Fence | None = None
    ) -> None:
        """Let a claimed run that failed wait for another try; StaleError when it is no longer held by that claim."""
        with self._database.write(fence) as connection:
            self._set(connection, run_id, attempt, {"state": "waiting", "due_ns": due_ns, "error": error})

    def request_cancel(self, run_id: str) -> Run:
        """Cancel a waiting run at once, ask a running one to stop; ConflictError when it has ended. Return it."""
        with self._database.write() as connection:
            run = _one(connection, run_id)
            if run.state in FINISHED:
                raise ConflictError(f"run {run_id}: must not have ended to be canceled, but it is {run.state}")
            values: dict[str, Any] = {"state": "canceling"}
            if run.state == "waiting":
                values = {"state": "canceled", "finished_ns": self._clock()}
            same = (runs.c.id == run.id) & (runs.c.state == run.state)
            if connection.execute(update(runs).where(same).values(values)).rowcount != 1:
                raise ConflictError(f"run {run_id}: changed just now; try again")
            return _one(connection, run_id)

    def canceling(self) -> set[str]:
        """Return the ids of the running runs that are asked to stop."""
        with self._database.read() as connection:
            return set(connection.execute(select(runs.c.id).where(runs.c.state == "canceling")).scalars())

    def recover(self, fence: Fence, *, most_attempts: int = 3) -> Sequence[Run]:
        """Take back what an earlier leader held; return those runs as they are now.

        Continuous detections wait, runs being canceled are canceled, the rest wait for another attempt or, after the
        last, are abandoned.
        """
        lost = runs.c.state.in_(HELD) & (runs.c.fence.is_(None) | (runs.c.fence != fence.token))
        error = {"code": "abandoned", "message": "the process that ran it ended", "field": None}
        with self._database.write(fence) as connection:
            found = [_run(row) for row in connection.execute(select(*COLUMNS).where(lost))]
            for run in found:
                values = _taken_back(run, most_attempts, error, self._clock())
                connection.execute(update(runs).where(runs.c.id == run.id).values(**values))
            return [_one(connection, run.id) for run in found]

    def log(self, run_id: str, lines: Sequence[tuple[str, str]]) -> None:
        """Add log lines, each (level, text)."""
        now_ns = self._clock()
        last = select(func.max(run_lines.c.sequence)).where(run_lines.c.run_id == run_id)
        with self._database.write() as connection:
            run = _one(connection, run_id)
            self._database.one_at_a_time(connection, f"log {run_id}")
            first = (connection.execute(last).scalar() or 0) + 1
            rows = [
                {"run_id": run.id, "sequence": number, "at_ns": now_ns, "level": level, "text": text}
                for number, (level, text) in enumerate(lines, first)
            ]
            if rows:
                connection.execute(insert(run_lines), rows)

    def lines(self, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[RunLine]:
        """Return the log lines of a run behind a sequence, oldest first."""
        check_limit(limit)
        mine = (run_lines.c.run_id == run_id) & (run_lines.c.sequence > after)
        with self._database.read() as connection:
            rows = connection.execute(select(run_lines).where(mine).order_by(run_lines.c.sequence).limit(limit))
            return [as_record(RunLine, row) for row in rows]

    def prune(self, before_ns: int, monitor_ids: Sequence[str] | None = None) -> int:
        """Drop runs (of some monitors) that ended before a time, with their lines; return how many went."""
        old = [runs.c.finished_ns < before_ns]
        if monitor_ids is not None:
            old.append(runs.c.monitor_id.in_(monitor_ids))
        return drop_in_parts(self._database, runs, *old)

    def _hold(self, connection: Connection, run_id: str, fence: Fence | None, deadline_ns: int | None) -> Run:
        values = {
            "state": "running",
            "attempt": runs.c.attempt + 1,
            "started_ns": self._clock(),
            "deadline_ns": deadline_ns,
            "fence": None if fence is None else fence.token,
        }
        held = update(runs).where(runs.c.id == run_id).values(values)
        return _run(connection.execute(held.returning(*COLUMNS)).one())

    def _set(self, connection: Connection, run_id: str, attempt: int, values: dict[str, Any]) -> None:
        mine = (runs.c.id == run_id) & (runs.c.attempt == attempt) & runs.c.state.in_(HELD)
        if connection.execute(update(runs).where(mine).values(values)).rowcount != 1:
            raise _not_held(run_id, attempt)


def _not_held(run_id: str, attempt: int) -> StaleError:
    return StaleError(f"run {run_id}: must be held by attempt {attempt}, but it ended or was claimed again")


def _taken_back(run: Run, most_attempts: int, error: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
    if run.state == "canceling":
        return {"state": "canceled", "finished_ns": now_ns}
    if run.verb == "detect" and run.end_ns is None:
        return {"state": "waiting"}
    if run.attempt < most_attempts:
        return {"state": "waiting", "error": error}
    return {"state": "abandoned", "finished_ns": now_ns, "error": error}


def _run(row: Row[Any]) -> Run:
    return as_record(Run, row)


def _one(connection: Connection, run_id: str) -> Run:
    row = connection.execute(select(*COLUMNS).where(runs.c.id == clean_text(run_id))).first()
    if row is None:
        raise NotFoundError(f"run {run_id!r}: not found")
    return _run(row)


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    found = [
        None if wanted.monitor_ids is None else runs.c.monitor_id.in_(wanted.monitor_ids),
        runs.c.verb.in_(wanted.verbs) if wanted.verbs else None,
        runs.c.state.in_(wanted.states) if wanted.states else None,
        None if wanted.start_ns is None else runs.c.created_ns >= wanted.start_ns,
        None if wanted.end_ns is None else runs.c.created_ns < wanted.end_ns,
    ]
    return [condition for condition in found if condition is not None]
