"""Shortcuts in the menu of a message, through a real connection: acknowledged first, done once,
answered to whoever chose them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.messages import Command, Place, Posted
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.payloads import read_shortcut
from bot.slack.outbound.channel_messages import SlackChannelMessages
from sandbox.workspace import DEFAULT_CHANNEL, ActionResult, Workspace
from tests.slack.conftest import RecordingRouter, eventually, message

pytestmark = pytest.mark.usefixtures("link")


async def post(client: AsyncWebClient, place: Place | None = None) -> Posted:
    """A message of the bot's."""
    return await SlackChannelMessages(client).post("C0MESH", message("a run"), place or Place())


async def choose(workspace: Workspace, posted: Posted, name: str = "Why?") -> ActionResult:
    """Alice chooses a shortcut in the menu of that message."""
    shown = workspace.state.messages[posted]
    return await workspace.actions.choose_shortcut("alice", shown, name)


async def test_a_shortcut_reaches_the_router_as_a_command_about_its_message(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """It is acknowledged, and its key is Slack's trigger_id, as that of what is typed."""
    posted = await post(client)
    chosen = await choose(workspace, posted)
    await router.wait()
    assert chosen.is_acked
    assert router.asked == [
        Command("U0ALICE", "C0MESH", "why", chosen.trigger_id, about=(posted.ts,))
    ]


async def test_in_a_thread_it_is_about_the_reply_first_and_then_the_thread(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """A reply of the bot's may have a run of its own; a message with replies is in no thread."""
    root = await post(client)
    reply = await post(client, Place(thread=root.ts))
    await choose(workspace, reply)
    await choose(workspace, root)
    await router.wait(2)
    assert [(asked.about, asked.thread) for asked in router.asked] == [
        ((reply.ts, root.ts), root.ts),
        ((root.ts,), ""),
    ]


async def test_on_someone_elses_message_it_is_about_none(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """What a person wrote belongs to no run, in the thread of one neither."""
    root = await post(client)
    said = await workspace.actions.post_message("bob", DEFAULT_CHANNEL, "hm", root.ts)
    await choose(workspace, Posted(said.channel, said.ts))
    await router.wait()
    assert (router.asked[0].text, router.asked[0].about) == ("why", ())


async def test_the_answer_is_for_the_one_who_chose_it(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """Beside the message: in the thread that it lies in, or in the channel, for Slack shows such
    answers only in threads that there are."""
    root = await post(client)
    reply = await post(client, Place(thread=root.ts))
    for number, posted in enumerate((root, reply)):
        await choose(workspace, posted)
        await router.wait(number + 1)
        await router.replies[number].say(message(f"cause {number}"))
    answers = workspace.list_messages(user="alice")[2:]
    assert [(m.text, m.thread_ts, m.ephemeral_to) for m in answers] == [
        ("cause 0", "", "U0ALICE"),
        ("cause 1", root.ts, "U0ALICE"),
    ]
    assert workspace.state.messages[root].text == "a run"
    assert not [call for call in workspace.calls if call[0] == "chat.postEphemeral"]


async def test_a_shortcut_delivered_twice_is_done_once(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners, client: AsyncWebClient
) -> None:
    """A second envelope of the same choice is acknowledged and dropped."""
    posted = await post(client)
    workspace.faults.duplicates = 1
    await choose(workspace, posted)
    await eventually(lambda: listeners.envelopes.acks == 2)
    assert (len(router.asked), listeners.duplicates) == (1, 1)


async def test_while_draining_a_shortcut_is_declined(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners, client: AsyncWebClient
) -> None:
    """It is acknowledged, and whoever chose it is told to try again."""
    posted = await post(client)
    await listeners.drain(0)
    assert (await choose(workspace, posted)).is_acked
    await eventually(lambda: "restarting" in workspace.list_messages(user="alice")[-1].text)
    assert not router.asked
    assert listeners.declined == 1


async def test_a_shortcut_that_is_not_ours_is_explained(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """A Slack app with another shortcut than the bot's manifest is told to the one who chose it."""
    assert (await choose(workspace, await post(client), "Maze")).is_acked
    await eventually(lambda: "expired" in workspace.list_messages(user="alice")[-1].text)
    assert not router.asked


@pytest.mark.parametrize("body", [{}, {"message": [], "channel": "C1", "callback_id": 7}])
def test_a_payload_that_lacks_everything_is_read(body: dict[str, object]) -> None:
    """What is missing or of another type counts as empty."""
    empty = Command("", "", "", "")
    assert replace(read_shortcut(body, "U0MESHBOT"), about=()) == empty
