"""What a confirmed plan is about, who confirmed it, when it was seen to be what was shown, and when
a run begins to change something.

The new columns may be empty, for a process of the version before can still write while it is being
replaced: what it confirmed is looked at once more when it is taken up. Runs that are under way now
count as begun.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("runs", sa.Column("about", sa.JSON))
    op.add_column("runs", sa.Column("confirmed_by", sa.Text))
    op.add_column("runs", sa.Column("verified_at", sa.DateTime(timezone=True)))
    op.add_column("runs", sa.Column("begun_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE runs SET begun_at = updated_at WHERE state = 'running'")


def downgrade() -> None:
    """Remove the columns."""
    for column in ("begun_at", "verified_at", "confirmed_by", "about"):
        op.drop_column("runs", column)
