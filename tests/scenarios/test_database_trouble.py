"""A database that is full, locked, read-only or away: what was written to the cluster is said, and
nothing is said to be unchanged that is not known to be."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from bot.app import Bot
from bot.engine.runs import audit_writer
from bot.errors import LedgerError
from bot.ledger import Ledger, database
from sandbox.cluster.contract import Ref
from sandbox.workspace.state import Channel
from tests.ledger.test_audit import ROW
from tests.scenarios.stage import Stage, playing, words
from tests.scenarios.test_confirmed import left, new_run

pytestmark = pytest.mark.long

DEPLOYMENTS, CRDS = (
    Ref("apps", "deployments"),
    Ref("apiextensions.k8s.io", "customresourcedefinitions"),
)
LEAKS = (
    "sqlite",
    "/tmp",
    "database is locked",
    "database or disk",
    "malformed",
    "readonly",
    "Operational",
)
"""What only the log may say: where the database is, and its driver's words."""


@asynccontextmanager
async def beside(path: Path) -> AsyncIterator[sqlite3.Connection]:
    """Another program's connection to the database."""
    # No waiting: it would hold up the loop that the bot lives in.
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        yield other


async def lock(other: sqlite3.Connection) -> None:
    """Locks the database, as soon as nobody else does."""
    while True:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            await asyncio.sleep(0.002)
        else:
            return


async def written(other: sqlite3.Connection, rows: int) -> None:
    """Waits until so many objects are kept that are about to be written."""
    while other.execute("SELECT count(*) FROM images").fetchone()[0] < rows:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.002)


async def test_what_was_written_before_the_database_was_locked_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The objects by name, that they stay, and how to go on; neither where the database is nor what
    its driver says. When it is back, the end is kept and the same command goes on."""
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    monkeypatch.setattr(audit_writer, "RETRY_PAUSE", 0.0)
    async with playing(tmp_path) as (stage, bot), beside(tmp_path / "meshbot.sqlite") as other:
        typing = asyncio.create_task(stage.type("/mesh bookinfo -> error"))
        await written(other, 3)
        await lock(other)
        said = words(await typing)
        other.execute("ROLLBACK")
        assert "My database cannot be used just now: another program keeps it locked." in said
        assert "This was written to the cluster before, and stays: Namespace bookinfo" in said
        assert "Type it again when the database is back: it goes on from what is there." in said
        assert not [leak for leak in LEAKS if leak in said]
        await stage.type("/mesh bookinfo")
        await bot.router.jobs.wait_until_idle()
        rows = await bot.ledger.audit.entries(step="bookinfo")
    assert [row.outcome for row in rows] == ["done", "error"]


async def test_nothing_written_is_said_where_it_is_known(tmp_path: Path) -> None:
    """The database refuses the first object that is to be kept."""
    async with playing(tmp_path) as (stage, _), beside(tmp_path / "meshbot.sqlite") as other:
        # An error of SQLite itself, and none of a constraint.
        other.execute("CREATE TRIGGER away BEFORE INSERT ON images BEGIN SELECT json('{'); END")
        said = words(await stage.type("/mesh bookinfo -> error"))
        assert "Nothing was written to the cluster." in said
        assert not [leak for leak in LEAKS if leak in said]
        assert await stage.api.list(DEPLOYMENTS, "bookinfo") == []


@contextmanager
def spoiled(bot: Bot, pragma: str, mended: str) -> Iterator[None]:
    """The bot's own connections, with a setting of SQLite's under which writes fail."""
    wanted = [pragma]

    def take(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA {wanted[0]}").close()

    event.listen(bot.ledger._engine.sync_engine, "checkout", take)
    yield
    wanted[0] = mended


async def fill(bot: Bot) -> None:
    """Writes until the database takes no more."""
    try:
        while True:
            await bot.ledger.requests.claim_key(uuid4().hex * 100)
    except LedgerError:
        return


FAULTS = {
    "full": ("max_page_count = 1", "max_page_count = 1000000"),
    "read-only": ("query_only = ON", "query_only = OFF"),
}
REASONS = {"full": "its disk is full", "read-only": "it cannot be written to, only read"}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_database_that_takes_no_writes_begins_nothing(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full or read-only: the person is told, the audit has it later, and no place or driver is
    named."""
    monkeypatch.setattr(audit_writer, "RETRY_PAUSE", 0.0)
    async with playing(tmp_path) as (stage, bot):
        before = await stage.version()
        with spoiled(bot, *FAULTS[fault]):
            await fill(bot)
            said = words(await stage.type("/mesh bookinfo -> error"))
        await stage.type("/mesh whoami")
        await bot.router.jobs.wait_until_idle()
        rows = await bot.ledger.audit.entries()
        changed = await stage.version() != before
    assert ("This was written to the cluster before" in said) is changed
    failed = f"My database cannot be used just now: {REASONS[fault]}."
    assert failed in said
    assert failed in {str(row.summary) for row in rows}
    assert not [leak for text in (said, *map(str, rows)) for leak in LEAKS if leak in text]


async def test_an_install_that_adds_only_the_crds_has_changed_something(stage: Stage) -> None:
    """Istio is just so already, and the Gateway API is not there: it is applied, and that is said."""
    await stage.type("/mesh install")
    for crd in await stage.api.list(CRDS):
        if crd["spec"]["group"] == "gateway.networking.k8s.io":
            await stage.api.delete(CRDS, crd["metadata"]["name"])
    said = words(await stage.type("/mesh install"))
    assert "Gateway API CRDs v1.5.1 applied" in said
    assert "nothing was changed" not in said


async def test_a_run_that_is_taken_up_does_not_call_its_own_work_unchanged(
    tmp_path: Path,
) -> None:
    """All was there when it was taken up, for its own earlier life had made it."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("/mesh bookinfo")
        owner = bot.ledger.replicas.owner
        run = await bot.ledger.runs.begin_run(new_run(stage, "bookinfo", owner=owner))
        await bot.ledger.beginnings.record_begun(run.id, owner)
        await left(bot, run)
        said = words(stage.newest())
    assert "Bookinfo answers in bookinfo." in said
    assert "nothing changed" not in said


async def test_an_answer_that_cannot_be_shared_is_not_lost(stage: Stage) -> None:
    """Whoever asked sees it, and is told that nobody else does."""
    people = {stage.workspace.get_user("host").id}
    stage.workspace.state.channels["C0PRIV"] = Channel("C0PRIV", "private", people, is_private=True)
    await stage.workspace.actions.send_command("host", "private", "/mesh whoami share")
    with stage.workspace.watch_changes() as changes:
        while len(told := stage.workspace.list_messages("private", user="host")) < 2:
            await anext(changes)
    assert "host" in words(told[0])
    assert "I cannot post in this channel" in words(told[1])
    assert "only you see the answer" in words(told[1])
    assert "nothing was started" not in words(told[1])


async def test_what_is_older_than_the_settings_say_is_cleared(tmp_path: Path) -> None:
    """As soon as the bot starts, and what is younger is there."""
    ledger = await Ledger.open(f"sqlite:///{tmp_path}/meshbot.sqlite")
    for days in (29, 31):
        at = ledger.timetable.now() - timedelta(days=days)
        await ledger.audit.add(replace(ROW, id=str(days), at=at))
    async with playing(tmp_path, MESHBOT_LEDGER__KEEP_AUDIT_DAYS="30"):
        assert [row.id for row in await ledger.audit.entries()] == ["29"]
    await ledger.close()
