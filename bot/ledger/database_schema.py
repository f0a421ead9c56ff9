"""Migration of a database to the newest schema when the ledger opens.

Several processes may start at once.
"""

from __future__ import annotations

import asyncio
import threading

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, text

from bot.errors import LedgerError
from bot.ledger.database import POSTGRES, build_engine, prepare_sqlite_file, translate_errors

ADVISORY_KEY = 0x6D657368626F74
"""The PostgreSQL advisory lock of the migration: "meshbot" in ASCII."""

_ONE_AT_A_TIME = threading.Lock()
"""Alembic's environment is global to the process, so two ledgers in one process must take turns."""


async def migrate_schema(url: URL) -> None:
    """Migrate to the newest schema; raise LedgerError.

    Works in a thread, for Alembic reads its scripts from disk.
    """
    await asyncio.to_thread(_migrate_blocking, url)


def _migrate_blocking(url: URL) -> None:
    with _ONE_AT_A_TIME, translate_errors(url):
        prepare_sqlite_file(url)
        try:
            # In a loop of its own in this thread, for the drivers are asynchronous and Alembic
            # blocks.
            asyncio.run(_upgrade_database(url))
        except CommandError as problem:
            raise LedgerError(
                f"The ledger's schema is not one that this version knows: {problem}"
            ) from problem


async def _upgrade_database(url: URL) -> None:
    engine = build_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade_schema)
    finally:
        await engine.dispose()


def upgrade_schema(connection: Connection) -> None:
    """Migrate within the transaction that the connection is in.

    Holds the database alone until that ends.
    """
    if connection.dialect.name in POSTGRES:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_KEY})
    config = Config()
    config.set_main_option("script_location", "bot.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
