"""Channels that are archived, left and deleted, messages that are edited and deleted, and calls that
fail after Slack carried them out: as the bot meets them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.troubles import FaultControls, build_slack_faults
from sandbox.workspace import SCOPES, InstalledApp, Workspace
from sandbox.workspace.state import Channel
from tests.sandbox.workspace.conftest import Connect, until

CHANNEL = "C0MESH"


async def refused(call: Any) -> str:
    """The code that a call is refused with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_an_archived_channel_takes_nothing(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """Slack has a word of its own for each call, and people have nothing to type into."""
    ts = str((await client.chat_postMessage(channel=CHANNEL, text="x"))["ts"])
    workspace.channel_actions.archive_channel("mesh-workshop")
    assert await refused(client.chat_postMessage(channel=CHANNEL, text="x")) == "is_archived"
    assert await refused(client.chat_update(channel=CHANNEL, ts=ts, text="y")) == "is_inactive"
    assert (await client.conversations_info(channel=CHANNEL))["channel"]["is_archived"]
    assert (await workspace.actions.send_line("host", CHANNEL, "/mesh help")).error == "is_archived"
    workspace.channel_actions.unarchive_channel("mesh-workshop")
    await client.chat_update(channel=CHANNEL, ts=ts, text="y")


async def test_a_channel_can_be_left_restricted_and_deleted(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """A private channel without the bot does not exist for it; a public one it may write in still."""
    workspace.state.channels["C1"] = Channel("C1", "backstage", {"U0MESHBOT"}, is_private=True)
    await client.chat_postMessage(channel="C1", text="x")
    workspace.channel_actions.remove_member("backstage", "meshbot")
    assert await refused(client.chat_postMessage(channel="C1", text="x")) == "channel_not_found"
    workspace.channel_actions.add_member("backstage", "meshbot")
    workspace.state.channels["C1"].posting = "restricted_action_read_only_channel"
    assert (
        await refused(client.chat_postMessage(channel="C1", text="x"))
        == "restricted_action_read_only_channel"
    )
    workspace.channel_actions.delete_channel("backstage")
    assert await refused(client.chat_postMessage(channel="C1", text="x")) == "channel_not_found"


async def test_calls_fail_before_or_after_they_are_carried_out(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """A refusal does nothing; an internal error or a cut connection may have done it all."""
    workspace.faults.refuse_method("chat.postMessage", "restricted_action")
    assert await refused(client.chat_postMessage(channel=CHANNEL, text="no")) == "restricted_action"
    workspace.faults.fail_method("chat.postMessage", code="internal_error", carried_out=True)
    assert await refused(client.chat_postMessage(channel=CHANNEL, text="one")) == "internal_error"
    client.retry_handlers = []
    workspace.faults.cut_method("chat.postMessage")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.chat_postMessage(channel=CHANNEL, text="two")
    assert [message.text for message in workspace.list_messages()] == ["one", "two"]


async def test_a_token_is_refused_everywhere(workspace: Workspace, client: AsyncWebClient) -> None:
    """The app was deactivated: each call says so, and the app's own token is another one."""
    strip = FaultControls(workspace.side, build_slack_faults(workspace), {})
    await strip.start_fault("account")
    assert await refused(client.auth_test()) == "account_inactive"
    await client.apps_connections_open(app_token=workspace.app_token)
    await strip.stop()
    await client.auth_test()


@pytest.fixture
async def reader() -> AsyncIterator[tuple[Workspace, AsyncWebClient]]:
    """A workspace whose app may read public channels."""
    workspace = Workspace(installed=InstalledApp(scopes=SCOPES | {"channels:history"}))
    await workspace.start()
    yield workspace, AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
    await workspace.stop()


async def test_metadata_is_read_by_who_asks_for_it(
    reader: tuple[Workspace, AsyncWebClient],
) -> None:
    """History shows it only on demand, and each type of conversation has a scope of its own."""
    workspace, client = reader
    mark = {"event_type": "mark", "event_payload": {"id": "7"}}
    await client.chat_postMessage(channel=CHANNEL, text="x", metadata=mark)
    plain = await client.conversations_history(channel=CHANNEL)
    full = await client.conversations_history(channel=CHANNEL, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == mark
    workspace.state.channels["C1"] = Channel("C1", "backstage", {"U0MESHBOT"}, is_private=True)
    assert await refused(client.conversations_history(channel="C1")) == "missing_scope"


async def test_an_edited_mention_is_told_once_more(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """The same message, another event; nobody edits what others wrote."""
    heard: list[dict[str, Any]] = []

    @app.event("app_mention")
    async def on_mention(body: dict[str, Any], ack: AsyncAck) -> None:
        await ack()
        heard.append(body)

    await connect(app)
    await workspace.actions.mention_bot("alice", "mesh-workshop", "whoami")
    message = workspace.list_messages()[-1]
    await workspace.channel_actions.edit_mention("alice", message, "status")
    await until(lambda: len(heard) == 2)
    first, second = heard
    assert first["event"]["ts"] == second["event"]["ts"] == message.ts
    assert first["event_id"] != second["event_id"]
    assert ("edited" in first["event"], second["event"]["edited"]["user"]) == (False, "U0ALICE")
    with pytest.raises(LookupError):
        await workspace.channel_actions.edit_message("bob", message, "mine")


async def test_the_bot_hears_who_joins(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """Its own invitation, then those of others; who is there already joins no second time."""
    heard: list[dict[str, Any]] = []

    @app.event("member_joined_channel")
    async def joined(event: dict[str, Any]) -> None:
        heard.append(event)

    await connect(app)
    actions = workspace.channel_actions
    actions.remove_member("mesh-workshop", "meshbot")
    actions.remove_member("mesh-workshop", "alice")
    actions.remove_member("mesh-workshop", "bob")
    await actions.invite_member("mesh-workshop", "alice", "host")
    await actions.invite_member("mesh-workshop", "meshbot", "host")
    await actions.invite_member("mesh-workshop", "bob", "host")
    again = await actions.invite_member("mesh-workshop", "bob", "host")
    assert again.error == "already_in_channel"
    await until(lambda: len(heard) == 2)
    assert [(e["user"], e["inviter"], e["channel_type"]) for e in heard] == [
        ("U0MESHBOT", "U0HOST", "C"),
        ("U0BOB", "U0HOST", "C"),
    ]
