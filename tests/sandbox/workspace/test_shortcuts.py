"""Shortcuts in the menu of messages: which are offered, what the bot hears of them, and how the page
and plays choose them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.prompt import run_terminal
from sandbox.script import parse_script
from sandbox.script_player import ScriptPlayer
from sandbox.workspace import InstalledApp, Message, Workspace
from sandbox.workspace.delivery import NOBODY
from tests.sandbox.workspace.conftest import Connect, until
from tests.sandbox.workspace.test_page import at, event

Json = dict[str, Any]
CHANNEL = "mesh-workshop"
MANIFEST: Json = {
    "features": {
        "slash_commands": [{"command": "/mesh"}],
        "shortcuts": [
            {"name": "Why?", "type": "message", "callback_id": "look:why"},
            {"name": "New run", "type": "global", "callback_id": "look:new"},
        ],
    },
    "oauth_config": {"scopes": {"bot": ["commands", "chat:write", "chat:write.public"]}},
}


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    """A workspace whose app was installed from a manifest with a shortcut of each type."""
    workspace = Workspace(installed=InstalledApp.from_manifest(MANIFEST))
    await workspace.start()
    yield workspace
    await workspace.stop()


@pytest.fixture
async def heard(app: AsyncApp, connect: Connect) -> list[Json]:
    """The payloads that an app gets, which answers each with the text of its message."""
    heard: list[Json] = []

    @app.shortcut("look:why")
    async def why(ack: AsyncAck, body: Json, respond: AsyncRespond) -> None:
        await ack()
        heard.append(body)
        await respond(f"about {body['message']['text']}", replace_original=False)

    await connect(app)
    return heard


async def post(workspace: Workspace, client: AsyncWebClient, text: str, **more: Any) -> Message:
    """A message of the bot's."""
    posted = await client.chat_postMessage(channel="C0MESH", text=text, **more)
    return workspace.state.messages["C0MESH", str(posted["ts"])]


async def test_the_bot_hears_which_message_it_is(
    workspace: Workspace, heard: list[Json], client: AsyncWebClient
) -> None:
    """All that Slack documents of a message_action and no more, and its response_url answers the
    person alone."""
    message = await post(workspace, client, "a run")
    chosen = await workspace.actions.choose_shortcut("bob", message, "Why?")
    (body,) = heard
    assert chosen.is_acked
    assert set(body) == {
        *("type", "token", "action_ts", "team", "user", "channel", "callback_id", "trigger_id"),
        *("response_url", "message_ts", "message", "enterprise", "is_enterprise_install"),
    }
    assert (body["type"], body["callback_id"]) == ("message_action", "look:why")
    assert (body["user"]["id"], body["channel"]["id"]) == ("U0BOB", "C0MESH")
    assert body["message_ts"] == body["message"]["ts"] == message.ts
    assert body["message"]["user"] == workspace.bot.id
    # The app acks first and answers afterwards.
    await until(lambda: workspace.list_messages(user="bob")[-1].text == "about a run")
    assert workspace.list_messages(user="bob")[-1].ephemeral_to == "U0BOB"


async def test_a_reply_tells_its_thread(
    workspace: Workspace, heard: list[Json], client: AsyncWebClient
) -> None:
    """People's messages have the menu too."""
    root = await post(workspace, client, "a run")
    reply = await workspace.actions.post_message("bob", CHANNEL, "hm", root.ts)
    await workspace.actions.choose_shortcut("alice", reply, "Why?")
    assert heard[0]["message"]["thread_ts"] == root.ts
    assert heard[0]["message"]["user"] == "U0BOB"


