"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("at_ns", BIG, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at_ns"), "audit", ["at_ns"], unique=False)
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("start_ns", BIG, nullable=False),
        sa.Column("end_ns", BIG, nullable=False),
        sa.Column("opened_ns", BIG, nullable=False),
        sa.Column("peak_ns", BIG, nullable=False),
        sa.Column("score", sa.Float(precision=53), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("actual", sa.Float(precision=53), nullable=True),
        sa.Column("expected", sa.Float(precision=53), nullable=True),
        sa.Column("lower", sa.Float(precision=53), nullable=True),
        sa.Column("upper", sa.Float(precision=53), nullable=True),
        sa.Column("rarity", sa.Float(precision=53), nullable=True),
        sa.Column("points", BIG, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("share", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("backfill", sa.Boolean(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledged_ns", BIG, nullable=True),
        sa.Column("created_ns", BIG, nullable=False),
        sa.Column("updated_ns", BIG, nullable=False),
        sa.Column("sequence", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("sequence", name=op.f("uq_events_sequence")),
    )
    op.create_index(
        "ix_events_judged",
        "events",
        ["start_ns", "id"],
        unique=False,
        sqlite_where=sa.text("label IS NOT NULL OR acknowledged_ns IS NOT NULL"),
        postgresql_where=sa.text("label IS NOT NULL OR acknowledged_ns IS NOT NULL"),
    )
    op.create_index(
        "ix_events_long",
        "events",
        ["start_ns", "id"],
        unique=False,
        sqlite_where=sa.text("is_open = 1 OR end_ns - start_ns > 86400000000000"),
        postgresql_where=sa.text("is_open OR end_ns - start_ns > 86400000000000"),
    )
    op.create_index(op.f("ix_events_monitor_id_start_ns_id"), "events", ["monitor_id", "start_ns", "id"], unique=False)
    op.create_index(op.f("ix_events_start_ns_id"), "events", ["start_ns", "id"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_ns", BIG, nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_created_ns"), "idempotency", ["created_ns"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("token", BIG, nullable=False),
        sa.Column("until_ns", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "point_blocks",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("start_ns", BIG, nullable=False),
        sa.Column("end_ns", BIG, nullable=False),
        sa.Column("rows", BIG, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_point_blocks")),
    )
    op.create_index(op.f("ix_point_blocks_owner_end_ns"), "point_blocks", ["owner", "end_ns"], unique=False)
    op.create_index(op.f("ix_point_blocks_owner_start_ns"), "point_blocks", ["owner", "start_ns"], unique=False)
    op.create_table(
        "point_series",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "id", name=op.f("pk_point_series")),
        sa.UniqueConstraint("owner", "identity", name=op.f("uq_point_series_owner_identity")),
    )
    op.create_table(
        "point_requests",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("points", BIG, nullable=False),
        sa.Column("at_ns", BIG, nullable=False),
        sa.PrimaryKeyConstraint("owner", "request", name=op.f("pk_point_requests")),
    )
    op.create_index(op.f("ix_point_requests_at_ns"), "point_requests", ["at_ns"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("state_id", BIG, nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("found_ns", BIG, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "resources",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("revision", BIG, nullable=False),
        sa.Column("created_ns", BIG, nullable=False),
        sa.Column("updated_ns", BIG, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resources")),
        sa.UniqueConstraint("kind", "name", name=op.f("uq_resources_kind_name")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("start_ns", BIG, nullable=True),
        sa.Column("end_ns", BIG, nullable=True),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("due_ns", BIG, nullable=False),
        sa.Column("created_ns", BIG, nullable=False),
        sa.Column("started_ns", BIG, nullable=True),
        sa.Column("finished_ns", BIG, nullable=True),
        sa.Column("deadline_ns", BIG, nullable=True),
        sa.Column("attempt", BIG, nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("remaining_seconds", sa.Float(precision=53), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("fence", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_created_ns_id"), "runs", ["created_ns", "id"], unique=False)
    op.create_index(op.f("ix_runs_finished_ns"), "runs", ["finished_ns"], unique=False)
    op.create_index(op.f("ix_runs_monitor_id_created_ns_id"), "runs", ["monitor_id", "created_ns", "id"], unique=False)
    op.create_index(op.f("ix_runs_state_created_ns_id"), "runs", ["state", "created_ns", "id"], unique=False)
    op.create_index(op.f("ix_runs_state_due_ns"), "runs", ["state", "due_ns"], unique=False)
    op.create_index(op.f("ix_runs_verb_created_ns_id"), "runs", ["verb", "created_ns", "id"], unique=False)
    op.create_table(
        "score_blocks",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("start_ns", BIG, nullable=False),
        sa.Column("end_ns", BIG, nullable=False),
        sa.Column("rows", BIG, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_blocks")),
    )
    op.create_index(op.f("ix_score_blocks_owner_end_ns"), "score_blocks", ["owner", "end_ns"], unique=False)
    op.create_index(op.f("ix_score_blocks_owner_start_ns"), "score_blocks", ["owner", "start_ns"], unique=False)
    op.create_table(
        "segments",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("start_ns", BIG, nullable=False),
        sa.Column("end_ns", BIG, nullable=False),
        sa.Column("rows", BIG, nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("path", name=op.f("uq_segments_path")),
    )
    op.create_index(
        op.f("ix_segments_content_owner_start_ns"), "segments", ["content", "owner", "start_ns"], unique=False
    )
    op.create_table(
        "series",
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("first_ns", BIG, nullable=False),
        sa.Column("last_ns", BIG, nullable=False),
        sa.PrimaryKeyConstraint("monitor_id", "id", name=op.f("pk_series")),
        sa.UniqueConstraint("monitor_id", "key", name=op.f("uq_series_monitor_id_key")),
    )
    op.create_table(
        "states",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("at_ns", BIG, nullable=False),
        sa.Column("created_ns", BIG, nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_states")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_states_monitor_id"), "states", ["monitor_id"], unique=False)
    op.create_table(
        "timers",
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("last_ns", BIG, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("monitor_id", "verb", name=op.f("pk_timers")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_ns", BIG, nullable=False),
        sa.Column("expires_ns", BIG, nullable=True),
        sa.Column("last_used_ns", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_tokens_name")),
    )
    op.create_table(
        "blobs",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("state_id", BIG, nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["state_id"], ["states.id"], name=op.f("fk_blobs_state_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blobs")),
        sa.UniqueConstraint("state_id", "shard", "part", name=op.f("uq_blobs_state_id_shard_part")),
    )
    op.create_table(
        "comments",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("at_ns", BIG, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_comments_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index(op.f("ix_comments_event_id"), "comments", ["event_id"], unique=False)
    op.create_table(
        "live",
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("cursor_ns", BIG, nullable=False),
        sa.Column("checkpoint_ns", BIG, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.Column("ticked_ns", BIG, nullable=False),
        sa.Column("points", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("state_id", BIG, nullable=True),
        sa.Column("revision", BIG, nullable=False),
        sa.ForeignKeyConstraint(["state_id"], ["states.id"], name=op.f("fk_live_state_id")),
        sa.PrimaryKeyConstraint("monitor_id", name=op.f("pk_live")),
    )
    op.create_index(op.f("ix_live_state_id"), "live", ["state_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("sequence", BIG, nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("due_ns", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_outbox_event_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("sink", "event_id", name=op.f("uq_outbox_sink_event_id")),
    )
    op.create_index(op.f("ix_outbox_event_id"), "outbox", ["event_id"], unique=False)
    op.create_index(op.f("ix_outbox_sink_due_ns"), "outbox", ["sink", "due_ns"], unique=False)
    op.create_table(
        "resource_uses",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["resources.id"], name=op.f("fk_resource_uses_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "kind", "name", name=op.f("pk_resource_uses")),
    )
    op.create_index(op.f("ix_resource_uses_kind_name"), "resource_uses", ["kind", "name"], unique=False)
    op.create_table(
        "run_lines",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("sequence", BIG, autoincrement=False, nullable=False),
        sa.Column("at_ns", BIG, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_lines_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "sequence", name=op.f("pk_run_lines")),
    )
    op.create_table(
        "versions",
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("start_ns", BIG, nullable=True),
        sa.Column("cursor_ns", BIG, nullable=False),
        sa.Column("n_series", BIG, nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("created_ns", BIG, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state_id", BIG, nullable=True),
        sa.ForeignKeyConstraint(["state_id"], ["states.id"], name=op.f("fk_versions_state_id")),
        sa.PrimaryKeyConstraint("monitor_id", "number", name=op.f("pk_versions")),
    )
    op.create_index(op.f("ix_versions_state_id"), "versions", ["state_id"], unique=False)
    op.execute("INSERT INTO counters (name, value) VALUES ('events', 0)")
