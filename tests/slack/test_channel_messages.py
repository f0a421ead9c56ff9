"""Messages edited in place: few calls, the last word always shown, and nothing lost when Slack
refuses for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.messages import Message, Place, Posted
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.webapi.client import build_session
from bot.slack.webapi.rate_limit import EditLimits
from sandbox.workspace import Workspace
from tests.slack.conftest import eventually, message

QUICK = EditLimits(interval=0.05, burst=40, per_minute=600, reserve=2)


@pytest.fixture
async def channel_messages(client: AsyncWebClient) -> AsyncIterator[SlackChannelMessages]:
    """A board that edits a message up to 20 times a second."""
    channel_messages = SlackChannelMessages(client, pace=QUICK)
    yield channel_messages
    await channel_messages.aclose(0.2)


def text_of(workspace: Workspace, posted: Posted) -> str:
    """What the message says now."""
    return workspace.state.messages[posted].text


def updates(workspace: Workspace) -> list[str]:
    """The texts of all chat.update calls, refused ones too."""
    return [
        str(arguments["text"]) for method, arguments in workspace.calls if method == "chat.update"
    ]


async def test_many_edits_become_few_and_the_last_is_shown(
    workspace: Workspace, channel_messages: SlackChannelMessages, channel: str
) -> None:
    """200 edits cost one call per interval, none out of order."""
    posted = await channel_messages.post(channel, message("edit 000"))
    started = time.monotonic()
    for number in range(1, 201):
        channel_messages.edit(posted, message(f"edit {number:03}"))
        await asyncio.sleep(0.0015)
    await eventually(lambda: channel_messages.pending == 0)
    sent = updates(workspace)
    assert text_of(workspace, posted) == "edit 200"
    assert len(sent) <= (time.monotonic() - started) / QUICK.interval + 1
    assert sent == sorted(sent)
    assert (channel_messages.edits.sent, channel_messages.edits.coalesced) == (
        len(sent),
        200 - len(sent),
    )


async def test_a_final_edit_goes_before_waiting_ones(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """With tokens left for final edits alone, a settled message is shown while others wait."""
    channel_messages = SlackChannelMessages(
        client, pace=replace(QUICK, burst=2, per_minute=60, reserve=1)
    )
    first, second, last = [
        await channel_messages.post(channel, message(f"run {number}")) for number in range(3)
    ]
    await asyncio.sleep(QUICK.interval)
    for posted in (first, second, last):
        channel_messages.edit(posted, message("working"))
    await asyncio.wait_for(channel_messages.settle(last, message("done")), 0.9)
    assert updates(workspace) == ["working", "done"]
    assert text_of(workspace, last) == "done"
    assert channel_messages.pending == 1
    assert await channel_messages.aclose(0) == 1


async def test_news_is_shown_when_the_allowance_is_short(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """What people wait for takes some of what small changes must leave; the rest stays for final
    edits."""
    channel_messages = SlackChannelMessages(
        client, pace=replace(QUICK, burst=3, per_minute=6, reserve=2)
    )
    first, second, third = [
        await channel_messages.post(channel, message(f"run {number}")) for number in range(3)
    ]
    await asyncio.sleep(QUICK.interval)
    channel_messages.edit(first, message("small"))
    await eventually(lambda: updates(workspace) == ["small"])
    channel_messages.edit(second, message("news"), news=True)
    channel_messages.edit(second, message("news, a little later"))
    channel_messages.edit(third, message("more news"), news=True)
    await eventually(lambda: updates(workspace) == ["small", "news, a little later"])
    await channel_messages.settle(third, message("done"))
    assert updates(workspace) == ["small", "news, a little later", "done"]
    await channel_messages.aclose(0)


async def test_settling_does_not_wait_for_the_interval(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """The end of a run is shown at once, however short ago the last edit was."""
    channel_messages = SlackChannelMessages(client)
    posted = await channel_messages.post(channel, message("working"))
    await asyncio.wait_for(channel_messages.settle(posted, message("done")), 0.5)
    assert text_of(workspace, posted) == "done"
    await channel_messages.aclose(0)


async def test_after_a_429_the_last_word_is_shown_once_slack_allows(
    workspace: Workspace, channel_messages: SlackChannelMessages, channel: str
) -> None:
    """Posting and editing wait for Retry-After, and nothing is lost or sent in between."""
    workspace.faults.rate_limit_method("chat.postMessage", retry_after=0)
    posted = await channel_messages.post(channel, message("working"))
    workspace.faults.rate_limit_method("chat.update", retry_after=1)
    channel_messages.edit(posted, message("half"))
    gates = (channel_messages.sender.gate, channel_messages.edits.gate)
    await eventually(lambda: [gate.waits for gate in gates] == [1, 1])
    started = time.monotonic()
    channel_messages.edit(posted, message("nearly"))
    await channel_messages.settle(posted, message("done"))
    assert 0.9 < time.monotonic() - started < 5
    assert updates(workspace) == ["half", "done"]
    assert text_of(workspace, posted) == "done"


async def test_a_failing_slack_is_tried_again(
    workspace: Workspace, channel_messages: SlackChannelMessages, channel: str
) -> None:
    """5xx is no refusal of an edit: the message has its last word once Slack is back."""
    posted = await channel_messages.post(channel, message("working"))
    workspace.faults.fail_method("chat.update", times=1, status=500)
    await channel_messages.settle(posted, message("done"))
    assert [found.text for found in workspace.list_messages()] == ["done"]


async def test_a_post_that_was_cut_is_not_repeated(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """When Slack may have posted without saying so, the caller is told rather than the channel told
    twice."""
    workspace.faults.slow_method("chat.postMessage", seconds=0.3)
    async with build_session(timeout=0.1) as hasty:
        client.session = hasty
        with pytest.raises(SlackError, match="no_answer"):
            await SlackChannelMessages(client).post(channel, message("working"))
    await eventually(lambda: len(workspace.list_messages()) == 1)
    assert [method for method, _ in workspace.calls].count("chat.postMessage") == 1


@pytest.mark.parametrize(
    ("posted", "code"),
    [
        (Posted("C0MESH", "1.000001"), "message_not_found"),
        (Posted("C0NOWHERE", "1.000001"), "channel_not_found"),
    ],
)
async def test_settling_what_is_gone_says_so(
    channel_messages: SlackChannelMessages, posted: Posted, code: str
) -> None:
    """A message that cannot be edited any more raises Slack's own code."""
    with pytest.raises(SlackError, match=code):
        await channel_messages.settle(posted, message("done"))


