"""The Socket Mode connection: tokens checked, losses survived, shut down in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import pytest
from aiohttp import web
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import MeshbotError, SettingsError, SlackError
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.socket_mode import SocketModeReceiver, SocketTiming
from bot.slack.webapi.client import build_client, build_session
from sandbox.workspace import DEFAULT_CHANNEL, Workspace
from tests.slack.conftest import QUICK, RecordingRouter, eventually


def told(link: SocketModeReceiver) -> dict[str, float]:
    """What the connection says of itself."""
    return {
        figure.name: figure.value
        for figure in link.figures()
        if isinstance(figure.value, int | float)
    }


async def test_health_tells_the_truth(workspace: Workspace, link: SocketModeReceiver) -> None:
    """Connected with a fresh pong while the socket is there, not connected when it was cut."""
    await eventually(lambda: 0 < told(link)["slack_pong_age_seconds"] < 4 * QUICK.ping)
    assert told(link)["slack_connected"]
    assert (told(link)["slack_reconnects"], told(link)["slack_rebuilds"]) == (0, 0)
    await link.close(0.1)
    assert not told(link)["slack_connected"]
    await eventually(lambda: workspace.connections.count == 0)


@pytest.mark.parametrize("how", ["close", "abort", "half_open"])
async def test_a_lost_connection_comes_back(
    workspace: Workspace,
    link: SocketModeReceiver,
    router: RecordingRouter,
    how: Literal["close", "abort", "half_open"],
) -> None:
    """However the socket is lost, commands are taken again soon after."""
    await workspace.connections.drop_all(how)
    await eventually(lambda: link.reconnects > 0 and link.is_connected)
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh status")
    await router.wait()
    assert typed.is_acked


async def test_a_refresh_loses_nothing(
    workspace: Workspace, link: SocketModeReceiver, router: RecordingRouter
) -> None:
    """When Slack asks for a new connection, the bot makes one and goes on."""
    await workspace.connections.refresh_all()
    await eventually(lambda: link.reconnects == 1 and workspace.connections.count == 1)
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh status")
    await router.wait()
    assert typed.is_acked
    assert link.rebuilds == 0


async def test_acknowledgements_may_cross(
    workspace: Workspace, link: SocketModeReceiver, router: RecordingRouter
) -> None:
    """The later command's comes first, the earlier one's over a connection made meanwhile: each
    counts for its own."""
    workspace.faults.ack_delay = 0.3
    early = asyncio.create_task(
        workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh early")
    )
    await router.wait()
    workspace.faults.ack_delay = 0.0
    await workspace.connections.refresh_all()
    await eventually(lambda: link.reconnects == 1 and workspace.connections.count == 1)
    late = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh late")
    assert late.is_acked
    assert (await early).is_acked
    assert [asked.text for asked in router.asked] == ["early", "late"]


async def test_the_watchdog_rebuilds_what_does_not_recover(
    workspace: Workspace, link: SocketModeReceiver, router: RecordingRouter
) -> None:
    """A client that is stuck is replaced by a new one, which takes commands."""
    stuck = link._sdk
    assert stuck is not None
    stuck.auto_reconnect_enabled = stuck.default_auto_reconnect_enabled = False
    assert stuck.current_session_monitor is not None
    stuck.current_session_monitor.cancel()
    await workspace.connections.drop_all("abort")
    await eventually(lambda: link.rebuilds == 1 and workspace.connections.count == 1)
    await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh status")
    await router.wait()
    assert link.is_connected


async def test_the_watchdog_outlives_an_outage(
    workspace: Workspace, link: SocketModeReceiver
) -> None:
    """While Slack refuses new connections the bot tries again, slower each time, until one is
    granted."""
    workspace.faults.fail_method("apps.connections.open", times=3, status=503)
    stuck = link._sdk
    assert stuck is not None
    stuck.auto_reconnect_enabled = stuck.default_auto_reconnect_enabled = False
    await workspace.connections.drop_all("abort")
    await eventually(lambda: link.rebuilds == 1, seconds=12)
    assert link.is_connected


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", r"slack\.app_token.*xapp-"),
        ("xoxb-1-bot", r"slack\.app_token.*xapp-"),
        ("xapp-1-forged", r"slack\.app_token.*invalid_auth.*connections:write"),
    ],
)
async def test_a_wrong_app_token_is_named_at_once(
    client: AsyncWebClient, listeners: Listeners, token: str, words: str
) -> None:
    """The setting, Slack's reason and what belongs there are said within a second; nothing is left
    running."""
    link = SocketModeReceiver(listeners, client=client, app_token=token, timing=QUICK)
    async with asyncio.timeout(1):
        with pytest.raises(SettingsError, match=words):
            await link.start()
    assert not link.is_connected


async def test_a_missing_scope_is_named(listeners: Listeners) -> None:
    """An app token without connections:write is a mistake in the settings."""

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response(
            {"ok": False, "error": "missing_scope", "needed": "connections:write"}
        )

    client, runner = await stand_in(refuse)
    try:
        with pytest.raises(SettingsError, match="missing_scope.*connections:write"):
            await SocketModeReceiver(
                listeners, client=client, app_token="xapp-1", timing=QUICK
            ).start()
    finally:
        await stop(client, runner)


async def test_a_handshake_that_fails_ends_in_time(listeners: Listeners) -> None:
    """A connection that is granted but cannot be opened raises within the limit instead of trying
    for ever."""

    async def grant(request: web.Request) -> web.Response:
        url = f"ws://{request.host}/link/?ticket=spent"
        return web.json_response({"ok": True, "url": url})

    client, runner = await stand_in(grant)
    timing = SocketTiming(ping=0.1, connect=0.3)
    started = time.monotonic()
    try:
        with pytest.raises(SlackError, match="could not be opened in time"):
            await SocketModeReceiver(
                listeners, client=client, app_token="xapp-1", timing=timing
            ).start()
    finally:
        await stop(client, runner)
    assert time.monotonic() - started < 5


async def test_slack_away_at_start_is_told(listeners: Listeners, client: AsyncWebClient) -> None:
    """With nobody listening the start fails with a word, not with a traceback of the library."""
    client.base_url = "http://127.0.0.1:9/api/"
    with pytest.raises(MeshbotError, match=r"apps\.connections\.open: unreachable"):
        await SocketModeReceiver(listeners, client=client, app_token="xapp-1", timing=QUICK).start()


async def test_closing_waits_for_acknowledgements_under_way(
    workspace: Workspace, link: SocketModeReceiver, router: RecordingRouter, listeners: Listeners
) -> None:
    """Until the last acknowledgement has left, the connection stays and newcomers are told to try
    again."""
    with listeners.envelopes.track_envelope():
        closing = asyncio.create_task(link.close(2))
        await asyncio.sleep(0)
        typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh status")
        assert not closing.done()
    await asyncio.wait_for(closing, 1)
    assert "restarting" in str(typed.ack_payload)
    assert not router.asked
    assert not link.is_connected


async def test_closing_does_not_wait_for_ever(
    link: SocketModeReceiver, listeners: Listeners
) -> None:
    """An acknowledgement that does not leave within the grace is given up."""
    with listeners.envelopes.track_envelope():
        await asyncio.wait_for(link.close(0.1), 1)
    assert not link.is_connected


async def test_a_command_whose_acknowledgement_is_lost_is_done_all_the_same(
    workspace: Workspace,
    link: SocketModeReceiver,
    router: RecordingRouter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the socket goes just before the acknowledgement, what was asked is still carried out,
    once."""
    assert link._sdk is not None
    assert link._sdk.current_session is not None
    payload = {
        "command": "/mesh",
        "text": "status",
        "user_id": "U0ALICE",
        "channel_id": "C0MESH",
        "trigger_id": "1.2",
    }
    await link._sdk.current_session.close()
    await link._on_envelope(link._sdk, SocketModeRequest("slash_commands", "envelope-1", payload))
    assert [asked.text for asked in router.asked] == ["status"]
    assert "an acknowledgement was not sent" in caplog.text


async def stand_in(
    open_connection: Callable[[web.Request], Awaitable[web.Response]],
) -> tuple[AsyncWebClient, web.AppRunner]:
    """A Slack that has only apps.connections.open, and a client for it."""
    app = web.Application()
    app.router.add_post("/api/apps.connections.open", open_connection)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    return build_client(token="xoxb-1", base_url=base, session=build_session(timeout=2)), runner


async def stop(client: AsyncWebClient, runner: web.AppRunner) -> None:
    """Closes both ends."""
    assert client.session is not None
    await client.session.close()
    await runner.cleanup()
