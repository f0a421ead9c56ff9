"""Messages that are kept until Slack has them: late, in order and whole, by whatever process."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.ledger import Ledger
from bot.messages import Place, Posted
from bot.slack.outbound import channel_messages as module
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.deliveries import Deliveries
from bot.slack.webapi.client import build_session
from bot.slack.webapi.rate_limit import EditLimits
from sandbox.workspace import Workspace
from tests.slack.conftest import eventually, message

QUICK = EditLimits(interval=0.05, burst=40, per_minute=600, reserve=2)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A ledger in a file."""
    opened = await Ledger.open(f"sqlite:///{tmp_path}/meshbot.sqlite", owner="elsewhere-1-abc")
    await opened.replicas.join()
    yield opened
    await opened.close()


@pytest.fixture
async def channel_messages(
    client: AsyncWebClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SlackChannelMessages]:
    """Channel messages with an outbox, which lets nobody wait for long."""
    monkeypatch.setattr(module, "HOLD", 0.1)
    channel_messages = SlackChannelMessages(client, pace=QUICK, outbox=ledger.outbox)
    yield channel_messages
    await channel_messages.aclose(0)


def texts(workspace: Workspace) -> list[str]:
    """What stands in the channel."""
    return [found.text for found in workspace.list_messages()]


