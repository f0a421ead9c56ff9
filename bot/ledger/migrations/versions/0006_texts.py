"""Sentences keep their template and values beside the English words.

The new columns may be empty. That is how rows of before stay as they are (the audit refuses
changes), and how a process of the version before can still write while it is being replaced.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

COLUMNS = (
    ("runs", "summary_text"),
    ("audit", "summary_text"),
    ("schedules", "reason_text"),
    ("schedules", "last_summary_text"),
)


def upgrade() -> None:
    """Add the columns."""
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.JSON))


def downgrade() -> None:
    """Remove the columns; the English words stay."""
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column)
