"""What Slack refuses: shown in another form or place where it can be, kept where it may be taken
later, and told either way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.ledger import Ledger
from bot.messages import CHANNEL, Place, Posted, UndeliveredMessage
from bot.slack.outbound import channel_messages as module
from bot.slack.outbound import refusing_places
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.webapi import message_refusals
from bot.slack.webapi.message_refusals import RefusalKind, classify_refusal
from bot.slack.webapi.rate_limit import EditLimits
from bot.slackrules.refusal_codes import WRONG_TOKEN
from sandbox.workspace import Workspace
from tests.slack.conftest import eventually, message

QUICK = EditLimits(interval=0.01, burst=400, per_minute=6000, reserve=2)
UNKNOWN = "brand_new_refusal"
"""A code that Slack may answer one day."""


@dataclass
class Side:
    """Channel messages with an outbox, and what was told of messages that are not shown."""

    workspace: Workspace
    messages: SlackChannelMessages
    ledger: Ledger
    told: list[UndeliveredMessage] = field(default_factory=list)

    async def tell(self, undelivered: UndeliveredMessage) -> None:
        """Takes what is told."""
        self.told.append(undelivered)

    async def deliver(self) -> None:
        """Delivers what is kept, until Slack has everything."""
        async with asyncio.timeout(40):
            while self.messages.pending or await self.ledger.outbox.count_pending():
                await self.messages.deliver_kept_messages()
                await asyncio.sleep(0.005)

    def texts(self) -> list[str]:
        """What stands in the channel."""
        return [found.text for found in self.workspace.list_messages()]


@pytest.fixture
async def side(
    workspace: Workspace, client: AsyncWebClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Side]:
    """Everything is tried again at once."""
    monkeypatch.setattr(refusing_places, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(refusing_places, "LONGEST_PAUSE", 0.0)
    ledger = await Ledger.open(f"sqlite:///{tmp_path}/meshbot.sqlite", owner="one")
    await ledger.replicas.join()
    messages = SlackChannelMessages(client, pace=QUICK, outbox=ledger.outbox)
    made = Side(workspace, messages, ledger)
    messages.refusals.undelivered = made.tell
    yield made
    await messages.aclose(0)
    await ledger.close()


@pytest.mark.long
@pytest.mark.parametrize("kind", [RefusalKind.CHANNEL, RefusalKind.WORKSPACE])
async def test_an_end_that_a_place_refuses_is_kept_told_and_shown_later(
    side: Side, channel: str, kind: RefusalKind
) -> None:
    """For every code of the kind: whoever ends a run goes on, and the end comes when it can."""
    codes = sorted(code for code, of in message_refusals.KINDS.items() if of is kind)
    for code in [*codes, UNKNOWN] if kind is RefusalKind.CHANNEL else codes:
        posted = await side.messages.post(channel, message("working"))
        fault = side.workspace.faults.refuse_method("chat.update", code, times=None)
        await side.messages.settle(posted, message(f"done after {code}"))
        await eventually(lambda: bool(side.told))
        told = side.told.pop()
        assert (told.code, told.kept, told.entry.message.text) == (
            code,
            True,
            f"done after {code}",
        )
        assert told.everywhere == (kind is RefusalKind.WORKSPACE)
        assert code in side.messages.describe_refusals()
        await side.messages.deliver_kept_messages()
        await eventually(lambda: side.messages.pending == 0)
        side.workspace.faults.remove_fault(fault)
        await side.deliver()
        assert side.workspace.state.messages[posted].text == f"done after {code}"
        assert side.messages.describe_refusals() == ""
        side.told.clear()


async def test_an_end_of_a_message_that_cannot_be_edited_is_a_new_message(
    side: Side, channel: str
) -> None:
    """For every code of the kind: once, in the same thread, and edited there from then on."""
    parent = await side.messages.post(channel, message("parent"))
    codes = sorted(code for code, of in message_refusals.KINDS.items() if of is RefusalKind.MESSAGE)
    for code in codes:
        posted = await side.messages.post(channel, message("working"), Place(thread=parent.ts))
        side.workspace.faults.refuse_method("chat.update", code)
        await side.messages.settle(posted, message(f"done after {code}"))
        await side.messages.settle(posted, message(f"seen after {code}"))
        await side.deliver()
        (shown,) = [
            m for m in side.workspace.state.messages.values() if m.text == f"seen after {code}"
        ]
        assert (shown.ts == posted.ts, shown.thread_ts) == (False, parent.ts)
    assert side.told == []


@pytest.mark.long
async def test_content_that_is_refused_is_shown_as_text(side: Side, channel: str) -> None:
    """For every code of the kind, twice refused as well: posted and edited."""
    codes = [code for code, of in message_refusals.KINDS.items() if of is RefusalKind.CONTENT]
    for code in sorted(codes):
        side.workspace.faults.refuse_method("chat.postMessage", code, times=2)
        posted = await side.messages.post(channel, message(f"working, {code}"))
        assert side.workspace.state.messages[posted].text == f"working, {code}"
        side.workspace.faults.refuse_method("chat.update", code, times=2)
        await side.messages.settle(posted, message(f"done, {code}"))
        await side.deliver()
        assert f"done, {code}" in side.texts()
    assert side.told == []


async def test_a_reply_that_its_thread_refuses_goes_into_the_channel(
    side: Side, channel: str
) -> None:
    """For every code of the kind."""
    parent = await side.messages.post(channel, message("parent"))
    for code in sorted(message_refusals.THREAD):
        side.workspace.faults.refuse_method("chat.postMessage", code)
        reply = await side.messages.post(channel, message(code), Place(thread=parent.ts))
        assert side.workspace.state.messages[reply].thread_ts == ""


async def test_who_waits_hears_of_a_refusal_and_nothing_comes_later(
    side: Side, channel: str
) -> None:
    """What was said not to have begun does not appear when the channel is back."""
    side.workspace.channel_actions.archive_channel(channel)
    with pytest.raises(SlackError, match="is_archived"):
        await side.messages.post(channel, message("working"))
    side.workspace.channel_actions.unarchive_channel(channel)
    await side.deliver()
    assert (side.texts(), side.told) == ([], [])


async def test_what_nobody_waits_for_is_kept(
    side: Side, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On demand, and where whoever posted has gone on in an outage before it was refused."""
    monkeypatch.setattr(module, "HOLD", 0.05)
    side.workspace.channel_actions.archive_channel(channel)
    assert (await side.messages.post(channel, message("news"), CHANNEL, keep=True)).is_pending
    side.workspace.faults.slow_method("chat.postMessage", seconds=0.2)
    later = await side.messages.post(channel, message("working"))
    side.messages.edit(later, message("half"))
    await eventually(lambda: len(side.told) == 2)
    await side.messages.settle(later, message("done"))
    await eventually(lambda: len(side.told) == 3)
    assert side.told[-1].entry.message.text == "done"
    side.workspace.channel_actions.unarchive_channel(channel)
    await side.deliver()
    assert side.texts() == ["news", "done"]


