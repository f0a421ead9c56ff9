"""Slack away, slow, forgetful or repeating itself, and the ledger with it: whoever types is
answered all the same."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bot.ledger import database
from bot.messages import Message as Shown
from bot.view import result_messages
from sandbox.cluster.contract import Ref
from sandbox.workspace import Message
from sandbox.workspace.plain import read_verdict_state
from sandbox.workspace.state import Channel
from tests.scenarios.stage import Stage, playing, words

pytestmark = pytest.mark.long

WAIT = 40.0


async def end(stage: Stage, *, channel: str = "mesh-workshop", user: str = "host") -> Message:
    """The bot's newest message in a channel, once it shows an end."""
    with stage.workspace.watch_changes() as changes:
        async with asyncio.timeout(WAIT):
            while True:
                mine = [
                    m
                    for m in stage.workspace.list_messages(channel, user)
                    if m.user == stage.workspace.bot.id
                ]
                if mine and (read_verdict_state(mine[-1]) or "done") != "running":
                    return mine[-1]
                await anext(changes)


async def begun(stage: Stage, line: str = "/mesh install") -> Message:
    """Types that, with pulls so slow that it goes on for a second; gives its message while it runs."""
    stage.cluster.slow_image_pulls(80)
    with stage.workspace.watch_changes() as changes:
        await stage.workspace.actions.send_command("host", "mesh-workshop", line)
        async with asyncio.timeout(WAIT):
            async for change in changes:
                if change.message is not None and read_verdict_state(change.message) == "running":
                    return change.message
    raise AssertionError("the changes ended")


async def test_a_deleted_message_is_replaced_by_the_end(stage: Stage) -> None:
    """Somebody deletes the message in the middle: the verdict comes in a new one."""
    message = await begun(stage)
    stage.workspace.state.delete_message(message)
    last = await end(stage)
    assert last.ts != message.ts
    assert "is ready" in words(last)


async def test_a_deleted_question_is_asked_again(stage: Stage) -> None:
    """Typed again after its message was deleted, it can still be confirmed."""
    await stage.type("/mesh install")
    await stage.type("/mesh uninstall")
    stage.workspace.state.delete_message(stage.newest())
    await stage.type("/mesh uninstall")
    assert "the mesh is gone" in words(await stage.type('click "Confirm"'))


async def test_a_private_channel_without_the_bot_is_said(stage: Stage) -> None:
    """The person alone is told how to invite it, and nothing is started."""
    people = {stage.workspace.get_user("host").id}
    stage.workspace.state.channels["C0PRIV"] = Channel(
        "C0PRIV", "backstage", people, is_private=True
    )
    await stage.workspace.actions.send_command("host", "backstage", "/mesh install")
    said = await end(stage, channel="backstage")
    assert said.ephemeral_to
    assert "I cannot post in this channel" in words(said)
    assert "/invite @meshbot" in words(said)


async def test_a_direct_conversation_is_a_channel_too(stage: Stage) -> None:
    """An install that is typed to the bot alone is carried out there."""
    direct = stage.workspace.state.open_direct_channel(
        stage.workspace.bot.id, stage.workspace.get_user("host").id
    )
    await stage.workspace.actions.send_command("host", direct.id, "/mesh install")
    assert "is ready" in words(await end(stage, channel=direct.id))


@pytest.mark.parametrize("method", ["chat.update", "chat.postMessage"])
async def test_slack_that_limits_or_fails_is_waited_for(stage: Stage, method: str) -> None:
    """429 and 503 in the middle: later, and whole."""
    stage.workspace.faults.rate_limit_method(method, times=2, retry_after=1)
    stage.workspace.faults.fail_method(method, times=1)
    assert "is ready" in words(await stage.type("/mesh install"))