async def idle(channel_messages: SlackChannelMessages, ledger: Ledger) -> None:
    """Waits until Slack has everything and the ledger knows it."""
    async with asyncio.timeout(40):
        # Nothing announces it.
        while channel_messages.pending or await ledger.outbox.count_pending():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_what_slack_has_is_not_sent_again_while_that_is_noted(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Another process holds the database: the note waits, and the message counts as delivered."""
    deliveries = Deliveries(ledger.outbox)
    entry, _ = await ledger.outbox.enter("C0MESH", message("one"), Place())
    with closing(sqlite3.connect(tmp_path / "meshbot.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        noting = asyncio.create_task(deliveries.record_delivery(entry, Posted("C0MESH", "5.1")))
        await asyncio.sleep(0)
        assert await ledger.outbox.waiting() == [entry]
        assert await deliveries.list_undelivered() == []
        other.execute("COMMIT")
        await noting
    assert await ledger.outbox.waiting() == []


@pytest.mark.long
async def test_what_slack_cannot_take_now_comes_later_in_order(
    workspace: Workspace, channel_messages: SlackChannelMessages, ledger: Ledger, channel: str
) -> None:
    """Whoever posts goes on; edits and ends of what waits are in what is posted at last."""
    workspace.faults.fail_method("chat.postMessage", times=2)
    first, second = [await channel_messages.post(channel, message(text)) for text in ("one", "two")]
    assert first.is_pending
    channel_messages.edit(second, message("two, a little further"))
    await channel_messages.settle(first, message("one, done"))
    await idle(channel_messages, ledger)
    await eventually(lambda: texts(workspace) == ["one, done", "two, a little further"])
    assert [method for method, _ in workspace.calls].count("chat.update") == 1


async def test_an_end_in_an_outage_is_shown_when_it_is_over(
    workspace: Workspace, channel_messages: SlackChannelMessages, ledger: Ledger, channel: str
) -> None:
    """Whoever settles goes on after a moment."""
    posted = await channel_messages.post(channel, message("working"))
    workspace.faults.fail_method("chat.update", times=1)
    await asyncio.wait_for(channel_messages.settle(posted, message("done")), 1)
    await idle(channel_messages, ledger)
    assert texts(workspace) == ["done"]


async def test_another_process_delivers_what_one_left(
    workspace: Workspace,
    client: AsyncWebClient,
    channel_messages: SlackChannelMessages,
    ledger: Ledger,
    channel: str,
    tmp_path: Path,
) -> None:
    """Both what was never posted and an end that was never shown; nothing comes twice."""
    shown = await channel_messages.post(channel, message("working"))
    workspace.faults.fail_method("*", times=6)
    await channel_messages.settle(shown, message("done"))
    await channel_messages.post(channel, message("new"))
    assert await channel_messages.aclose(0) == 2
    await ledger.replicas.leave()
    workspace.faults.clear_faults()
    heir = await Ledger.open(f"sqlite:///{tmp_path}/meshbot.sqlite")
    other = SlackChannelMessages(client, pace=QUICK, outbox=heir.outbox)
    assert await heir.outbox.take_over_orphaned() == 2
    for _ in range(3):
        await other.deliver_kept_messages()
    await idle(other, heir)
    assert texts(workspace) == ["done", "new"]
    await other.aclose(0)
    await heir.close()


async def test_a_lost_answer_doubles_a_message_rather_than_losing_it(
    workspace: Workspace,
    client: AsyncWebClient,
    channel_messages: SlackChannelMessages,
    ledger: Ledger,
    channel: str,
) -> None:
    """Slack took it and could not say so: the one window, and it is counted."""
    workspace.faults.slow_method("chat.postMessage", seconds=0.3)
    async with build_session(timeout=0.1) as hasty:
        usual, client.session = client.session, hasty
        posted = await channel_messages.post(channel, message("working"))
        await asyncio.sleep(0.1)
        client.session = usual
        await channel_messages.settle(posted, message("done"))
        await idle(channel_messages, ledger)
    assert sorted(texts(workspace)) == ["done", "working"]
    assert channel_messages.sender.unsure["repeated"] == 1


async def test_a_named_message_is_posted_once(
    workspace: Workspace,
    channel_messages: SlackChannelMessages,
    channel: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both who post it learn where it stands, also when Slack is slow."""
    monkeypatch.setattr(module, "HOLD", 5.0)
    workspace.faults.slow_method("chat.postMessage", seconds=0.05)
    place = Place(key="digest 7")
    first, second = await asyncio.gather(
        *(channel_messages.post(channel, message("digest"), place) for _ in range(2))
    )
    assert first == second == await channel_messages.post(channel, message("digest"), place)
    assert texts(workspace) == ["digest"]


async def test_a_reply_waits_for_its_thread(
    workspace: Workspace, channel_messages: SlackChannelMessages, ledger: Ledger, channel: str
) -> None:
    """Posted into the thread of a message that Slack does not have yet, it comes there."""
    workspace.faults.fail_method("chat.postMessage", times=1)
    parent = await channel_messages.post(channel, message("parent"))
    await channel_messages.post(channel, message("reply"), Place(thread=parent.ts))
    await idle(channel_messages, ledger)
    first, reply = sorted(workspace.state.messages.values(), key=lambda found: found.ts)
    assert (reply.text, reply.thread_ts) == ("reply", first.ts)
    assert await channel_messages.permalink(parent) == await channel_messages.permalink(
        Posted(channel, first.ts)
    )


async def test_a_refusal_is_told_and_not_repeated(
    workspace: Workspace, channel_messages: SlackChannelMessages, ledger: Ledger
) -> None:
    """A channel that is not there gets nothing, now or later; the same name may try again."""
    for _ in range(2):
        with pytest.raises(SlackError, match="channel_not_found"):
            await channel_messages.post("C0NOWHERE", message("lost"), Place(key="lost"))
        assert await ledger.outbox.count_pending() == 0
    with pytest.raises(SlackError, match="channel_not_found"):
        await channel_messages.settle(Posted("C0NOWHERE", "1.000001"), message("done"))


async def test_an_end_that_was_left_for_a_deleted_message_comes_in_a_new_one(
    workspace: Workspace,
    client: AsyncWebClient,
    channel_messages: SlackChannelMessages,
    ledger: Ledger,
    channel: str,
) -> None:
    """Nobody who left it can tell any more; the outbox does."""
    posted = await channel_messages.post(channel, message("working"))
    workspace.state.delete_message(workspace.state.messages[posted])
    await ledger.outbox.want(posted, message("done"))
    await channel_messages.deliver_kept_messages()
    await eventually(lambda: texts(workspace) == ["done"])
    await idle(channel_messages, ledger)


async def test_what_is_let_go_is_not_posted_here(
    workspace: Workspace, channel_messages: SlackChannelMessages, ledger: Ledger, channel: str
) -> None:
    """It waits for whoever takes it over, even when that is the same process."""
    workspace.faults.fail_method("chat.postMessage", times=1)
    await channel_messages.post(channel, message("one"))
    channel_messages.drop_kept_posts()
    assert channel_messages.pending == 0
    await asyncio.sleep(0.8)
    assert texts(workspace) == []
    workspace.faults.clear_faults()
    await channel_messages.deliver_kept_messages()
    await idle(channel_messages, ledger)
    assert texts(workspace) == ["one"]
