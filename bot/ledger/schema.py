"""Brings a database to the newest schema when the ledger opens, also when several processes start at once."""

from __future__ import annotations

import asyncio
import threading

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, text

from bot.errors import LedgerError
from bot.ledger.connection import POSTGRES, connect, prepare_file, translated

ADVISORY_KEY = 0x6D657368626F74
"""The PostgreSQL advisory lock of the migration: "meshbot" in ASCII."""

_ONE_AT_A_TIME = threading.Lock()
"""Alembic's environment is global to the process, so two ledgers in one process must take turns."""


async def migrate(url: URL) -> None:
    """Migrates to the newest schema; raises LedgerError. Works in a thread, for Alembic reads its scripts from disk."""
    await asyncio.to_thread(_migrate, url)


def _migrate(url: URL) -> None:
    with _ONE_AT_A_TIME, translated(url):
        prepare_file(url)
        try:
            asyncio.run(_upgrade(url))
        except CommandError as problem:
            raise LedgerError(f"The ledger's schema is not one that this version knows: {problem}") from problem


async def _upgrade(url: URL) -> None:
    engine = connect(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


def upgrade(connection: Connection) -> None:
    """Migrates within the transaction that the connection is in, alone in the database until that ends."""
    if connection.dialect.name in POSTGRES:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_KEY})
    config = Config()
    config.set_main_option("script_location", "bot.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
