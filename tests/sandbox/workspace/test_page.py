"""The page: who may open it, what it shows as things happen, and what can be done on it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.workspace import Workspace
from tests.sandbox.workspace.conftest import Connect

BUTTON = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
V2 = {"value": "v2", "text": {"type": "plain_text", "text": "Version 2"}}
PICK = {"type": "static_select", "action_id": "pick", "options": [V2]}
Json = dict[str, Any]


@pytest.fixture
async def browser(workspace: Workspace) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client that sends the Origin a browser would."""
    async with aiohttp.ClientSession(workspace.url, headers={"Origin": workspace.url}) as session:
        yield session


def at(workspace: Workspace, path: str, **query: str) -> str:
    """A path with this start's token."""
    token = workspace.page_url.partition("?t=")[2]
    return path + "?" + "&".join(f"{key}={value}" for key, value in {"t": token, **query}.items())


async def event(response: aiohttp.ClientResponse, key: str) -> Json:
    """The next event of a stream that is about this."""
    while True:
        line = await response.content.readline()
        await response.content.readline()
        found: Json = json.loads(line.removeprefix(b"data: "))
        if key in found:
            return found


async def test_the_page_has_no_foreign_or_inline_code(
    workspace: Workspace, browser: aiohttp.ClientSession
) -> None:
    """The page and all that it loads are served with a strict policy that they keep."""
    async with browser.get(at(workspace, "/")) as response:
        text = await response.text()
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert "<span>mesh-workshop</span>" in text
    assert not re.search(r"<script(?![^>]* src=)| style=| on\w+=", text)
    assets = re.findall(r'(?:src|href)="(/page/[^"]+)"', text)
    assert len(assets) > 3
    for asset in assets:
        async with browser.get(asset) as response:
            assert (response.status, response.headers["X-Content-Type-Options"]) == (200, "nosniff")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/?t=wrong", {}),
        ("/page/events?t=wrong&user=bob&channel=C0MESH", {}),
        ("TOKEN", {"Host": "evil.example"}),
        ("TOKEN", {"Origin": "http://evil.example"}),
        ("TOKEN", {"Sec-Fetch-Site": "cross-site"}),
        ("/page/assets/main.js", {"Host": "evil.example"}),
        ("/page/files/F1?t=wrong", {}),
    ],
)
async def test_others_are_kept_out(
    workspace: Workspace, path: str, headers: dict[str, str]
) -> None:
    """Without the token, or under a foreign Host or Origin, everything is refused."""
    target = at(workspace, "/") if path == "TOKEN" else path
    async with (
        aiohttp.ClientSession(workspace.url) as session,
        session.get(target, headers=headers) as response,
    ):
        assert response.status == 403


