"""Mentions, the Home tab and modals through a real connection: acknowledged first, done once,
answered always."""

from __future__ import annotations

import asyncio

import pytest
from slack_bolt.async_app import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.messages import Modal, Origin, Place
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.payloads import read_submission
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.views import SlackViews
from sandbox.workspace import DEFAULT_CHANNEL, Workspace
from sandbox.workspace.inputs import collect_state_values
from sandbox.workspace.state import View
from tests.slack.conftest import RecordingRouter, eventually, message, with_button

pytestmark = pytest.mark.usefixtures("link")

JASON = {"user": {"answer": "jason"}}
ORIGIN = Origin("C0MESH", "", "page 4:")
INPUTS = (
    {
        "type": "input",
        "block_id": "user",
        "label": {"type": "plain_text", "text": "User"},
        "element": {"type": "plain_text_input", "action_id": "answer"},
    },
    {
        "type": "input",
        "block_id": "kind",
        "optional": True,
        "label": {"type": "plain_text", "text": "Kinds"},
        "element": {
            "type": "multi_static_select",
            "action_id": "answer",
            "options": [
                {"text": {"type": "plain_text", "text": word}, "value": word} for word in ("a", "b")
            ],
        },
    },
)


async def opened(
    workspace: Workspace, client: AsyncWebClient, modal: Modal, user: str = "alice"
) -> View:
    """A modal that was opened by a command of this person's."""
    typed = await workspace.actions.send_command(user, DEFAULT_CHANNEL, "/mesh fault")
    await SlackViews(client).open(typed.trigger_id, modal)
    return workspace.list_modals(user)[-1]


@pytest.fixture
async def form(workspace: Workspace, client: AsyncWebClient) -> View:
    """A form before alice, and nothing else of hers."""
    return await opened(
        workspace, client, Modal("Inject a fault", INPUTS, "mesh:form:fault", "Run", origin=ORIGIN)
    )


async def test_a_mention_reaches_the_router_with_its_thread(
    workspace: Workspace, router: RecordingRouter
) -> None:
    """The bot's name and the slash command's are left out, and other people's ids stay."""
    said = await workspace.actions.post_message("bob", DEFAULT_CHANNEL, "let us look")
    await workspace.actions.send_line(
        "alice", DEFAULT_CHANNEL, "@meshbot whoami @bob & co", said.ts
    )
    await workspace.actions.send_line("alice", DEFAULT_CHANNEL, "@meshbot /mesh status")
    await router.wait(2)
    first, second = router.asked
    assert (first.text, first.thread, first.channel) == ("whoami <@U0BOB> & co", said.ts, "C0MESH")
    assert (second.text, second.thread, second.trigger) == ("status", "", "")
    assert first.key != second.key


async def test_a_mention_that_comes_again_over_a_new_connection_is_done_once(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners
) -> None:
    """Its acknowledgement was late, and the connection was replaced meanwhile."""
    workspace._core.patience, workspace.faults.ack_delay = 0.5, 1.0
    saying = asyncio.create_task(workspace.actions.mention_bot("alice", DEFAULT_CHANNEL, "install"))
    await router.wait()
    await workspace.connections.refresh_all()
    await workspace.connections.wait_for_count()
    assert (await saying).error == "operation_timeout"
    await eventually(lambda: listeners.duplicates == 1)
    assert [asked.text for asked in router.asked] == ["install"]


async def test_an_edited_mention_is_not_run_again(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners
) -> None:
    """Slack sends it as another event; whoever wrote it is told once that nothing was run."""
    await workspace.actions.mention_bot("alice", DEFAULT_CHANNEL, "instal")
    await router.wait()
    message = workspace.list_messages()[-1]
    for text in ("install", "install --again"):
        await workspace.channel_actions.edit_mention("alice", message, text)
    await eventually(lambda: len(workspace.list_messages(user="alice")) == 2)
    note = workspace.list_messages(user="alice")[-1]
    assert (note.ephemeral_to, "runs nothing" in note.text) == ("U0ALICE", True)
    assert [asked.text for asked in router.asked] == ["instal"]


async def test_an_edit_that_says_the_same_is_nothing_to_speak_of(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners
) -> None:
    """A space more, or a link that is shown: neither a run nor a word."""
    await workspace.actions.mention_bot("alice", DEFAULT_CHANNEL, "install")
    message = workspace.list_messages()[-1]
    await workspace.channel_actions.edit_message("alice", message, f"{message.text} ")
    await workspace.actions.mention_bot("alice", DEFAULT_CHANNEL, "status")
    await router.wait(2)
    assert [asked.text for asked in router.asked] == ["install", "status"]
    assert not [m for m in workspace.list_messages(user="alice") if m.ephemeral_to]


