"""*Run it next*: a change that is refused for another one waits for its turn, also over a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import run_bot
from sandbox.workspace import DEFAULT_CHANNEL, Message
from tests.scenarios.screens import says, until
from tests.scenarios.stage import Stage, furnished, playing, words

SETTINGS = {"MESHBOT_DRAIN_SECONDS": "0.1"}


async def refuse(stage: Stage, line: str) -> Message:
    """The refusal of a command while something else runs."""
    before = len(list_refusals(stage))
    await stage.workspace.actions.send_command("host", DEFAULT_CHANNEL, line)
    await until(lambda: len(list_refusals(stage)) > before)
    return list_refusals(stage)[-1]


def list_refusals(stage: Stage) -> list[Message]:
    """The refusals that can wait, the oldest first."""
    return [m for m in stage.workspace.list_messages(user="host") if "Run it next" in words(m)]


async def wait_for_turn(stage: Stage, line: str) -> Message:
    """Let a command wait; return its message in the channel."""
    refused = await refuse(stage, line)
    await stage.workspace.actions.click_element("host", refused, "Run it next")
    return await says(stage, f"clicked `{line}`", "Do not run it")


async def begin_install(stage: Stage) -> None:
    """Begin an installation that takes a while."""
    stage.cluster.slow_image_pulls(60)
    await stage.workspace.actions.send_command("host", DEFAULT_CHANNEL, "/mesh install")
    await says(stage, "typed `/mesh install`")


@pytest.mark.long
async def test_a_refused_change_is_begun_in_its_turn(tmp_path: Path) -> None:
    """Its place is said; each step waits once, the newest wish; what is cancelled is not begun."""
    async with playing(tmp_path, MESHBOT_DRAIN_SECONDS="0.1") as (stage, _):
        await begin_install(stage)
        first = await wait_for_turn(stage, "/mesh addons prometheus")
        assert "it is next" in words(first)
        second = await wait_for_turn(stage, "/mesh bookinfo")
        assert "place 2" in words(second)
        again = await wait_for_turn(stage, "/mesh addons grafana")
        assert "it is replaced" in words(await says(stage, "it is replaced"))
        await stage.workspace.actions.click_element("alice", second, "Do not run it")
        await says(stage, "needs the role host", user="alice")
        await stage.workspace.actions.click_element("host", again, "Do not run it")
        await says(stage, "clicked `/mesh addons grafana`", "it waits no more")
        await says(stage, "typed `/mesh install`", "Done")
        await says(stage, "clicked `/mesh bookinfo`", "Bookinfo answers")
        await says(stage, "clicked `/mesh bookinfo`", "its turn has come")
        assert not [m for m in stage.workspace.list_messages() if "*Add-ons* — Working" in words(m)]


@pytest.mark.long
async def test_a_restart_only_delays_it(tmp_path: Path) -> None:
    """Another process takes up what ran, and then begins what waits."""
    async with furnished(tmp_path) as stage:
        async with run_bot(stage.settings(**SETTINGS)):
            await begin_install(stage)
            await wait_for_turn(stage, "/mesh bookinfo")
        async with run_bot(stage.settings(**SETTINGS)):
            await says(stage, "clicked `/mesh bookinfo`", "Bookinfo answers")
            await says(stage, "clicked `/mesh bookinfo`", "its turn has come")


@pytest.mark.long
async def test_it_is_begun_at_once_when_nothing_is_in_the_way(tmp_path: Path) -> None:
    """The button is pressed after the other one has ended: it runs, and nothing waits."""
    async with playing(tmp_path, MESHBOT_DRAIN_SECONDS="0.1") as (stage, bot):
        await begin_install(stage)
        refused = await refuse(stage, "/mesh bookinfo")
        await says(stage, "typed `/mesh install`", "Done")
        await stage.workspace.actions.click_element("host", refused, "Run it next")
        await says(stage, "clicked `/mesh bookinfo`", "Bookinfo answers")
        assert await bot.ledger.waiting.list_all() == []
