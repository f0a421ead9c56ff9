"""The Web API client: one session, proxies where they belong, and retries only of what may be
repeated."""

from __future__ import annotations

import gzip

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SettingsError, SlackError
from bot.slack.webapi.client import (
    WebApiRetries,
    build_client,
    build_session,
    fetch_identity,
    find_proxy,
)
from sandbox.workspace import Workspace

PROXIES = (
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "NO_PROXY",
    "no_proxy",
)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine whose way out is a proxy (one that nobody listens at)."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    return monkeypatch


@pytest.mark.usefixtures("proxied")
@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://slack.com/api/", "http://127.0.0.1:9"),
        ("https://wss-primary.slack.com/link/", "http://127.0.0.1:9"),
        ("http://127.0.0.1:4000/api/", None),
        ("http://127.8.0.1/api/", None),
        ("http://[::1]:4000/api/", None),
        ("http://localhost:4000/api/", None),
        ("http://slack.localhost/api/", None),
    ],
)
def test_only_real_addresses_go_through_the_proxy(url: str, proxy: str | None) -> None:
    """The machine's proxy is for slack.com; loopback is reached directly."""
    assert find_proxy(url) == proxy


def test_no_proxy_is_heeded(proxied: pytest.MonkeyPatch) -> None:
    """NO_PROXY excepts an address, which slack_sdk alone would not know."""
    proxied.setenv("NO_PROXY", ".slack.com,slack.com")
    assert find_proxy("https://slack.com/api/") is None


async def test_the_workspace_is_reached_past_a_proxy(
    proxied: pytest.MonkeyPatch, workspace: Workspace, session: aiohttp.ClientSession
) -> None:
    """With a proxy in the environment a client for a loopback workspace works."""
    client = build_client(token=workspace.bot_token, base_url=workspace.api_url, session=session)
    identity = await fetch_identity(client)
    assert (identity.user_id, identity.team_id) == (workspace.bot.id, "T0MESHTEAM")
    assert "chat:write" in identity.scopes


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_reads_are_tried_again(
    workspace: Workspace, client: AsyncWebClient, status: int
) -> None:
    """A read that fails for now is repeated by itself."""
    if status == 429:
        workspace.faults.rate_limit_method("auth.test", times=2, retry_after=0)
    else:
        workspace.faults.fail_method("auth.test", times=2, status=status)
    assert (await fetch_identity(client)).user_id == workspace.bot.id
    assert [method for method, _ in workspace.calls].count("auth.test") == 3


async def test_a_wrong_bot_token_names_the_setting(
    workspace: Workspace, session: aiohttp.ClientSession
) -> None:
    """A refused token is a mistake in the settings, and the token itself is not shown."""
    client = build_client(token="xoxb-forged", base_url=workspace.api_url, session=session)
    with pytest.raises(SettingsError, match=r"slack\.bot_token.*invalid_auth") as raised:
        await fetch_identity(client)
    assert "forged" not in str(raised.value)


async def test_slack_away_is_no_mistake_in_the_settings(client: AsyncWebClient) -> None:
    """Nobody listening is told apart from a wrong token."""
    client.base_url = "http://127.0.0.1:9/api/"
    with pytest.raises(SlackError, match=r"auth\.test: unreachable"):
        await fetch_identity(client)


async def test_an_answer_without_end_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """slack_sdk reads bodies whole; what is longer than any of Slack's is read no further."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
        await response.prepare(request)
        await response.write(gzip.compress(bytes(50_000_000)))
        return response

    app = web.Application()
    app.router.add_route("*", "/api/{method}", answer)
    async with TestServer(app) as server, build_session() as session:
        client = build_client(
            token="xoxb-1",
            base_url=str(server.make_url("/api/")),
            session=session,
            retries=WebApiRetries(most=0),
        )
        with pytest.raises(SlackError):
            await fetch_identity(client)
    assert "answered more than 8 MB; read no further" in caplog.text
