"""HTTP mode: Slack's requests on a port of our own, each checked before anything looks into it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterator, Sequence

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncBoltRequest

from bot.errors import SettingsError
from bot.metrics import Metric, counter
from bot.slack.inbound.dedupe import SeenKeys
from bot.slack.inbound.listeners import Listeners

PATH = "/slack/events"
"""Where the Slack app's request URLs point, for commands and for interactivity."""

WINDOW = 300.0
"""Seconds that a request's timestamp may be off (Slack's recommendation)."""

MOST_BODY = 512 * 1024
"""Bytes of a request that are read; Slack's own payloads stay far below."""

log = logging.getLogger(__name__)


class SignatureVerifier:
    """Tells Slack's requests from forged, stale and replayed ones."""

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time) -> None:
        if not secret.strip():
            raise SettingsError(
                "slack.signing_secret: HTTP mode needs it (Slack app, Basic Information)"
            )
        self._secret, self._now = secret.encode(), now
        # A timestamp is good from WINDOW before it to WINDOW after it: so long a replay would pass.
        self._once = SeenKeys(ttl=2 * WINDOW, most=50_000)

    def explain_refusal(self, timestamp: str, signature: str, body: bytes) -> str:
        """Return why the request is refused, or an empty text when it is Slack's.

        The same request passes only once.
        """
        # int() takes other scripts' digits and spaces too, and raises for what is no number, which
        # Bolt's own check turns into a 500 (slack-bolt 1.30).
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            return "the timestamp is no number"
        if abs(self._now() - int(timestamp)) > WINDOW:
            return "the timestamp is too far off"
        signed = hmac.new(self._secret, b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
        # In constant time, so that the time taken does not tell how much of a guess was right.
        if not hmac.compare_digest(f"v0={signed.hexdigest()}".encode(), signature.encode()):
            return "the signature does not match"
        return "" if self._once.claim_key(signature) else "the request was seen before"


class HttpReceiver:
    """Server for Slack's requests in HTTP mode.

    `routes` are served beside it (health, metrics).
    """

    def __init__(
        self,
        listeners: Listeners,
        *,
        signing_secret: str,
        routes: Sequence[web.AbstractRouteDef] = (),
    ) -> None:
        self._listeners, self._signatures = listeners, SignatureVerifier(signing_secret)
        self._routes = list(routes)
        self._runner: web.AppRunner | None = None
        self.refused = 0
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen on this address; `port` 0 takes a free one.

        Raises SettingsError when the address cannot be had.
        """
        app = web.Application(client_max_size=MOST_BODY)
        app.add_routes([web.post(PATH, self._handle_request), *self._routes])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as problem:
            await runner.cleanup()
            raise SettingsError(
                f"slack.http: cannot listen on {host}:{port} ({problem.strerror or problem})"
            ) from problem
        self._runner, self.port = runner, int(runner.addresses[0][1])

    async def close(self, grace: float = 3.0) -> None:
        """Decline new commands, let acknowledgements under way leave, then stop listening.

        `grace` is in seconds.
        """
        await self._listeners.drain(grace)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        await self._listeners.aclose()

    @property
    def is_connected(self) -> bool:
        """Tell whether the server listens."""
        return self._runner is not None

    @property
    def is_alive(self) -> bool:
        """Tell whether a restart would mend nothing."""
        return self.is_connected

    @property
    def seconds_disconnected(self) -> float:
        """Seconds without a connection: 0, for a server that listens has none to lose."""
        return 0.0

    def figures(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        yield Metric("slack_connected", "1 while commands can arrive.", self.is_connected)
        yield counter(
            "requests_refused", "Requests that were not Slack's, or came before.", self.refused
        )

    async def _handle_request(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        objection = self._signatures.explain_refusal(
            timestamp, request.headers.get("X-Slack-Signature", ""), body
        )
        if objection:
            self.refused += 1
            log.warning("refused a request from %s: %s", request.remote, objection)
            return web.json_response({"error": "unauthorized"}, status=401)
        try:
            bolt = AsyncBoltRequest(body=body.decode(), headers=dict(request.headers))
        except (ValueError, AttributeError, TypeError):
            # Bolt reads members of whatever it finds, text or list; signed by Slack, yet nothing
            # that Slack sends.
            return web.json_response({"error": "malformed"}, status=400)
        return await self._acknowledge_request(request, bolt)

    async def _acknowledge_request(
        self, request: web.Request, bolt: AsyncBoltRequest
    ) -> web.StreamResponse:
        """Send the acknowledgement to its end before the work begins."""
        with self._listeners.envelopes.track_envelope():
            outcome = await self._listeners.build_acknowledgement(bolt)
            status = outcome.status
            response = await to_aiohttp_response(outcome)
            try:
                # Sent here: aiohttp would send it once this handler has returned, after the work.
                await response.prepare(request)
                await response.write_eof()
            except OSError as problem:
                log.warning("an acknowledgement was not sent: %s", type(problem).__name__)
        if status == 200:
            self._listeners.run_deferred_work(bolt)
        return response
