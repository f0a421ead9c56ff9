"""Access to the database: its URL, its engine, and its failures as LedgerError."""

from __future__ import annotations

import asyncio
import getpass
import os
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
from bot.ledger.database_reasons import explain_database_error
from bot.ledger.sqlite_file import FileWatch, make_private
from bot.masking import hide_passwords

PATIENCE = 5.0
"""Seconds that a connection, a lock or a statement may take before the database counts as away."""

READS = {"meshbot_reads": True}
"""Execution options of a transaction that only reads; on SQLite it does not wait for writers."""

SQLITE, POSTGRES = "sqlite+aiosqlite", "postgresql+asyncpg"
DRIVERS = {
    "sqlite": SQLITE,
    SQLITE: SQLITE,
    "postgres": POSTGRES,
    "postgresql": POSTGRES,
    POSTGRES: POSTGRES,
}
QUERY = {SQLITE: frozenset[str](), POSTGRES: frozenset({"host", "port", "ssl", "sslmode"})}
"""What may follow the `?` of a URL; a driver would answer anything else with a TypeError."""


UNREADABLE = (
    "The ledger's URL cannot be read; write sqlite:///FILE or "
    "postgresql://USER:PASSWORD@HOST:PORT/NAME, and in a password %40 for @, %2F for /, %3A for : "
    "and %3F for ?"
)

_LINES: WeakKeyDictionary[Engine, asyncio.Lock] = WeakKeyDictionary()
"""Where those stand in line who write to a SQLite file, by engine."""


def parse_url(text: str) -> URL:
    """Return the URL with the driver that the bot uses.

    Raises LedgerError, which never repeats a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Without what it says: it may repeat a part of the password, taken for the port.
        raise LedgerError(UNREADABLE) from None
    driver = DRIVERS.get(url.drivername)
    if driver is None:
        raise LedgerError(
            f"The ledger cannot be kept in {url.drivername}; write sqlite:///FILE or postgresql://…"
        )
    if driver == SQLITE and url.database in {None, "", ":memory:"}:
        raise LedgerError("The ledger needs a file that outlives the process: write sqlite:///FILE")
    # What stands between two @ would be taken for the host, and shown.
    if driver == POSTGRES and (text.count("@") > 1 or not 0 < (url.port or 1) < 65_536):
        raise LedgerError(UNREADABLE)
    if unknown := set(url.query) - QUERY[driver]:
        taken = ", ".join(sorted(QUERY[driver])) or "none"
        raise LedgerError(
            f"The ledger's URL has options that are not known: {', '.join(sorted(unknown))}; "
            f"those that are: {taken}"
        )
    if driver == POSTGRES and not url.username:
        _require_user_name()
    url = url.set(drivername=driver)
    if "sslmode" in url.query:
        # libpq's name for what asyncpg calls ssl; people paste libpq URLs.
        url = url.difference_update_query(["sslmode"]).update_query_dict(
            {"ssl": url.query["sslmode"]}
        )
    return url


def _require_user_name() -> None:
    """Raise LedgerError when the URL names no user, and neither does the machine: the driver would
    raise KeyError.
    """
    try:
        found = os.environ.get("PGUSER") or getpass.getuser()
    except (KeyError, OSError, ImportError):
        found = ""
    if not found:
        raise LedgerError(
            "The ledger's URL names no user, and this process has no user name: "
            "write postgresql://USER:PASSWORD@HOST/NAME"
        )


def build_engine(url: URL) -> AsyncEngine:
    """Build an engine for a URL from `parse_url`; nothing is connected yet.

    Raises LedgerError when the driver is missing.
    """
    try:
        if url.drivername == POSTGRES:
            waits = {"timeout": PATIENCE, "command_timeout": PATIENCE}
            # Pinged before use: a connection that a restart of the server has closed is replaced
            # and does not fail the first statement.
            return create_async_engine(
                url, connect_args=waits, pool_pre_ping=True, pool_timeout=PATIENCE
            )
        engine = create_async_engine(url, connect_args={"timeout": PATIENCE}, pool_timeout=PATIENCE)
    except ModuleNotFoundError as problem:
        raise LedgerError(
            'PostgreSQL needs its driver: pip install "meshbot[postgres]"'
        ) from problem
    event.listen(engine.sync_engine, "connect", _configure_sqlite_connection)
    event.listen(engine.sync_engine, "begin", _begin_sqlite_transaction)
    return engine


def _configure_sqlite_connection(connection: Any, _record: object) -> None:
    # Python's own driver begins transactions late and not before DDL; the two listeners do it in
    # its place.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON").close()


def _begin_sqlite_transaction(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another writer came
    # between.
    reads = connection.get_execution_options().get("meshbot_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def watch_sqlite_file(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine of a SQLite file that must be there still at each transaction.

    Any other engine is returned as it is.
    """
    if engine.url.drivername != SQLITE:
        return engine
    watch = FileWatch(Path(engine.url.database or "").absolute())
    return engine.execution_options(meshbot_watch=watch)