async def test_one_message_at_a_time_is_tried_in_a_channel_that_refuses(
    side: Side, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its edits and its kept messages leave Slack's allowance to the others."""
    elsewhere = side.workspace.state.open_direct_channel("U0MESHBOT", "U0BOB").id
    posted = [await side.messages.post(channel, message("working")) for _ in range(4)]
    monkeypatch.setattr(refusing_places, "FIRST_PAUSE", 60.0)
    side.workspace.channel_actions.archive_channel(channel)
    await asyncio.gather(*(side.messages.settle(one, message("done")) for one in posted))
    before = len(side.workspace.calls)
    for one in posted:
        side.messages.edit(one, message("more"))
    await side.messages.deliver_kept_messages()
    await side.messages.post(elsewhere, message("there"))
    assert [name for name, _ in list(side.workspace.calls)[before:]] == ["chat.postMessage"]
    assert "4 kept" in side.messages.describe_refusals()


async def test_another_process_shows_what_a_channel_refused_before(
    side: Side, client: AsyncWebClient, channel: str, tmp_path: Path
) -> None:
    """What waits for its channel is taken over like all else."""
    posted = await side.messages.post(channel, message("working"))
    side.workspace.channel_actions.archive_channel(channel)
    await side.messages.settle(posted, message("done"))
    await side.ledger.replicas.leave()
    heirs = await Ledger.open(f"sqlite:///{tmp_path}/meshbot.sqlite", owner="two")
    assert await heirs.outbox.take_over_orphaned() == 1
    side.workspace.channel_actions.unarchive_channel(channel)
    heir = SlackChannelMessages(client, pace=QUICK, outbox=heirs.outbox)
    await heir.deliver_kept_messages()
    await eventually(lambda: side.texts() == ["done"])
    await heir.aclose(1)
    await heirs.close()


async def test_a_probe_finds_that_a_token_is_good_again(side: Side, channel: str) -> None:
    """Also when nothing waits to be tried: the bot would be unready for ever."""
    side.workspace.faults.account_refusal = "account_inactive"
    with pytest.raises(SlackError, match="account_inactive"):
        await side.messages.post(channel, message("working"))
    assert side.messages.places.workspace is not None
    await side.messages.deliver_kept_messages()
    assert side.messages.places.workspace is not None
    side.workspace.faults.account_refusal = ""
    await side.messages.deliver_kept_messages()
    assert side.messages.places.workspace is None


async def test_refusals_are_in_the_figures(side: Side, channel: str) -> None:
    """How often what was refused, where it is refused now, and how many messages wait."""
    posted = await side.messages.post(channel, message("working"))
    side.workspace.channel_actions.archive_channel(channel)
    await side.messages.settle(posted, message("done"))
    figures = {(m.name, m.labels): m.value for m in side.messages.figures()}
    labels = (("method", "chat.update"), ("code", "is_inactive"))
    assert figures["slack_refusals", labels] == 1
    assert figures["slack_refusing_channels", ()] == figures["messages_held", ()] == 1


def test_a_token_that_sign_in_refuses_is_of_the_workspace() -> None:
    """Whatever is posted then is kept until the token is mended."""
    assert {classify_refusal(code) for code in WRONG_TOKEN} == {RefusalKind.WORKSPACE}


async def test_without_an_outbox_a_refusal_is_told_to_who_ends_a_run(
    workspace: Workspace, client: AsyncWebClient, channel: str
) -> None:
    """Nothing is kept, so that somebody has to say it elsewhere."""
    messages = SlackChannelMessages(client, pace=QUICK)
    posted = await messages.post(channel, message("working"))
    workspace.channel_actions.archive_channel(channel)
    with pytest.raises(SlackError, match="is_inactive"):
        await messages.settle(posted, message("done"))
    with pytest.raises(SlackError, match="is_inactive"):
        await messages.settle(Posted(channel, "1.000001"), message("done"))
    await messages.aclose(0)
