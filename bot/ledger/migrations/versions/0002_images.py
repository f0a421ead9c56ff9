"""Images: objects as they stood before a run changed them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the table of images."""
    op.create_table(
        "images",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("plural", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("namespaced", sa.Boolean, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint(
            "run", "group", "plural", "namespace", "name", name="images_once_per_run"
        ),
    )
    op.create_index("images_by_namespace", "images", ["namespace", "run"])


def downgrade() -> None:
    """Removes the table of images."""
    op.drop_table("images")
