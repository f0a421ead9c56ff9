"""Connections of Socket Mode: lost, doubled, refused and made again; a bare WebSocket is at the
other end where Bolt hides the frames."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.workspace import Workspace
from tests.sandbox.workspace.conftest import Connect, until


async def open_url(workspace: Workspace) -> str:
    """A fresh WebSocket URL."""
    client = AsyncWebClient(base_url=workspace.api_url)
    answer = await client.apps_connections_open(app_token=workspace.app_token)
    return str(answer["url"])


@pytest.mark.parametrize("how", ["close", "refresh"])
async def test_a_lost_connection_is_made_again(
    workspace: Workspace, app: AsyncApp, connect: Connect, how: str
) -> None:
    """After a close frame or a refresh the bot asks for a new ticket, and the next command reaches
    it."""

    @app.command("/mesh")
    async def mesh(ack: AsyncAck) -> None:
        await ack("here")

    await connect(app)
    opened = [name for name, _ in workspace.calls].count("apps.connections.open")
    await (
        workspace.connections.refresh_all()
        if how == "refresh"
        else workspace.connections.drop_all("close")
    )
    assert workspace.connections.count == 0
    await asyncio.wait_for(workspace.connections.wait_for_count(), 40)
    assert (await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")).is_acked
    assert [name for name, _ in workspace.calls].count("apps.connections.open") == opened + 1


async def test_an_acknowledgement_may_come_over_another_connection(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """A refresh between command and acknowledgement loses neither: envelopes are matched by id, not
    by socket."""
    go = asyncio.Event()

    @app.command("/mesh")
    async def mesh(ack: AsyncAck) -> None:
        await go.wait()
        await ack("still here")

    await connect(app)
    typing = asyncio.create_task(workspace.actions.send_command("bob", "mesh-workshop", "/mesh x"))
    await asyncio.sleep(0.05)
    await workspace.connections.refresh_all("warning")
    await asyncio.wait_for(workspace.connections.wait_for_count(), 40)
    go.set()
    assert (await typing).is_acked


async def test_each_envelope_goes_to_one_connection(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """Two connections share the work: every command is heard once."""
    heard: list[str] = []

    @app.command("/mesh")
    async def mesh(ack: AsyncAck, body: dict[str, Any]) -> None:
        heard.append(body["text"])
        await ack()

    await connect(app)
    await connect(app)
    for number in range(4):
        await workspace.actions.send_command("bob", "mesh-workshop", f"/mesh {number}")
    assert heard == ["0", "1", "2", "3"]


async def test_a_duplicate_has_the_same_payload(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """On demand an envelope comes twice, with the same trigger, so that only the bot's own care
    prevents two runs."""
    triggers: list[str] = []

    @app.command("/mesh")
    async def mesh(ack: AsyncAck, body: dict[str, Any]) -> None:
        triggers.append(body["trigger_id"])
        await ack()

    await connect(app)
    workspace.faults.duplicates = 1
    await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")
    await until(lambda: len(triggers) == 2)
    assert triggers[0] == triggers[1]


async def test_a_ticket_opens_one_connection(workspace: Workspace) -> None:
    """The URL of apps.connections.open works once; used again, the handshake fails."""
    url = await open_url(workspace)
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        hello = json.loads((await socket.receive()).data)
        assert (hello["type"], hello["connection_info"]) == ("hello", {"app_id": "A0MESHBOT"})
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_an_eleventh_connection_is_turned_away(workspace: Workspace) -> None:
    """Ten connections are allowed; the next gets too_many_websockets and is closed."""
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(await open_url(workspace)) for _ in range(11)]
        frames = [json.loads((await socket.receive()).data) for socket in sockets]
        for socket in sockets:
            await socket.close()
    assert [frame["type"] for frame in frames] == ["hello"] * 10 + ["disconnect"]
    assert frames[-1]["reason"] == "too_many_websockets"


async def test_half_open_means_no_pong_and_no_envelope(workspace: Workspace) -> None:
    """A connection gone silent stays open, answers no ping, and what is sent to it is lost."""
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(await open_url(workspace), autoping=False)
        await socket.receive()
        await socket.ping(b"sdk-ping-pong:1.5")
        assert (await socket.receive()).data == b"sdk-ping-pong:1.5"
        await workspace.connections.drop_all("half_open")
        await socket.ping(b"sdk-ping-pong:2.5")
        typing = asyncio.create_task(
            workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.2)
        typing.cancel()


async def test_an_aborted_connection_ends_without_a_close_frame(workspace: Workspace) -> None:
    """A TCP abort shows the client an error or the end of the stream, never a close code."""
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(await open_url(workspace))
        await socket.receive()
        await workspace.connections.drop_all("abort")
        message = await asyncio.wait_for(socket.receive(), 2)
        assert message.type in (aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED)
        await until(lambda: workspace.connections.count == 0)


async def test_an_event_is_repeated_with_a_new_envelope(fast_workspace: Workspace) -> None:
    """An event that nobody acknowledges comes again at once, after a minute and after five, as the
    same event_id."""
    seen = []
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(await open_url(fast_workspace))
        await socket.receive()
        await fast_workspace.actions.mention_bot("bob", "mesh-workshop", "hi")
        for _ in range(4):
            seen.append(json.loads((await asyncio.wait_for(socket.receive(), 40)).data))
        await socket.close()
    assert [frame["retry_attempt"] for frame in seen] == [0, 1, 2, 3]
    assert [frame["retry_reason"] for frame in seen] == ["", "timeout", "timeout", "timeout"]
    assert len({frame["envelope_id"] for frame in seen}) == 4
    assert len({frame["payload"]["event_id"] for frame in seen}) == 1


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), ("xapp-wrong", "invalid_auth"), ("bot", "not_allowed_token_type")],
)
async def test_a_connection_needs_the_app_token(
    workspace: Workspace, token: str, error: str
) -> None:
    """apps.connections.open takes the xapp token alone, and says what is wrong with any other."""
    client = AsyncWebClient(base_url=workspace.api_url)
    with pytest.raises(SlackApiError) as caught:
        await client.apps_connections_open(
            app_token=workspace.bot_token if token == "bot" else token
        )
    assert caught.value.response["error"] == error


async def test_a_command_can_be_given_up_whenever(workspace: Workspace) -> None:
    """Cancelled in any moment, also in that in which the acknowledgement comes: never as if nothing
    had been."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(await open_url(workspace)) as socket,
    ):
        assert (await socket.receive_json())["type"] == "hello"
        for moment in range(200):
            typing = asyncio.create_task(
                workspace.actions.send_command("alice", "mesh-workshop", "/mesh")
            )
            await socket.send_json({"envelope_id": (await socket.receive_json())["envelope_id"]})
            for _ in range(moment):
                await asyncio.sleep(0)
            if not typing.cancel():
                break
            with pytest.raises(asyncio.CancelledError):
                await typing
        assert 0 < moment < 199
