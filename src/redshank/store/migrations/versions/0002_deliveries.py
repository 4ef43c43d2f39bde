"""Dead letters, and how far sinks have the scores of monitors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns and the table."""
    for name in ("put_ns", "failed_ns", "dead_ns"):
        op.add_column("outbox", sa.Column(name, BIG, nullable=True))
    op.create_index(op.f("ix_outbox_due_ns_sink"), "outbox", ["due_ns", "sink"], unique=False)
    op.create_index(op.f("ix_outbox_dead_ns"), "outbox", ["dead_ns"], unique=False)
    op.create_table(
        "score_cursors",
        sa.Column("sink", sa.Text(), nullable=False),
        sa.Column("monitor_id", sa.Text(), nullable=False),
        sa.Column("scored_ns", BIG, nullable=False),
        sa.Column("attempts", BIG, nullable=False),
        sa.Column("due_ns", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sink", "monitor_id", name=op.f("pk_score_cursors")),
    )
    op.create_index(op.f("ix_score_cursors_monitor_id"), "score_cursors", ["monitor_id"], unique=False)
