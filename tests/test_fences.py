"""A process that others may count as gone: it begins nothing, takes nothing up, and drops what it
does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import Bot
from bot.engine import Maintenance
from bot.engine.runs.tracker import RunTracker
from bot.errors import LedgerError
from bot.ledger import Ledger, RetentionTimes
from bot.messages import Message, Place
from tests.ledger.conftest import asked
from tests.scenarios.stage import Stage, playing, words

LONG_AGO = RetentionTimes(timedelta(days=90), timedelta(days=365))
DEAD = "elsewhere-1-000000"


@pytest.fixture
async def fenced(tmp_path: Path) -> AsyncIterator[tuple[Stage, Bot]]:
    """A bot that was declared gone and does not know better yet."""
    async with playing(tmp_path) as (stage, bot):
        for task in asyncio.all_tasks():
            if task.get_name() in ("heartbeats", "maintenance"):
                task.cancel()
        bot.ledger.replicas._evicted = True
        yield stage, bot


@pytest.mark.long
async def test_it_begins_nothing(fenced: tuple[Stage, Bot]) -> None:
    """Who types is told that the database cannot be used, and there is no run."""
    stage, bot = fenced
    said = words(await stage.type("/mesh preflight -> error"))
    assert "My database cannot be used just now: this process has lost touch with it" in said
    assert await bot.ledger.run_queries.list_recent_runs(1) == []


async def test_it_takes_no_run_up(fenced: tuple[Stage, Bot]) -> None:
    """Whoever is not cut off does."""
    _, bot = fenced
    run = await bot.ledger.runs.begin_run(asked())
    await bot.router.recover_runs()
    await bot.router.jobs.wait_until_idle()
    found = await bot.ledger.run_queries.get_run(run.id)
    assert found is not None
    assert (found.attempt, found.owner) == (1, "one")


@pytest.mark.long
async def test_it_takes_no_messages_over(fenced: tuple[Stage, Bot], tmp_path: Path) -> None:
    """They would be sent twice."""
    _, bot = fenced
    other = await Ledger.open(f"sqlite:///{tmp_path}/meshbot.sqlite", owner=DEAD)
    await other.outbox.enter("C0MESH", Message("left"), Place())
    sent: list[object] = []

    async def deliver() -> None:
        sent.append("")

    maintenance = Maintenance(
        bot.router,
        bot.ledger,
        deliver_kept=deliver,
        drop_kept=lambda: None,
        kept=LONG_AGO,
    )
    await maintenance.start()
    await maintenance.stop()
    assert len(await other.outbox.waiting()) == 1
    assert not sent
    await other.close()


async def test_it_drops_what_it_does(fenced: tuple[Stage, Bot]) -> None:
    """Another process may have it by now; when it is connected again it may take it back."""
    _, bot = fenced
    ledger = bot.ledger
    ledger.replicas._evicted = False
    tracker = RunTracker(ledger.replicas)
    run = await ledger.runs.begin_run(asked())

    async def carry_out() -> None:
        with tracker.track_run(run.id):
            await asyncio.sleep(3600)

    task = asyncio.create_task(carry_out())
    await asyncio.sleep(0)
    tracker.release_runs()
    with pytest.raises(asyncio.CancelledError):
        await task
    ledger.replicas._evicted = True
    with pytest.raises(LedgerError), tracker.track_run(run.id):
        pass