async def test_a_lost_edit_holds_nothing_up(
    workspace: Workspace,
    channel_messages: SlackChannelMessages,
    channel: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An edit of a deleted message is logged, and the next message is edited all the same."""
    gone, here = [await channel_messages.post(channel, message("working")) for _ in range(2)]
    workspace.state.delete_message(workspace.state.messages[gone])
    channel_messages.edit(gone, message("lost"))
    channel_messages.edit(here, message("shown"))
    await eventually(lambda: channel_messages.pending == 0)
    assert text_of(workspace, here) == "shown"
    assert "message_not_found" in caplog.text


async def test_an_edit_that_was_under_way_does_not_overwrite_the_end(
    workspace: Workspace, channel_messages: SlackChannelMessages, channel: str
) -> None:
    """A slow edit is waited for, so that the last word is the last."""
    posted = await channel_messages.post(channel, message("working"))
    workspace.faults.slow_method("chat.update", seconds=0.2)
    channel_messages.edit(posted, message("half"))
    await eventually(lambda: updates(workspace) == ["half"])
    await channel_messages.settle(posted, message("done"))
    assert [text_of(workspace, posted), *updates(workspace)] == ["done", "half", "done"]


async def test_edits_keep_within_a_minute_s_allowance(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """The bucket's burst and rate hold for all messages together, not for each."""
    channel_messages = SlackChannelMessages(
        client, pace=EditLimits(interval=0.01, burst=6, per_minute=600, reserve=2)
    )
    messages = [await channel_messages.post(channel, message("working")) for _ in range(5)]
    started = time.monotonic()
    while time.monotonic() - started < 0.5:
        for posted in messages:
            channel_messages.edit(posted, message("busy"))
        await asyncio.sleep(0.005)
    assert 4 <= len(updates(workspace)) <= 4 + 10 * 0.5 + 2
    await channel_messages.aclose(0)


def test_the_allowance_is_what_slack_grants() -> None:
    """Burst and rate together stay within 50 calls in any minute (Tier 3)."""
    pace = EditLimits()
    assert pace.burst + pace.per_minute <= 50


async def test_closing_sends_what_waits(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """A drain shows the last words of all messages before the bot goes."""
    channel_messages = SlackChannelMessages(client, pace=QUICK)
    messages = [await channel_messages.post(channel, message("working")) for _ in range(5)]
    for posted in messages:
        channel_messages.edit(posted, message("last word"))
    assert await channel_messages.aclose(2) == 0
    assert {text_of(workspace, posted) for posted in messages} == {"last word"}


async def test_closing_in_an_outage_tells_who_waits(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """With Slack away the grace ends, and whoever waits for the last edit gets an error, not a
    hang."""
    channel_messages = SlackChannelMessages(client, pace=QUICK)
    posted = await channel_messages.post(channel, message("working"))
    workspace.faults.fail_method("chat.update", times=99)
    settling = asyncio.create_task(channel_messages.settle(posted, message("done")))
    await eventually(lambda: bool(updates(workspace)))
    assert await channel_messages.aclose(0.1) == 1
    with pytest.raises(SlackError, match="shutting_down"):
        await settling


async def test_patience_with_an_outage_ends(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """A final edit that Slack does not answer for long enough raises, so that the run can be noted
    as unshown."""
    channel_messages = SlackChannelMessages(client, pace=replace(QUICK, patience=0.2))
    posted = await channel_messages.post(channel, message("working"))
    workspace.faults.fail_method("chat.update", times=99)
    with pytest.raises(SlackError, match="no_answer"):
        await channel_messages.settle(posted, message("done"))
    await channel_messages.aclose(0)


async def test_a_message_with_blocks_that_slack_refuses_is_shown_as_text(
    workspace: Workspace, channel_messages: SlackChannelMessages, channel: str
) -> None:
    """Wrong blocks cost the decoration, never the message."""
    posted = await channel_messages.post(
        channel, Message("working", ({"type": "section", "block_id": "verdict:running"},))
    )
    await channel_messages.settle(
        posted, Message("done", ({"type": "nonsense", "block_id": "verdict:done"},))
    )
    shown = workspace.state.messages[posted]
    assert shown.text == "done"
    assert shown.blocks[0]["block_id"] == "verdict:done"


async def test_a_message_has_a_link(
    workspace: Workspace, channel_messages: SlackChannelMessages, channel: str
) -> None:
    """permalink gives Slack's link, and "" where there is none."""
    posted = await channel_messages.post(channel, message("working"))
    link = await channel_messages.permalink(posted)
    assert link.startswith("https://")
    assert posted.ts.replace(".", "") in link
    assert await channel_messages.permalink(Posted(channel, "1.000001")) == ""


async def test_a_reply_goes_into_its_thread(
    workspace: Workspace, channel_messages: SlackChannelMessages, channel: str
) -> None:
    """What belongs to a message stands in its thread."""
    parent = await channel_messages.post(channel, message("parent"))
    reply = await channel_messages.post(channel, message("reply"), Place(thread=parent.ts))
    assert workspace.state.messages[reply].thread_ts == parent.ts