def prepare_sqlite_file(url: URL) -> None:
    """Make a SQLite file that is private, and put it in write-ahead mode. Blocks.

    In that mode readers never wait.
    """
    if url.drivername != SQLITE:
        return
    path = Path(url.database or "")
    make_private(path)
    connection = sqlite3.connect(path, timeout=PATIENCE)
    try:
        _enable_write_ahead(connection)
    finally:
        connection.close()


def _enable_write_ahead(connection: sqlite3.Connection) -> None:
    # Of those that change the mode in the same moment SQLite refuses all but one at once, whatever
    # its timeout says.
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as problem:
            if (
                problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY
                or time.monotonic() > deadline
            ):
                raise
            time.sleep(0.01)


async def execute(engine: AsyncEngine, *statements: Executable) -> list[RowMapping]:
    """Execute statements in one transaction, and return the rows of the first.

    Raises LedgerError or IntegrityError.
    """
    async with open_transaction(engine) as connection:
        results = [await connection.execute(statement) for statement in statements]
        return list(results[0].mappings()) if results[0].returns_rows else []


@asynccontextmanager
async def open_transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that is committed when the context ends well.

    Raises LedgerError or IntegrityError, within seconds.
    """
    with translate_errors(engine.url):
        watch = engine.sync_engine.get_execution_options().get("meshbot_watch")
        if watch is not None:
            watch.check()
        async with (
            # In line, for a connection, and for the statements: each may take PATIENCE.
            asyncio.timeout(3 * PATIENCE),
            _lock_sqlite_writes(engine),
            engine.begin() as connection,
        ):
            yield connection


def _lock_sqlite_writes(engine: AsyncEngine) -> AbstractAsyncContextManager[None]:
    """Return the lock that writers to a SQLite file take.

    SQLite lets one write at a time, and a writer that waits only asks again; so those in
    one process wait in line.
    """
    if engine.url.drivername != SQLITE or engine.sync_engine.get_execution_options().get(
        "meshbot_reads", False
    ):
        return nullcontext()
    return _LINES.setdefault(engine.sync_engine, asyncio.Lock())


@contextmanager
def translate_errors(url: URL) -> Iterator[None]:
    """Turn what the database and its driver raise into LedgerError.

    An IntegrityError is left to the caller.
    """
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, OSError, sqlite3.Error) as problem:
        raise LedgerError(
            f"The ledger ({describe_location(url)}) cannot be used: {summarize_error(problem)}",
            explain_database_error(problem),
        ) from problem


def describe_location(url: URL) -> str:
    """Return where the ledger is, without user name and password."""
    return (
        str(url.database)
        if url.drivername == SQLITE
        else f"PostgreSQL at {url.host}:{url.port or 5432}"
    )


def summarize_error(problem: BaseException) -> str:
    """Return a database's failure in one line: no statement, no parameters, no link."""
    root = problem.orig if isinstance(problem, DBAPIError) and problem.orig else problem
    lines = str(root).strip().splitlines()
    words = hide_passwords(lines[0].partition(">: ")[2] or lines[0]) if lines else ""
    if isinstance(problem, TimeoutError) or not words:
        return "no answer in time"
    return words
