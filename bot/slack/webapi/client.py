"""The Web API client: one HTTP session for all calls, retries that cannot post twice, and no proxy
for loopback."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient

from bot import proxies
from bot.errors import SlackError
from bot.slack.webapi.web_api_errors import (
    await_slack_call,
    explain_refused_token,
    get_library_logger,
)

API_URL = "https://slack.com/api/"
OWN_RETRIES = frozenset({"chat.postMessage", "chat.update", "chat.postEphemeral"})
"""Methods whose callers decide on retries themselves: a repeat would post twice, or would show what
is already old."""

MOST_ANSWER = 8_000_000
"""Bytes of one answer of the Web API that are read, unpacked; its longest lists have some hundred
thousand."""

PAGE, MOST_PAGES = 1000, 20
"""Workspaces that are asked for at once (Slack limit), and how often."""

log = logging.getLogger(__name__)


class BoundedResponse(aiohttp.ClientResponse):
    """A response whose body is read up to MOST_ANSWER; slack_sdk reads bodies whole."""

    async def read(self) -> bytes:
        """Return the body; raise aiohttp.ClientPayloadError when it is longer than is read."""
        if self._body is None:
            body = bytearray()
            async for piece in self.content.iter_any():
                body += piece
                if len(body) > MOST_ANSWER:
                    self.close()
                    log.warning(
                        "%s answered more than %g MB; read no further",
                        self.url.host,
                        MOST_ANSWER / 1e6,
                    )
                    raise aiohttp.ClientPayloadError("more than is read")
            self._body = bytes(body)
        return self._body


class WebApiRetries:
    """Retry policy that slack_sdk asks after each failed attempt.

    Reads get up to `most` retries. It waits as Slack says, and answers like slack_sdk's own
    handlers; those share one counter and cannot tell one method from another.
    """

    def __init__(self, most: int = 4, base: float = 0.5) -> None:
        self._most, self._base = most, base

    async def can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        """Tell whether the call may be sent again.

        That holds for anything that was never sent, and for reads that failed for now.
        """
        if state.current_attempt >= self._most:
            return False
        # Never sent, so that no method can have been carried out twice.
        if isinstance(error, aiohttp.ClientConnectorError):
            return state.current_attempt < 2
        if request.url.rsplit("/", 1)[-1] in OWN_RETRIES:
            return False
        if response is not None:
            return response.status_code == 429 or response.status_code >= 500
        return isinstance(error, (aiohttp.ClientConnectionError, TimeoutError))

    async def prepare_for_next_attempt_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:
        """Wait for Retry-After, or for a doubling time with jitter."""
        # Jitter, not a secret.
        wait = self._base * 2**state.current_attempt * random.uniform(0.5, 1.5)  # noqa: S311
        if response is not None and response.status_code == 429:
            header = next(
                (value for key, value in response.headers.items() if key.lower() == "retry-after"),
                ["1"],
            )
            wait = float(header[0]) + random.uniform(0, 0.3)  # noqa: S311 - jitter, not a secret
        log.info("%s again in %.1f s", request.url.rsplit("/", 1)[-1], wait)
        await asyncio.sleep(wait)
        state.next_attempt_requested = True
        state.increment_current_attempt()


def is_loopback(url: str) -> bool:
    """Tell whether the address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def find_proxy(url: str) -> str | None:
    """Return the machine's proxy for this address, or None. Raises SettingsError when it is none.

    slack_sdk itself heeds neither NO_PROXY nor loopback.
    """
    return None if is_loopback(url) else proxies.find_proxy(url)


def build_session(*, timeout: float = 30.0) -> aiohttp.ClientSession:
    """Build the HTTP session that all calls to Slack share; `timeout` is in seconds.

    Without one, slack_sdk opens a connection per call.
    """
    limits = aiohttp.ClientTimeout(total=timeout, sock_connect=10.0)
    return aiohttp.ClientSession(
        timeout=limits, cookie_jar=aiohttp.DummyCookieJar(), response_class=BoundedResponse
    )


def build_client(
    *,
    token: str,
    base_url: str | None = None,
    session: aiohttp.ClientSession,
    retries: WebApiRetries | None = None,
) -> AsyncWebClient:
    """Build a client for the workspace, or for a stand-in at `base_url`.

    The session's timeout is the one that counts.
    """
    base = base_url or API_URL
    client = AsyncWebClient(
        token=token,
        base_url=base,
        session=session,
        logger=get_library_logger("api"),
        # In place of slack_sdk's default, which sends a chat.postMessage again when the connection
        # broke.
        retry_handlers=[cast(AsyncRetryHandler, retries or WebApiRetries())],
    )
    # slack_sdk sets it from the environment, whatever NO_PROXY says.
    client.proxy = find_proxy(base)
    return client


class BotIdentity(NamedTuple):
    """The bot user that the token belongs to, and its granted scopes (`x-oauth-scopes`).

    `teams` are the workspaces that the app is installed to: several where that is a whole
    organization, which `enterprise_id` names.
    """

    team_id: str
    team: str
    user_id: str
    bot_id: str
    url: str
    scopes: frozenset[str]
    enterprise_id: str = ""
    is_enterprise_install: bool = False
    teams: tuple[str, ...] = ()


async def fetch_identity(client: AsyncWebClient) -> BotIdentity:
    """Return the bot's identity from auth.test.

    Raises SettingsError when the token is wrong, SlackError when Slack cannot be reached.
    """
    try:
        response = await await_slack_call("auth.test", client.auth_test())
    except SlackError as problem:
        raise explain_refused_token(
            problem,
            "slack.bot_token",
            "the bot token of the installed app (xoxb-…)",
            variable="SLACK_BOT_TOKEN",
        ) from problem
    header = next(
        (value for key, value in response.headers.items() if key.lower() == "x-oauth-scopes"), ""
    )
    scopes = frozenset(scope.strip() for scope in header.split(",") if scope.strip())
    names = ("team_id", "team", "user_id", "bot_id", "url", "enterprise_id")
    said = {name: str(response.get(name) or "") for name in names}
    everywhere = response.get("is_enterprise_install") is True
    return BotIdentity(
        **said,
        scopes=scopes,
        is_enterprise_install=everywhere,
        teams=await list_teams(client) if everywhere else (said["team_id"],),
    )


async def list_teams(client: AsyncWebClient) -> tuple[str, ...]:
    """Return the workspaces of an organization that the app is installed to; none when Slack does
    not say."""
    found: list[str] = []
    cursor: str | None = None
    try:
        for _ in range(MOST_PAGES):
            request = client.auth_teams_list(limit=PAGE, cursor=cursor)
            answer = await await_slack_call("auth.teams.list", request)
            found += [str(team["id"]) for team in answer.get("teams") or ()]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                break
    except SlackError as problem:
        log.warning("the workspaces of this organization are not known: %s", problem)
    return tuple(found)
