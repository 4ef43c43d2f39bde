"""All tables of the store. Times are integers, nanoseconds since 1970 UTC. Changed only together with a migration."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from redshank.store.columns import Big, FreeText, JsonText

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
LONG_NS = 86_400_000_000_000  # an event that lasts longer, or is open, is in an index of its own


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Big, nullable=nullable)


def _real(name: str) -> Column[float]:
    return Column(name, Float(53), nullable=True)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _row_id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


resources = Table(
    "resources",
    metadata,
    Column("id", Text, primary_key=True),
    _text("kind"),
    _text("name"),
    Column("spec", JsonText, nullable=False),
    _number("revision"),
    _number("created_ns"),
    _number("updated_ns"),
    _text("origin"),
    UniqueConstraint("kind", "name"),
)
resource_uses = Table(  # which declaration refers to which by name
    "resource_uses",
    metadata,
    Column("user_id", Text, ForeignKey("resources.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Index(None, "kind", "name"),
)
tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", FreeText, nullable=False, unique=True),
    _text("role"),
    Column("hash", Text, nullable=False, unique=True),
    _number("created_ns"),
    _number("expires_ns", nullable=True),
    _number("last_used_ns", nullable=True),
)
audit = Table(
    "audit",
    metadata,
    _row_id(),
    _number("at_ns"),
    Column("actor", FreeText, nullable=False),
    _text("action"),
    _text("kind"),
    Column("name", FreeText, nullable=False),
    Column("detail", JsonText, nullable=False),
    Index(None, "at_ns"),
)
idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", FreeText, primary_key=True),
    Column("key", FreeText, primary_key=True),
    _text("fingerprint"),
    Column("status", Integer, nullable=True),  # NULL: still being answered
    Column("headers", JsonText, nullable=True),
    Column("body", LargeBinary, nullable=True),
    _number("created_ns"),
    Index(None, "created_ns"),
)
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    _text("owner"),
    _number("token"),
    _number("until_ns"),
)
counters = Table("counters", metadata, Column("name", Text, primary_key=True), _number("value"))
runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    _text("monitor_id"),
    _text("monitor"),
    _text("verb"),
    _text("state"),
    _number("start_ns", nullable=True),
    _number("end_ns", nullable=True),
    Column("params", JsonText, nullable=False),
    _number("due_ns"),
    _number("created_ns"),
    _number("started_ns", nullable=True),
    _number("finished_ns", nullable=True),
    _number("deadline_ns", nullable=True),
    _number("attempt"),
    _number("done"),
    _number("total"),
    _real("remaining_seconds"),
    Column("result", JsonText, nullable=True),
    Column("error", JsonText, nullable=True),
    _number("fence", nullable=True),  # token of the lease under which it was claimed
    Index(None, "created_ns", "id"),
    Index(None, "monitor_id", "created_ns", "id"),
    Index(None, "state", "due_ns"),
    Index(None, "state", "created_ns", "id"),
    Index(None, "verb", "created_ns", "id"),
    Index(None, "finished_ns"),
)
timers = Table(  # when the schedules of monitors fired last
    "timers",
    metadata,
    Column("monitor_id", Text, primary_key=True),
    Column("verb", Text, primary_key=True),
    _number("last_ns"),
    _text("run_id", nullable=True),  # of the run made then
)
run_lines = Table(
    "run_lines",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", Big, primary_key=True, autoincrement=False),
    _number("at_ns"),
    _text("level"),
    Column("text", FreeText, nullable=False),
)
events = Table(
    "events",
    metadata,
    Column("id", Text, primary_key=True),
    _text("monitor_id"),
    _text("monitor"),
    _text("kind"),
    Column("key", JsonText, nullable=False),
    Column("series", FreeText, nullable=False),  # the key as people write it, lower case, to search in
    _number("start_ns"),
    _number("end_ns"),
    _number("opened_ns"),
    _number("peak_ns"),
    _real("score"),
    Column("severity", Integer, nullable=False),
    _text("direction"),
    _real("actual"),
    _real("expected"),
    _real("lower"),
    _real("upper"),
    _real("rarity"),
    _number("points"),
    Column("is_open", Boolean, nullable=False),
    Column("share", JsonText, nullable=False),
    Column("reason", FreeText, nullable=False),
    Column("backfill", Boolean, nullable=False),
    _text("label", nullable=True),
    Column("acknowledged_by", FreeText, nullable=True),
    _number("acknowledged_ns", nullable=True),
    _number("created_ns"),
    _number("updated_ns"),
    Column("sequence", Big, nullable=False, unique=True),
    Index(None, "start_ns", "id"),
    Index(None, "monitor_id", "start_ns", "id"),
    # These two are partial on PostgreSQL as well, said in the migration only: here it would load that dialect always.
    Index("ix_events_long", "start_ns", "id", sqlite_where=text(f"is_open = 1 OR end_ns - start_ns > {LONG_NS}")),
    Index("ix_events_judged", "start_ns", "id", sqlite_where=text("label IS NOT NULL OR acknowledged_ns IS NOT NULL")),
)
comments = Table(
    "comments",
    metadata,
    _row_id(),
    Column("event_id", Text, ForeignKey("events.id", ondelete="CASCADE"), nullable=False, index=True),
    _number("at_ns"),
    Column("author", FreeText, nullable=False),
    Column("text", FreeText, nullable=False),
)
outbox = Table(  # at most one row for each sink and event: the newest form of the event is what is delivered
    "outbox",
    metadata,
    _row_id(),
    _text("sink"),
    Column("event_id", Text, ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
    _number("sequence"),  # of the event when it was put in
    _number("attempts"),
    _number("due_ns"),  # NEVER_NS for a dead letter
    Column("error", FreeText, nullable=True),
    _number("put_ns", nullable=True),  # when the event was put in for the first time since the sink took it last
    _number("failed_ns", nullable=True),  # when it failed first in this form
    _number("dead_ns", nullable=True),  # since when it is a dead letter
    UniqueConstraint("sink", "event_id"),
    Index(None, "sink", "due_ns"),
    Index(None, "event_id"),
    Index(None, "due_ns", "sink"),
    Index(None, "dead_ns"),
)
score_cursors = Table(  # how far each sink has the scores of each monitor
    "score_cursors",
    metadata,
    Column("sink", Text, primary_key=True),
    Column("monitor_id", Text, primary_key=True),
    _number("scored_ns"),  # all points before it were delivered
    _number("attempts"),
    _number("due_ns"),
    Column("error", FreeText, nullable=True),
    Index(None, "monitor_id"),
)
series = Table(
    "series",
    metadata,
    Column("monitor_id", Text, primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", JsonText, nullable=False),
    Column("text", FreeText, nullable=False),
    Column("shard", Integer, nullable=False),
    Column("row", Integer, nullable=False),
    _number("first_ns"),
    _number("last_ns"),
    UniqueConstraint("monitor_id", "key"),
)
states = Table(  # one saved state: that of a version, of the last checkpoint, or of both
    "states",
    metadata,
    _row_id(),
    _text("monitor_id"),
    _number("at_ns"),
    _number("created_ns"),
    _number("size_bytes"),
    Column("is_complete", Boolean, nullable=False),
    Index(None, "monitor_id"),
    sqlite_autoincrement=True,  # the id of a state that is gone never stands for another
)
blobs = Table(
    "blobs",
    metadata,
    _row_id(),
    Column("state_id", Big, ForeignKey("states.id", ondelete="CASCADE"), nullable=False),
    Column("shard", Integer, nullable=False),
    _text("part"),
    _text("sha256"),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("state_id", "shard", "part"),
)
quarantine = Table(
    "quarantine",
    metadata,
    _row_id(),
    _text("monitor_id"),
    _number("state_id"),
    Column("shard", Integer, nullable=False),
    _text("part"),
    _number("found_ns"),
    _text("sha256"),
    Column("data", LargeBinary, nullable=False),
)
versions = Table(
    "versions",
    metadata,
    Column("monitor_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("detector"),
    Column("params", JsonText, nullable=False),
    _number("start_ns", nullable=True),
    _number("cursor_ns"),
    _number("n_series"),
    _number("size_bytes"),
    _number("created_ns"),
    Column("note", FreeText, nullable=False),
    Column("state_id", Big, ForeignKey("states.id"), nullable=True, index=True),
)
live = Table(
    "live",
    metadata,
    Column("monitor_id", Text, primary_key=True),
    _number("cursor_ns"),
    _number("checkpoint_ns"),
    Column("version", Integer, nullable=False),
    Column("memory", JsonText, nullable=False),
    _number("ticked_ns"),
    _number("points"),
    Column("error", FreeText, nullable=True),
    Column("state_id", Big, ForeignKey("states.id"), nullable=True, index=True),
    _number("revision"),
)


def _blocks(name: str) -> Table:
    """Return a table of small pieces of history, each in the format of its own reader."""
    return Table(
        name,
        metadata,
        _row_id(),
        _text("owner"),
        _number("start_ns"),
        _number("end_ns"),
        _number("rows"),
        Column("data", LargeBinary, nullable=False),
        Index(None, "owner", "start_ns"),
        Index(None, "owner", "end_ns"),
    )


score_blocks = _blocks("score_blocks")  # owner: id of the monitor
point_blocks = _blocks("point_blocks")  # owner: name of the source
point_series = Table(  # the pushed series of each source; identity as push/identity.py writes it
    "point_series",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("identity"),
    UniqueConstraint("owner", "identity"),
)
point_requests = Table(  # keys of pushes that were kept, so that one sent again is not kept twice
    "point_requests",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("request", FreeText, primary_key=True),
    _number("points"),
    _number("at_ns"),
    Index(None, "at_ns"),
)
segments = Table(
    "segments",
    metadata,
    _row_id(),
    _text("content"),
    _text("owner"),
    _number("start_ns"),
    _number("end_ns"),
    _number("rows"),
    _number("size_bytes"),
    Column("path", Text, nullable=False, unique=True),
    _text("sha256"),
    Index(None, "content", "owner", "start_ns"),
)