async def test_a_mention_that_was_never_read_is_not_run_by_an_edit(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners
) -> None:
    """Before a restart or by another replica it may have been answered: it is to be sent anew."""
    said = await workspace.actions.post_message("alice", DEFAULT_CHANNEL, "install")
    await workspace.channel_actions.edit_mention("alice", said, "install")
    await eventually(lambda: len(workspace.list_messages(user="alice")) == 2)
    assert router.asked == []


async def test_a_mention_delivered_twice_is_done_once(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners
) -> None:
    """Slack repeats events under one event_id."""
    workspace.faults.duplicates = 1
    await workspace.actions.mention_bot("alice", DEFAULT_CHANNEL, "install")
    await eventually(lambda: listeners.envelopes.acks == 2)
    assert (len(router.asked), listeners.duplicates) == (1, 1)


async def test_bots_are_not_listened_to(router: RecordingRouter, listeners: Listeners) -> None:
    """What a bot says of the bot begins nothing: two bots would never end."""
    await listeners.build_acknowledgement(mention_by(bot_id="B0OTHER"))
    await listeners.build_acknowledgement(mention_by(user="U0MESHBOT"))
    assert not router.asked
    assert listeners.mentions == 0


def mention_by(user: str = "U0ALICE", **more: str) -> AsyncBoltRequest:
    """An app_mention event as it arrives."""
    event = {
        "type": "app_mention",
        "user": user,
        "text": "<@U0MESHBOT> help",
        "channel": "C0MESH",
        **more,
    }
    return AsyncBoltRequest(
        mode="socket_mode", body={"type": "event_callback", "event_id": "Ev1", "event": event}
    )


async def test_an_answer_to_a_mention_stays_in_its_thread(
    workspace: Workspace, router: RecordingRouter
) -> None:
    """Only who asked sees it, and in the thread."""
    said = await workspace.actions.post_message("bob", DEFAULT_CHANNEL, "let us look")
    await workspace.actions.mention_bot("alice", DEFAULT_CHANNEL, "status", said.ts)
    await router.wait()
    await router.replies[0].say(message("0 of 13"))
    answer = workspace.list_messages(user="alice")[-1]
    assert (answer.text, answer.thread_ts, answer.ephemeral_to) == ("0 of 13", said.ts, "U0ALICE")


async def test_a_button_knows_its_thread(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """What a button in a thread types stays there; a message that has a thread is not in it."""
    channel_messages = SlackChannelMessages(client)
    root = await channel_messages.post("C0MESH", with_button("mesh:type:0"))
    reply = await channel_messages.post("C0MESH", with_button("mesh:type:0"), Place(thread=root.ts))
    workspace.state.messages[root].thread_ts = root.ts
    for posted in (root, reply):
        await workspace.actions.click_element("alice", workspace.state.messages[posted], "Confirm")
    await router.wait(2)
    assert [pressed.thread for pressed in router.pressed_] == ["", root.ts]


async def test_only_the_home_tab_is_shown(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners
) -> None:
    """Who opens it is told to the router; while the bot drains, nobody is."""
    await workspace.actions.open_home("alice")
    await eventually(lambda: router.homes == ["U0ALICE"])
    await listeners.drain(0)
    typed = await workspace.actions.open_home("bob")
    assert typed.is_acked
    assert router.homes == ["U0ALICE"]


async def test_a_form_reaches_the_router_and_closes(
    workspace: Workspace, router: RecordingRouter, form: View
) -> None:
    """Each input's values by its block, and where the form was opened from."""
    filled = collect_state_values(
        form.body["blocks"], {"user": {"answer": "jason"}, "kind": {"answer": ["a", "b"]}}
    )
    typed = await workspace.actions.submit_view("alice", form, filled)
    await router.wait(2)
    submitted = router.submitted_[0]
    assert submitted.answers == {"user": ("jason",), "kind": ("a", "b")}
    assert (submitted.name, submitted.origin, submitted.key) == (
        "mesh:form:fault",
        ORIGIN,
        typed.trigger_id,
    )
    assert workspace.list_modals("alice") == []


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ({"user": "No such user."}, {"user": "No such user."}),
        ({"nonesuch": "Not so."}, {"user": "Not so."}),
    ],
)
async def test_faults_are_said_under_the_inputs(
    workspace: Workspace,
    router: RecordingRouter,
    form: View,
    wrong: dict[str, str],
    shown: dict[str, str],
) -> None:
    """The form stays, nothing reaches the router, and only inputs that it has are named."""
    router.wrong = wrong
    typed = await workspace.actions.submit_view(
        "alice", form, collect_state_values(form.body["blocks"], JASON)
    )
    assert typed.ack_payload == {"response_action": "errors", "errors": shown}
    assert workspace.list_modals("alice") == [form]
    assert not router.submitted_


