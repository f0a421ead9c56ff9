"""Schedules whose message or channel is gone: one is shown anew, the other pauses and says so to who
made it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bot.ledger import ScheduleState
from bot.slack.outbound import refusing_places
from bot.steps import ReplyTarget
from sandbox.workspace import DEFAULT_CHANNEL
from sandbox.workspace import Message as Posted
from tests.scenarios.stage import words
from tests.schedule.conftest import World


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """What refused is tried again at once."""
    monkeypatch.setattr(refusing_places, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(refusing_places, "LONGEST_PAUSE", 0.0)


def told(world: World) -> list[Posted]:
    """What the bot has written to the host directly."""
    direct = world.workspace.state.open_direct_channel(world.workspace.bot.id, "U0HOST")
    return world.workspace.list_messages(direct.id)


async def until(world: World, condition: Callable[[], bool]) -> None:
    """Waits until something in the workspace is so."""
    with world.workspace.watch_changes() as changes:
        async with asyncio.timeout(40):
            while not condition():
                await anext(changes)


@pytest.mark.parametrize("tell", [ReplyTarget.THREAD, ReplyTarget.NOWHERE])
async def test_a_schedule_in_an_archived_channel_pauses_and_says_so(
    world: World, tell: ReplyTarget
) -> None:
    """Whether its slots have news or not; resumed when the channel is back, it goes on."""
    one = await world.replica(keeps=True)
    schedule = await world.make(one, "digest every 10m")
    world.tell(one, tell)
    world.workspace.channel_actions.archive_channel(DEFAULT_CHANNEL)
    await one.round()
    await until(world, lambda: len(told(world)) == 1)
    said = words(told(world)[0])
    assert "`/mesh digest every 10m`" in said
    assert "the channel is archived" in said
    assert f"`/mesh schedule resume {schedule.id}`" in said
    after = await world.now(schedule)
    assert (after.state, after.next_at) == (ScheduleState.PAUSED, None)
    world.workspace.channel_actions.unarchive_channel(DEFAULT_CHANNEL)
    await one.channel_messages.deliver_kept_messages()
    await world.shows("paused (the channel is archived)")
    await one.schedule_service.resume(schedule.id, "U0HOST")
    assert (await world.now(schedule)).state is ScheduleState.ACTIVE


async def test_a_schedule_outlives_a_token_that_is_refused(world: World) -> None:
    """It is not at fault: its news come when Slack takes the token again."""
    one = await world.replica(keeps=True)
    schedule = await world.make(one, "digest every 10m")
    world.tell(one)
    world.workspace.faults.account_refusal = "token_revoked"
    await one.round()
    assert (await world.now(schedule)).state is ScheduleState.ACTIVE
    assert (await world.now(schedule)).failed == 0
    world.workspace.faults.account_refusal = ""
    for _ in range(2):
        await one.channel_messages.deliver_kept_messages()
    await until(world, lambda: "news" in [m.text for m in world.messages()])


async def test_a_schedule_whose_message_was_deleted_gets_a_new_one(world: World) -> None:
    """With its buttons, and known to the ledger, so that the next slot edits the new one."""
    one = await world.replica(keeps=True)
    schedule = await world.make(one, "burst every 10m")
    first = world.messages()[0]
    world.workspace.channel_actions.delete_message(first)
    await one.round()
    await until(world, lambda: [m.ts for m in world.messages()] not in ([], [first.ts]))
    (second,) = world.messages()
    assert (await world.now(schedule)).ts == second.ts
    world.time.move(600)
    await one.round()
    await world.shows("2 times")
    assert len(world.messages()) == 1
