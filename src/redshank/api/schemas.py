"""What answers hold, for the OpenAPI document; answers themselves are plain values and pass no model."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from redshank.service.events import LONGEST_COMMENT, MOST_AT_ONCE
from redshank.specs.base import Duration

Time = datetime  # RFC 3339 in UTC with Z


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(Answer):
    """What went wrong: a code for programs, a message for people, the field at fault."""

    code: str = Field(examples=["invalid"])
    message: str = Field(examples=["monitor: step: must be a duration such as 30s, 5m, 1h30m, 2d or 1w, got 'x'"])
    field: str | None = Field(examples=["step"])


class Error(Answer):
    """The one shape of an error."""

    error: ErrorBody


class Meta(Answer):
    """What the server knows of a declaration; may be sent back, and is not read."""

    id: str = Field(description="Stays for ever, while the name can change.")
    revision: int = Field(description="Counts changes.")
    created: Time
    updated: Time
    origin: str = Field(description="The template or file that made it; empty for one made by hand.")


class ConfigBody(BaseModel):
    """Declarations, and whose they are."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(description="As a configuration file: sources, sinks, schedules, templates ...")
    origin: str = Field(
        default="redshank.yaml",
        min_length=1,
        max_length=200,
        description="Whose declarations these are. What has this origin and is not in the document is deleted.",
    )
    take_over: bool = Field(default=False, description="Change what belongs to another origin too.")
    days: int = Field(
        default=0, ge=0, le=90, description="Count the events of so many days before and after; 0 = do not."
    )


class ApplyBody(ConfigBody):
    """Declarations to apply."""

    validate_: bool = Field(default=True, alias="validate", description="Reach sources and estimate the cost.")
    fingerprint: str | None = Field(default=None, description="Of the plan that was agreed to; 412 when it is another.")


class TokenAnswer(Answer):
    """A token, without what it is."""

    id: str
    name: str
    role: Literal["admin", "edit", "view"]
    created: Time
    expires: Time | None
    last_used: Time | None = Field(description="To the minute.")


class NewToken(TokenAnswer):
    """A token just made."""

    token: str = Field(description="What to send as `Authorization: Bearer TOKEN`; shown this once.")


class Body(BaseModel):
    """Base of what is sent."""

    model_config = ConfigDict(extra="forbid")


class TokenBody(Body):
    """A token to make."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    role: Literal["admin", "edit", "view"] = "view"
    expires: datetime | None = Field(default=None, description="No longer valid from then on; null = never.")


class LabelBody(Body):
    """What an event really was; "none" takes the label away."""

    label: Literal["true", "false", "expected", "none"]


class CommentBody(Body):
    """A comment."""

    text: str = Field(min_length=1, max_length=LONGEST_COMMENT)


class JudgementBody(Body):
    """What to do with many events; what is left out is left as it is."""

    ids: list[str] = Field(min_length=1, max_length=MOST_AT_ONCE)
    acknowledged: bool | None = None
    label: Literal["true", "false", "expected", "none"] | None = None
    comment: str | None = Field(default=None, min_length=1, max_length=LONGEST_COMMENT)


class RunBody(Body):
    """A run to start, over start <= t < end; without them the verb's own range."""

    monitor: str = Field(min_length=1, max_length=200)
    verb: Literal["train", "detect", "backtest", "tune", "forecast"]
    start: datetime | None = None
    end: datetime | None = None
    params: dict[str, Any] = Field(default_factory=dict)


class PreviewBody(Body):
    """A monitor and a past range."""

    monitor: dict[str, Any] = Field(description="As it would be saved.")
    start: datetime | None = None
    end: datetime | None = None
    days: float | None = Field(default=None, gt=0, le=3650, description="Before the end, instead of start.")


class CapacityBody(Body):
    """A monitor whose data is looked at, or figures instead."""

    monitor: dict[str, Any] | None = Field(default=None, description="As it would be saved.")
    series: int = Field(default=1, ge=1, le=100_000_000)
    step: Duration = timedelta(minutes=1)
    detector: str = "analog"
    channels: int = Field(default=1, ge=1, le=10_000)


class SeriesKey(Answer):
    """The identity of a series."""

    series: str = Field(description="As people write it.", examples=["cpu{host=a}"])
    measure: str
    labels: dict[str, str]


class EventAnswer(SeriesKey):
    """An interval in which a series was not normal."""

    id: str
    monitor: str
    kind: Literal["anomaly", "missing", "stale", "flat", "new", "source_down"]
    start: Time
    end: Time = Field(description="The first moment that is no longer part of it; so far, while it is open.")
    opened: Time
    peak: Time
    is_open: bool
    severity: int = Field(description="0 to 100.")
    score: float | None
    rarity: float | None = Field(description="12000: one point of 12,000 of this series is as odd.")
    direction: str
    actual: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    points: int
    share: dict[str, float] = Field(description="Of many channels: how much each has to do with it.")
    reason: str
    backfill: bool = Field(description="Of the past when the monitor was made; never delivered.")
    label: Literal["true", "false", "expected"] | None
    acknowledged_by: str | None
    acknowledged: Time | None
    created: Time
    updated: Time
    sequence: int = Field(description="Rises with every change of any event.")


