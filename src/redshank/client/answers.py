"""What the server answers, as typed records. Times are aware, UTC; None = not known, or not there.

Fields that a newer server adds are ignored, those that an older one lacks have a default.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec

Item = TypeVar("Item")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records."""


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A page of a list; ``next_cursor`` None = the last."""

    items: list[Item]
    next_cursor: str | None = None


class Declaration(Record, frozen=True, kw_only=True):
    """A monitor, source, sink, schedule or template.

    ``spec``: as it was declared, secrets hidden. ``etag``: pass it on to change only this state of it. ``origin``: the
    file or template that it comes from; empty for one made by hand.
    """

    name: str
    spec: dict[str, Any]
    id: str = ""
    revision: int = 0
    created: datetime | None = None
    updated: datetime | None = None
    origin: str = ""

    @property
    def etag(self) -> str:
        """The ETag of this state."""
        return f'"{self.id}.{self.revision}"'


class Fault(Record, frozen=True, kw_only=True):
    """What went wrong."""

    code: str
    message: str
    field: str | None = None


class Run(Record, frozen=True, kw_only=True):
    """One execution of one verb of a monitor over start <= t < end. ``done``, ``total`` count rows."""

    id: str
    monitor: str
    verb: Literal["train", "detect", "backtest", "tune", "forecast"]
    state: Literal["waiting", "running", "canceling", "done", "failed", "canceled", "abandoned"]
    start: datetime | None = None
    end: datetime | None = None
    params: dict[str, Any] = {}
    due: datetime | None = None
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    deadline: datetime | None = None
    seconds: float | None = None
    attempt: int = 0
    done: int = 0
    total: int | None = None
    percent: float | None = None
    remaining_seconds: float | None = None
    result: Any = None
    error: Fault | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in ("done", "failed", "canceled", "abandoned")


class RunLine(Record, frozen=True, kw_only=True):
    """A line of the log of a run; ``sequence`` counts up within the run."""

    sequence: int
    at: datetime
    level: str
    text: str


class Event(Record, frozen=True, kw_only=True):
    """An interval, start <= t < end, in which a series was not normal; numbers in the unit of the series."""

    id: str
    monitor: str
    series: str
    start: datetime
    end: datetime
    kind: str = "anomaly"
    measure: str = ""
    labels: dict[str, str] = {}
    opened: datetime | None = None
    peak: datetime | None = None
    is_open: bool = False
    severity: int = 0
    score: float | None = None
    rarity: float | None = None
    direction: str = ""
    actual: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    points: int = 0
    share: dict[str, float] = {}
    reason: str = ""
    backfill: bool = False
    label: Literal["true", "false", "expected"] | None = None
    acknowledged_by: str | None = None
    acknowledged: datetime | None = None
    created: datetime | None = None
    updated: datetime | None = None
    sequence: int = 0


class Series(Record, frozen=True, kw_only=True):
    """A series of a monitor. ``series``: as people write it."""

    id: str
    monitor: str
    series: str
    measure: str = ""
    labels: dict[str, str] = {}
    first: datetime | None = None
    last: datetime | None = None


class Comment(Record, frozen=True, kw_only=True):
    """What a person said of an event."""

    id: int
    at: datetime
    author: str
    text: str


class NotJudged(Record, frozen=True, kw_only=True):
    """An event that could not be judged, and why."""

    id: str
    error: Fault


class Judged(Record, frozen=True, kw_only=True):
    """What came of judging many events."""

    done: list[Event]
    failed: list[NotJudged] = []


class Status(Record, frozen=True, kw_only=True):
    """Where a monitor stands: all points before ``cursor`` are scored. ``next``: when each verb runs next."""

    name: str
    enabled: bool = True
    cursor: datetime | None = None
    ticked: datetime | None = None
    version: int | None = None
    points: int = 0
    error: str | None = None
    lag_seconds: float | None = None
    next: dict[str, datetime | None] = {}
    series: int = 0
    open_events: int = 0
    last_run: Run | None = None


class Version(Record, frozen=True, kw_only=True):
    """What one training made; all points before ``cursor`` were learned."""

    number: int
    detector: str
    params: dict[str, Any] = {}
    start: datetime | None = None
    cursor: datetime | None = None
    series: int = 0
    size_bytes: int = 0
    created: datetime | None = None
    note: str = ""
    is_live: bool = False


class Comparison(Record, frozen=True, kw_only=True):
    """Two versions, and what differs, by field: [one, other]."""

    one: Version
    other: Version
    differences: dict[str, list[Any]] = {}


class Pruned(Record, frozen=True, kw_only=True):
    """How many versions are gone."""

    gone: int


class Token(Record, frozen=True, kw_only=True):
    """A token, without what it is; ``token`` is what to send, and is there only where it was just made."""

    id: str
    name: str
    role: Literal["admin", "edit", "view"]
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
    token: str | None = None

    def __repr__(self) -> str:
        """Say all but the token."""
        return f"Token(id={self.id!r}, name={self.name!r}, role={self.role!r}, expires={self.expires!r})"


class AuditEntry(Record, frozen=True, kw_only=True):
    """Who changed what."""

    id: int
    at: datetime
    actor: str
    action: str
    kind: str
    name: str
    detail: dict[str, Any] = {}


class FieldChange(Record, frozen=True, kw_only=True):
    """A field before and after; secrets are hidden."""

    path: str
    before: Any = None
    after: Any = None


class EventCounts(Record, frozen=True, kw_only=True):
    """Events of the days looked at: as the monitor is, as it would be, and how many are the same."""

    before: int | None = None
    after: int | None = None
    same: int | None = None
    error: str | None = None


class PlanStep(Record, frozen=True, kw_only=True):
    """One thing that applying does."""

    action: Literal["create", "change", "adopt", "rename", "delete"]
    kind: str
    name: str
    new_name: str | None = None
    fields: list[FieldChange] = []
    spec: dict[str, Any] | None = None
    events: EventCounts | None = None


class Plan(Record, frozen=True, kw_only=True):
    """What applying a configuration changes, or changed. With ``problems`` it cannot be applied."""

    origin: str
    fingerprint: str
    counts: dict[str, int] = {}
    steps: list[PlanStep] = []
    problems: list[str] = []


class Health(Record, frozen=True, kw_only=True):
    """Whether the server can work, and what is in the way."""

    status: str
    checks: dict[str, Any] = {}


class ServerVersion(Record, frozen=True, kw_only=True):
    """Which program answers."""

    version: str
    api: str = ""
    python: str = ""


class RejectedRow(Record, frozen=True, kw_only=True):
    """A row that was not taken: its number counted from 1, its text (shortened), and why."""

    row: int
    text: str = ""
    reason: str = ""


class Taken(Record, frozen=True, kw_only=True):
    """What was taken of what was pushed. ``missing``: values that said "no value"; ``left_out``: fields not kept."""

    rows: int = 0
    accepted: int = 0
    points: int = 0
    missing: int = 0
    refused: int = 0
    new_series: int = 0
    rejected: int = 0
    left_out: list[str] = []
    rejected_rows: list[RejectedRow] = []
    is_repeat: bool = False


class Delivery(Record, frozen=True, kw_only=True):
    """An event that a sink has not taken. ``dead``: given up, until it is replayed; ``due``: when it is tried next."""

    state: Literal["waiting", "dead"]
    event: Event
    attempts: int = 0
    error: str | None = None
    since: datetime | None = None
    failed: datetime | None = None
    due: datetime | None = None
    dead: datetime | None = None


class Checked(Record, frozen=True, kw_only=True):
    """Whether a source or sink could be reached, and what was found."""

    ok: bool
    message: str = ""
    code: str | None = None


class Preview(Record, frozen=True, kw_only=True):
    """Which events a monitor would have had in start <= t < end; of very many, ``events`` holds the worst."""

    start: datetime
    end: datetime
    detector: str = ""
    params: dict[str, Any] = {}
    why: str = ""
    series: int = 0
    points: int = 0
    scored: int = 0
    scoring_from: datetime | None = None
    n_events: int = 0
    kinds: dict[str, int] = {}
    anomalies_per_day: float = 0.0
    labels: dict[str, Any] = {}
    notes: list[str] = []
    events: list[dict[str, Any]] = []


class Capacity(Record, frozen=True, kw_only=True):
    """What a monitor would need, whether it fits, what there is, and what the others take."""

    need: dict[str, Any] = {}
    fits: bool = True
    message: str | None = None
    limits: dict[str, Any] = {}
    taken: dict[str, Any] = {}
