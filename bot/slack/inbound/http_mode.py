"""HTTP mode: Slack's requests on a port of our own, each checked before anything looks into it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncBoltRequest

from bot.errors import SettingsError
from bot.http_server import LimitedServer, ServerLimits, ThrottledLog
from bot.json_text import parse_json
from bot.listening import show_address
from bot.metrics import Metric, counter
from bot.slack.inbound.dedupe import SeenKeys
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.shapes import MalformedPayload, build_request

PATH = "/slack/events"
"""Where the Slack app's request URLs point, for commands and for interactivity."""

WINDOW = 300.0
"""Seconds that a request's timestamp may be off (Slack's recommendation)."""

MOST_BODY = 512 * 1024
"""Bytes of a request that are read; Slack's own payloads stay far below."""

MOST_FIELDS = 100
"""Fields of a form; a slash command has fifteen."""

TIMESTAMP, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"

log = logging.getLogger(__name__)


class SignatureVerifier:
    """Tells Slack's requests from forged, stale and replayed ones."""

    def __init__(self, secret: str, *, now: Callable[[], float] = time.time) -> None:
        if not secret.strip():
            raise SettingsError(
                "slack.signing_secret: HTTP mode needs it (Slack app, Basic Information; "
                "set SLACK_SIGNING_SECRET)"
            )
        self._secret, self._now = secret.encode(), now
        # A timestamp is good from WINDOW before it to WINDOW after it, by this clock: so long a
        # replay would pass, the last moment included.
        self._once = SeenKeys(ttl=2 * WINDOW + 1, most=50_000, now=now)

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
        # A header's bytes beyond ASCII come as surrogates, which cannot be encoded.
        if not signature.isascii():
            return "the signature does not match"
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
        self._server = LimitedServer(
            [web.post(PATH, self._handle_request), *routes], ServerLimits(body=MOST_BODY)
        )
        self._told = ThrottledLog(log)
        self._listening = False
        self.refused = 0

    @property
    def port(self) -> int:
        """The port, once it listens."""
        return self._server.port

    async def start(self, host: str, port: int) -> None:
        """Listen on this address; `port` 0 takes a free one.

        Raises SettingsError when the address cannot be had.
        """
        try:
            await self._server.start(host, port)
        except OSError as problem:
            where = show_address(host, port)
            raise SettingsError(
                f"slack.http_port: cannot listen on {where} ({problem.strerror or problem}); "
                "choose another port (MESHBOT_SLACK__HTTP_PORT) or address "
                "(MESHBOT_SLACK__HTTP_HOST)"
            ) from problem
        self._listening = True

    async def close(self, grace: float = 3.0) -> None:
        """Decline new commands, let acknowledgements under way leave, then stop listening.

        `grace` is in seconds.
        """
        await self._listeners.drain(grace)
        self._listening = False
        await self._server.close()
        await self._listeners.aclose()

    @property
    def is_connected(self) -> bool:
        """Tell whether the server listens."""
        return self._listening

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

        yield from self._server.figures("slack")

    async def _handle_request(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if objection := self._explain_refusal(request, body):
            self.refused += 1
            self._told.warning("refused a request from %s: %s", request.remote, objection)
            return web.json_response({"error": "unauthorized"}, status=401)
        try:
            payload = parse_payload(request.content_type, body)
            if payload.get("ssl_check") == "1":
                return web.Response()
            bolt = build_request(payload, _read_retry_headers(request))
        except MalformedPayload as problem:
            self._told.warning("a request from %s makes no sense: %s", request.remote, problem)
            return web.json_response({"error": f"malformed: {problem}"}, status=400)
        return await self._acknowledge_request(request, bolt)

    def _explain_refusal(self, request: web.Request, body: bytes) -> str:
        """Return why a request is refused, or "" when it is Slack's.

        Slack's check of the certificate needs no signature: it is answered, and nothing is done.
        """
        given = [request.headers.getall(name, []) for name in (TIMESTAMP, SIGNATURE)]
        if given == [[], []] and _is_certificate_check(request.content_type, body):
            return ""
        if any(len(values) > 1 for values in given):
            return "it has more than one timestamp or signature"
        timestamp, signature = ("".join(values) for values in given)
        return self._signatures.explain_refusal(timestamp, signature, body)

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


def parse_payload(kind: str, body: bytes) -> dict[str, Any]:
    """Return the payload of a request: an event's JSON, a command's form, or the JSON in a form.

    `kind` is the content type without parameters. Raises MalformedPayload.
    """
    if kind == "application/json":
        return _parse_object(body)
    if kind != "application/x-www-form-urlencoded":
        raise MalformedPayload("the content type is neither a form nor JSON")
    fields = _parse_form(body)
    return _parse_object(fields["payload"]) if "payload" in fields else dict(fields)


def _parse_form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise MalformedPayload("the body is no form") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise MalformedPayload("a field is there twice")
    return fields


def _parse_object(text: str | bytes) -> dict[str, Any]:
    try:
        found = parse_json(text)
    except ValueError:
        raise MalformedPayload("the payload is no JSON") from None
    if not isinstance(found, dict):
        raise MalformedPayload("the payload is no object")
    return found


def _is_certificate_check(kind: str, body: bytes) -> bool:
    """Tell whether this is the request by which Slack checks the certificate from time to time."""
    try:
        return parse_payload(kind, body).get("ssl_check") == "1"
    except MalformedPayload:
        return False


def _read_retry_headers(request: web.Request) -> dict[str, str]:
    """Return the headers that Slack adds when it delivers again.

    The signature covers none, so Bolt sees no others: some are commands to Bolt itself.
    """
    names = ("x-slack-retry-num", "x-slack-retry-reason")
    return {name: request.headers[name] for name in names if name in request.headers}
