"""Threads, mentions, inputs, modals and App Home, as the app's people meet them and as the bot
hears of them."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.workspace import InstalledApp, Workspace
from sandbox.workspace.inputs import collect_state_values
from tests.sandbox.workspace.conftest import Connect, until

Json = dict[str, Any]
CHANNEL = "mesh-workshop"


def plain(text: str) -> Json:
    """A plain text object."""
    return {"type": "plain_text", "text": text}


def option(value: str) -> Json:
    """An option whose text is its value in capitals."""
    return {"text": plain(value.upper()), "value": value}


def asks(name: str, element: Json, **more: Any) -> Json:
    """An input block."""
    return {
        "type": "input",
        "block_id": name,
        "label": plain(name),
        "element": {"action_id": "it", **element},
        **more,
    }


KIND: Json = {
    "type": "static_select",
    "options": [option("abort"), option("delay")],
    "initial_option": option("abort"),
}
FORM: list[Json] = [
    asks("user", {"type": "plain_text_input", "max_length": 8}),
    asks("kind", KIND),
    asks("days", {"type": "checkboxes", "options": [option("mo"), option("tu")]}, optional=True),
    asks("when", {"type": "timepicker", "initial_time": "09:00"}),
]
MODAL: Json = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("Form"),
    "submit": plain("Send"),
    "blocks": FORM,
}


async def test_a_reply_lies_in_the_thread_and_is_broadcast_if_wanted(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """The parent counts its replies; the channel's history has only the reply that was broadcast."""
    parent = str((await client.chat_postMessage(channel="C0MESH", text="run"))["ts"])
    await client.chat_postMessage(channel="C0MESH", text="quiet", thread_ts=parent)
    await client.chat_postMessage(
        channel="C0MESH", text="loud", thread_ts=parent, reply_broadcast=True
    )
    top, *_ = workspace.list_messages()
    shown = workspace.state.serialize_message(top)
    assert (shown["reply_count"], shown["reply_users"]) == (2, ["U0MESHBOT"])
    assert [(m.text, m.is_reply, m.broadcast) for m in workspace.list_messages()[1:]] == [
        ("quiet", True, False),
        ("loud", True, True),
    ]