class CommentAnswer(Answer):
    """What a person said of an event."""

    id: int
    at: Time
    author: str
    text: str


class RunAnswer(Answer):
    """One execution of one verb of a monitor over start <= t < end."""

    id: str
    monitor: str
    verb: Literal["train", "detect", "backtest", "tune", "forecast"]
    state: Literal["waiting", "running", "canceling", "done", "failed", "canceled", "abandoned"]
    start: Time | None
    end: Time | None
    params: dict[str, Any]
    due: Time
    created: Time
    started: Time | None
    finished: Time | None
    deadline: Time | None
    seconds: float | None
    attempt: int
    done: int = Field(description="Rows done.")
    total: int | None = Field(description="Rows in all; null = not known yet.")
    percent: float | None
    remaining_seconds: float | None
    result: Any
    error: ErrorBody | None


class RunLineAnswer(Answer):
    """A line of the log of a run."""

    sequence: int
    at: Time
    level: str
    text: str


class SeriesAnswer(SeriesKey):
    """A series of a monitor."""

    id: str
    monitor: str
    first: Time
    last: Time


class CourseAnswer(SeriesKey):
    """The points of a series with their scores, by column; all columns are of one length."""

    id: str
    monitor: str
    columns: dict[str, list[Time | float | None]] = Field(description="`time`, and a column of numbers for the rest.")


class VersionAnswer(Answer):
    """What one training made."""

    number: int
    detector: str
    params: dict[str, Any]
    start: Time | None
    cursor: Time
    series: int
    size_bytes: int
    created: Time
    note: str
    is_live: bool


class StatusAnswer(Answer):
    """Where a monitor stands."""

    name: str
    enabled: bool
    cursor: Time | None = Field(description="All before it is scored; null before the first tick.")
    ticked: Time | None
    version: int | None
    points: int
    error: str | None
    lag_seconds: float | None = Field(description="From the cursor to now; null where the data is the clock.")
    next: dict[str, Time | None] = Field(description="When each scheduled verb runs next; null = not any more.")
    series: int
    open_events: int
    last_run: RunAnswer | None


class ComparisonAnswer(Answer):
    """Two versions, and what differs between them: of the one, of the other."""

    one: VersionAnswer
    other: VersionAnswer
    differences: dict[str, list[Any]]


class NeedAnswer(Answer):
    """What a monitor needs. ``cpu_share``: of one core."""

    detector: str
    series: int
    channels: int
    step_seconds: float
    points_per_second: float
    memory_bytes: int
    cpu_share: float
    history_bytes_per_day: float


class RoomAnswer(Answer):
    """What monitors may take, all together."""

    memory_bytes: int
    cpu_share: float


class TakenRoomAnswer(RoomAnswer):
    """What the other monitors take."""

    monitors: int


class CapacityAnswer(Answer):
    """What a monitor would need, and whether there is room."""

    need: NeedAnswer
    fits: bool
    message: str | None = Field(description="Why it does not fit, and what would.")
    limits: RoomAnswer
    taken: TakenRoomAnswer


class RejectedRow(Answer):
    """A row that was not taken: its number in the body counted from 1, its text (shortened), and why."""

    row: int
    text: str
    reason: str


class TakenAnswer(Answer):
    """What became of a push; rows = accepted + rejected."""

    rows: int
    accepted: int
    points: int = Field(description="Kept.")
    missing: int = Field(description="Values that said that there is none.")
    refused: int = Field(description="Points of new series of a source that has as many as it may have.")
    new_series: int
    left_out: list[str] = Field(description="Fields that hold text where only numbers are kept.")
    is_repeat: bool = Field(description="The request was kept before; nothing was done.")
    rejected: int
    rejected_rows: list[RejectedRow] = Field(description="The first hundred.")


class CheckedAnswer(Answer):
    """Whether a source or sink works, and what to mend when it does not."""

    ok: bool
    message: str
    code: str | None = Field(description="Of the error, when it does not work.")


class PrunedAnswer(Answer):
    """How many went."""

    gone: int


class AuditAnswer(Answer):
    """Who changed what; secrets hidden."""

    id: int
    at: Time
    actor: str
    action: str
    kind: str
    name: str
    detail: dict[str, Any]


class Health(Answer):
    """Whether the server can work, and what is in the way."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = Field(examples=[{"store": "ok"}])


class VersionOfServer(Answer):
    """Which program answers."""

    version: str = Field(examples=["0.3.0"])
    api: str = Field(examples=["v1"])
    python: str = Field(examples=["3.11.7"])
