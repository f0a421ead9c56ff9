"""The ledger's promises across processes: starting together, being killed, and a database that is
away."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import socket
import sqlite3
import sys
import time
import traceback
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from bot.errors import LedgerError
from bot.ledger import Ledger, RunState, ScopeLocked
from bot.ledger.database import build_engine, parse_url
from bot.ledger.database_tables import metadata
from bot.text import EMPTY, Text
from tests.ledger.conftest import BACKENDS, asked

OPEN_WHEN_TOLD = """
import asyncio, sys
from bot.ledger import Ledger
async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    ledger = await Ledger.open(sys.argv[1])
    print("open", len(await ledger.run_queries.list_recent_runs(5)), flush=True)
    await ledger.close()
asyncio.run(main())
"""

WRITE_FOR_EVER = """
import asyncio, sys
from bot.ledger import Ledger, NewRun
from bot.text import Text
async def main():
    ledger = await Ledger.open(sys.argv[1])
    run = await ledger.runs.begin_run(NewRun("held", "install", "U1", "C1", "victim", lock_key="mesh"))
    print(run.id, flush=True)
    for count in range(1_000_000):
        await ledger.runs.record_posted(run.id, "C1", str(count))
        other = await ledger.runs.begin_run(NewRun(str(count), "status", "U1", "C1", "victim"))
        await ledger.runs.finish_run(other.id, "done", Text("done"))
        print(count, flush=True)
asyncio.run(main())
"""


async def start(program: str, url: str) -> asyncio.subprocess.Process:
    """Another process of the bot, as far as the ledger is concerned."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, url, stdin=pipe, stdout=pipe, stderr=pipe
    )


async def line(process: asyncio.subprocess.Process) -> str:
    """Its next line."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


@pytest.mark.long
async def test_processes_that_start_together_migrate_once(url: str) -> None:
    """Three processes that open an empty database in the same moment all come up."""
    processes = [await start(OPEN_WHEN_TOLD, url) for _ in range(3)]
    assert [await line(process) for process in processes] == ["ready"] * 3
    outcomes = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
    assert [(out.decode(), error.decode()) for out, error in outcomes] == [("open 0\n", "")] * 3


async def test_ledgers_of_one_process_open_together(url: str) -> None:
    """Opening takes turns inside a process too."""
    opened = await asyncio.gather(*(Ledger.open(url) for _ in range(3)))
    for ledger in opened:
        await ledger.ping()
        await ledger.close()


@pytest.mark.long
async def test_a_killed_process_leaves_a_ledger_that_can_be_read(url: str) -> None:
    """After kill -9 amid writes the run is there as running, holds its lock, and can be taken up
    and ended."""
    victim = await start(WRITE_FOR_EVER, url)
    run_id, last = await line(victim), -1
    while last < 5:
        last = int(await line(victim))
    os.kill(victim.pid, signal.SIGKILL)
    await victim.communicate()
    ledger = await Ledger.open(url)
    held = next(run for run in await ledger.run_queries.list_unfinished_runs() if run.id == run_id)
    assert int(held.ts or "") >= last
    with pytest.raises(ScopeLocked):
        await ledger.runs.begin_run(asked(lock="mesh"))
    assert (await ledger.runs.resume_run(held.id, "heir", attempt=held.attempt)).attempt == 2
    assert await ledger.runs.finish_run(held.id, RunState.INTERRUPTED, EMPTY)
    await ledger.close()


async def test_the_schema_is_that_of_the_tables(url: str) -> None:
    """Migrations and tables say the same, and migrating again changes nothing."""
    await (await Ledger.open(url)).close()
    engine = build_engine(parse_url(url))

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
    await (await Ledger.open(url)).close()


async def test_a_newer_schema_is_refused(url: str) -> None:
    """An older bot does not touch what a newer one wrote, and says so."""
    await (await Ledger.open(url)).close()
    engine = build_engine(parse_url(url))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(LedgerError, match="not one that this version knows"):
        await Ledger.open(url)


async def test_a_server_that_is_away_is_named_without_its_password() -> None:
    """A PostgreSQL that does not listen is at once a LedgerError that says where it should be."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(LedgerError, match=f"PostgreSQL at 127.0.0.1:{port}") as caught:
        await Ledger.open(f"postgresql://bot:hunter2@127.0.0.1:{port}/meshbot?sslmode=disable")
    assert "hunter2" not in str(caught.value)


