"""What a confirmed plan is about, who confirmed it, and when it was seen to be what was shown.

The new columns may be empty: a run of before is looked at once more when it is taken up, and a
process of the version before can still write while it is being replaced.
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


def downgrade() -> None:
    """Remove the columns."""
    for column in ("verified_at", "confirmed_by", "about"):
        op.drop_column("runs", column)
