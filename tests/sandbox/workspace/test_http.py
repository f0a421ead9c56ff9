"""HTTP delivery: signed requests to a real Bolt app served by aiohttp."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncAck, AsyncApp

from sandbox.workspace import Workspace, sign_request
from tests.sandbox.workspace.conftest import until

Json = dict[str, Any]


@pytest.fixture
async def heard(workspace: Workspace, app: AsyncApp) -> AsyncIterator[list[str]]:
    """What a Bolt app hears that is served over HTTP, to which the workspace delivers."""
    heard: list[str] = []
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}

    @app.command("/mesh")
    async def mesh(ack: AsyncAck, body: Json) -> None:
        heard.append(body["text"])
        await ack(text="?", blocks=[{"type": "actions", "elements": [button]}])

    @app.action("go")
    async def go(ack: AsyncAck, body: Json) -> None:
        heard.append(body["user"]["id"])
        await ack()

    @app.event("app_mention")
    async def mentioned(event: Json) -> None:
        heard.append(event["text"])

    runner = web.AppRunner(app.web_app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await workspace.deliver_over_http(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    yield heard
    await runner.cleanup()


async def test_commands_clicks_and_events_arrive_signed(
    workspace: Workspace, heard: list[str]
) -> None:
    """Form, payload field and JSON each pass Bolt's check of the signature, and the answer is
    shown."""
    typed = await workspace.actions.send_command("bob", "mesh-workshop", "/mesh a & b=c")
    await workspace.actions.click_element("bob", workspace.list_messages(user="bob")[0], "Go")
    await workspace.actions.mention_bot("bob", "mesh-workshop", "hi")
    await until(lambda: len(heard) == 3)
    assert (typed.is_acked, heard) == (True, ["a & b=c", "U0BOB", "<@U0MESHBOT> hi"])


@pytest.mark.parametrize(
    ("secret", "age", "status"),
    [("right", 0, 200), ("wrong", 0, 401), ("right", 301, 401)],
)
async def test_forged_and_stale_requests_are_the_bots_to_refuse(
    workspace: Workspace, heard: list[str], secret: str, age: int, status: int
) -> None:
    """`signed` makes the headers of any request, so that tests can forge one or let it grow old."""
    key = workspace.signing_secret if secret == "right" else "f" * 32
    body = "command=%2Fmesh&text=x&team_id=T0MESHTEAM&user_id=U0BOB"
    headers = sign_request(key, body, at=time.time() - age) | {
        "Content-Type": "application/x-www-form-urlencoded"
    }
    url = workspace.request_url
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        assert response.status == status


async def test_a_bot_that_is_away_is_seen_to_fail(workspace: Workspace) -> None:
    """Nothing listens: the user sees dispatch_failed."""
    await workspace.deliver_over_http("http://127.0.0.1:9/slack/events")
    assert (
        await workspace.actions.send_command("bob", "mesh-workshop", "/mesh x")
    ).error == "dispatch_failed"


async def test_an_event_is_repeated_with_retry_headers(fast_workspace: Workspace) -> None:
    """A failing endpoint gets the event again with its number and reason, until it says not to."""
    seen: list[tuple[str, str]] = []

    async def endpoint(request: web.Request) -> web.Response:
        headers = request.headers
        seen.append((headers.get("x-slack-retry-num", ""), headers.get("x-slack-retry-reason", "")))
        stop = {"x-slack-no-retry": "1"} if len(seen) == 3 else {}
        return web.Response(status=500, headers=stop)

    app = web.Application()
    app.router.add_post("/", endpoint)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await fast_workspace.deliver_over_http(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    await fast_workspace.actions.mention_bot("bob", "mesh-workshop", "hi")
    await until(lambda: len(seen) == 3)
    await until(lambda: fast_workspace.retries == 0)
    await runner.cleanup()
    assert seen == [("", ""), ("1", "http_error"), ("2", "http_error")]
