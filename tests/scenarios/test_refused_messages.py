"""A channel or a workspace that takes no messages in the middle of something: nothing is lost,
nothing stays at Working, and whoever waits hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.app import Bot
from bot.slack.outbound import refusing_places
from sandbox.workspace import DEFAULT_CHANNEL, Message
from sandbox.workspace.plain import read_verdict_state
from tests.scenarios.stage import Stage, playing, words
from tests.test_health import asked, free

WAIT = 40.0


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """What refused is tried again soon."""
    monkeypatch.setattr(refusing_places, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(refusing_places, "LONGEST_PAUSE", 0.2)


async def seen(stage: Stage, condition: Callable[[], Message | None]) -> Message:
    """The message that a condition finds, as soon as it does."""
    with stage.workspace.watch_changes() as changes:
        async with asyncio.timeout(WAIT):
            while (found := condition()) is None:
                await anext(changes)
            return found


async def begun(stage: Stage, line: str = "/mesh install") -> Message:
    """The message of a run that goes on for a while."""
    stage.cluster.slow_image_pulls(80)
    typing = asyncio.create_task(
        stage.workspace.actions.send_command("host", DEFAULT_CHANNEL, line)
    )
    message = await seen(stage, lambda: last(stage, "running"))
    await typing
    return message


def last(stage: Stage, state: str) -> Message | None:
    """The newest message in the channel that shows this state."""
    found = [m for m in stage.workspace.list_messages() if read_verdict_state(m) == state]
    return found[-1] if found else None


def direct(stage: Stage) -> Message | None:
    """The bot's newest direct message to the host."""
    bot, host = stage.workspace.bot.id, stage.workspace.get_user("host").id
    conversation = stage.workspace.state.open_direct_channel(bot, host)
    found = stage.workspace.list_messages(conversation.id)
    return found[-1] if found else None


def ephemeral(stage: Stage) -> Message | None:
    """What the bot has told the host alone in the channel."""
    found = [m for m in stage.workspace.list_messages() if m.ephemeral_to]
    return found[-1] if found else None


@pytest.mark.long
async def test_an_end_in_an_archived_channel_is_told_and_shown_later(tmp_path: Path) -> None:
    """Who asked gets the verdict directly; the channel has it once it takes messages again."""
    async with playing(tmp_path) as (stage, bot):
        await archive_in_the_middle(stage, bot)


async def archive_in_the_middle(stage: Stage, bot: Bot) -> None:
    """Archives the channel of a run that goes on, and takes that back when it has ended."""
    message = await begun(stage)
    stage.workspace.channel_actions.archive_channel(DEFAULT_CHANNEL)
    told = words(await seen(stage, lambda: direct(stage)))
    assert "I cannot show this in <#C0MESH>: the channel is archived." in told
    assert "is ready" in told
    assert read_verdict_state(message) == "running"
    stage.workspace.channel_actions.unarchive_channel(DEFAULT_CHANNEL)
    await asyncio.sleep(refusing_places.FIRST_PAUSE)
    await bot.channel_messages.deliver_kept_messages()
    shown = await seen(stage, lambda: last(stage, "done"))
    assert (shown.ts, "is ready" in words(shown)) == (message.ts, True)


@pytest.mark.long
async def test_a_token_that_is_refused_makes_the_bot_unready_and_loses_nothing(
    tmp_path: Path,
) -> None:
    """The probe and the figures say so until Slack takes it again; then the end is shown."""
    port = free()
    async with playing(
        tmp_path, MESHBOT_HEALTH__PORT=str(port), MESHBOT_HEALTH__HOST="127.0.0.1"
    ) as (stage, bot):
        message = await begun(stage)
        stage.workspace.faults.account_refusal = "account_inactive"
        async with asyncio.timeout(WAIT):
            while (told := await asked(port, "/readyz"))[0] == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            while await bot.ledger.run_queries.list_unfinished_runs():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert "account_inactive" in told[1]["parts"]["messages"]["says"]
        assert (await asked(port, "/healthz"))[0] == 200
        assert "meshbot_slack_refusing_workspace 1.0" in (await asked(port, "/metrics"))[1]
        assert read_verdict_state(message) == "running"
        # The answer to a command needs no token.
        told_alone = await seen(stage, lambda: ephemeral(stage))
        assert "Slack refuses my access to the workspace" in words(told_alone)
        stage.workspace.faults.account_refusal = ""
        assert (await seen(stage, lambda: last(stage, "done"))).ts == message.ts
        assert (await asked(port, "/readyz"))[0] == 200
