"""What is too old, or belongs to a monitor that is no more, goes; a part at a time, so that nobody waits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Table, delete, exists

from redshank.specs.monitor import RetentionSpec
from redshank.store.database import Database
from redshank.store.events import drop_in_parts
from redshank.store.records import Fence, Resource, Swept
from redshank.store.tables import (
    events,
    live,
    quarantine,
    resources,
    runs,
    score_blocks,
    score_cursors,
    series,
    states,
    timers,
    versions,
)

if TYPE_CHECKING:
    from redshank.store.store import Store

AUDIT = timedelta(days=400)
DEAD_LETTERS = timedelta(days=90)
UNUSED_STATE = timedelta(hours=1)  # a state younger than this may just be on its way into a version
BY_MONITOR = 500  # ids in one statement


def sweep(store: Store, fence: Fence | None = None, *, audit: timedelta = AUDIT) -> Swept:
    """Drop what is older than the retention of its monitor, and all that belongs to no monitor; say how much.

    The score history is not touched: ``history.py`` has its own.
    """
    now_ns = store.clock()
    monitors = store.resources.all("monitors")
    versions_of = Counter(store.states.counts())
    n_events = n_runs = n_versions = 0
    for kept, ids in _by_retention(monitors).items():
        for some in _parts(ids):
            n_events += store.events.prune(now_ns - _ns(kept.events), some)
            n_runs += store.runs.prune(now_ns - _ns(kept.runs), some)
        many = (monitor_id for monitor_id in ids if versions_of[monitor_id] > kept.versions)
        n_versions += sum(store.states.prune(monitor_id, kept.versions, fence) for monitor_id in many)
    return Swept(
        events=n_events,
        runs=n_runs,
        versions=n_versions,
        states=store.states.collect(before_ns=now_ns - _ns(UNUSED_STATE)),
        audit=store.audit.prune(now_ns - _ns(audit)),
        answers=store.idempotency.prune(),
        quarantined=drop_in_parts(store.database, quarantine, quarantine.c.found_ns < now_ns - _ns(audit)),
        dead_letters=_deliveries(store, monitors, now_ns),
        left_behind=forget_the_removed(store.database),
    )


def _deliveries(store: Store, monitors: Iterable[Resource], now_ns: int) -> int:
    """Drop dead letters that are too old, and what was to go to sinks that were removed; return how many."""
    sinks = {sink.name for sink in store.resources.all("sinks")}
    gone = store.outbox.forget_the_removed(sinks, {monitor.name for monitor in monitors})
    return gone + store.outbox.prune(now_ns - _ns(DEAD_LETTERS))


def forget_the_removed(database: Database) -> int:
    """Drop the rows of monitors that were removed; return how many."""
    gone = 0
    for table in (live, versions, timers, series, score_cursors):
        with database.write() as connection:
            gone += connection.execute(delete(table).where(_is_of_nobody(table, "monitor_id"))).rowcount
    for table, column in (
        (states, "monitor_id"),
        (score_blocks, "owner"),
        (events, "monitor_id"),
        (runs, "monitor_id"),
    ):
        gone += drop_in_parts(database, table, _is_of_nobody(table, column))
    return gone


def _is_of_nobody(table: Table, column: str) -> ColumnElement[bool]:
    """Whether a row names a monitor that is not there; runs without a monitor (tried out before saving) name none."""
    owner = table.c[column]
    return (owner != "") & ~exists().where(resources.c.id == owner, resources.c.kind == "monitors")


def _by_retention(monitors: Iterable[Resource]) -> dict[RetentionSpec, list[str]]:
    """Return the ids of the monitors of each retention; one that cannot be read counts as the default."""
    found: dict[RetentionSpec, list[str]] = defaultdict(list)
    for monitor in monitors:
        try:
            kept = RetentionSpec.model_validate(monitor.spec.get("retention") or {})
        except ValidationError:
            kept = RetentionSpec()
        found[kept].append(monitor.id)
    return found


def _parts(ids: list[str]) -> Iterable[list[str]]:
    return (ids[i : i + BY_MONITOR] for i in range(0, len(ids), BY_MONITOR))


def _ns(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1) * 1000
