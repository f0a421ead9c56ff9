"""Socket Mode, with a real Bolt app at the other end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.workspace import Workspace
from tests.sandbox.workspace.conftest import Connect, until


async def test_a_command_reaches_the_bot_and_its_answer_the_channel(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """A slash command is acknowledged with an ephemeral text, and the message posted after it is
    edited in place."""

    @app.command("/mesh")
    async def mesh(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack("on it")
        posted = await client.chat_postMessage(channel=body["channel_id"], text="installing")
        await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="ready")

    await connect(app)
    with workspace.watch_changes() as changes:
        typed = await workspace.actions.send_command("alice", "mesh-workshop", "/mesh install")
        while (await anext(changes)).kind != "edited":
            pass
    assert typed.is_acked
    assert typed.ack_payload == {"text": "on it"}
    assert sorted(message.text for message in workspace.list_messages(user="alice")) == [
        "on it",
        "ready",
    ]
    assert [message.text for message in workspace.list_messages(user="bob")] == ["ready"]
    assert workspace.list_messages(user="bob")[0].edits[0].text == "installing"


async def test_a_button_reaches_the_bot_which_replaces_an_ephemeral(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """A click carries action, value and container, and its response_url is able to change an
    ephemeral message."""
    button = {
        "type": "button",
        "action_id": "go",
        "value": "7",
        "text": {"type": "plain_text", "text": "Go"},
    }
    bodies: list[dict[str, Any]] = []

    @app.command("/mesh")
    async def mesh(ack: AsyncAck) -> None:
        await ack(blocks=[{"type": "actions", "block_id": "b", "elements": [button]}], text="?")

    @app.action("go")
    async def go(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        bodies.append(body)
        await respond(text="gone", blocks=[], replace_original=True)

    await connect(app)
    await workspace.actions.send_command("alice", "mesh-workshop", "/mesh ask")
    message = workspace.list_messages(user="alice")[0]
    with pytest.raises(LookupError, match="does not see"):
        await workspace.actions.click_element("bob", message, "Go")
    typed = await workspace.actions.click_element("alice", message, "Go")
    await until(lambda: message.text == "gone")
    assert typed.is_acked
    assert bodies[0]["actions"][0]["value"] == "7"
    assert bodies[0]["container"] == {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": "C0MESH",
        "is_ephemeral": True,
    }
    assert "message" not in bodies[0]


async def test_a_modal_is_opened_checked_and_submitted(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """A trigger opens a view; the bot hears of its closing, refuses a submission by field, and
    takes a good one."""
    field = {"type": "plain_text_input", "action_id": "name"}
    label = {"type": "plain_text", "text": "Name"}
    modal = {
        "type": "modal",
        "callback_id": "form",
        "notify_on_close": True,
        "title": {"type": "plain_text", "text": "Form"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [{"type": "input", "block_id": "b", "label": label, "element": field}],
    }

    @app.command("/mesh")
    async def mesh(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal)

    @app.view("form")
    async def form(ack: AsyncAck, view: dict[str, Any]) -> None:
        if view["state"]["values"]["b"]["name"]["value"] == "bad":
            await ack(response_action="errors", errors={"b": "no"})
        else:
            await ack()

    closed: list[str] = []

    @app.view_closed("form")
    async def form_closed(ack: AsyncAck, view: dict[str, Any]) -> None:
        closed.append(view["callback_id"])
        await ack()

    await connect(app)
    await workspace.actions.send_command("alice", "mesh-workshop", "/mesh form")
    await until(lambda: bool(workspace.state.views))
    view = next(iter(workspace.state.views.values()))
    bad = await workspace.actions.submit_view(
        "alice", view, {"b": {"name": {"type": "plain_text_input", "value": "bad"}}}
    )
    assert (bad.error, bad.ack_payload, view.open) == (
        "errors",
        {"response_action": "errors", "errors": {"b": "no"}},
        True,
    )
    assert (await workspace.actions.close_view("alice", view)).is_acked
    assert (closed, view.open) == (["form"], False)
    view.open = True
    good = await workspace.actions.submit_view(
        "alice", view, {"b": {"name": {"type": "plain_text_input", "value": "good"}}}
    )
    assert (good.error, view.open) == ("", False)


async def test_home_and_mentions_are_events(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """Opening the home tab lets the bot publish it, and a mention is heard with the speaker's
    words."""
    heard: list[str] = []

    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: AsyncWebClient) -> None:
        view = {
            "type": "home",
            "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Hello"}}],
        }
        await client.views_publish(user_id=event["user"], view=view)

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any]) -> None:
        heard.append(event["text"])

    await connect(app)
    assert (await workspace.actions.open_home("bob")).is_acked
    assert (await workspace.actions.mention_bot("bob", "mesh-workshop", "help")).is_acked
    await until(lambda: heard == ["<@U0MESHBOT> help"] and "U0BOB" in workspace.state.homes)


@pytest.mark.long
@pytest.mark.parametrize("patience", [0.4])
@pytest.mark.parametrize("trouble", ["late", "broken", "delayed"])
async def test_a_command_without_acknowledgement_in_time_is_seen_to_fail(
    workspace: Workspace, app: AsyncApp, connect: Connect, trouble: str
) -> None:
    """A slow or raising listener, or an acknowledgement held up on its way, shows Slack's error to
    the user alone."""

    @app.command("/mesh")
    async def mesh(ack: AsyncAck) -> None:
        if trouble == "broken":
            raise ValueError("broken")
        await asyncio.sleep(0.6 if trouble == "late" else 0)
        await ack("too late")

    await connect(app)
    workspace.faults.ack_delay = 0.6 if trouble == "delayed" else 0
    typed = await workspace.actions.send_command("alice", "mesh-workshop", "/mesh x")
    await asyncio.sleep(0.3)
    assert (typed.is_acked, typed.error) == (False, "operation_timeout")
    assert [m.text for m in workspace.list_messages(user="alice")] == [
        '/mesh failed with the error "operation_timeout"'
    ]
    assert workspace.list_messages(user="bob") == []


async def test_without_a_connection_a_command_fails_at_once(workspace: Workspace) -> None:
    """Nobody connected: the user sees dispatch_failed; an unknown command is refused by Slack
    itself."""
    typed = await workspace.actions.send_command("alice", "mesh-workshop", "/mesh x")
    other = await workspace.actions.send_command("alice", "mesh-workshop", "/mosh x")
    assert (typed.error, other.error) == ("dispatch_failed", "unknown_command")
    assert [m.text for m in workspace.list_messages(user="alice")] == [
        '/mesh failed with the error "dispatch_failed"',
        "/mosh is not a valid command.",
    ]


async def test_an_invalid_acknowledgement_is_refused(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """An acknowledgement whose blocks Slack would not take shows an error instead of a message."""

    @app.command("/mesh")
    async def mesh(ack: AsyncAck) -> None:
        await ack(blocks=[{"type": "actions", "elements": []}])

    await connect(app)
    typed = await workspace.actions.send_command("alice", "mesh-workshop", "/mesh x")
    assert typed.error == "invalid_command_response"
