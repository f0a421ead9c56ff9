"""Why a database cannot be used: what people are told, from the errors of real drivers."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.errors import LedgerError
from bot.ledger import database
from bot.ledger.database import build_engine, execute, parse_url
from bot.ledger.database_reasons import POSTGRES_REASONS, explain_database_error


@pytest.fixture(autouse=True)
async def _connections_end() -> AsyncIterator[None]:
    """The driver ends the thread of a connection that could not be opened a moment later, and tells
    the loop, which must be there still."""
    yield

    def is_open() -> bool:
        return any("_connection_worker" in thread.name for thread in threading.enumerate())

    while is_open():  # noqa: ASYNC110 - the driver's threads have no event
        await asyncio.sleep(0.002)


def lock(path: Path) -> object:
    """Keep a database locked while what is returned lives."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def spoil(path: Path) -> object:
    """Make a file that is no database."""
    path.write_bytes(b"no database at all " * 100)
    return None


def hide(path: Path) -> object:
    """Put a folder where the file should be."""
    path.unlink(missing_ok=True)
    path.mkdir()
    return None


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (lock, "another program keeps it locked"),
        (spoil, "its file is damaged, or is no database"),
        (hide, "its file cannot be opened"),
    ],
)
async def test_sqlite_tells_why(
    tmp_path: Path,
    trouble: Callable[[Path], object],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its result code, and the text for people names no place."""
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    held = trouble(tmp_path / "file.sqlite")
    engine = build_engine(parse_url(f"sqlite:///{tmp_path}/file.sqlite"))
    with pytest.raises(LedgerError) as failed:
        await execute(engine, text("CREATE TABLE things (id INTEGER)"))
    await engine.dispose()
    assert str(failed.value.why) == why
    assert str(tmp_path) not in str(failed.value.why)
    if isinstance(held, sqlite3.Connection):
        held.close()


async def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """SQLite's own limit of pages stands in for the disk's."""
    engine = build_engine(parse_url(f"sqlite:///{tmp_path}/file.sqlite"))
    with pytest.raises(LedgerError) as failed:
        await execute(
            engine,
            text("PRAGMA max_page_count = 2"),
            text("CREATE TABLE things (words TEXT)"),
            text("INSERT INTO things VALUES (hex(zeroblob(100000)))"),
        )
    await engine.dispose()
    assert str(failed.value.why) == "its disk is full"


@pytest.mark.parametrize(
    ("state", "prefix"), [("57P01", "57P"), ("57014", "57014"), ("25006", "25006"), ("42601", "")]
)
def test_postgres_tells_by_its_state(state: str, prefix: str) -> None:
    """The longest beginning that fits; a state that is none of them gives no reason."""
    problem = RuntimeError()
    problem.sqlstate = state  # type: ignore[attr-defined]
    assert explain_database_error(problem) == POSTGRES_REASONS.get(
        prefix, explain_database_error(RuntimeError())
    )


def test_a_server_that_is_away_is_told() -> None:
    """Refused connections have no state; nor has one that is too slow."""
    assert str(explain_database_error(ConnectionRefusedError())) == "its server cannot be reached"
    assert str(explain_database_error(TimeoutError())) == "it does not answer in time"
    assert not explain_database_error(ValueError())
