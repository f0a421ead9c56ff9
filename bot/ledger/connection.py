"""How a database is reached: the URL that a person writes, the engine for it, and its failures in our own words."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Executable, RowMapping, event, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.errors import LedgerError

PATIENCE = 5.0
"""Seconds that a connection, a lock or a statement may take before the database counts as away."""

READS = {"meshbot_reads": True}
"""Execution options of a transaction that only reads; on SQLite it does not wait for writers."""

SQLITE, POSTGRES = "sqlite+aiosqlite", "postgresql+asyncpg"
DRIVERS = {"sqlite": SQLITE, SQLITE: SQLITE, "postgres": POSTGRES, "postgresql": POSTGRES, POSTGRES: POSTGRES}
QUERY = {SQLITE: frozenset[str](), POSTGRES: frozenset({"host", "port", "ssl", "sslmode"})}
"""What may follow the `?` of a URL; a driver would answer anything else with a TypeError."""


_LINES: WeakKeyDictionary[Engine, asyncio.Lock] = WeakKeyDictionary()
"""Where those stand in line who write to a SQLite file, by engine."""


def parse(text: str) -> URL:
    """The URL with the driver that the bot uses; raises LedgerError, which never repeats a password."""
    try:
        url = make_url(text)
    except ArgumentError as problem:
        raise LedgerError("The ledger's URL cannot be read; write sqlite:///FILE or postgresql://…") from problem
    driver = DRIVERS.get(url.drivername)
    if driver is None:
        raise LedgerError(f"The ledger cannot be kept in {url.drivername}; write sqlite:///FILE or postgresql://…")
    if driver == SQLITE and url.database in {None, "", ":memory:"}:
        raise LedgerError("The ledger needs a file that outlives the process: write sqlite:///FILE")
    if unknown := set(url.query) - QUERY[driver]:
        raise LedgerError(f"The ledger's URL has options that are not known: {', '.join(sorted(unknown))}")
    url = url.set(drivername=driver)
    if "sslmode" in url.query:
        # libpq's name for what asyncpg calls ssl; people paste libpq URLs.
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    return url


def connect(url: URL) -> AsyncEngine:
    """An engine for a URL from `parse`. Nothing is connected yet; raises LedgerError when the driver is missing."""
    try:
        if url.drivername == POSTGRES:
            waits = {"timeout": PATIENCE, "command_timeout": PATIENCE}
            return create_async_engine(url, connect_args=waits, pool_pre_ping=True, pool_timeout=PATIENCE)
        engine = create_async_engine(url, connect_args={"timeout": PATIENCE}, pool_timeout=PATIENCE)
    except ModuleNotFoundError as problem:
        raise LedgerError('PostgreSQL needs its driver: pip install "meshbot[postgres]"') from problem
    event.listen(engine.sync_engine, "connect", _sqlite_connected)
    event.listen(engine.sync_engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connected(connection: Any, _record: object) -> None:
    # Python's own driver begins transactions late and not before DDL; the two listeners do it in its place.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON").close()


def _sqlite_begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another writer came between.
    reads = connection.get_execution_options().get("meshbot_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def prepare_file(url: URL) -> None:
    """Makes the folder of a SQLite file and puts the file in write-ahead mode, so that readers never wait. Blocks."""
    if url.drivername != SQLITE:
        return
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=PATIENCE)
    try:
        _write_ahead(connection)
    finally:
        connection.close()


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Of those that change the mode in the same moment SQLite refuses all but one at once, whatever its timeout says.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


async def execute(engine: AsyncEngine, *statements: Executable) -> list[RowMapping]:
    """Statements in one transaction; gives the rows of the first. Raises LedgerError or IntegrityError."""
    async with transaction(engine) as connection:
        results = [await connection.execute(statement) for statement in statements]
        return list(results[0].mappings()) if results[0].returns_rows else []


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that counts when the context ends well; raises LedgerError or IntegrityError, within seconds."""
    with translated(engine.url):
        async with asyncio.timeout(3 * PATIENCE), _turn(engine), engine.begin() as connection:
            yield connection


def _turn(engine: AsyncEngine) -> AbstractAsyncContextManager[None]:
    """SQLite lets one write at a time, and who waits only asks again: so those in one process stand in line."""
    if engine.url.drivername != SQLITE or engine.sync_engine.get_execution_options().get("meshbot_reads", False):
        return nullcontext()
    return _LINES.setdefault(engine.sync_engine, asyncio.Lock())


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turns what the database and its driver raise into LedgerError; the caller reads an IntegrityError itself."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, OSError, sqlite3.Error) as problem:
        raise LedgerError(f"The ledger ({place(url)}) cannot be used: {reason(problem)}") from problem


def place(url: URL) -> str:
    """Where the ledger is, without user name and password."""
    return str(url.database) if url.drivername == SQLITE else f"PostgreSQL at {url.host}:{url.port or 5432}"


def reason(problem: BaseException) -> str:
    """A database's failure in one line: no statement, no parameters, no link."""
    root = problem.orig if isinstance(problem, DBAPIError) and problem.orig else problem
    lines = str(root).strip().splitlines()
    words = lines[0].partition(">: ")[2] or lines[0] if lines else ""
    if isinstance(problem, TimeoutError) or not words:
        return "no answer in time"
    return words
