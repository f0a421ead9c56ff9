"""Answers to one person find a way: the response_url while it lasts, then the Web API."""

from __future__ import annotations

from datetime import timedelta

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.messages import Reply
from bot.slack.outbound.ephemeral import EphemeralResponder
from sandbox.workspace import DEFAULT_CHANNEL, Workspace
from tests.slack.conftest import RecordingRouter, message


async def open_reply_to_alice(workspace: Workspace, router: RecordingRouter) -> Reply:
    """What the router gets with a command that alice typed."""
    await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh help")
    await router.wait()
    return router.replies[0]


def api_answers(workspace: Workspace) -> int:
    """How many answers went over the Web API."""
    return [method for method, _ in workspace.calls].count("chat.postEphemeral")


@pytest.mark.usefixtures("link")
async def test_the_first_five_go_by_response_url(
    workspace: Workspace, router: RecordingRouter
) -> None:
    """Slack takes five answers there; the sixth and later ones arrive all the same, and only alice
    sees them."""
    reply = await open_reply_to_alice(workspace, router)
    for number in range(7):
        await reply.say(message(f"answer {number}"))
    seen = [found.text for found in workspace.list_messages(user="alice")]
    assert seen == [f"answer {number}" for number in range(7)]
    assert api_answers(workspace) == 2
    assert workspace.list_messages(user="bob") == []


@pytest.mark.usefixtures("link")
async def test_a_response_url_that_slack_calls_expired_is_given_up(
    workspace: Workspace, router: RecordingRouter
) -> None:
    """After half an hour the answer goes over the Web API."""
    reply = await open_reply_to_alice(workspace, router)
    for target in workspace._core.response_urls.values():
        target.made -= timedelta(minutes=31)
    await reply.say(message("late"))
    assert [found.text for found in workspace.list_messages(user="alice")] == ["late"]
    assert api_answers(workspace) == 1


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9/gone", "file:///etc/passwd", "nonsense"])
async def test_without_a_response_url_the_web_api_answers(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession, url: str
) -> None:
    """A missing or dead address costs nothing but the attempt."""
    await (
        EphemeralResponder(client, session)
        .open_channel_reply("U0ALICE", "C0MESH", url)
        .say(message("hello"))
    )
    assert [found.text for found in workspace.list_messages(user="alice")] == ["hello"]


async def test_what_cannot_be_said_is_logged(
    client: AsyncWebClient, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody to tell is no reason to raise."""
    await (
        EphemeralResponder(client, session)
        .open_channel_reply("U0NOBODY", "C0NOWHERE")
        .say(message("hello"))
    )
    assert "an answer to U0NOBODY was lost" in caplog.text


@pytest.mark.parametrize("fault", ["429", "503"])
async def test_an_answer_is_tried_again_while_slack_takes_none(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession, fault: str
) -> None:
    """Who waits for one would otherwise hear nothing."""
    if fault == "429":
        workspace.faults.rate_limit_method("chat.postEphemeral", retry_after=0)
    else:
        workspace.faults.fail_method("chat.postEphemeral")
    reply = EphemeralResponder(client, session).open_channel_reply("U0ALICE", "C0MESH")
    await reply.say(message("hello"))
    assert [found.text for found in workspace.list_messages(user="alice")] == ["hello"]


async def test_an_answer_in_an_archived_channel_is_written_directly(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    """Neither the response_url nor the channel takes it; the person gets it all the same."""
    typed = await workspace.actions.send_command("alice", "mesh-workshop", "/mesh help")
    workspace.channel_actions.archive_channel("mesh-workshop")
    reply = EphemeralResponder(client, session).open_channel_reply(
        "U0ALICE", "C0MESH", typed.response_url
    )
    await reply.say(message("hello"))
    direct = workspace.state.open_direct_channel("U0MESHBOT", "U0ALICE")
    assert [found.text for found in workspace.list_messages(direct.id, "alice")] == ["hello"]


async def test_who_is_not_in_the_channel_is_written_to(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    """A run that was asked for in App Home may be answered in a channel that the person never
    joined."""
    workspace.get_channel().members.discard("U0ALICE")
    await (
        EphemeralResponder(client, session)
        .open_channel_reply("U0ALICE", "C0MESH")
        .say(message("hello"))
    )
    direct = workspace.state.open_direct_channel("U0MESHBOT", "U0ALICE")
    assert [found.text for found in workspace.list_messages(direct.id, "alice")] == ["hello"]
