"""The bot is invited to a channel: it greets it once, and its buttons are the first steps."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.app import run_bot
from bot.cli.sandbox_rehearsal import ChannelRehearsal
from tests.scenarios.screens import says, until
from tests.scenarios.stage import Stage, furnished, playing, words

pytestmark = pytest.mark.long


async def invite(stage: Stage) -> None:
    """A host takes the bot out of the channel and invites it again."""
    stage.workspace.channel_actions.remove_member("mesh-workshop", "meshbot")
    await stage.workspace.channel_actions.invite_member("mesh-workshop", "meshbot", "host")


async def test_an_invitation_is_greeted_with_the_first_step(stage: Stage) -> None:
    """The tour is a press away; somebody else who joins is no reason to greet."""
    await invite(stage)
    greeting = await says(stage, "Welcome to the service-mesh workshop")
    assert "`/mesh workshop`" in words(greeting)
    assert "Rehearse" not in words(greeting)
    stage.workspace.channel_actions.remove_member("mesh-workshop", "bob")
    await stage.workspace.channel_actions.invite_member("mesh-workshop", "bob", "host")
    await stage.workspace.actions.click_element("host", greeting, "Start the workshop")
    await says(stage, "Preflight")
    seen = [words(message) for message in stage.workspace.list_messages()]
    assert sum("Welcome" in text for text in seen) == 1


async def test_no_greeting_where_no_command_is_taken(tmp_path: Path) -> None:
    """The bot may be used in another channel only."""
    async with playing(tmp_path, MESHBOT_SLACK__CHANNELS="C0OTHER") as (stage, _):
        await invite(stage)
        await stage.type("@alice: /mesh status -> error")
        assert not any("Welcome" in words(each) for each in stage.workspace.list_messages())


async def test_the_greeting_in_spanish_offers_the_rehearsal_to_hosts(tmp_path: Path) -> None:
    """Only a host may have everything played, and it is played once at a time."""
    async with furnished(tmp_path) as stage:
        rehearsal = ChannelRehearsal(stage.workspace)
        async with run_bot(stage.settings(MESHBOT_LANGUAGE="es"), rehearsal.start):
            await stage.workspace.connections.wait_for_count()
            await invite(stage)
            greeting = await says(stage, "Te damos la bienvenida")
            press = stage.workspace.actions.click_element
            await press("alice", greeting, "Ensayarlo todo")
            await until(
                lambda: [m for m in stage.workspace.list_messages(user="alice") if m.ephemeral_to]
            )
            assert not any("begins" in each.text for each in stage.workspace.list_messages())
            await press("host", greeting, "Ensayarlo todo")
            await says(stage, "`/mesh preflight`")
            assert any("begins" in each.text for each in stage.workspace.list_messages())
            await press("host", greeting, "Ensayarlo todo")
            await says(stage, "El ensayo está en marcha", user="host")
            await asyncio.wait_for(rehearsal.stop(), 40)