def test_a_process_without_a_user_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container with a number for a user, a URL without one would end in a KeyError."""

    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.delenv("PGUSER", raising=False)
    monkeypatch.setattr(getpass, "getuser", unknown)
    with pytest.raises(LedgerError, match="names no user.*write postgresql://USER:PASSWORD@HOST"):
        parse_url("postgresql://db/meshbot")
    assert parse_url("postgresql://bot@db/meshbot").username == "bot"


async def test_a_ledger_that_goes_away_is_an_error_and_comes_back(tmp_path: Path) -> None:
    """While the file is away, calls end in LedgerError; when it is back, the ledger works on."""
    path = tmp_path / "meshbot.sqlite"
    ledger = await Ledger.open(f"sqlite:///{path}")
    path.rename(tmp_path / "moved")
    (tmp_path / "meshbot.sqlite-wal").unlink(missing_ok=True)
    path.mkdir()
    await ledger.close()
    with pytest.raises(LedgerError, match="cannot be used"):
        await ledger.runs.begin_run(asked())
    path.rmdir()
    (tmp_path / "moved").rename(path)
    assert (await ledger.runs.begin_run(asked())).is_active
    await ledger.close()


@pytest.mark.parametrize("url", BACKENDS[1:], indirect=True)
async def test_a_server_that_restarts_is_found_again(url: str) -> None:
    """Connections that the server has cut are replaced without an error."""
    ledger, other = await Ledger.open(url), build_engine(parse_url(url))
    run = await ledger.runs.begin_run(asked())
    async with other.connect() as connection:
        cut = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid != pg_backend_pid() AND datname = :name"
        )
        await connection.execute(text(cut), {"name": parse_url(url).database})
    assert await ledger.runs.finish_run(run.id, RunState.DONE, Text("done"))
    await other.dispose()
    await ledger.close()


async def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    """A writer that holds the file for a moment delays a run and does not fail it, and readers do
    not wait at all."""
    path = tmp_path / "meshbot.sqlite"
    ledger = await Ledger.open(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(ledger.runs.begin_run(asked()))
    started = time.monotonic()
    assert await ledger.run_queries.list_unfinished_runs() == []
    assert time.monotonic() - started < 1
    await asyncio.sleep(0.1)
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    assert (await waiting).is_active
    await ledger.close()


async def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    """A file of something else is left alone and named."""
    path = tmp_path / "notes.txt"
    path.write_text("dear diary " * 100)
    with pytest.raises(LedgerError, match=r"notes\.txt.*not a database"):
        await Ledger.open(f"sqlite:///{path}")
    assert path.read_text().startswith("dear diary")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://root:hunter2@db/x", "cannot be kept in mysql"),
        ("sqlite:///x.sqlite?mode=hunter2", "not known: mode"),
        ("postgresql://db/x?sslmod=require", "not known: sslmod"),
        ("hunter2", "cannot be read"),
        ("", "cannot be read"),
        ("postgresql://bot:hunter2", "cannot be read"),
        ("postgresql://bot:hunter2/meshbot", "cannot be read"),
        ("postgresql://bot:x@hunter2@db/meshbot", "%40 for @"),
        ("postgresql://bot:x@hunter2:y@db/meshbot", "%40 for @"),
        ("postgresql://bot:x@hunter2/y@db/meshbot", "%40 for @"),
        ("postgresql://bot:x@y?hunter2=z@db/meshbot", "%40 for @"),
        ("postgresql://bot:x@db:99999/hunter2", "cannot be read"),
        ("postgresql://db/x?password=hunter2", "not known: password; those that are: host, port"),
        ("postgresql://db/x?user=bot&sslpassword=hunter2", "not known: sslpassword, user"),
    ],
)
async def test_a_wrong_url_says_what_to_write(url: str, said: str) -> None:
    """Each wrong URL has its own words, and never repeats a password."""
    with pytest.raises(LedgerError, match=said) as caught:
        await Ledger.open(url)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_common_forms_of_a_postgresql_url_are_taken(name: str) -> None:
    """The names that libpq and hosting providers use all mean the driver that the bot has."""
    url = parse_url(f"{name}://bot:secret@db:5433/meshbot?sslmode=require")
    assert url.render_as_string() == "postgresql+asyncpg://bot:***@db:5433/meshbot?ssl=require"
