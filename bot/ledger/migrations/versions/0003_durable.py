"""Replicas that share the ledger, messages on their way to Slack, and requests that were
answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the three tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "replicas",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("gone_at", moment),
    )
    op.create_table(
        "messages",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("thread", sa.Text, nullable=False),
        sa.Column("broadcast", sa.Boolean, nullable=False),
        sa.Column("ts", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("wanted", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("shown", sa.Integer, nullable=False),
        sa.Column("refused", sa.Text),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.UniqueConstraint("key", name="messages_key_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("messages_by_owner", "messages", ["owner"])
    op.create_index("messages_by_place", "messages", ["channel", "ts"])
    op.create_index("messages_by_time", "messages", ["updated_at"])
    op.create_table(
        "requests",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("seen_at", moment, nullable=False),
    )
    op.create_index("requests_by_time", "requests", ["seen_at"])


def downgrade() -> None:
    """Removes the three tables."""
    for name in ("requests", "messages", "replicas"):
        op.drop_table(name)