async def test_the_printed_link_may_be_followed_from_anywhere(workspace: Workspace) -> None:
    """A terminal in a browser is another site, and a link in it opens a document, not a part of its
    page."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(workspace.page_url) as response,
    ):
        assert response.status == 200


async def test_replies_come_with_their_thread(
    workspace: Workspace, browser: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    """A reply says whose it is and whether the channel shows it; its parent comes again with the
    new count."""
    parent = await client.chat_postMessage(channel="C0MESH", text="run")
    async with browser.get(at(workspace, "/page/events", user="bob", channel="C0MESH")) as response:
        await event(response, "ready")
        await client.chat_postMessage(channel="C0MESH", text="a", thread_ts=parent["ts"])
        reply, again = await event(response, "message"), await event(response, "message")
        await client.chat_postMessage(
            channel="C0MESH", text="b", thread_ts=parent["ts"], reply_broadcast=True
        )
        loud = await event(response, "message")
    assert (reply["thread"], reply["top"], loud["top"]) == (parent["ts"], False, True)
    assert (again["message"], "1 reply" in again["html"]) == (parent["ts"], True)


async def test_a_person_and_the_bot_have_a_place_of_their_own(
    workspace: Workspace, app: AsyncApp, connect: Connect, browser: aiohttp.ClientSession
) -> None:
    """What is typed to the app alone is not in the channel, and a command there says where it was
    typed."""
    channels: list[str] = []

    @app.command("/mesh")
    async def mesh(ack: AsyncAck, body: Json) -> None:
        channels.append(body["channel_id"])
        await ack()

    await connect(app)
    for text in ("just talk", "/mesh help"):
        await browser.post(
            at(workspace, "/page/say"), json={"user": "bob", "channel": "app", "text": text}
        )
    direct = workspace.state.open_direct_channel("U0BOB", "U0MESHBOT").id
    assert ([m.channel for m in workspace.state.messages.values()], channels) == (
        [direct],
        [direct],
    )


async def test_what_stands_beside_comes_alive_too(
    workspace: Workspace, browser: aiohttp.ClientSession
) -> None:
    """Fragments come at the beginning and whenever they change; an action reaches who offers it, or
    says why not."""
    done: list[Json] = []

    async def act(body: Json) -> None:
        done.append(body)
        raise LookupError("not just now")

    workspace.side.actions["poke"] = act
    workspace.side.put_fragment("cluster", "<p>one</p>")
    async with browser.get(at(workspace, "/page/events", user="bob", channel="C0MESH")) as response:
        first = await event(response, "fragment")
        workspace.side.put_fragment("cluster", "<p>two</p>")
        second = await event(response, "fragment")
    assert (first["html"], second["html"]) == ("<p>one</p>", "<p>two</p>")
    async with browser.post(
        at(workspace, "/page/side"), json={"command": "poke", "user": "bob"}
    ) as response:
        assert ((await response.json())["error"], len(done)) == ("not just now", 1)


@pytest.mark.parametrize("origin", ["", "http://evil.example", "null"])
async def test_writing_needs_our_own_origin(workspace: Workspace, origin: str) -> None:
    """A request that does something is refused unless it says that it comes from this page."""
    headers = {"Origin": origin} if origin else {}
    body = {"user": "bob", "channel": "C0MESH", "text": "hi"}
    async with aiohttp.ClientSession(workspace.url, headers=headers) as session:
        async with session.post(at(workspace, "/page/say"), json=body) as response:
            assert response.status == 403
    assert workspace.list_messages() == []


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
@pytest.mark.parametrize("path", ["/api/auth.test", "/commands/T1/key", "/upload/F1", "/nonsense"])
async def test_other_sites_reach_no_route(
    workspace: Workspace, path: str, headers: dict[str, str]
) -> None:
    """Nor the Web API, with its token; what runs on this machine says no Origin and does."""
    token = {"Authorization": f"Bearer {workspace.bot_token}"}
    async with aiohttp.ClientSession(workspace.url, headers=token) as session:
        async with session.post(path, headers=headers) as response:
            assert response.status == 403
        async with session.post("/api/auth.test") as response:
            assert (await response.json())["ok"]


async def test_messages_come_alive_and_change(
    workspace: Workspace, browser: aiohttp.ClientSession, client: AsyncWebClient
) -> None:
    """What is there comes first, then each edit and deletion; another's ephemeral does not."""
    posted = await client.chat_postMessage(channel="C0MESH", text="&lt;script&gt; <script> *bold*")
    async with browser.get(at(workspace, "/page/events", user="bob", channel="C0MESH")) as response:
        first = await event(response, "message")
        await client.chat_postEphemeral(channel="C0MESH", user="U0ALICE", text="secret")
        await client.chat_update(channel="C0MESH", ts=posted["ts"], text="changed")
        second = await event(response, "message")
        await client.chat_delete(channel="C0MESH", ts=posted["ts"])
        third = await event(response, "gone")
    assert "&lt;script&gt; " in first["html"]
    assert "<b>bold</b>" in first["html"]
    assert "<script" not in first["html"]
    assert ("changed" in second["html"], "edited" in second["html"], third) == (
        True,
        True,
        {"gone": posted["ts"]},
    )


async def test_what_is_done_on_the_page_reaches_the_bot(
    workspace: Workspace, app: AsyncApp, connect: Connect, browser: aiohttp.ClientSession
) -> None:
    """A typed command and a pressed button go the way of any other, the button with the inputs
    beside it."""
    states: list[Json] = []

    @app.command("/mesh")
    async def mesh(ack: AsyncAck) -> None:
        await ack(
            text="?", blocks=[{"type": "actions", "block_id": "b", "elements": [BUTTON, PICK]}]
        )

    @app.action("go")
    async def go(ack: AsyncAck, body: Json) -> None:
        states.append(body["state"]["values"])
        await ack()

    await connect(app)
    say = {"user": "bob", "channel": "C0MESH", "text": "/mesh x"}
    async with browser.post(at(workspace, "/page/say"), json=say) as response:
        assert (await response.json())["error"] == ""
    click: Json = {
        "user": "bob",
        "channel": "C0MESH",
        "ts": workspace.list_messages(user="bob")[0].ts,
        "action": "go",
    }
    click["state"] = {"b": {"pick": "v2"}}
    async with browser.post(at(workspace, "/page/click"), json=click) as response:
        assert (await response.json())["error"] == ""
    assert states == [{"b": {"pick": {"type": "static_select", "selected_option": V2}}}]


@pytest.mark.parametrize(
    "body", ["{", "[]", "{}", '{"user":"nobody","channel":"C0MESH","text":"x"}']
)
async def test_nonsense_is_answered_with_400(
    workspace: Workspace, browser: aiohttp.ClientSession, body: str
) -> None:
    """Broken or incomplete requests change nothing and are explained."""
    async with browser.post(at(workspace, "/page/say"), data=body) as response:
        assert (response.status, bool((await response.json())["error"])) == (400, True)
