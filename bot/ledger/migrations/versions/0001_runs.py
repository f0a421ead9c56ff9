"""Runs: one row per thing that was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the table of runs."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("ts", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("verdict", sa.JSON),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("lock_key", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("digest", sa.Text),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.Column("finished_at", moment),
        sa.Column("expires_at", moment),
        sa.UniqueConstraint("request_key", name="runs_request_key_once"),
        sa.UniqueConstraint("lock_key", name="runs_lock_key_once"),
    )
    op.create_index("runs_by_state", "runs", ["state"])
    op.create_index("runs_by_step", "runs", ["step", "created_at"])
    op.create_index("runs_by_time", "runs", ["created_at"])


def downgrade() -> None:
    """Removes the table of runs."""
    op.drop_table("runs")
