"""Run by Alembic for each migration: uses the caller's transaction, so that all of it counts or
nothing."""

from __future__ import annotations

from alembic import context

from bot.ledger.database_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional too; Alembic assumes otherwise because of Python's driver.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