async def test_while_draining_a_form_keeps_what_was_typed(
    workspace: Workspace, router: RecordingRouter, listeners: Listeners, form: View
) -> None:
    """It stays open with the advice to try again."""
    await listeners.drain(0)
    typed = await workspace.actions.submit_view(
        "alice", form, collect_state_values(form.body["blocks"], JASON)
    )
    assert "restarting" in (typed.ack_payload or {})["errors"]["user"]
    assert not router.submitted_


async def test_a_press_in_a_modal_is_answered_in_it(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """There is no channel to answer in: the same modal shows each answer."""
    modal = await opened(
        workspace, client, Modal("Status", with_button("mesh:type:0").blocks, origin=ORIGIN)
    )
    await workspace.actions.click_view_element("alice", modal, "Confirm")
    await router.wait(2)
    pressed = router.pressed_[0]
    assert (pressed.channel, pressed.view, pressed.away, pressed.posted) == (
        "C0MESH",
        modal.id,
        True,
        None,
    )
    for text in ("Looking…", "3 of 13"):
        await router.replies[1].say(message(text))
    assert modal.body["blocks"][0]["text"]["text"] == "3 of 13"
    assert workspace.list_modals("alice") == [modal]


async def test_a_late_answer_to_the_home_tab_is_written_directly(
    workspace: Workspace, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """A modal can be opened once and soon; when that is over, the answer still arrives."""
    await SlackViews(client).publish("U0ALICE", with_button("mesh:type:0").blocks)
    home = workspace.get_home_view("alice")
    assert home is not None
    typed = await workspace.actions.click_view_element("alice", home, "Confirm")
    await router.wait()
    await SlackViews(client).open(typed.trigger_id, Modal("Another", message("first").blocks))
    await router.replies[0].say(message("at last"))
    direct = workspace.state.open_direct_channel("U0MESHBOT", "U0ALICE")
    assert [found.text for found in workspace.list_messages(direct.id, "alice")] == ["at last"]


async def test_a_view_that_slack_would_refuse_is_shown_plainly(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """Titles are cut to what Slack takes; wrong blocks become their text."""
    blocks = (*message("what matters").blocks, {"type": "markdown", "text": "not in modals"})
    view = await opened(
        workspace, client, Modal("A title of more than twenty-four letters", blocks)
    )
    assert view.body["title"]["text"] == "A title of more than tw…"
    assert [block["text"]["text"] for block in view.body["blocks"]] == ["what matters"]


async def test_a_stale_trigger_is_an_error(workspace: Workspace, client: AsyncWebClient) -> None:
    """What cannot be opened is told to the caller."""
    with pytest.raises(SlackError, match="invalid_trigger_id"):
        await SlackViews(client).open("1.2.abc", Modal("Late", message("late").blocks))


def test_a_form_is_read_as_phones_fill_it() -> None:
    """Without the blank behind a completed word, and in plain characters."""
    typed = {"type": "plain_text_input", "value": "\u200bjason’s \u00a0"}
    values = {"user": {"input": typed}, "empty": {"input": {"value": " \n"}}}
    view = {"callback_id": "mesh:form:fault", "state": {"values": values}}
    answers = read_submission({"view": view}).answers
    assert answers == {"user": ("jason's",), "empty": ()}


async def test_only_the_bots_own_invitation_reaches_the_router(
    workspace: Workspace, router: RecordingRouter
) -> None:
    """Once for each time that it is invited, whoever else joins."""
    actions = workspace.channel_actions
    for who in ("bob", "meshbot", "alice", "meshbot"):
        actions.remove_member(DEFAULT_CHANNEL, who)
        await actions.invite_member(DEFAULT_CHANNEL, who, "host")
    await eventually(lambda: len(router.joined_) == 2)
    assert router.joined_ == ["C0MESH", "C0MESH"]
