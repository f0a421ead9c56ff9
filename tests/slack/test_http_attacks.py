"""HTTP mode under attack: what Slack would never send is refused with a 4xx, signed or not, and
reaches nobody."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.slack.inbound.http_mode import PATH, HttpReceiver
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.shapes import MalformedPayload, build_request
from tests.raw_http import build_post, exchange
from tests.slack.conftest import RecordingRouter
from tests.slack.test_http import BODY, SECRET, sign

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
STAMP, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"
USER = {"id": "U0ALICE", "team_id": "T0MESHTEAM"}


@pytest.fixture
async def port(listeners: Listeners) -> AsyncIterator[int]:
    """The port of a receiver whose secret the tests know."""
    http = HttpReceiver(listeners, signing_secret=SECRET)
    await http.start("127.0.0.1", 0)
    yield http.port
    await http.close(0.5)


def build_signed(body: bytes, kind: str = FORM, *more: tuple[str, bytes]) -> bytes:
    """A request that Slack has signed."""
    headers = [(name, value.encode()) for name, value in sign(body).items()]
    headers = [(name, value) for name, value in headers if name != "Content-Type"]
    return build_post(PATH, body, [*headers, ("Content-Type", kind.encode()), *more])


def build_interaction(**members: Any) -> bytes:
    """The form of an interaction."""
    return urlencode({"payload": json.dumps(members)}).encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (SIGNATURE, b"v0=\xff\xfe"),
        (SIGNATURE, b"\x80" * 67),
        (SIGNATURE, b""),
        (SIGNATURE, b"v0=" + b"a" * 8000),
        (STAMP, b"\xd9\xa1\xd9\xa2"),
        (STAMP, b"\xff"),
        (STAMP, b"-1"),
        (STAMP, b"+1"),
        (STAMP, b"9" * 5000),
        (STAMP, b"0x10"),
        (STAMP, b"1_0"),
        (STAMP, b""),
    ],
)
async def test_odd_headers_are_unauthorized(
    port: int, router: RecordingRouter, caplog: pytest.LogCaptureFixture, name: str, value: bytes
) -> None:
    """Whatever bytes the two headers hold: 401, and no traceback."""
    headers = {key: text.encode() for key, text in sign().items()} | {name: value}
    status, _ = await exchange(port, build_post(PATH, BODY, list(headers.items())))
    assert status == 401
    assert not router.replies
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("name", [STAMP, SIGNATURE])
async def test_a_header_that_is_there_twice_is_unauthorized(port: int, name: str) -> None:
    """Another server on the way may have looked at the other one."""
    twice = [(key, text.encode()) for key, text in sign().items()]
    twice += [(key, value) for key, value in twice if key == name]
    assert (await exchange(port, build_post(PATH, BODY, twice)))[0] == 401


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"a":' * 100_000, JSON),
        (b"[" * 100_000, JSON),
        (b"payload=" + b"[" * 100_000, FORM),
        (json.dumps({"type": "event_callback", "event": [[[]]]}).encode(), JSON),
        (b"1" * 5000, JSON),
        (b'"text"', JSON),
        (b"null", JSON),
        (b"payload=null", FORM),
        (b"payload=%ff%fe", FORM),
        (b"payload=\xff", FORM),
        (b"payload", FORM),
        (b"command=%2Fmesh&command=%2Fmesh&user_id=U1&channel_id=C1", FORM),
        (b"&".join(b"a%d=1" % number for number in range(5000)), FORM),
        (b"command=%2Fmesh", FORM),
        (b"text=install", FORM),
        (BODY, JSON),
        (BODY, "text/plain"),
        (BODY, "multipart/form-data; boundary=x"),
        (BODY, ""),
        (build_interaction(type="block_actions", user=USER), FORM),
        (build_interaction(type="block_actions", user=USER, actions=[]), FORM),
        (build_interaction(type="block_actions", user=USER, actions=[5]), FORM),
        (build_interaction(type="block_actions", user=5, actions=[{"action_id": "mesh:x"}]), FORM),
        (build_interaction(type="block_actions", actions=[{"action_id": "mesh:confirm"}]), FORM),
        (build_interaction(type="view_submission", user=USER, view=[]), FORM),
        (build_interaction(type="view_submission", user=USER, view={"callback_id": 5}), FORM),
        (build_interaction(type="interactive_message", callback_id="mesh:confirm"), FORM),
        (build_interaction(type="dialog_submission", callback_id="mesh:confirm"), FORM),
        (build_interaction(type="no_such_type"), FORM),
        (build_interaction(), FORM),
        (json.dumps({"type": "event_callback", "authorizations": [1]}).encode(), JSON),
        (json.dumps({"type": "url_verification"}).encode(), JSON),
    ],
)
async def test_signed_nonsense_is_a_bad_request(
    port: int,
    router: RecordingRouter,
    caplog: pytest.LogCaptureFixture,
    body: bytes,
    kind: str,
) -> None:
    """400 that says why; nothing is acknowledged that nobody takes."""
    status, came = await exchange(port, build_signed(body, kind))
    assert status == 400
    assert b"malformed: " in came
    assert not router.replies
    assert not [record for record in caplog.records if record.exc_info]


async def test_the_check_of_the_certificate_is_answered(
    port: int, router: RecordingRouter, listeners: Listeners
) -> None:
    """Slack checks the certificate from time to time, signed or not; nothing else is done."""
    body = b"ssl_check=1&token=abc"
    unsigned = build_post(PATH, body, [("Content-Type", FORM.encode())])
    forged = build_post(
        PATH, body, [(key, text.encode()) for key, text in sign(secret="guess").items()]
    )
    asked = (build_signed(body), unsigned, forged)
    assert [(await exchange(port, sent))[0] for sent in asked] == [200, 200, 401]
    assert (router.replies, listeners.envelopes.acks) == ([], 0)


async def test_a_command_is_no_check_of_the_certificate(port: int, router: RecordingRouter) -> None:
    """The parameter does not let an unsigned command in."""
    body = BODY + b"&ssl_check=1"
    await exchange(port, build_post(PATH, body, [("Content-Type", FORM.encode())]))
    assert not router.replies


async def test_an_event_that_nobody_takes_is_acknowledged(port: int) -> None:
    """Or Slack would deliver it again, and switch the events off in the end."""
    body = json.dumps(
        {"type": "event_callback", "team_id": "T0MESHTEAM", "event": {"type": "team_join"}}
    )
    assert (await exchange(port, build_signed(body.encode(), JSON)))[0] == 200


async def test_slack_s_address_check_is_answered(port: int) -> None:
    """The challenge comes back when the request URL is set."""
    body = json.dumps({"type": "url_verification", "challenge": "hush", "token": "x"}).encode()
    status, came = await exchange(port, build_signed(body, JSON))
    assert (status, b"hush" in came) == (200, True)


async def test_bolt_s_own_headers_mean_nothing(port: int, router: RecordingRouter) -> None:
    """The signature covers no headers, and some are commands to Bolt."""
    more = ("X-Slack-Bolt-Lazy-Only", b"1"), ("X-Slack-Bolt-Lazy-Function-Name", b"x")
    assert (await exchange(port, build_signed(BODY, FORM, *more)))[0] == 200
    await router.wait()


async def test_idle_connections_do_not_keep_slack_out(listeners: Listeners) -> None:
    """Amid three hundred of them a command of Slack's is acknowledged."""
    http = HttpReceiver(listeners, signing_secret=SECRET)
    await http.start("127.0.0.1", 0)
    idle = [await asyncio.open_connection("127.0.0.1", http.port) for _ in range(300)]
    status, _ = await exchange(http.port, build_signed(BODY))
    for _, writer in idle:
        writer.transport.abort()
    await http.close(0.5)
    assert status == 200


