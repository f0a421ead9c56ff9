"""Socket Mode: a connection that is checked before it is trusted, watched, and rebuilt when it
stays away.

slack_sdk reconnects by itself, but two of its loops never end (slack_sdk 3.47): it asks for a
connection again and again with a token that is wrong, and it tries a failed handshake again with a
ticket that is spent. So the token is checked first, each try has its own client and a time limit,
and a watchdog starts anew when a client does not recover.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import MeshbotError, SettingsError, SlackError
from bot.jobs import Jobs
from bot.metrics import Metric, counter
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.shapes import MalformedPayload, build_request
from bot.slack.webapi.client import find_proxy
from bot.slack.webapi.web_api_errors import (
    RateLimited,
    await_slack_call,
    explain_refused_token,
    get_library_logger,
)

log = logging.getLogger(__name__)

ACK_LIMIT = 3.0
"""Seconds in which Slack takes an acknowledgement (Slack limit)."""


SLACK_CALL = 60.0
"""Seconds that one call of the Web API may take at most, with its repeats."""


@dataclass(frozen=True)
class SocketTiming:
    """Seconds: between pings, for one try to connect, without a connection until it is rebuilt, and
    between tries."""

    ping: float = 10.0
    connect: float = 10.0
    silence: float = 60.0
    check: float = 5.0
    retry: float = 1.0
    most_retry: float = 60.0


async def request_socket_url(client: AsyncWebClient, app_token: str) -> str:
    """Return a WebSocket address, good for one connection.

    Raises SettingsError when the app token is wrong, or SlackError.
    """
    wanted = "an app-level token (xapp-…) with the scope connections:write"
    if not app_token.startswith("xapp-"):
        raise SettingsError(f"slack.app_token: it must be {wanted} (set SLACK_APP_TOKEN)")
    try:
        answer = await await_slack_call(
            "apps.connections.open", client.apps_connections_open(app_token=app_token)
        )
    except SlackError as problem:
        raise explain_refused_token(
            problem, "slack.app_token", wanted, variable="SLACK_APP_TOKEN"
        ) from problem
    return str(answer["url"])


class SocketModeReceiver:
    """The bot's connection to Slack in Socket Mode."""

    def __init__(
        self,
        listeners: Listeners,
        *,
        client: AsyncWebClient,
        app_token: str,
        timing: SocketTiming | None = None,
    ) -> None:
        self._listeners, self._client, self._app_token = listeners, client, app_token
        self._timing = timing or SocketTiming()
        self._sdk: SocketModeClient | None = None
        self._jobs = Jobs()
        self._hellos = 0
        self._seen_good = self._sign_by = time.monotonic()
        self.rebuilds = 0

    async def start(self) -> None:
        """Connect and keep connected.

        Raises SettingsError or SlackError when the first try fails.
        """
        self._sdk = await self._connect_client()
        self._jobs.spawn(self._watch_connection(), "socket watchdog")

    async def close(self, grace: float = ACK_LIMIT) -> None:
        """Decline new commands, let acknowledgements under way leave, then close.

        `grace` is in seconds.
        """
        unsent = await self._listeners.drain(grace)
        if unsent:
            log.warning(
                "%d acknowledgements were not sent before the connection was closed", unsent
            )
        # The watchdog ends first, or it would take the closing for an outage.
        await self._jobs.drain(0)
        sdk, self._sdk = self._sdk, None
        if sdk is not None:
            await _close_client(sdk)
        await self._listeners.aclose()

    @property
    def is_connected(self) -> bool:
        """Tell whether the WebSocket is open and its pongs are fresh."""
        sdk = self._sdk
        if (
            sdk is None
            or sdk.closed
            or sdk.stale
            or sdk.current_session is None
            or sdk.current_session.closed
        ):
            return False
        age = self._measure_pong_age(sdk)
        # Four pings, after which slack_sdk itself takes a connection for stale.
        return age is None or age < 4 * self._timing.ping

    @property
    def reconnects(self) -> int:
        """Number of connections after the first, made by slack_sdk or by the watchdog."""
        return max(0, self._hellos - 1)

    @property
    def is_alive(self) -> bool:
        """Tell whether it is connected, or something still tries to be.

        While it holds, a restart would mend nothing.
        """
        return self.is_connected or time.monotonic() < self._sign_by

    @property
    def seconds_disconnected(self) -> float:
        """Seconds since the connection was last seen to be good."""
        return 0.0 if self.is_connected else time.monotonic() - self._seen_good

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        age = None if self._sdk is None else self._measure_pong_age(self._sdk)
        yield Metric("slack_connected", "1 while commands can arrive.", self.is_connected)
        yield Metric(
            "slack_pong_age_seconds", "Seconds since Slack last answered a ping.", age or 0.0
        )
        yield counter("slack_reconnects", "Connections after the first.", self.reconnects)
        yield counter(
            "slack_rebuilds", "Connections that the watchdog had to make anew.", self.rebuilds
        )

    @staticmethod
    def _measure_pong_age(sdk: SocketModeClient) -> float | None:
        return (
            None
            if sdk.last_ping_pong_time is None
            else max(0.0, time.time() - sdk.last_ping_pong_time)
        )

    async def _connect_client(self) -> SocketModeClient:
        url = await request_socket_url(self._client, self._app_token)
        sdk = SocketModeClient(
            app_token=self._app_token,
            logger=get_library_logger("socket"),
            web_client=self._client,
            ping_interval=self._timing.ping,
        )
        # slack_sdk takes a proxy from the environment and ignores NO_PROXY.
        sdk.proxy = find_proxy(url.replace("ws", "http", 1))
        # Given here, it is used as it is: the client asks for no other, and the token was checked.
        sdk.wss_uri = url
        sdk.message_listeners.append(self._on_message)
        sdk.socket_mode_request_listeners.append(self._on_envelope)
        try:
            # slack_sdk tries the same address for ever, which is good for one connection only.
            async with asyncio.timeout(self._timing.connect):
                await sdk.connect()  # type: ignore[no-untyped-call]  # slack_sdk leaves it untyped
        except TimeoutError as late:
            await _close_client(sdk)
            raise SlackError(
                "the WebSocket could not be opened in time", "apps.connections.open"
            ) from late
        except BaseException:
            await _close_client(sdk)
            raise
        return sdk

    async def _watch_connection(self) -> None:
        """Rebuild the connection when slack_sdk has not brought it back for `silence` seconds."""
        self._seen_good = time.monotonic()
        while True:
            self._extend_watchdog_deadline(self._timing.check)
            await asyncio.sleep(self._timing.check)
            if self.is_connected:
                self._seen_good = time.monotonic()
            elif time.monotonic() - self._seen_good >= self._timing.silence:
                log.warning(
                    "not connected to Slack for %.0f s: starting a new connection",
                    self._timing.silence,
                )
                await self._rebuild_connection()
                self._seen_good = time.monotonic()

    def _extend_watchdog_deadline(self, seconds: float) -> None:
        """Extend the time until which the watchdog counts as alive.

        It shows itself again within `seconds` and what one try to connect may take.
        """
        self._sign_by = time.monotonic() + seconds + self._timing.connect + SLACK_CALL

    async def _rebuild_connection(self) -> None:
        sdk, self._sdk = self._sdk, None
        if sdk is not None:
            await _close_client(sdk)
        wait = self._timing.retry
        while self._sdk is None:
            self._extend_watchdog_deadline(0.0)
            try:
                self._sdk = await self._connect_client()
                self.rebuilds += 1
            except (MeshbotError, aiohttp.ClientError, OSError) as problem:
                log.warning("no connection to Slack yet: %s", problem)
                least = problem.retry_after if isinstance(problem, RateLimited) else 0.0
                # Jitter, not a secret.
                pause = max(least, wait * random.uniform(0.7, 1.3))  # noqa: S311
                self._extend_watchdog_deadline(pause)
                await asyncio.sleep(pause)
                wait = min(self._timing.most_retry, wait * 2)

    async def _on_message(
        self, _client: AsyncBaseSocketModeClient, message: dict[str, Any], _raw: str | None
    ) -> None:
        if message.get("type") == "hello":
            self._hellos += 1
        elif message.get("type") == "disconnect":
            log.info("Slack asks for a new connection: %s", message.get("reason"))

    async def _on_envelope(
        self, client: AsyncBaseSocketModeClient, envelope: SocketModeRequest
    ) -> None:
        started = time.time()
        try:
            request = build_request(envelope.payload, build_headers(envelope) or {})
        except MalformedPayload as problem:
            # Without an acknowledgement Slack tells the person that it failed.
            log.warning("an envelope of type %.40r makes no sense: %s", envelope.type, problem)
            return
        with self._listeners.envelopes.track_envelope():
            response = await self._listeners.build_acknowledgement(request)
            try:
                async with asyncio.timeout(ACK_LIMIT):
                    await send_async_response(client, envelope, response, started)
            except (OSError, TimeoutError, aiohttp.ClientError, SlackClientError) as problem:
                log.warning("an acknowledgement was not sent: %s", type(problem).__name__)
        # Also when it could not be sent: Slack does not deliver a command or a click again. With
        # any other status nothing was acknowledged, and the person was shown an error.
        if response.status == 200:
            self._listeners.run_deferred_work(request)


async def _close_client(sdk: SocketModeClient) -> None:
    """Close the client within five seconds, also amid a reconnect."""
    # Set first: its monitor would answer the closed session with a new connection.
    sdk.closed = True
    sdk.auto_reconnect_enabled = False
    with suppress(TimeoutError, OSError, aiohttp.ClientError):
        async with asyncio.timeout(5.0):
            await sdk.close()  # type: ignore[no-untyped-call]  # slack_sdk leaves it untyped
    for task in (sdk.message_processor, sdk.current_session_monitor, sdk.message_receiver):
        if task is not None:
            task.cancel()
    await sdk.aiohttp_client_session.close()
