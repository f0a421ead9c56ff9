"""200 kills at random moments, over runs, questions and messages: what is lost, and what comes
twice.

Three bots share one PostgreSQL database (one bot keeps a SQLite file, when there is no server).
People type on while bots are killed and Slack refuses now and then. Some are killed right after
somebody has pressed Confirm, before the bot has looked once more; some are frozen until the others
take their work, and killed while they still believe to have it, or just after they woke up.
`LOADS` is what people type: whatever else must survive is added there.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.ledger import Ledger, Run, RunState
from bot.ledger.database import execute
from bot.ledger.database_tables import messages, requests, schedules, slots
from sandbox.cluster.faults import ApiFault
from sandbox.workspace import Message
from sandbox.workspace.plain import read_verdict_state
from tests.ledger.conftest import POSTGRES, database
from tests.scenarios.stage import furnished
from tests.soak.bots import Soak

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

KILLS = 200
SECONDS = 420.0
"""Time for the kills; a machine that is slower kills fewer, and says so."""
CALM = 120.0
"""Seconds in which everything must have ended afterwards."""
CONFIRMED = 8
"""Of the kills, those right after a confirmation that come before the others."""
PEOPLE = 2
FREEZES = 0.08
"""Share of the kills that come after a freeze; a file has one process, and so there are none."""
SHOWN_AS = {"cancelled": "normal", "interrupted": "error", "expired": "error"}


async def install(on: Soak) -> None:
    """A long run."""
    await on.type("/mesh install")


async def look(on: Soak) -> None:
    """A short run, and a message without a run."""
    await on.type(on.dice.choice(("/mesh preflight", "/mesh status share")))


async def remove(on: Soak) -> None:
    """A question, and mostly its answer; who takes the answer is killed every other time."""
    await on.type("/mesh uninstall")
    await asyncio.sleep(on.dice.random())
    asked = [m for m in on.stage.workspace.list_messages() if read_verdict_state(m) == "asks"]
    if not asked or on.dice.random() > 0.8:
        return
    press = on.dice.choice(("Confirm", "Confirm", "Cancel"))
    async with asyncio.TaskGroup() as group:
        if press == "Confirm" and on.dice.random() < 0.5:
            group.create_task(until_late(on.kill_confirmed(find_run(asked[-1]))))
        with suppress(LookupError):
            await on.stage.workspace.actions.click_element("host", asked[-1], press)


async def until_late(work: Awaitable[None]) -> None:
    """Does it, unless nobody took the answer."""
    with suppress(TimeoutError):
        await work


def find_run(question: Message) -> str:
    """The run that a question is about: the value of its buttons."""
    blocks = [block for block in question.blocks if block["type"] == "actions"]
    return str(blocks[0]["elements"][0]["value"])


async def plan(on: Soak) -> None:
    """Something that is done again and again; an uninstall ends it, and a second one of the same is
    refused."""
    await on.type(f"/mesh ping every {on.dice.choice((10, 12, 15))}s")


async def trouble(on: Soak) -> None:
    """Slack refuses some calls."""
    method = on.dice.choice(("chat.postMessage", "chat.update"))
    if on.dice.random() < 0.5:
        on.stage.workspace.faults.fail_method(method, times=on.dice.randint(1, 3))
    else:
        on.stage.workspace.faults.rate_limit_method(method, times=1, retry_after=1)


LOADS: tuple[Callable[[Soak], Awaitable[None]], ...] = (
    install,
    install,
    look,
    look,
    remove,
    remove,
    remove,
    plan,
    plan,
    trouble,
)


@asynccontextmanager
async def soaking(home: Path, seed: int) -> AsyncIterator[Soak]:
    """Bots, and a looker-on at their ledger."""
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(furnished(home))
        url = (
            await stack.enter_async_context(database())
            if POSTGRES
            else f"sqlite:///{home}/meshbot.sqlite"
        )
        ledger = await Ledger.open(url)
        stack.push_async_callback(ledger.close)
        forge = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.soak.forge"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        more = {
            "MESHBOT_LEDGER__URL": url,
            "MESHBOT_CONFIRM_SECONDS": "20",
            "SOAK_LOG": str(home / "bots.log"),
        }
        made = Soak(stage, ledger, stage.environment | more, forge, random.Random(seed))
        try:
            for _ in range(3 if POSTGRES else 1):
                await made.start()
            await stage.workspace.connections.wait_for_count(len(made.alive))
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(made.watch())
                yield made
                watching.cancel()
        finally:
            assert forge.stdin is not None
            forge.stdin.close()
            await forge.wait()


async def typing(on: Soak) -> None:
    """People, until cancelled."""
    while True:
        await on.dice.choice(LOADS)(on)
        await asyncio.sleep(on.dice.uniform(0.2, 1.0))


async def killing(on: Soak) -> None:
    """Kills at random moments, as many as there are to be or as there is time for."""
    deadline = time.monotonic() + SECONDS
    async with asyncio.TaskGroup() as group:
        while len(on.kills) < KILLS and time.monotonic() < deadline:
            await asyncio.sleep(on.dice.uniform(0.1, 2.0))
            if POSTGRES and on.dice.random() < FREEZES:
                group.create_task(on.freeze())
            else:
                await on.kill()


async def asked_for(on: Soak, line: str) -> Run | None:
    """The run of a line that is typed, once it has ended or asks; None when that takes too long."""
    step = line.split()[1]
    before = await on.ledger.run_queries.find_last_run(step)
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            await on.type(line)
            while True:
                run = await on.ledger.run_queries.find_last_run(step)
                if (
                    run
                    and run.state is not RunState.RUNNING
                    and (not before or run.id != before.id)
                ):
                    return run
                await asyncio.sleep(0.05)
    return None


async def confirming(on: Soak) -> None:
    """One after the other, in calm: what is confirmed, and its process killed right after."""
    for _ in range(CONFIRMED):
        await asked_for(on, "/mesh install")
        run = await asked_for(on, "/mesh uninstall")
        asked = [m for m in on.stage.workspace.list_messages() if run and m.ts == run.ts]
        if run is None or run.state is not RunState.ASKS or not asked:
            continue
        async with asyncio.TaskGroup() as group:
            group.create_task(until_late(on.kill_confirmed(run.id)))
            with suppress(LookupError):
                await on.stage.workspace.actions.click_element("host", asked[0], "Confirm")
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                while run is not None and run.is_active:
                    await asyncio.sleep(0.1)
                    run = await on.ledger.run_queries.get_run(run.id)


async def calm(on: Soak) -> list[Run]:
    """Waits until every run and every schedule has ended and every message is delivered; gives the
    runs."""
    on.stage.workspace.faults.clear_faults()
    deadline = time.monotonic() + CALM
    while time.monotonic() < deadline:
        if await on.ledger.timetable.list_live():
            await on.type("/mesh schedule remove all")
        elif not (
            await on.ledger.run_queries.list_unfinished_runs()
            or await on.ledger.slots.list_running_slots()
            or await on.ledger.outbox.count_pending()
        ):
            break
        await asyncio.sleep(1.0)
    return await on.ledger.run_queries.list_recent_runs(100_000)


@dataclass
class Slots:
    """What became of the slots of all schedules."""

    fired: int = 0
    missed: int = 0
    cut: int = 0
    lost: int = 0
    doubled: int = 0
    left: int = 0

    @classmethod
    async def of(cls, ledger: Ledger) -> Slots:
        """Reads the tables: a slot that is neither fired nor counted as missed is lost, one begun
        thrice is doubled."""
        made = cls()
        rows = await execute(ledger._engine, select(slots))
        for schedule in await execute(ledger._engine, select(schedules)):
            mine = sorted(
                (row for row in rows if row["schedule"] == schedule["id"]),
                key=lambda row: row["slot_at"],
            )
            made.fired += schedule["fired"]
            made.missed += schedule["missed"]
            made.cut += schedule["cut"]
            made.doubled += sum(row["attempt"] > 2 for row in mine) + abs(
                schedule["fired"] - len(mine)
            )
            made.left += sum(row["ended_at"] is None for row in mine)
            if mine:
                between = (mine[-1]["slot_at"] - mine[0]["slot_at"]).total_seconds()
                passed = round(between / seconds_of(schedule["typed"])) + 1
                made.lost += max(0, passed - schedule["fired"] - schedule["missed"])
        return made


def seconds_of(typed: str) -> float:
    """The pause in `ping every 10s`."""
    return float(typed.rpartition(" ")[2].removesuffix("s"))


async def test_kills_lose_nothing(tmp_path: Path, figures: list[tuple[str, object]]) -> None:
    """Each run has one end, in its own message; each message is there as it was wanted; what is
    double is explained."""
    seed = random.randrange(10**6)
    async with soaking(tmp_path, seed) as on:
        on.stage.cluster.slow_image_pulls(150)
        # So that there is time to die in between a confirmation and the end of the second look.
        slow = ApiFault("slow", verb="list", resource="customresourcedefinitions", seconds=0.15)
        on.stage.cluster.server.faults.add(slow)
        await confirming(on)
        people = [asyncio.create_task(typing(on)) for _ in range(PEOPLE)]
        await killing(on)
        for each in people:
            each.cancel()
        await asyncio.gather(*people, return_exceptions=True)
        runs = await calm(on)
        rows = await execute(on.ledger._engine, select(messages))
        planned = await Slots.of(on.ledger)
        noted = {row["key"] for row in await execute(on.ledger._engine, select(requests.c.key))}
        mine = [
            m
            for m in on.stage.workspace.list_messages()
            if m.user == on.stage.workspace.bot.id and not m.ephemeral_to
        ]
    by_ts = {m.ts: m for m in mine}
    lost = [
        row
        for row in rows
        if not row["ts"] or row["shown"] < row["version"] or row["ts"] not in by_ts
    ]
    lost += [
        row for row in rows if row not in lost and by_ts[row["ts"]].text != row["wanted"]["text"]
    ]
    endless = [run for run in runs if run.is_active]
    unshown = [run for run in runs if not run.is_active and not shows_end(run, by_ts)]
    doubled = [m for m in mine if m.ts not in {row["ts"] for row in rows}]
    cuts = [*on.kills, *on.freezes]
    unexplained = [m for m in doubled if not near(on.taken.get(m.ts, 0.0), cuts)]
    # What one was about to send when it was frozen leaves when it wakes, too late to be held back.
    stood_still = [m for m in unexplained if after(on.taken.get(m.ts, 0.0), on.woken)]
    unexplained = [m for m in unexplained if m not in stood_still]
    unseen = [run.id for run in runs if run.verdict and run.awaits_second_look]
    taken_up = [run for run in runs if run.id in on.unlooked]
    figures += [
        ("seed", seed),
        ("bots", f"{len(on.alive)} over {'PostgreSQL' if POSTGRES else 'SQLite'}"),
        ("kills", len(on.kills)),
        (
            "of them frozen until others took over / woken before",
            f"{len(on.freezes)} / {len(on.woken)}",
        ),
        ("kills between Confirm and the second look", len(on.unlooked)),
        ("what became of those runs", dict(Counter(str(run.state) for run in taken_up))),
        ("runs carried out without a second look", len(unseen)),
        ("commands typed / acknowledged", f"{on.typed} / {len(on.acked)}"),
        ("commands gone (killed between acknowledgement and ledger)", len(set(on.acked) - noted)),
        ("runs / taken up at least once", f"{len(runs)} / {sum(run.attempt > 1 for run in runs)}"),
        (
            "runs by end",
            {
                state.value: count
                for state in RunState
                if (count := sum(r.state == state for r in runs))
            },
        ),
        ("runs without an end", len(endless)),
        ("ended runs whose end is not shown", len(unshown)),
        ("slots fired / missed / cut", f"{planned.fired} / {planned.missed} / {planned.cut}"),
        ("slots lost", planned.lost),
        ("slots doubled", planned.doubled),
        ("messages", len(rows)),
        ("messages lost or out of date", len(lost)),
        ("messages doubled (killed between Slack taking it and keeping its ts)", len(doubled)),
        ("of the others, sent by one that just woke up", len(stood_still)),
        ("messages doubled without any of these", len(unexplained)),
    ]
    assert (planned.lost, planned.doubled, planned.left) == (0, 0, 0)
    assert not endless
    assert not unseen
    assert not unshown, [(run.id, run.state, run.ts) for run in unshown]
    assert not lost, lost
    assert not unexplained, [(m.ts, m.text) for m in unexplained]


def shows_end(run: Run, by_ts: dict[str, Message]) -> bool:
    """Whether the run's message reads as the run ended."""
    message = by_ts.get(run.ts or "")
    return message is not None and read_verdict_state(message) == SHOWN_AS.get(run.state, run.state)


def near(taken: float, kills: list[float]) -> bool:
    """Whether somebody was killed within two seconds after Slack took a message."""
    return any(taken - 0.1 <= kill <= taken + 2.0 for kill in kills)


def after(taken: float, woken: list[float]) -> bool:
    """Whether somebody woke up within two seconds before Slack took a message."""
    return any(wake - 0.1 <= taken <= wake + 2.0 for wake in woken)