async def test_refusals_do_not_fill_the_log(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """Many forged requests leave one line."""
    for _ in range(20):
        await exchange(port, build_post(PATH, BODY, []))
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1


MENTION = {"type": "app_mention", "user": "U0ALICE", "channel": "C0MESH", "text": "status"}
FIELD = {"type": "input", "block_id": "user", "element": {"type": "plain_text_input"}}
STATE = {"values": {"user": {"answer": {"type": "plain_text_input", "value": "jason"}}}}
VIEW = {
    "id": "V1",
    "type": "modal",
    "callback_id": "mesh:form:fault",
    "blocks": [FIELD],
    "state": STATE,
}
CONTAINER = {"type": "message", "message_ts": "1.2", "channel_id": "C0MESH"}
VALID: list[dict[str, Any]] = [
    {"type": "event_callback", "event_id": "Ev1", "event": MENTION},
    {"type": "event_callback", "event": {"type": "app_home_opened", "tab": "home", "user": "U1"}},
    {
        "type": "block_actions",
        "user": USER,
        "actions": [{"action_id": "mesh:confirm", "value": "1"}],
        "container": CONTAINER,
        "channel": {"id": "C0MESH"},
    },
    {"type": "view_submission", "user": USER, "view": VIEW},
    {"type": "view_closed", "user": USER, "view": VIEW},
    {"type": "message_action", "user": USER, "callback_id": "mesh:why", "message": {"ts": "1.2"}},
    {"type": "shortcut", "user": USER, "callback_id": "mesh:why"},
    {"type": "block_suggestion", "user": USER, "action_id": "x"},
    {"command": "/mesh", "user_id": "U0ALICE", "channel_id": "C0MESH", "text": "status"},
]
"""What Slack sends, of each kind."""

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 5, "", "x", "\ud800", [], {}, [5], [[]], {"id": 5}, [{"type": 5}], {"x": {"y": 1}}]
)
NAMES = st.sampled_from(
    [
        *("enterprise", "team", "user", "channel", "container", "message", "view", "event"),
        *("actions", "authorizations", "callback_id", "action_id", "trigger_id", "item"),
        *("team_id", "is_enterprise_install", "is_ext_shared_channel", "assistant_thread"),
        *("id", "type", "blocks", "state", "private_metadata", "values", "text", "thread_ts"),
    ]
)


def damage(payload: dict[str, Any], inner: str, top: dict[str, Any], below: dict[str, Any]) -> Any:
    """A payload with odd members, at its top and in one of its objects."""
    found = payload.get(inner)
    deeper = found | below if isinstance(found, dict) else found
    return payload | ({inner: deeper} if inner in payload else {}) | top


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.builds(
        damage,
        st.sampled_from(VALID),
        st.sampled_from(["event", "view", "user", "container", "message", "channel"]),
        st.dictionaries(NAMES, ODD, max_size=2),
        st.dictionaries(NAMES, ODD, max_size=2),
    )
)
async def test_no_payload_breaks_bolt(
    listeners: Listeners, caplog: pytest.LogCaptureFixture, payload: Any
) -> None:
    """A payload of any shape is refused as malformed, or acknowledged, without a traceback."""
    caplog.clear()
    try:
        request = build_request(payload, {})
    except MalformedPayload:
        return
    response = await listeners.build_acknowledgement(request)
    listeners.run_deferred_work(request)
    assert response.status == 200
    assert not [record for record in caplog.records if record.exc_info]
