"""What the store holds, as plain records. Times are UTC nanoseconds since 1970 (``*_ns``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from redshank.panel import Key

Kind = Literal["sources", "sinks", "schedules", "templates", "monitors"]
Role = Literal["admin", "edit", "view"]
Verb = Literal["train", "detect", "backtest", "tune", "forecast"]
RunState = Literal["waiting", "running", "canceling", "done", "failed", "canceled", "abandoned"]
EventKind = Literal["anomaly", "missing", "stale", "flat", "new", "source_down"]
Level = Literal["ok", "warning", "error"]
FINISHED: tuple[RunState, ...] = ("done", "failed", "canceled", "abandoned")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A declaration as kept: ``spec`` is the plain JSON of its class in specs/, with secrets encrypted.

    ``id`` stays for ever, ``name`` can change. ``revision`` counts changes and is the ETag. ``origin``: the template or
    the file that it came from, "" for one made by hand.
    """

    id: str
    kind: Kind
    name: str
    spec: Mapping[str, Any]
    revision: int
    created_ns: int
    updated_ns: int
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Fence:
    """A lease that was taken: ``token`` rises each time the lease changes hands, so an old holder is known by it."""

    name: str
    owner: str
    token: int


@dataclass(frozen=True, kw_only=True)
class Token:
    """An API token; the token itself is shown once and kept as a hash."""

    id: str
    name: str
    role: Role
    created_ns: int
    expires_ns: int | None
    last_used_ns: int | None


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """Who changed what, with no secret in it."""

    id: int
    at_ns: int
    actor: str
    action: str
    kind: str
    name: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution of one verb over ``start_ns`` <= t < ``end_ns`` (None = open, as of a continuous detection).

    ``done`` and ``total`` count rows, ``total`` 0 = unknown. ``params``: what was asked, such as what-if settings of a
    backtest. ``error``: {"code", "message", "field"}. ``attempt`` counts from 1.
    """

    id: str
    monitor_id: str
    monitor: str
    verb: Verb
    state: RunState
    start_ns: int | None
    end_ns: int | None
    params: Mapping[str, Any]
    due_ns: int
    created_ns: int
    started_ns: int | None = None
    finished_ns: int | None = None
    deadline_ns: int | None = None
    attempt: int = 0
    done: int = 0
    total: int = 0
    remaining_seconds: float | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One log line of a run; ``sequence`` counts up within the run."""

    run_id: str
    sequence: int
    at_ns: int
    level: str
    text: str


@dataclass(frozen=True, kw_only=True)
class StoredEvent:
    """An event as kept: what ``decide.Event`` says, its kind, and what people said of it.

    NaN is None. ``label``: true, false or expected, by a person. ``backfill``: of the past when the monitor was made,
    never delivered. ``sequence`` rises with every change and orders the stream of changes.
    """

    id: str
    monitor_id: str
    monitor: str
    kind: EventKind
    key: Key
    start_ns: int
    end_ns: int
    opened_ns: int
    peak_ns: int
    score: float | None
    severity: int
    direction: str
    actual: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    rarity: float | None
    points: int
    is_open: bool
    share: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    backfill: bool = False
    label: Literal["true", "false", "expected"] | None = None
    acknowledged_by: str | None = None
    acknowledged_ns: int | None = None
    created_ns: int = 0
    updated_ns: int = 0
    sequence: int = 0


@dataclass(frozen=True, kw_only=True)
class Comment:
    """What a person said of an event."""

    id: int
    event_id: str
    at_ns: int
    author: str
    text: str


@dataclass(frozen=True, kw_only=True)
class StoredSeries:
    """A series of a monitor. ``id`` is its number in the score history; ``shard``, ``row``: its place in the state."""

    id: int
    monitor_id: str
    key: Key
    shard: int
    row: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, kw_only=True)
class Blob:
    """The state of one shard at one moment: named parts (detector, calibrator, memory ...), each as bytes."""

    shard: int
    parts: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Version:
    """What one training made. ``number`` counts up per monitor; ``cursor_ns``: all points before it were learned."""

    monitor_id: str
    number: int
    detector: str
    params: Mapping[str, Any]
    start_ns: int | None
    cursor_ns: int
    n_series: int
    size_bytes: int
    created_ns: int
    note: str = ""
    is_live: bool = False
    state_id: int | None = None  # None: not kept (any more)


@dataclass(frozen=True, kw_only=True)
class Live:
    """Where a monitor stands: all points before ``cursor_ns`` are scored; the kept state is that of ``checkpoint_ns``.

    The state of the cursor is that of the checkpoint plus the points of the score history between the two (replay
    equals live). ``memory``: small JSON of what is to be known at the next tick (typed events, newest times ...).
    ``state_id``: the kept state, for ``states.load``; None = there is none. ``revision`` counts the changes.
    """

    monitor_id: str
    cursor_ns: int
    checkpoint_ns: int
    version: int
    memory: Mapping[str, Any]
    ticked_ns: int
    points: int
    error: str | None = None
    state_id: int | None = None
    revision: int = 0


@dataclass(frozen=True, kw_only=True)
class Block:
    """A small piece of history, start <= t < end; ``data`` in the format of history.py or points.py."""

    start_ns: int
    end_ns: int
    rows: int
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a claimed run is; ``attempt`` is that of the claim, so a run claimed anew refuses its old worker."""

    run_id: str
    attempt: int
    done: int
    total: int = 0
    remaining_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class TickCommit:
    """All that one tick or training changes, kept together or not at all.

    ``base``: the record it started from (None = there was none); ``live``: what it becomes (its revision is set by
    the store). ``deliveries``: pairs of the name of a sink and the id of one of the events. ``series``: new ones.
    ``seen``: newest times by series id, when they are to be kept. ``version``: what a training made (its number too is
    that of ``live.version``). ``finished``: result of the run that ends with this.
    """

    base: Live | None
    live: Live
    events: Sequence[StoredEvent] = ()
    deliveries: Sequence[tuple[str, str]] = ()
    block: Block | None = None
    series: Sequence[StoredSeries] = ()
    seen: Mapping[int, int] = field(default_factory=dict)
    progress: Progress | None = None
    version: Version | None = None
    finished: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An event on its way to one sink, in its newest form; kept until the sink took it.

    ``is_first``: the sink was told of no earlier form. ``put_ns``: since when the sink was to have it; ``failed_ns``:
    since when this form fails; ``dead_ns``: since when it is a dead letter, which is tried no more. None = not so, and
    of deliveries from before version 0.2 not known.
    """

    id: int
    sink: str
    event: StoredEvent
    attempts: int
    due_ns: int
    error: str | None
    is_first: bool = False
    put_ns: int | None = None
    failed_ns: int | None = None
    dead_ns: int | None = None


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One Parquet file of the history: ``owner`` is a monitor's id (scores) or a source's name (points)."""

    id: int
    content: Literal["scores", "points"]
    owner: str
    start_ns: int
    end_ns: int
    rows: int
    size_bytes: int
    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request with an Idempotency-Key was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Swept:
    """How many rows were dropped by age; ``left_behind``: those of monitors that were removed."""

    events: int
    runs: int
    versions: int
    states: int
    audit: int
    answers: int
    quarantined: int
    dead_letters: int
    left_behind: int


@dataclass(frozen=True)
class Finding:
    """What one check of ``redshank doctor`` found; ``check`` is its short name."""

    check: str
    level: Level
    text: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of a list: the records, and the cursor of the next page (None = the last)."""

    items: Sequence[Any]
    next_cursor: str | None
    total: int | None = None
