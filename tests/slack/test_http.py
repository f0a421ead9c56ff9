"""HTTP mode: Slack's own requests are answered, all others get 401 and reach nobody."""

from __future__ import annotations

import hashlib
import hmac
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SettingsError
from bot.messages import Modal, Reply
from bot.settings import SlackSettings
from bot.slack.inbound.http_mode import MOST_BODY, PATH, HttpReceiver
from bot.slack.inbound.listeners import Listeners
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.outbound.views import SlackViews
from sandbox.workspace import DEFAULT_CHANNEL, Workspace
from sandbox.workspace.inputs import collect_state_values
from tests.slack.conftest import RecordingRouter, with_button

SECRET = "s3cret"
FORM = {
    "command": "/mesh",
    "text": "install",
    "user_id": "U0ALICE",
    "channel_id": "C0MESH",
    "team_id": "T0MESHTEAM",
}
FIELD = (
    {
        "type": "input",
        "block_id": "user",
        "optional": True,
        "label": {"type": "plain_text", "text": "User"},
        "element": {"type": "plain_text_input", "action_id": "answer"},
    },
)
BODY = urlencode(FORM).encode()


async def pong(_request: web.Request) -> web.Response:
    """A route of the bot's own."""
    return web.json_response({"ok": True})


@pytest.fixture
async def http(workspace: Workspace, listeners: Listeners) -> AsyncIterator[HttpReceiver]:
    """The bot's door on a free port, with the workspace's secret and a health route."""
    http = HttpReceiver(
        listeners, signing_secret=workspace.signing_secret, routes=[web.get("/healthz", pong)]
    )
    await http.start("127.0.0.1", 0)
    await workspace.deliver_over_http(f"http://127.0.0.1:{http.port}{PATH}")
    yield http
    await http.close(0.5)


@pytest.fixture
async def door(listeners: Listeners) -> AsyncIterator[str]:
    """The address of a door whose secret the tests know."""
    http = HttpReceiver(listeners, signing_secret=SECRET)
    await http.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{http.port}{PATH}"
    await http.close(0.5)


def sign(body: bytes = BODY, *, at: str | None = None, secret: str = SECRET) -> dict[str, str]:
    """Headers of a request that Slack would have sent."""
    stamp = at or str(int(time.time()))
    signed = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={signed}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


async def test_forms_and_events_arrive(
    workspace: Workspace, http: HttpReceiver, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """A mention, the Home tab and a form go over HTTP as well; what is wrong with the form is the
    response's body."""
    await workspace.actions.mention_bot("alice", DEFAULT_CHANNEL, "status")
    await workspace.actions.open_home("alice")
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh fault")
    await router.wait(2)
    await SlackViews(client).open(typed.trigger_id, Modal("Form", FIELD, "mesh:form:fault", "Run"))
    view, router.wrong = workspace.list_modals("alice")[0], {"user": "No such user."}
    submitted = await workspace.actions.submit_view(
        "alice", view, collect_state_values(view.body["blocks"])
    )
    assert submitted.ack_payload == {"response_action": "errors", "errors": router.wrong}
    assert (router.asked[0].text, router.homes, http.refused) == ("status", ["U0ALICE"], 0)


async def test_commands_buttons_and_shortcuts_arrive(
    workspace: Workspace, http: HttpReceiver, router: RecordingRouter, client: AsyncWebClient
) -> None:
    """Over HTTP they reach the router as they do over Socket Mode."""
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh install")
    posted = await SlackChannelMessages(client).post("C0MESH", with_button("mesh:confirm"))
    shown = workspace.state.messages[posted]
    clicked = await workspace.actions.click_element("bob", shown, "Confirm")
    chosen = await workspace.actions.choose_shortcut("bob", shown, "Why?")
    await router.wait(3)
    assert [each.is_acked for each in (typed, clicked, chosen)] == [True, True, True]
    assert [asked.text for asked in router.asked] == ["install", "why"]
    assert router.pressed_[0].posted == posted
    assert http.refused == 0


async def test_the_answer_leaves_before_a_slow_router_begins(
    workspace: Workspace, http: HttpReceiver, router: RecordingRouter, listeners: Listeners
) -> None:
    """A router that holds up the loop begins when the response has been written."""
    unsent: list[int] = []

    def slow(_reply: Reply) -> None:
        unsent.append(listeners.envelopes.under_way)
        time.sleep(0.2)

    router.meet = slow
    typed = await workspace.actions.send_command("alice", DEFAULT_CHANNEL, "/mesh install")
    await router.wait()
    assert typed.is_acked
    assert unsent == [0]


async def test_slack_s_request_is_taken_once(
    door: str, session: aiohttp.ClientSession, router: RecordingRouter
) -> None:
    """The very same request a second time is a replay: 401."""
    headers = sign()
    statuses = []
    for _ in range(2):
        async with session.post(door, data=BODY, headers=headers) as answer:
            statuses.append(answer.status)
    await router.wait()
    assert statuses == [200, 401]
    assert len(router.asked) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        sign(secret="another"),
        sign() | {"X-Slack-Signature": ""},
        sign() | {"X-Slack-Signature": "v0=ü"},
        sign() | {"X-Slack-Signature": sign()["X-Slack-Signature"].upper()},
        sign(b"command=%2Fmesh&text=uninstall"),
        sign(at=str(int(time.time()) - 400)),
        sign(at=str(int(time.time()) + 4000)),
        sign(at="soon"),
        sign(at="1e9"),
        sign(at="-1"),
        sign(at="9" * 400),
        sign(at="١٢٣"),
    ],
    ids=[
        "unsigned",
        "forged",
        "empty signature",
        "signature beyond ASCII",
        "signature in capitals",
        "signature of another body",
        "stale",
        "from the future",
        "timestamp in words",
        "timestamp as a float",
        "timestamp negative",
        "timestamp enormous",
        "timestamp in other digits",
    ],
)
async def test_what_slack_did_not_send_is_refused(
    door: str,
    session: aiohttp.ClientSession,
    router: RecordingRouter,
    listeners: Listeners,
    headers: dict[str, str],
) -> None:
    """Forged and stale requests get 401, and nothing behind the door learns of them."""
    async with session.post(door, data=BODY, headers=headers) as answer:
        assert answer.status == 401
    assert not router.replies
    assert listeners.commands == listeners.envelopes.acks == 0