async def test_slack_that_takes_no_message_for_a_while_gets_it_later(stage: Stage) -> None:
    """Posting fails again and again: the run goes on, and its one message comes with the verdict
    when Slack is back."""
    stage.workspace.faults.fail_method("chat.postMessage", times=5)
    assert "is ready" in words(await stage.type("/mesh install"))
    assert (
        len([m for m in stage.workspace.list_messages() if m.user == stage.workspace.bot.id]) == 1
    )


async def test_slow_answers_lose_no_order(stage: Stage) -> None:
    """Slack takes its time for each call: the verdict is the last word all the same, in the one
    message."""
    for method in ("chat.postMessage", "chat.update"):
        stage.workspace.faults.slow_method(method, seconds=0.3, times=3)
    last = await stage.type("/mesh install")
    await asyncio.sleep(0.5)
    assert read_verdict_state(last) == "done"
    assert (
        len([m for m in stage.workspace.list_messages() if m.user == stage.workspace.bot.id]) == 1
    )


async def test_a_refresh_amid_a_run_loses_nothing(stage: Stage) -> None:
    """Slack asks for a new connection in the middle: the run goes on, and what is typed then is
    answered."""
    await begun(stage)
    await stage.workspace.connections.refresh_all()
    await asyncio.wait_for(stage.workspace.connections.wait_for_count(), WAIT)
    await stage.type("@alice: /mesh whoami")
    assert "is ready" in words(await end(stage))


async def test_a_lost_socket_loses_no_run(stage: Stage) -> None:
    """The connection goes in the middle; the verdict is shown, and the next command is heard."""
    await begun(stage)
    await stage.workspace.connections.drop_all("close")
    assert "is ready" in words(await end(stage))
    await asyncio.wait_for(stage.workspace.connections.wait_for_count(), WAIT)
    assert "✅ install" in words(await stage.type("/mesh status"))


async def test_a_command_that_is_delivered_twice_is_carried_out_once(stage: Stage) -> None:
    """One message, one run."""
    stage.workspace.faults.duplicates = 1
    await stage.type("/mesh install")
    assert (
        len([m for m in stage.workspace.list_messages() if m.user == stage.workspace.bot.id]) == 1
    )


async def test_a_ledger_without_its_table_is_said(tmp_path: Path) -> None:
    """The database is broken: the person is told, and looking still works."""
    async with playing(tmp_path) as (stage, _):
        with sqlite3.connect(tmp_path / "meshbot.sqlite") as database:
            names = [
                row[0]
                for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            for name in (name for name in names if not name.startswith("sqlite_")):
                database.execute(f'DROP TABLE "{name}"')
        said = words(await stage.type("/mesh install -> error"))
        assert "My database cannot be used" in said
        assert "The bot's administrator" in said
        await stage.type("/mesh status")


async def test_a_ledger_that_is_locked_in_the_middle_loses_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done is shown though it could not be kept, and kept when the ledger is back."""
    monkeypatch.setattr(database, "PATIENCE", 0.3)
    async with playing(tmp_path) as (stage, bot):
        await begun(stage)
        async with asyncio.timeout(30):
            # Before it has begun to write it would rather not write at all.
            while not await stage.api.get(  # noqa: ASYNC110 - the bot has no event for it
                Ref("", "namespaces"), "istio-system"
            ):
                await asyncio.sleep(0.02)
        locked = sqlite3.connect(tmp_path / "meshbot.sqlite", isolation_level=None)
        locked.execute("BEGIN EXCLUSIVE")
        assert "is ready" in words(await end(stage))
        locked.execute("ROLLBACK")
        locked.close()
        assert "already installed" in words(await stage.type("/mesh install"))
        assert await bot.ledger.run_queries.list_unfinished_runs() == []


async def test_even_an_answer_that_cannot_be_built_is_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain words are the last resort."""

    def broken(*_: object) -> Shown:
        raise RuntimeError("no blocks today")

    monkeypatch.setattr(result_messages, "render_user_error", broken)
    await stage.workspace.actions.send_command("host", "mesh-workshop", "/mesh nonesuch")
    assert "I could not build the answer to that (RuntimeError)" in (await end(stage)).text
