"""How many events a configuration would have changed: monitors as they are and as they would be, over the last days."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redshank.errors import NoPointsError, RedshankError
from redshank.service.config_plan import Counted, Declared, Plan, Step, with_events
from redshank.specs.connection import SourceSpec
from redshank.specs.monitor import MonitorSpec
from redshank.specs.problems import checked
from redshank.store.records import StoredEvent

Preview = Callable[..., Any]  # previews.preview: a monitor as plain values, end_ns, days
Cursor = Callable[[str], int | None]  # name of a monitor: time until which its data is scored; None = not begun
MOST_COUNTED = 50
MOST_SECONDS = 60.0
DAY_NS = 86_400_000_000_000


def count_events(plan: Plan, days: int, preview: Preview, cursor: Cursor) -> Plan:
    """Return the plan with the events of each monitor that is made, changed or deleted, before and after.

    What cannot be told is said, and hinders nothing; the first so many monitors are looked at, for about a minute.
    """
    sources = declared_sources(plan)
    begun = time.monotonic()
    found: dict[str, Counted] = {}
    for step in plan.steps:
        if step.kind != "monitors" or step.action not in ("create", "change", "delete"):
            continue
        if len(found) >= MOST_COUNTED or time.monotonic() - begun > MOST_SECONDS:
            found[step.name] = Counted(before=None, after=None, error="not counted: too many monitors change")
        else:
            found[step.name] = _counted(step, days, preview, cursor(step.name), sources)
    return with_events(plan, found)


def declared_sources(plan: Plan) -> dict[str, SourceSpec]:
    """Return the sources that are made or changed, by name: the store does not have them yet."""
    found = {}
    for step in plan.steps:
        if step.kind == "sources" and step.wanted is not None:
            spec, _ = checked(SourceSpec, step.wanted.spec)
            if spec is not None:
                found[step.wanted.name] = spec
    return found


def with_source(spec: MonitorSpec, sources: Mapping[str, SourceSpec]) -> MonitorSpec:
    """Return a monitor with its source written inside when that is one of these."""
    if isinstance(spec.source, str) and spec.source in sources:
        source = sources[spec.source].model_copy(update={"name": spec.source})
        return spec.model_copy(update={"source": source})
    return spec


def _counted(
    step: Step, days: int, preview: Preview, cursor_ns: int | None, sources: Mapping[str, SourceSpec]
) -> Counted:
    try:
        before = _events(step.current, days, preview, cursor_ns, {})
        after = _events(step.wanted, days, preview, cursor_ns, sources)
    except RedshankError as error:
        return Counted(before=None, after=None, error=str(error))
    return Counted(
        before=None if before is None else len(before),
        after=None if after is None else len(after),
        same=None if before is None or after is None else len(_keys(before) & _keys(after)),
    )


def _keys(events: Sequence[StoredEvent]) -> set[tuple[str, str, int]]:
    return {(event.kind, str(event.key), event.start_ns) for event in events}


def _events(
    declared: Declared | None,
    days: int,
    preview: Preview,
    cursor_ns: int | None,
    sources: Mapping[str, SourceSpec],
) -> Sequence[StoredEvent] | None:
    spec = None if declared is None else checked(MonitorSpec, declared.spec)[0]
    if spec is None:
        return None
    given = with_source(spec, sources).model_dump(mode="json", exclude_unset=True)
    try:
        events: Sequence[StoredEvent] = preview(given, end_ns=cursor_ns, days=days).events
    except NoPointsError:  # data of the past: of these the last days
        found = preview(given)
        events = [event for event in found.events if event.end_ns > found.end_ns - days * DAY_NS]
    return events
