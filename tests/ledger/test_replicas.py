"""Processes that share a ledger: who lives, who is gone, and who must stop."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from bot.errors import LedgerError
from bot.ledger import FailureDetector, HeartbeatTiming, Ledger, NewRun, Replicas
from bot.ledger.database import build_engine, execute, parse_url
from bot.ledger.database_tables import replicas
from bot.ledger.replicas import generate_owner, identify_host
from bot.text import Text
from tests.ledger.conftest import BACKENDS, Time, asked

QUICK = HeartbeatTiming(beat=0.05, fence=0.2, gone=0.3)
POSTGRES_ONLY = pytest.mark.parametrize("url", BACKENDS[1:], indirect=True)


class Team:
    """Processes that share one database, each with an engine of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.members: list[Replicas] = []

    async def join(self, owner: str) -> Replicas:
        """One more."""
        made = Replicas(
            build_engine(parse_url(self._url)),
            owner=owner,
            now=lambda: datetime.now(UTC),
            rhythm=QUICK,
        )
        self.members.append(made)
        await made.join()
        return made


@pytest.fixture
async def team(url: str, ledger: Ledger) -> AsyncIterator[Team]:
    """Nobody yet, with the schema in place."""
    team = Team(url)
    yield team
    for member in team.members:
        await member._engine.dispose()


def detector_of(watcher: Replicas) -> FailureDetector:
    """What that process watches the others with."""
    return FailureDetector(
        watcher._engine, owner=watcher.owner, now=lambda: datetime.now(UTC), rhythm=QUICK
    )


async def watched(watcher: Replicas, seconds: float) -> frozenset[str]:
    """Whom it declares gone while it looks for so long."""
    gone, detector = frozenset[str](), detector_of(watcher)
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        gone |= await detector.evict_silent()
        await asyncio.sleep(QUICK.beat)
    return gone


@pytest.mark.long
async def test_one_that_beats_lives_and_one_that_does_not_is_gone(team: Team) -> None:
    """Silence for long enough is what tells them apart, and all others learn of it."""
    watcher, alive, _ = [await team.join(f"elsewhere-{number}-abc") for number in range(1, 4)]
    beating = asyncio.create_task(alive.run_heartbeats(lambda: None))
    assert await watched(watcher, 1.0) == {"elsewhere-3-abc"}
    assert await alive.list_gone() == {"elsewhere-3-abc"}
    assert await alive.list_living() == {"elsewhere-1-abc", "elsewhere-2-abc"}
    beating.cancel()


async def test_one_that_beats_in_the_last_moment_is_not_gone(team: Team) -> None:
    """Between the look at its beat and the declaration: the declaration then fails."""
    watcher, slow = [await team.join(f"elsewhere-{number}-abc") for number in range(1, 3)]
    where = replicas.c.owner == slow.owner
    (row,) = await execute(watcher._engine, select(replicas).where(where))
    await slow.send_heartbeat()
    assert not await detector_of(watcher)._declare_gone(row)
    assert await watcher.list_gone() == frozenset()
    (row,) = await execute(watcher._engine, select(replicas).where(where))
    assert await detector_of(watcher)._declare_gone(row)


async def test_a_pause_of_one_s_own_proves_nothing(team: Team) -> None:
    """Who did not look for a while begins to observe anew."""
    watcher, _ = [await team.join(f"elsewhere-{number}-abc") for number in range(1, 3)]
    detector = detector_of(watcher)
    await detector.evict_silent()
    await asyncio.sleep(2 * QUICK.gone)
    assert await detector.evict_silent() == frozenset()


