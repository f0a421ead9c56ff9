"""The audit can be cleared of what is older than a moment that is kept beside it; nothing else can.

`audit_retention` has one row: up to which moment rows may be deleted. It is never within the last
six days, whatever the settings say. Rows after it stay as they are, as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

KEPT = "the audit of the last days is kept"
# As SQLAlchemy writes times for SQLite, so that they compare as texts.
DAYS_AGO = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-6 days')"

SQLITE = (
    "DROP TRIGGER audit_no_delete",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
    "WHEN OLD.at >= coalesce((SELECT max(cleared_before) FROM audit_retention), '') "
    "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
    *(
        f"CREATE TRIGGER audit_retention_{act} BEFORE {act} ON audit_retention "
        f"WHEN NEW.cleared_before > {DAYS_AGO} BEGIN SELECT RAISE(ABORT, '{KEPT}'); END"
        for act in ("insert", "update")
    ),
)
POSTGRES = (
    "DROP TRIGGER audit_append_only ON audit",
    "CREATE TRIGGER audit_append_only BEFORE UPDATE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    "CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF OLD.at >= coalesce((SELECT max(cleared_before) FROM audit_retention), '-infinity') "
    "THEN RAISE EXCEPTION 'the audit is append-only'; END IF; RETURN OLD; END $$",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
    "FOR EACH ROW EXECUTE FUNCTION audit_keep()",
    "CREATE FUNCTION audit_retention_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF NEW.cleared_before > now() - interval '6 days' "
    f"THEN RAISE EXCEPTION '{KEPT}'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER audit_retention_guard BEFORE INSERT OR UPDATE ON audit_retention "
    "FOR EACH ROW EXECUTE FUNCTION audit_retention_keep()",
)
BACK_SQLITE = (
    "DROP TRIGGER audit_no_delete",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END",
)
BACK_POSTGRES = (
    "DROP TRIGGER audit_no_delete ON audit",
    "DROP TRIGGER audit_append_only ON audit",
    "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    "DROP FUNCTION audit_keep()",
)


def upgrade() -> None:
    """Make the table, and the triggers that heed it."""
    op.create_table(
        "audit_retention",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cleared_before", sa.DateTime(timezone=True), nullable=False),
    )
    for statement in POSTGRES if _is_postgres() else SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Refuse every deletion again."""
    for statement in BACK_POSTGRES if _is_postgres() else BACK_SQLITE:
        op.execute(statement)
    op.drop_table("audit_retention")
    if _is_postgres():
        op.execute("DROP FUNCTION audit_retention_keep()")


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"