async def test_only_what_is_declared_is_offered(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """No global shortcut, none that the app does not have, and none on what one person alone
    sees."""
    message = await post(workspace, client, "a run")
    for name in ("New run", "Other"):
        with pytest.raises(LookupError, match=f'no shortcut "{name}" .*there are: Why\\?'):
            await workspace.actions.choose_shortcut("bob", message, name)
    await client.chat_postEphemeral(channel="C0MESH", user="U0BOB", text="psst")
    psst = workspace.list_messages(user="bob")[-1]
    with pytest.raises(LookupError, match="there are: none"):
        await workspace.actions.choose_shortcut("bob", psst, "Why?")
    await client.chat_delete(channel="C0MESH", ts=message.ts)
    with pytest.raises(LookupError, match="does not see"):
        await workspace.actions.choose_shortcut("bob", message, "Why?")


async def test_the_page_offers_it_in_the_menu_of_a_message(
    workspace: Workspace, heard: list[Json], client: AsyncWebClient
) -> None:
    """The menu has a name, its entry says whose it is, and choosing it reaches the app."""
    message = await post(workspace, client, "a run")
    async with aiohttp.ClientSession(workspace.url, headers={"Origin": workspace.url}) as browser:
        events = at(workspace, "/page/events", user="bob", channel="C0MESH")
        async with browser.get(events) as stream:
            html = (await event(stream, "message"))["html"]
        body = {"user": "bob", "channel": "C0MESH", "ts": message.ts, "name": "Why?"}
        async with browser.post(at(workspace, "/page/shortcut"), json=body) as response:
            assert (await response.json())["error"] == ""
        async with browser.post(
            at(workspace, "/page/shortcut"), json=body | {"name": "Other"}
        ) as response:
            assert (response.status, len(heard)) == (400, 1)
    assert 'aria-label="More actions"' in html
    assert 'data-shortcut="Why?">Why? <small>meshbot</small></button>' in html


async def test_what_one_person_alone_sees_has_no_menu(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """As in Slack, which keeps no such message."""
    await post(workspace, client, "a run")
    await client.chat_postEphemeral(channel="C0MESH", user="U0BOB", text="psst")
    async with aiohttp.ClientSession(workspace.url) as browser:
        events = at(workspace, "/page/events", user="bob", channel="C0MESH")
        async with browser.get(events) as stream:
            assert "More actions" in (await event(stream, "message"))["html"]
            assert "More actions" not in (await event(stream, "message"))["html"]


async def test_an_app_that_is_away_does_not_hear_of_it(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """Whoever chose it is told so, as with a button."""
    message = await post(workspace, client, "a run")
    assert (await workspace.actions.choose_shortcut("bob", message, "Why?")).error == NOBODY


@pytest.mark.parametrize(
    ("script", "last"),
    [
        ('@bob: shortcut "Why?"', "1 lines, all as expected"),
        ('shortcut "Other"', 'but no shortcut "Other" on this message; there are: Why?'),
    ],
)
async def test_a_play_chooses_it_on_the_newest_message(
    workspace: Workspace, heard: list[Json], client: AsyncWebClient, script: str, last: str
) -> None:
    """The newest of the bot's in the channel: not what lies in a thread, and not a person's."""
    root = await post(workspace, client, "the first")
    await post(workspace, client, "the newest")
    await post(workspace, client, "below", thread_ts=root.ts)
    await workspace.actions.post_message("alice", CHANNEL, "hm")
    out: list[str] = []
    player = ScriptPlayer(workspace, out=out.append, timeout=5, settle=0.05)
    await player.play(parse_script(script))
    assert out[-1].endswith(last)
    assert [body["message"]["text"] for body in heard] == ["the newest"] * (last[0] == "1")


async def test_a_play_says_when_there_is_no_message(workspace: Workspace) -> None:
    """Before the bot has said anything there is no menu to open."""
    out: list[str] = []
    player = ScriptPlayer(workspace, out=out.append, timeout=5)
    assert not await player.play(parse_script('shortcut "Why?"'))
    assert out[-1].endswith("but there is no message of the bot's in this channel yet")


async def test_at_the_terminal_it_is_typed_as_in_a_play(
    workspace: Workspace, heard: list[Json], client: AsyncWebClient
) -> None:
    """On the newest message as well; without one, that is said and the prompt goes on."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        terminal = asyncio.create_task(run_terminal(workspace, CHANNEL))
        keys.send_text('shortcut "Why?"\n')
        await asyncio.sleep(0.1)
        await post(workspace, client, "a run")
        keys.send_text('@bob: shortcut "Why?"\n')
        await until(lambda: bool(heard))
        keys.send_text("\x04")
        await asyncio.wait_for(terminal, 40)
    assert [body["user"]["name"] for body in heard] == ["bob"]
