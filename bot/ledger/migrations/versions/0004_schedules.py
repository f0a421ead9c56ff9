"""Schedules, their slots, and the streams of traffic that go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables of schedules, slots and streams."""
    make_schedules()
    make_slots()
    make_streams()
    op.create_index("schedules_by_state", "schedules", ["state", "next_at"])
    op.create_index("slots_by_state", "slots", ["state", "slot_at"])


def make_schedules() -> None:
    """The table of schedules."""
    op.create_table(
        "schedules",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("typed", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("ts", sa.Text),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("timing", sa.JSON, nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("next_at", MOMENT),
        sa.Column("last_at", MOMENT),
        sa.Column("last_state", sa.Text, nullable=False),
        sa.Column("last_summary", sa.Text, nullable=False),
        sa.Column("fired", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("cut", sa.Integer, nullable=False),
        sa.Column("memory", sa.JSON, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("number", name="schedules_number_once"),
        sa.UniqueConstraint("request_key", name="schedules_request_key_once"),
    )


def make_slots() -> None:
    """The table of slots."""
    op.create_table(
        "slots",
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("slot_at", MOMENT, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("schedule", "slot_at", name="slots_once"),
    )


def make_streams() -> None:
    """The table of streams."""
    op.create_table(
        "streams",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("every", sa.Float, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("seen", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "user", name="streams_once"),
    )


def downgrade() -> None:
    """Removes the tables of schedules, slots and streams."""
    for table in ("streams", "slots", "schedules"):
        op.drop_table(table)
