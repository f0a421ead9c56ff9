"""Buttons that the bot does not know, and people whom it does not serve: refused in words, and
nothing is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.messages import Message
from bot.view import blocks
from sandbox.workspace.state import User
from tests.scenarios.screens import says
from tests.scenarios.stage import Stage, playing, words
from tests.scenarios.test_audit import rows

pytestmark = pytest.mark.long

ODD = (
    "mesh:",
    "mesh:confirmed",
    "mesh:confirm:1",
    "mesh:CONFIRM",
    "mesh:yes",
    "mesh:typed:1",
    "mesh:type:a b",
    "mesh:formula",
    "mesh:home:wipe",
    "mesh:schedule:destroy",
    "mesh:tour:jump",
    "mesh:tour:turn",
    "mesh:tour:turn:on:2",
    "mesh:tour:runaway",
)


async def test_an_unknown_button_does_nothing(tmp_path: Path) -> None:
    """Whatever it is called and carries; the question that is open stays open."""
    async with playing(tmp_path) as (stage, bot):
        await stage.type("/mesh bookinfo")
        await stage.type("/mesh bookinfo off")
        (asking,) = await bot.ledger.run_queries.list_unfinished_runs()
        values = {action: "install install" if "tour" in action else asking.id for action in ODD}
        buttons = [blocks.button(action, action, value) for action, value in values.items()]
        posted = await bot.channel_messages.post(
            asking.channel, Message("?", (blocks.actions(*buttons),))
        )
        shown, before = stage.workspace.state.messages[posted], await stage.version()
        for action in ODD:
            await stage.workspace.actions.click_element("host", shown, action)
        found = await rows(bot, 1 + len(ODD))
        assert [row.outcome for row in found[1:]] == ["refused"] * len(ODD)
        await says(stage, "of another release", user="host")
        assert await stage.version() == before
        assert await bot.ledger.run_queries.list_unfinished_runs() == [asking]


async def test_only_hosts_refresh_the_tour(stage: Stage) -> None:
    """Everybody sees its message: an attendee's press changes nothing in it."""
    tour = await stage.type("/mesh workshop")
    shown = len(tour.edits)
    await stage.workspace.actions.click_element("alice", tour, "Refresh")
    assert "needs the role host" in words(await says(stage, "needs the role host", user="alice"))
    assert len(tour.edits) == shown


async def test_people_of_another_workspace_are_refused(tmp_path: Path) -> None:
    """By command, mention and button, as a host by id too; the audit has each."""
    async with playing(tmp_path, MESHBOT_ROLES__HOSTS="U0HOST,U9EVE") as (stage, bot):
        stage.workspace.state.users["U9EVE"] = User("U9EVE", "eve", team="T9OTHER")
        stage.workspace.get_channel().members.add("U9EVE")
        await stage.type("/mesh bookinfo")
        asked = await stage.type("/mesh bookinfo off")
        denial = await stage.type("@eve: /mesh status -> error")
        assert "of another workspace (T9OTHER)" in words(denial)
        assert denial.ephemeral_to == "U9EVE"
        await stage.workspace.actions.mention_bot("eve", "mesh-workshop", "install")
        await stage.workspace.actions.click_element("eve", asked, "Take it away")
        found = await rows(bot, 4)
        assert [(row.user, row.outcome) for row in found[1:]] == [("U9EVE", "denied")] * 3


async def test_the_settings_admit_another_workspace(tmp_path: Path) -> None:
    """Its people are attendees then, as all others."""
    async with playing(tmp_path, MESHBOT_SLACK__TEAMS="T9OTHER") as (stage, _):
        stage.workspace.state.users["U9EVE"] = User("U9EVE", "eve", team="T9OTHER")
        stage.workspace.get_channel().members.add("U9EVE")
        await stage.type("@eve: /mesh whoami")
        assert "needs the role host" in words(await stage.type("@eve: /mesh install -> error"))