async def test_a_mention_in_a_thread_says_which(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """What someone writes in a thread reaches the bot with that thread, and names become
    references."""
    heard: list[Json] = []

    @app.event("app_mention")
    async def mentioned(event: Json) -> None:
        heard.append(event)

    await connect(app)
    parent = await workspace.actions.post_message("host", CHANNEL, "why?")
    await workspace.actions.send_line(
        "bob", CHANNEL, "@meshbot ask @alice & #mesh-workshop, me@bob", thread=parent.ts
    )
    await until(lambda: bool(heard))
    assert heard[0]["text"] == "<@U0MESHBOT> ask <@U0ALICE> &amp; <#C0MESH>, me@bob"
    assert (heard[0]["thread_ts"], workspace.list_messages()[-1].is_reply) == (parent.ts, True)


async def test_a_command_in_a_thread_is_not_possible(workspace: Workspace) -> None:
    """As in Slack: only the one who typed it is told, in that thread, and the bot hears nothing."""
    parent = await workspace.actions.post_message("host", CHANNEL, "here")
    typed = await workspace.actions.send_line("bob", CHANNEL, "/mesh install", thread=parent.ts)
    told = workspace.list_messages(user="bob")[-1]
    assert (typed.error, told.text) == (
        "not_in_threads",
        "/mesh is not supported in threads. Sorry!",
    )
    assert (told.ephemeral_to, told.thread_ts) == ("U0BOB", parent.ts)


@pytest.fixture
def patient(app: AsyncApp) -> AsyncApp:
    """An app that takes the command, so that its trigger is fresh when it is used."""

    @app.command("/mesh")
    async def mesh(ack: AsyncAck) -> None:
        await ack()

    return app


async def form_of(workspace: Workspace, client: AsyncWebClient, **more: Any) -> Any:
    """Bob has the form open."""
    trigger = (await workspace.actions.send_command("bob", CHANNEL, "/mesh x")).trigger_id
    await client.views_open(trigger_id=trigger, view={**MODAL, **more})
    return workspace.list_modals("bob")[-1]


async def test_a_submission_has_the_values_of_all_inputs(
    workspace: Workspace, patient: AsyncApp, client: AsyncWebClient, connect: Connect
) -> None:
    """What nobody touched has its initial value, as in Slack; the form closes."""
    seen: list[Json] = []

    @patient.view("form")
    async def form(ack: AsyncAck, view: Json) -> None:
        seen.append(view["state"]["values"])
        await ack()

    await connect(patient)
    view = await form_of(workspace, client)
    raw: Json = {"user": {"it": "jason"}, "days": {"it": ["tu"]}}
    await workspace.actions.submit_view("bob", view, collect_state_values(FORM, raw))
    assert seen[0]["user"]["it"] == {"type": "plain_text_input", "value": "jason"}
    assert seen[0]["kind"]["it"] == {"type": "static_select", "selected_option": option("abort")}
    assert seen[0]["days"]["it"]["selected_options"] == [option("tu")]
    assert (seen[0]["when"]["it"]["selected_time"], view.open) == ("09:00", False)


@pytest.mark.parametrize(
    ("name", "sentence"), [("", "Please complete"), ("far too long", "between 0 and 8")]
)
async def test_slack_itself_refuses_an_incomplete_form(
    workspace: Workspace, client: AsyncWebClient, name: str, sentence: str
) -> None:
    """A required input without a value, or with one of a wrong length, is told at its block and the
    form stays."""
    view = await form_of(workspace, client)
    typed = await workspace.actions.submit_view(
        "bob", view, collect_state_values(FORM, {"user": {"it": name}})
    )
    errors = (typed.ack_payload or {})["errors"]
    assert (typed.error, list(errors), view.open) == ("errors", ["user"], True)
    assert sentence in errors["user"]


async def test_a_stack_can_be_closed_at_once(
    workspace: Workspace, patient: AsyncApp, client: AsyncWebClient, connect: Connect
) -> None:
    """Everything closes, and the bot hears that it was cleared."""
    cleared: list[bool] = []

    @patient.view_closed("form")
    async def closed(ack: AsyncAck, body: Json) -> None:
        cleared.append(body["is_cleared"])
        await ack()

    await connect(patient)
    await form_of(workspace, client)
    trigger = (await workspace.actions.send_command("bob", CHANNEL, "/mesh x")).trigger_id
    await client.views_push(trigger_id=trigger, view={**MODAL, "notify_on_close": True})
    await workspace.actions.close_view("bob", workspace.list_modals("bob")[-1], everything=True)
    assert (cleared, workspace.list_modals("bob")) == ([True], [])


async def test_what_is_picked_in_a_view_comes_with_its_state(
    workspace: Workspace, app: AsyncApp, connect: Connect
) -> None:
    """A select on the Home tab tells what was picked, in the action and in the view's state."""
    picked: list[Json] = []

    @app.event("app_home_opened")
    async def opened(event: Json, client: AsyncWebClient) -> None:
        blocks = [{"type": "actions", "block_id": "b", "elements": [{**KIND, "action_id": "kind"}]}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    @app.action("kind")
    async def kind(ack: AsyncAck, body: Json) -> None:
        picked.append(body)
        await ack()

    await connect(app)
    await workspace.actions.open_home("bob")
    await until(lambda: workspace.get_home_view("bob") is not None)
    home = workspace.get_home_view("bob")
    assert home is not None
    await workspace.actions.click_view_element("bob", home, "kind", "delay")
    assert picked[0]["actions"][0]["selected_option"] == option("delay")
    assert picked[0]["view"]["state"]["values"]["b"]["kind"]["selected_option"] == option("delay")


async def test_no_home_without_the_manifest() -> None:
    """An app whose manifest has no Home tab hears nothing of it."""
    workspace = Workspace(installed=InstalledApp.from_manifest({}))
    assert (await workspace.actions.open_home("bob")).error == "home_tab_disabled"
