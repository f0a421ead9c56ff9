"""Commands and buttons through a real connection: acknowledged first, done once, and always
answered."""

from __future__ import annotations

import asyncio
import os
import time

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.messages import Reply
from bot.slack.inbound.listeners import Listeners
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.ephemeral import EphemeralResponder
from bot.slack.webapi.client import fetch_identity
from sandbox.workspace import DEFAULT_CHANNEL, Message, Workspace
from tests.slack.conftest import RecordingRouter, eventually, with_button

pytestmark = pytest.mark.usefixtures("link")


async def shown(workspace: Workspace, text: str, user: str = "alice") -> Message:
    """The message with this in its text, as soon as this person sees one."""
    async with asyncio.timeout(40):
        with workspace.watch_changes() as changes:
            while True:
                for found in workspace.list_messages(user=user):
                    if text in found.text:
                        return found
                await anext(changes)


async def posted_button(workspace: Workspace, client: AsyncWebClient, action_id: str) -> Message:
    """A message of the bot's with a button."""
    posted = await SlackChannelMessages(client).post(
        workspace.get_channel().id, with_button(action_id)
    )
    return workspace.state.messages[posted.channel, posted.ts]


async def test_a_command_reaches_the_router_as_it_was_typed(
    workspace: Workspace, router: RecordingRouter
) -> None:
    """The text arrives untouched, mentions with their ids, and the key is Slack's trigger_id."""
    typed = await workspace.actions.send_command(
        "alice", DEFAULT_CHANNEL, "/mesh whoami @bob  é☃ 'a;b'"
    )
    await router.wait()
    asked = router.asked[0]
    assert typed.is_acked
    assert (asked.user, asked.channel, asked.key) == ("U0ALICE", "C0MESH", typed.trigger_id)
    assert asked.text == "whoami <@U0BOB>  é☃ 'a;b'"


async def test_the_acknowledgement_leaves_before_a_slow_router_begins(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners
) -> None:
    """A router that holds up the whole loop begins only when the acknowledgement has been sent."""
    unsent: list[int] = []

    def slow(_reply: Reply) -> None:
        unsent.append(listeners.envelopes.under_way)
        time.sleep(0.3)

    router.meet = slow
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh install")
    await router.wait()
    assert typed.is_acked
    assert unsent == [0]


async def test_a_burst_of_300_commands_is_acknowledged(
    workspace: Workspace, router: RecordingRouter
) -> None:
    """None of 300 commands at once is late, and each reaches the router once."""
    typed = await asyncio.gather(
        *(
            workspace.actions.send_command("alice", DEFAULT_CHANNEL, f"/mesh status {number}")
            for number in range(300)
        )
    )
    await router.wait(300)
    assert max(one.ack_after if one.ack_after is not None else 99.0 for one in typed) < 3
    assert sorted(asked.text for asked in router.asked) == sorted(
        f"status {number}" for number in range(300)
    )


async def test_a_command_delivered_twice_is_done_once(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners
) -> None:
    """A second envelope of the same command is acknowledged and dropped."""
    workspace.faults.duplicates = 1
    await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh install")
    await eventually(lambda: listeners.envelopes.acks == 2)
    assert (len(router.asked), listeners.duplicates) == (1, 1)


async def test_a_router_that_fails_is_owned_up_to(
    workspace: Workspace, router: RecordingRouter, caplog: pytest.LogCaptureFixture
) -> None:
    """The command is acknowledged, and the reference that the person is given stands in the log."""

    def fail(_reply: Reply) -> None:
        raise ZeroDivisionError("division of the router")

    router.meet = fail
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh install")
    answer = await shown(workspace, "went wrong on my side")
    reference = answer.text.split("`")[1]
    assert typed.is_acked
    assert answer.ephemeral_to == "U0ALICE"
    assert reference in caplog.text
    assert "ZeroDivisionError" not in answer.text


async def test_a_command_that_is_not_ours_is_explained(
    workspace: Workspace, router: RecordingRouter
) -> None:
    """A Slack app with another command than the settings is told to the one who typed it."""
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/maze install")
    assert "I answer to `/mesh`" in (await shown(workspace, "disagree")).text
    assert typed.is_acked
    assert not router.asked


async def test_a_button_arrives_with_its_message(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """What the router gets says which button, what it carries, and where it stands."""
    asking = await posted_button(workspace, client, "mesh:confirm")
    typed = await workspace.actions.click_element("bob", asking, "Confirm")
    await router.wait()
    pressed = router.pressed_[0]
    assert typed.is_acked
    assert (pressed.user, pressed.action, pressed.value) == ("U0BOB", "mesh:confirm", "run 1")
    assert pressed.posted == (asking.channel, asking.ts)


async def test_an_unknown_button_is_said_to_have_expired(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """A button of an earlier release is acknowledged, and answered to whoever pressed it."""
    asking = await posted_button(workspace, client, "old:thing")
    typed = await workspace.actions.click_element("bob", asking, "Confirm")
    answer = await shown(workspace, "expired", user="bob")
    assert typed.is_acked
    assert answer.ephemeral_to == "U0BOB"
    assert not router.pressed_


async def test_while_draining_everything_is_declined(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners, client: AsyncWebClient
) -> None:
    """Commands and buttons are acknowledged with the advice to try again, and nothing is begun."""
    asking = await posted_button(workspace, client, "mesh:confirm")
    await listeners.drain()
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh install")
    clicked = await workspace.actions.click_element("bob", asking, "Confirm")
    assert "restarting" in (await shown(workspace, "restarting")).text
    assert "restarting" in (await shown(workspace, "restarting", user="bob")).text
    assert typed.is_acked
    assert clicked.is_acked
    assert not router.replies


async def test_slack_variables_in_the_environment_change_nothing(
    client: AsyncWebClient,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """SLACK_CLIENT_ID and its kin do not switch Bolt to another mode, and stay as they were."""
    for name in (
        "SLACK_CLIENT_ID",
        "SLACK_CLIENT_SECRET",
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
    ):
        monkeypatch.setenv(name, "other")
    built = Listeners(
        router=RecordingRouter(),
        ways=EphemeralResponder(client, session),
        identity=await fetch_identity(client),
    )
    assert built.app.oauth_flow is None
    assert os.environ["SLACK_CLIENT_ID"] == "other"
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
