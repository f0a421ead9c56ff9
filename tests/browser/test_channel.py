"""The channel in the browser: edits, threads, confirmations, pictures, and texts that would like to
be more."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.workspace import Completion, Workspace
from tests.browser.app import button, listen, plain
from tests.browser.chromium import Tab
from tests.sandbox.workspace.conftest import Connect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

Json = dict[str, Any]
FOCUSED = "document.activeElement"
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def png(width: int, height: int) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + b"\x1c\x4e\x80" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def section(text: str) -> Json:
    """A section of mrkdwn."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


async def test_an_edit_happens_in_place_and_keeps_the_focus(
    workspace: Workspace, client: AsyncWebClient, tab: Tab
) -> None:
    """The message changes where it stands, says that it was edited, and a button in it keeps the
    focus."""
    blocks = [section("*working*"), {"type": "actions", "elements": [button("Stop", "stop")]}]
    posted = await client.chat_postMessage(channel="C0MESH", text="x", blocks=blocks)
    await client.chat_postMessage(channel="C0MESH", text="below")
    await tab.goto(workspace.page_url)
    await tab.sees("working")
    await tab.value("document.querySelector('[data-action=stop]').focus()")
    await client.chat_update(
        channel="C0MESH", ts=posted["ts"], text="x", blocks=[section("*done*"), blocks[1]]
    )
    await tab.sees("done", "article:first-child b")
    assert await tab.value("document.querySelectorAll('article').length") == 2
    assert "(edited)" in await tab.value("document.querySelector('article').textContent")
    assert await tab.value(f"{FOCUSED}.dataset.action") == "stop"
    assert await tab.until("document.getElementById('log').textContent.includes('meshbot: done')")


async def test_a_confirmation_is_asked_before_the_press_counts(
    workspace: Workspace, app: AsyncApp, connect: Connect, client: AsyncWebClient, tab: Tab
) -> None:
    """Denied, nothing happens and the focus is back; confirmed, the bot hears of it."""
    heard = listen(app)
    await connect(app)
    ask = {
        "title": plain("Sure?"),
        "text": plain("All of it goes."),
        "confirm": plain("Remove"),
        "deny": plain("Keep"),
    }
    blocks = [
        {"type": "actions", "elements": [button("Uninstall", "go", style="danger", confirm=ask)]}
    ]
    await client.chat_postMessage(channel="C0MESH", text="x", blocks=blocks)
    await tab.goto(workspace.page_url)
    await tab.click("article button", "Uninstall")
    await tab.sees("All of it goes.", "dialog[open]")
    await tab.press("Escape")
    await tab.until("!document.querySelector('dialog[open]')")
    assert (await tab.value(f"{FOCUSED}.dataset.action"), heard.actions) == ("go", [])
    await tab.click("article button", "Uninstall")
    await tab.click("dialog[open] button", "Remove")
    await tab.sees("gone", "article")
    assert heard.actions[0]["action_id"] == "go"


async def test_threads_lie_beside_the_channel(
    workspace: Workspace, app: AsyncApp, connect: Connect, client: AsyncWebClient, tab: Tab
) -> None:
    """Replies are counted under the parent and shown beside it; a mention in the thread is answered
    there."""
    heard = listen(app)
    await connect(app)
    parent = await client.chat_postMessage(channel="C0MESH", text="a run")
    await client.chat_postMessage(channel="C0MESH", text="quiet detail", thread_ts=parent["ts"])
    await client.chat_postMessage(
        channel="C0MESH", text="loud end", thread_ts=parent["ts"], reply_broadcast=True
    )
    await tab.goto(workspace.page_url)
    await tab.sees("replied to a thread", "#messages")
    assert "quiet detail" not in await tab.value("document.getElementById('messages').innerText")
    await tab.click("#messages .replies", "2 replies")
    await tab.sees("quiet detail", "#replies")
    await tab.type("@meshbot why?")
    await tab.press("Enter")
    await tab.sees("Because of mTLS.", "#replies")
    await tab.sees("4 replies", "#messages")
    assert heard.mentions[0]["thread_ts"] == parent["ts"]
    await tab.type("/mesh install")
    await tab.press("Enter")
    await tab.sees("not supported in threads", "#replies")
    await tab.press("Escape")
    assert await tab.value(f"{FOCUSED}.className.includes('replies')")