@pytest.mark.long
async def test_a_thousand_forged_requests_reach_nobody(
    door: str, session: aiohttp.ClientSession, router: RecordingRouter
) -> None:
    """None of many is let through, and a good one after them is."""
    for number in range(1000):
        async with session.post(door, data=BODY, headers=sign(secret=f"guess {number}")) as answer:
            assert answer.status == 401
    async with session.post(door, data=BODY, headers=sign()) as answer:
        assert answer.status == 200
    await router.wait()
    assert len(router.asked) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"payload=%7Bnot+json", "application/x-www-form-urlencoded"),
        (b"{", "application/json"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"[1, 2]", "application/json"),
        (b"", "application/json"),
    ],
)
async def test_a_signed_request_that_makes_no_sense_is_refused(
    door: str, session: aiohttp.ClientSession, router: RecordingRouter, body: bytes, kind: str
) -> None:
    """Malformed bodies end in a 4xx, never in a traceback."""
    async with session.post(door, data=body, headers=sign(body) | {"Content-Type": kind}) as answer:
        assert 400 <= answer.status < 500
    assert not router.replies


async def test_a_huge_request_is_not_read(door: str, session: aiohttp.ClientSession) -> None:
    """A body beyond the limit is answered with 413."""
    async with session.post(door, data=b"x" * (MOST_BODY + 1)) as answer:
        assert answer.status == 413


async def test_routes_of_the_bot_s_own_are_served(
    http: HttpReceiver, session: aiohttp.ClientSession
) -> None:
    """Health is answered beside Slack's path, and other methods and paths are not."""
    base = f"http://127.0.0.1:{http.port}"
    statuses = []
    for path in ("/healthz", PATH, "/slack/install"):
        async with session.get(base + path) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 405, 404]
    assert http.is_connected
    assert http.is_alive


@pytest.mark.parametrize("secret", ["", "  "])
def test_without_a_secret_there_is_no_door(listeners: Listeners, secret: str) -> None:
    """HTTP mode without a signing secret is a mistake in the settings."""
    with pytest.raises(SettingsError, match=r"slack\.signing_secret"):
        HttpReceiver(listeners, signing_secret=secret)


async def test_a_port_that_is_taken_is_named(http: HttpReceiver, listeners: Listeners) -> None:
    """The address that cannot be had is in the error."""
    with pytest.raises(SettingsError, match=str(http.port)):
        await HttpReceiver(listeners, signing_secret=SECRET).start("127.0.0.1", http.port)


@pytest.mark.parametrize("where", ["127.0.0.1", "[::1]"])
async def test_requests_arrive_in_either_family(
    workspace: Workspace, listeners: Listeners, session: aiohttp.ClientSession, where: str
) -> None:
    """By default an Ingress may reach the pod at an address of IPv6 or of IPv4."""
    if where == "[::1]" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    http = HttpReceiver(listeners, signing_secret=SECRET)
    await http.start(SlackSettings().http_host, 0)
    async with session.post(f"http://{where}:{http.port}{PATH}", data=BODY) as answer:
        assert answer.status == 401
    await http.close(0.1)
