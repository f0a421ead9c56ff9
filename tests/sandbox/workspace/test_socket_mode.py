"""Socket Mode, with a real Bolt app at the other end."""

from __future__ import annotations

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.workspace import Workspace
from tests.sandbox.workspace.conftest import Connect


async def test_a_command_reaches_the_bot_and_its_answer_the_channel(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """A slash command is acknowledged with an ephemeral text, and the message posted after it is edited in place."""

    @app.command("/mesh")
    async def mesh(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack("on it")
        posted = await client.chat_postMessage(channel=body["channel_id"], text="installing")
        await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="ready")

    await connect(app)
    with workspace.changes() as changes:
        typed = await workspace.command("alice", "mesh-workshop", "/mesh install")
        while (await anext(changes)).kind != "edited":
            pass
    assert typed.acked
    assert typed.ack_payload == {"text": "on it"}
    assert sorted(message.text for message in workspace.messages(user="alice")) == ["on it", "ready"]
    assert [message.text for message in workspace.messages(user="bob")] == ["ready"]
    assert workspace.messages(user="bob")[0].edits[0].text == "installing"
