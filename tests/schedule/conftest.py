"""Replicas of the bot as far as schedules go: keepers and offices over one database and one
workspace, and a clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import update

from bot.catalog import Catalog
from bot.engine.runs.undelivered import UndeliveredNotices
from bot.language import Localizer
from bot.ledger import Ledger, Schedule, SlotResult
from bot.ledger.database import build_engine, parse_url
from bot.ledger.database_tables import schedules
from bot.ledger.slot_store import ScheduleAdvance
from bot.messages import Message
from bot.schedule import (
    Limits,
    ScheduleMessages,
    ScheduleRequest,
    ScheduleService,
    SlotCallbacks,
    SlotOutcome,
    SlotRunner,
    UnreachableSchedules,
)
from bot.schedule.slots import find_due_slot
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.webapi.client import build_client, build_session
from bot.slack.webapi.rate_limit import EditLimits
from bot.steps import (
    Context,
    Options,
    Recurrence,
    ReplyTarget,
    SlotContext,
    SlotReport,
    State,
    Step,
    Verdict,
)
from bot.text import EMPTY, Text
from bot.when import Timing, split_timing
from sandbox.workspace import DEFAULT_CHANNEL, InstalledApp, Workspace
from sandbox.workspace import Message as Posted
from tests.ledger.conftest import Time, url
from tests.scenarios.stage import words

__all__ = ["url"]

QUICK = EditLimits(interval=0.01)
START = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
NEWS = Message("news", ({"type": "section", "text": {"type": "mrkdwn", "text": "news"}},))


async def nothing(context: Context, options: Options) -> Verdict:
    """A step's function that these tests never call."""
    return Verdict(State.DONE, EMPTY)


async def nothing_again(context: Context, options: Options, occasion: SlotContext) -> SlotReport:
    """What would be done again; the replicas below do something else."""
    return SlotReport(Verdict(State.DONE, EMPTY))


def regular(*, late: bool = False, again: bool = False) -> Recurrence:
    """A rule of a schedule."""
    return Recurrence(nothing_again, (), least=lambda options: 1.0, late=late, again=again)


BURST = Step("burst", Text("Burst"), Text("is not made up for"), nothing, regular=regular())
DIGEST = Step(
    "digest",
    Text("Digest"),
    Text("is made up for once"),
    nothing,
    regular=regular(late=True, again=True),
)
CATALOG = Catalog((BURST, DIGEST))


@dataclass
class Replica:
    """One process: `fired` collects its slots, `outcome` is what each ends in."""

    name: str
    schedule_service: ScheduleService
    channel_messages: SlackChannelMessages
    fired: list[tuple[str, SlotContext]] = field(default_factory=list)
    outcome: SlotOutcome = field(
        default_factory=lambda: SlotOutcome(SlotResult("done", Text("well")))
    )
    slot_runner: SlotRunner = field(init=False)

    async def carry_out(self, schedule: Schedule, occasion: SlotContext) -> SlotOutcome:
        """What a slot does."""
        self.fired.append((schedule.id, occasion))
        return self.outcome

    async def round(self) -> None:
        """Looks once, and waits for what that begins."""
        await self.slot_runner.run_once()
        await self.slot_runner.wait_until_idle()