async def test_a_process_that_was_killed_here_is_gone_at_once(team: Team) -> None:
    """On the same machine nobody waits for what is known, and a process id of our own is nobody
    else's."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=pipe)
    here = [f"{identify_host()}-{pid}-abc" for pid in (child.pid, os.getpid())]
    detector = detector_of(await team.join(generate_owner()))
    for owner in here:
        await team.join(owner)
    assert await detector.evict_silent() == {here[1]}
    child.kill()
    await child.communicate()
    assert await detector.evict_silent() == {here[0]}


async def test_one_that_was_declared_gone_drops_its_work_and_lives_again(team: Team) -> None:
    """It learns of it at its next beat."""
    watcher, frozen = [await team.join(f"elsewhere-{number}-abc") for number in range(1, 3)]
    assert await watched(watcher, 0.6) == {"elsewhere-2-abc"}
    dropped: list[bool] = []
    beating = asyncio.create_task(frozen.run_heartbeats(lambda: dropped.append(frozen.is_fenced)))
    async with asyncio.timeout(40):
        while not dropped or frozen.is_fenced:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(QUICK.beat)
    assert dropped == [True]
    assert "elsewhere-2-abc" in await watcher.list_living()
    beating.cancel()


async def test_one_that_leaves_is_gone_at_once(team: Team) -> None:
    """A clean stop makes nobody wait."""
    leaving, other = [await team.join(f"elsewhere-{number}-abc") for number in range(1, 3)]
    await leaving.leave()
    assert await other.list_gone() == {"elsewhere-1-abc"}


@POSTGRES_ONLY
async def test_one_that_cannot_beat_drops_its_work_before_others_take_it(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off from the database it stops by itself, and goes on when it is back."""
    cut = await team.join("elsewhere-1-abc")
    dropped: list[float] = []
    loop = asyncio.get_running_loop()
    beating = asyncio.create_task(cut.run_heartbeats(lambda: dropped.append(loop.time())))
    await asyncio.sleep(0.1)

    async def away() -> bool:
        raise LedgerError("away")

    began = loop.time()
    with monkeypatch.context() as broken:
        broken.setattr(cut, "send_heartbeat", away)
        await asyncio.sleep(0.35)
    assert len(dropped) == 1
    assert dropped[0] - began < QUICK.gone
    assert cut.is_fenced
    await asyncio.sleep(0.15)
    assert not cut.is_fenced
    beating.cancel()


async def test_one_that_has_shown_no_life_for_a_while_stops() -> None:
    """By its own clock, whether or not its database can be reached: nobody has to tell it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nothing answers there
        url = f"postgresql://bot@127.0.0.1:{taken.getsockname()[1]}/none"
        engine = build_engine(parse_url(url))
        cut = Replicas(engine, owner="x", now=lambda: datetime.now(UTC), rhythm=QUICK)
        assert not cut.is_fenced
        beating = asyncio.create_task(cut.run_heartbeats(lambda: None))
        async with asyncio.timeout(40):
            while not cut.is_fenced:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(QUICK.beat)
        beating.cancel()
        await engine.dispose()


@pytest.mark.parametrize("url", BACKENDS[:1], indirect=True)
async def test_a_file_s_only_process_is_never_fenced(team: Team) -> None:
    """There is nobody who could take over."""
    alone = await team.join("elsewhere-1-abc")
    await asyncio.sleep(2 * QUICK.fence)
    assert not alone.is_fenced


async def test_runs_of_the_gone_are_orphans_and_of_the_living_are_not(
    ledger: Ledger, team: Team
) -> None:
    """Only what nobody carries out may be taken up, and the process that lost it can end it no
    more."""
    for number in range(1, 3):
        await team.join(f"elsewhere-{number}-abc")
        await ledger.runs.begin_run(
            NewRun(f"key {number}", "install", "U1", "C1", owner=f"elsewhere-{number}-abc")
        )
    assert await ledger.run_queries.list_orphaned_runs() == []
    await team.members[0].leave()
    (orphan,) = await ledger.run_queries.list_orphaned_runs()
    assert orphan.owner == "elsewhere-1-abc"
    await ledger.runs.resume_run(orphan.id, "elsewhere-2-abc", attempt=orphan.attempt)
    assert await ledger.run_queries.list_orphaned_runs() == []
    assert not await ledger.runs.finish_run(
        orphan.id, "done", Text("late"), owner="elsewhere-1-abc"
    )
    assert await ledger.runs.finish_run(orphan.id, "done", Text("in time"), owner="elsewhere-2-abc")


async def test_a_request_is_answered_by_one_process(url: str, ledger: Ledger) -> None:
    """Of many that got the same delivery at once, one is first."""
    others = [await Ledger.open(url) for _ in range(3)]
    firsts = await asyncio.gather(
        *(each.requests.claim_key("trigger") for each in [ledger, *others])
    )
    assert sorted(firsts) == [False, False, False, True]
    assert await ledger.requests.claim_key("another")
    for other in others:
        await other.close()


async def test_old_requests_and_processes_are_forgotten(ledger: Ledger, team: Team) -> None:
    """What no repeat can name any more takes no room."""
    assert await ledger.requests.claim_key("trigger")
    await (await team.join("elsewhere-1-abc")).leave()
    for minutes in (6, 30, 59):
        time = Time()
        time.move(minutes * 60)
        ledger.requests._now = time
        await ledger.requests.prune()
        assert not await ledger.requests.claim_key("trigger")
    ledger.replicas._now = ledger.requests._now = lambda: datetime(2199, 1, 1, tzinfo=UTC)
    await ledger.requests.prune()
    await ledger.replicas.prune()
    assert await ledger.requests.claim_key("trigger")
    assert await ledger.replicas.list_gone() == frozenset()
    assert (await ledger.runs.begin_run(asked())).is_active
