"""Three processes over one database, and kill -9: each slot is fired once, whatever happens to
whom."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.ledger import Ledger, NewSchedule, Schedule, ScheduleState
from bot.when import Timing, TimingKind
from tests.ledger.conftest import url

__all__ = ["url"]

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

SCHEDULES, SLOTS, EVERY = 60, 5, 6.0
"""Three hundred slots, ten a second: six seconds apart in each schedule."""


@dataclass
class Theatre:
    """Where processes live and die. `diary` is what they wrote."""

    url: str
    home: Path
    slack: str
    lives: list[asyncio.subprocess.Process] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def diary(self) -> Path:
        return self.home / "diary"

    async def begin(self) -> None:
        """One more process."""
        name = f"r{len(self.names)}-{uuid4().hex[:4]}"
        life = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.schedule.replica", self.url, name),
            *(str(self.diary), str(self.home / "gone"), self.slack),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert life.stdout is not None
        assert await life.stdout.readline() == b"ready\n"
        self.lives.append(life)
        self.names.append(name)

    async def kill(self, index: int) -> None:
        """kill -9, and the others hear of it a while later; a new process takes its place."""
        life, name = self.lives.pop(index), self.names.pop(index)
        life.kill()
        await life.wait()
        with (self.home / "gone").open("a") as gone:
            gone.write(f"{name}\n")
        await self.begin()

    async def end(self) -> None:
        """kill -9 for all that live."""
        for life in self.lives:
            life.kill()
            await life.wait()

    def written(self, word: str) -> Counter[tuple[str, str]]:
        """How often each slot was begun, or ended."""
        lines = [line.split() for line in self.diary.read_text().splitlines()]
        return Counter((schedule, at) for what, schedule, at, _ in lines if what == word)


@asynccontextmanager
async def refusing_slack() -> AsyncIterator[str]:
    """The URL of a Slack that knows no channel."""

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response({"ok": False, "error": "channel_not_found"})

    app = web.Application()
    app.router.add_route("*", "/{method}", refuse)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


@asynccontextmanager
async def theatre(url: str, home: Path, *, step: str) -> AsyncIterator[tuple[Theatre, Ledger]]:
    """Three processes, and schedules that begin when they are there."""
    (home / "gone").write_text("")
    (home / "diary").write_text("")
    ledger = await Ledger.open(url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(ledger.close)
        stage = Theatre(url, home, await stack.enter_async_context(refusing_slack()))
        stack.push_async_callback(stage.end)
        await asyncio.gather(*(stage.begin() for _ in range(3)))
        begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
        for number in range(SCHEDULES):
            start = begin + timedelta(seconds=number / 10)
            timing = Timing(
                TimingKind.EVERY,
                "UTC",
                start,
                start + timedelta(seconds=EVERY * (SLOTS - 1)),
                every=EVERY,
            )
            new = NewSchedule(
                uuid4().hex, step, step, step, "U1", "C1", "app", timing.to_json(), start, "tests"
            )
            made, _ = await ledger.timetable.add(new)
            await ledger.timetable.record_posted(made.id, "C1", "1.1")
        yield stage, ledger


async def over(ledger: Ledger) -> list[Schedule]:
    """All schedules, once each has ended."""
    async with asyncio.timeout(150):
        # Nothing announces it across processes.
        while await ledger.timetable.list_live():  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    found = [await ledger.timetable.get(f"s{number + 1}") for number in range(SCHEDULES)]
    return [one for one in found if one is not None]


async def test_three_replicas_fire_three_hundred_slots_once_each(url: str, tmp_path: Path) -> None:
    """Nothing is fired twice, nothing is left out."""
    async with theatre(url, tmp_path, step="ping") as (stage, ledger):
        ended = await over(ledger)
        begun = stage.written("begun")
    assert (len(begun), set(begun.values())) == (SCHEDULES * SLOTS, {1})
    assert {(one.fired, one.missed, one.cut, one.state) for one in ended} == {
        (SLOTS, 0, 0, ScheduleState.ENDED)
    }


@pytest.mark.parametrize("step", ["ping", "traffic"])
async def test_under_kill_nine_no_slot_is_doubled_and_none_is_lost(
    url: str, tmp_path: Path, step: str
) -> None:
    """A slot whose process died is begun once more (ping) or counted as cut (traffic); one that
    could not begin before the next was due is counted as missed; all others come once."""
    chance = random.Random(7)
    async with theatre(url, tmp_path, step=step) as (stage, ledger):
        for _ in range(8):
            await asyncio.sleep(chance.uniform(1.0, 2.5))
            await stage.kill(chance.randrange(3))
        ended = await over(ledger)
        begun, done = stage.written("begun"), stage.written("ended")
    fired, cut = sum(one.fired for one in ended), sum(one.cut for one in ended)
    assert {one.fired + one.missed for one in ended} == {SLOTS}
    assert max(begun.values()) <= (2 if step == "ping" else 1)
    # A process may die before the first line of a slot that it took, or between the last line and
    # the ledger.
    assert fired - cut <= len(done) <= len(begun) <= fired