@dataclass
class World:
    """What the replicas share, and the person who wants something done."""

    url: str
    workspace: Workspace
    ledger: Ledger
    time: Time
    stack: AsyncExitStack
    gone: set[str] = field(default_factory=set)

    async def replica(
        self, name: str = "one", limits: Limits | None = None, *, keeps: bool = False
    ) -> Replica:
        """Another process over the same database, which `keeps` its messages until Slack has
        them."""
        session = await self.stack.enter_async_context(build_session())
        client = build_client(
            token=self.workspace.bot_token, base_url=self.workspace.api_url, session=session
        )
        outbox = self.ledger.outbox if keeps else None
        channel_messages = SlackChannelMessages(client, pace=QUICK, outbox=outbox)
        self.stack.push_async_callback(channel_messages.aclose, 1.0)
        schedule_service = ScheduleService(
            self.ledger.timetable,
            ScheduleMessages(self.ledger.timetable, channel_messages, CATALOG, Localizer()),
            owner=name,
            zone="UTC",
            limits=limits or Limits(least=1.0),
        )
        unreachable = UnreachableSchedules(self.ledger.timetable, schedule_service)
        notices = UndeliveredNotices(self.ledger, channel_messages, Localizer(), unreachable.pause)
        channel_messages.refusals.undelivered = notices.handle_undelivered
        made = Replica(name, schedule_service, channel_messages)
        made.slot_runner = SlotRunner(
            self.ledger.timetable,
            self.ledger.slots,
            schedule_service,
            SlotCallbacks(CATALOG.get_recurrence, made.carry_out, self._gone),
            owner=name,
        )
        self.stack.push_async_callback(made.slot_runner.close, 0.0)
        return made

    async def _gone(self) -> set[str]:
        return self.gone

    def order(self, typed: str, key: str = "") -> ScheduleRequest:
        """What somebody typed."""
        step, *times = typed.split()
        found = CATALOG.get(step)
        rest, wish, _ = split_timing(times)
        assert found is not None
        assert wish is not None
        channel = self.workspace.get_channel(DEFAULT_CHANNEL).id
        words = " ".join([step, *rest])
        return ScheduleRequest(
            found,
            Options(namespace=""),
            wish,
            words,
            typed,
            "U0HOST",
            channel,
            "bookinfo",
            key or uuid4().hex,
        )

    async def make(self, replica: Replica, typed: str) -> Schedule:
        """Somebody types that to a replica."""
        before = {one.id for one in await self.ledger.timetable.list_live()}
        await replica.schedule_service.create(self.order(typed), self.time())
        return next(one for one in await self.ledger.timetable.list_live() if one.id not in before)

    async def now(self, schedule: Schedule) -> Schedule:
        """How a schedule stands."""
        found = await self.ledger.timetable.get(schedule.id)
        assert found is not None
        return found

    async def shows(self, said: str) -> None:
        """Waits until the first message, which is edited, says that."""
        with self.workspace.watch_changes() as changes:
            async with asyncio.timeout(40):
                while said not in words(self.messages()[0]):
                    await anext(changes)

    def messages(self) -> list[Posted]:
        """What the bot has posted."""
        return [m for m in self.workspace.list_messages() if m.user == self.workspace.bot.id]

    async def unpost(self, schedule: Schedule) -> None:
        """As if its process had died before its message was posted."""
        engine = build_engine(parse_url(self.url))
        async with engine.begin() as connection:
            await connection.execute(
                update(schedules).where(schedules.c.id == schedule.id).values(ts=None)
            )
        await engine.dispose()

    async def claim(self, owner: str) -> None:
        """A process takes the slot that is due, and is not heard of any more."""
        (schedule,) = await self.ledger.timetable.list_live()
        assert schedule.next_at is not None
        found = find_due_slot(Timing.from_json(schedule.timing), schedule.next_at, self.time())
        move = ScheduleAdvance(schedule.next_at, found.following, found.earlier)
        assert await self.ledger.slots.claim_slot(schedule, found.slot, move, owner) is not None

    def tell(self, replica: Replica, tell: ReplyTarget = ReplyTarget.THREAD) -> None:
        """From now on its slots have news."""
        replica.outcome = SlotOutcome(SlotResult("done", Text("well")), NEWS, tell)


@pytest.fixture
async def world(url: str) -> AsyncIterator[World]:
    """An empty database and an empty workspace."""
    async with AsyncExitStack() as stack:
        time = Time(START)
        ledger = await Ledger.open(url, now=time)
        stack.push_async_callback(ledger.close)
        workspace = Workspace(
            installed=InstalledApp(should_escape=True, commands=frozenset({"/mesh"})),
            enforce_limits=False,
        )
        await workspace.start()
        stack.push_async_callback(workspace.stop)
        yield World(url, workspace, ledger, time, stack)
