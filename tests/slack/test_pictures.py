"""Pictures on their way into messages, against a Slack that takes its time, refuses, or takes none
at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.drawings import Picture
from bot.engine import PictureAttacher
from bot.errors import SlackError
from bot.language import ENGLISH
from bot.messages import Posted
from bot.pictures import DrawingProcess
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.outbound.files import SlackFiles, list_file_blocks
from bot.slack.webapi.rate_limit import EditLimits
from sandbox.workspace import InstalledApp, Message, Workspace
from tests.pictures.examples import burst
from tests.slack.conftest import message

pytest.importorskip("PIL", reason="the extra `graphs` is not installed")

PICTURE: Picture = burst(3)
PNG = b"\x89PNG"
PAUSES = (0.03, 0.07, 0.1, 0.2, 0.3)
"""A bot that asks as soon as its Slack is quick."""


@pytest.fixture(autouse=True)
def _quick(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Slack that knows a file after half a tenth of a second."""
    workspace.faults.file_delay = 0.05
    monkeypatch.setattr("bot.slack.outbound.files.WAITS", PAUSES)


@pytest.fixture
async def channel_messages(client: AsyncWebClient) -> AsyncIterator[SlackChannelMessages]:
    """Channel messages that are edited without waiting."""
    channel_messages = SlackChannelMessages(
        client, pace=EditLimits(interval=0.01, burst=40, per_minute=6000, reserve=2)
    )
    yield channel_messages
    await channel_messages.aclose(0.2)


@pytest.fixture
def files(client: AsyncWebClient, session: aiohttp.ClientSession) -> SlackFiles:
    """The way files go."""
    return SlackFiles(client, session)


@pytest.fixture
async def picture_attacher(
    files: SlackFiles, channel_messages: SlackChannelMessages
) -> AsyncIterator[PictureAttacher]:
    """What adds pictures, with a process that draws."""
    process = DrawingProcess(seconds=20)
    yield PictureAttacher(process, files, channel_messages, say=ENGLISH, pauses=PAUSES)
    await process.close()


def pictures(found: Message) -> list[str]:
    """The files that a message shows."""
    return [block["slack_file"]["id"] for block in list_file_blocks(found.blocks)]


def methods(workspace: Workspace) -> list[str]:
    """The names of all calls."""
    return [method for method, _ in workspace.calls]


async def test_an_upload_keeps_bytes_and_words(workspace: Workspace, files: SlackFiles) -> None:
    """Three steps, no channel, and the alt text cut where Slack would refuse it."""
    id_ = await files.upload("graph.png", PNG, title="Traffic", alt="a" * 1500)
    file = workspace.state.files[id_]
    assert (file["bytes"], file["title"], len(file["alt_txt"]), file["shared"]) == (
        PNG,
        "Traffic",
        1000,
        set(),
    )


async def test_a_picture_is_hung_into_its_message_and_its_thread(
    workspace: Workspace,
    channel_messages: SlackChannelMessages,
    picture_attacher: PictureAttacher,
    channel: str,
) -> None:
    """Uploaded once, posted in the thread so that everyone may see it, then edited in under the
    headline."""
    posted = await channel_messages.post(channel, message("done", block_id="verdict:done"))
    await picture_attacher.attach(posted, message("done", block_id="verdict:done"), PICTURE)
    first, reply = workspace.list_messages()
    assert [block["type"] for block in first.blocks] == ["section", "image"]
    assert (reply.thread_ts, pictures(reply)) == (first.ts, pictures(first))
    assert first.blocks[1]["alt_text"] == str(PICTURE.words)
    assert methods(workspace).count("files.completeUploadExternal") == 1
    assert workspace.state.files[pictures(first)[0]]["shared"] == {channel}


async def test_a_slow_slack_is_asked_again(
    workspace: Workspace,
    channel_messages: SlackChannelMessages,
    picture_attacher: PictureAttacher,
    channel: str,
) -> None:
    """It refuses the blocks until it knows the file; the same file is shown after that."""
    workspace.faults.file_delay = 0.15
    posted = await channel_messages.post(channel, message("done"))
    await picture_attacher.attach(posted, message("done"), PICTURE)
    assert pictures(workspace.list_messages()[0])
    assert methods(workspace).count("chat.postMessage") >= 3
    assert methods(workspace).count("files.getUploadURLExternal") == 1