async def test_a_picture_is_shown_with_its_words(
    workspace: Workspace, client: AsyncWebClient, tab: Tab
) -> None:
    """An uploaded picture is drawn, in its message and in an image block; a foreign one is only
    linked to."""
    workspace.faults.file_delay = 0
    await client.files_upload_v2(
        channel="C0MESH", filename="g.png", content=png(320, 120), alt_txt="Three services"
    )
    file_id = next(iter(workspace.state.files))
    own = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "The same"}
    foreign = {
        "type": "image",
        "image_url": "https://example.com/x.png",
        "alt_text": "From elsewhere",
    }
    await tab.goto(workspace.page_url)
    for number in range(20):
        await workspace.actions.send_line("alice", "mesh-workshop", f"message {number}")
    await client.chat_postMessage(channel="C0MESH", text="x", blocks=[own, foreign])
    drawn = (
        "[...document.querySelectorAll('#messages img')].filter((each) => each.naturalWidth === "
        "320)"
    )
    assert await tab.until(f"{drawn}.length === 2 && {drawn}.map((each) => each.alt)") == [
        "Three services",
        "The same",
    ]
    assert await tab.value("document.querySelectorAll('#messages img').length") == 2
    await tab.sees("From elsewhere", "a.picture")
    rest = (
        "(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)"
    )
    assert await tab.until(f"{rest}(document.getElementById('messages')) < 5")


async def test_only_you_see_what_is_for_you(
    workspace: Workspace, client: AsyncWebClient, tab: Tab
) -> None:
    """Acting as someone else shows what they see, also loaded anew, and leaves out what only the
    first one sees."""
    await client.chat_postEphemeral(channel="C0MESH", user="U0HOST", text="for the host")
    await client.chat_postMessage(channel="C0MESH", text="for all")
    await tab.goto(workspace.page_url)
    await tab.sees("Only visible to you")
    await tab.click("label", "alice")
    await tab.until("!document.body.innerText.includes('for the host')")
    await tab.sees("for all")
    await tab.value("document.getElementById('line').focus()")
    await tab.type("hello")
    await tab.press("Enter")
    await tab.sees("alice", "article .who")
    await tab.goto(workspace.page_url)
    await tab.sees("for all")
    assert "for the host" not in await tab.value("document.body.innerText")


async def test_texts_stay_texts(workspace: Workspace, client: AsyncWebClient, tab: Tab) -> None:
    """Markup in any text of any block is shown, never carried out, and no script link can be
    followed."""
    evil: Json = {"type": "plain_text", "text": EVIL[:70]}
    cell = {"type": "raw_text", "text": EVIL}
    rich = {
        "type": "rich_text_section",
        "elements": [{"type": "link", "url": "javascript:alert(1)", "text": EVIL}],
    }
    blocks: list[Json] = [
        section(f"{EVIL} <javascript:alert(1)|click> `{EVIL}`"),
        {"type": "markdown", "text": f"{EVIL} [x](javascript:alert(1))\n\n|a|\n|-|\n|{EVIL}|"},
        {"type": "rich_text", "elements": [rich]},
        {"type": "table", "rows": [[cell]]},
        {"type": "image", "image_url": 'https://x.io/"onerror="x', "alt_text": EVIL},
        {
            "type": "actions",
            "elements": [{"type": "button", "action_id": 'a"><b>', "text": evil, "value": EVIL}],
        },
    ]
    workspace.side.completions = (Completion(f"/mesh {EVIL}", EVIL),)
    await client.chat_postMessage(channel="C0MESH", text=EVIL, blocks=blocks)
    await workspace.actions.post_message("bob", "mesh-workshop", EVIL)
    await tab.goto(workspace.page_url)
    await tab.sees("onerror", "#messages")
    await tab.type("/mesh")
    await tab.sees("onerror", "#completions")
    assert await tab.value("document.title") == "Mesh workshop"
    assert (
        await tab.value("document.querySelectorAll('main img, main script, main [onerror]').length")
        == 0
    )
    assert await tab.value(
        "[...document.links].every((each) => /^https?:|#line/.test(each.getAttribute('href')))"
    )
