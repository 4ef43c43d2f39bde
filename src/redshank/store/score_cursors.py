"""How far each sink has the scores of each monitor; kept after the sink took them, so that a crash repeats some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, delete, func, select, tuple_, update

from redshank.store.database import Database
from redshank.store.tables import live, score_cursors

Pair = tuple[str, str]  # name of a sink, id of a monitor
_MOVED = (
    update(score_cursors)
    .where(score_cursors.c.sink == bindparam("of_sink"), score_cursors.c.monitor_id == bindparam("of_monitor"))
    .values(scored_ns=bindparam("to"), attempts=0, error=None)
)


@dataclass(frozen=True, kw_only=True)
class ScoreCursor:
    """Scores that a sink is to get: those of a monitor from ``scored_ns`` (it has all before) to ``until_ns``."""

    sink: str
    monitor_id: str
    scored_ns: int
    until_ns: int
    attempts: int
    error: str | None


class ScoreCursors:
    """The cursors of all sinks that take scores."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = _insert(is_sqlite=database.is_sqlite)

    def keep(self, wanted: Mapping[Pair, int | None], now_ns: int) -> None:
        """Have a cursor for just these pairs; a new one begins at its time, None = where the monitor stands now."""
        with self._database.write() as connection:
            known = {tuple(row) for row in connection.execute(select(score_cursors.c.sink, score_cursors.c.monitor_id))}
            stands = {
                row.monitor_id: row.cursor_ns for row in connection.execute(select(live.c.monitor_id, live.c.cursor_ns))
            }
            gone = sorted(known - set(wanted))
            if gone:
                pair = tuple_(score_cursors.c.sink, score_cursors.c.monitor_id)
                for start in range(0, len(gone), 200):
                    connection.execute(delete(score_cursors).where(pair.in_(gone[start : start + 200])))
            rows = [
                {**_row(pair), "due_ns": now_ns, "scored_ns": stands.get(pair[1], 0) if start_ns is None else start_ns}
                for pair, start_ns in wanted.items()
                if pair not in known
            ]
            if rows:
                connection.execute(self._insert, rows)

    def pairs(self) -> list[Pair]:
        """Return the pairs that have a cursor."""
        with self._database.read() as connection:
            rows = connection.execute(select(score_cursors.c.sink, score_cursors.c.monitor_id))
            return [(sink, monitor_id) for sink, monitor_id in rows]

    def due(self, now_ns: int) -> list[ScoreCursor]:
        """Return the cursors that are behind their monitor and may be tried, by sink."""
        behind = select(score_cursors, live.c.cursor_ns.label("until_ns")).join(
            live, live.c.monitor_id == score_cursors.c.monitor_id
        )
        behind = behind.where(live.c.cursor_ns > score_cursors.c.scored_ns, score_cursors.c.due_ns <= now_ns)
        with self._database.read() as connection:
            rows = connection.execute(behind.order_by(score_cursors.c.sink, score_cursors.c.monitor_id))
            return [_cursor(row._mapping) for row in rows]

    def moved(self, scored_ns: Mapping[ScoreCursor, int]) -> None:
        """Keep that sinks took all before a time, each."""
        rows = [{"of_sink": one.sink, "of_monitor": one.monitor_id, "to": at_ns} for one, at_ns in scored_ns.items()]
        if rows:
            with self._database.write() as connection:
                connection.execute(_MOVED, rows)

    def later(self, cursor: ScoreCursor, due_ns: int, error: str) -> None:
        """Keep that the sink did not take them, and when to try again."""
        mine = (score_cursors.c.sink == cursor.sink) & (score_cursors.c.monitor_id == cursor.monitor_id)
        failed = {"due_ns": due_ns, "attempts": score_cursors.c.attempts + 1, "error": error}
        with self._database.write() as connection:
            connection.execute(update(score_cursors).where(mine).values(**failed))

    def lags(self) -> dict[str, tuple[float, int]]:
        """Return by sink how far it is behind at most, in seconds of data, and for how many monitors it fails.

        A monitor of which it has nothing yet counts as not behind.
        """
        is_begun = score_cursors.c.scored_ns > 0
        behind = func.max(case((is_begun, live.c.cursor_ns - score_cursors.c.scored_ns), else_=0))
        failing = func.count(score_cursors.c.error)
        query = select(score_cursors.c.sink, behind, failing).join(
            live, live.c.monitor_id == score_cursors.c.monitor_id
        )
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(score_cursors.c.sink))
            return {sink: (max(0.0, lag_ns / 1e9), count) for sink, lag_ns, count in rows}


def _row(pair: Pair) -> dict[str, Any]:
    return {"sink": pair[0], "monitor_id": pair[1], "attempts": 0, "error": None}


def _cursor(row: Mapping[Any, Any]) -> ScoreCursor:
    return ScoreCursor(**{name: row[name] for name in ScoreCursor.__dataclass_fields__})


def _insert(*, is_sqlite: bool) -> Any:
    if is_sqlite:
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    return insert(score_cursors).on_conflict_do_nothing()