async def test_words_stay_when_slack_never_knows_the_file(
    workspace: Workspace,
    channel_messages: SlackChannelMessages,
    picture_attacher: PictureAttacher,
    channel: str,
) -> None:
    """The message is as it was, and its thread empty."""
    workspace.faults.file_delay = 60.0
    posted = await channel_messages.post(channel, message("done"))
    await picture_attacher.attach(posted, message("done"), PICTURE)
    (only,) = workspace.list_messages()
    assert (only.text, pictures(only), picture_attacher.attached) == ("done", [], 0)


async def test_without_the_scope_it_is_tried_once(
    workspace: Workspace,
    channel_messages: SlackChannelMessages,
    picture_attacher: PictureAttacher,
    channel: str,
) -> None:
    """Words alone from then on; nobody waits for a picture that cannot come."""
    workspace._core.installed = InstalledApp(scopes=frozenset({"chat:write"}))
    posted = await channel_messages.post(channel, message("done"))
    for _ in range(2):
        await picture_attacher.attach(posted, message("done"), PICTURE)
    assert (len(workspace.list_messages()), picture_attacher.refused) == (1, "missing_scope")
    assert methods(workspace).count("files.getUploadURLExternal") == 1


async def test_a_whisper_shows_its_picture_to_one_person(
    workspace: Workspace,
    client: AsyncWebClient,
    session: aiohttp.ClientSession,
    picture_attacher: PictureAttacher,
    channel: str,
) -> None:
    """By the bot's own token and not by response_url, which may not show it; nobody else may fetch
    the file."""
    url = workspace._core.create_response_url(kind="commands", channel=channel, user="U0ALICE")
    reply = EphemeralResponder(client, session).open_channel_reply("U0ALICE", channel, url)
    await reply.say(await picture_attacher.add_to_message(message("graph"), PICTURE))
    (seen,) = workspace.list_messages(user="alice")
    assert workspace.state.files[pictures(seen)[0]]["shared"] == {"U0ALICE"}
    assert "chat.postEphemeral" in methods(workspace)


async def test_a_whisper_without_its_picture_is_still_said(
    workspace: Workspace,
    client: AsyncWebClient,
    session: aiohttp.ClientSession,
    picture_attacher: PictureAttacher,
    channel: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The words go by response_url when the picture is refused to the end."""
    monkeypatch.setattr("bot.slack.outbound.files.WAITS", (0.01, 0.01))
    workspace.faults.file_delay = 60.0
    url = workspace._core.create_response_url(kind="commands", channel=channel, user="U0ALICE")
    await (
        EphemeralResponder(client, session)
        .open_channel_reply("U0ALICE", channel, url)
        .say(await picture_attacher.add_to_message(message("graph"), PICTURE))
    )
    (seen,) = workspace.list_messages(user="alice")
    assert (seen.text, pictures(seen)) == ("graph", [])


async def test_a_refused_picture_is_no_reason_to_post_its_words_twice(
    workspace: Workspace, channel_messages: SlackChannelMessages, channel: str
) -> None:
    """A message that is a picture alone is not posted as text; an edit with one leaves the message
    as it is."""
    block = {"type": "image", "slack_file": {"id": "F0UNKNOWN00"}, "alt_text": "a graph"}
    illustrated = message("done")
    illustrated = illustrated.__class__(illustrated.text, (*illustrated.blocks, block))
    posted: Posted = await channel_messages.post(channel, message("done"))
    for attempt in (
        channel_messages.post(channel, illustrated),
        channel_messages.settle(posted, illustrated),
    ):
        with pytest.raises(SlackError, match="invalid_blocks"):
            await asyncio.wait_for(attempt, 40)
    assert [found.edits for found in workspace.list_messages()] == [[]]
