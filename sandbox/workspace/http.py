"""HTTP delivery: the same payloads as signed POST requests to the bot's request URL."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import Any
from urllib.parse import urlencode

import aiohttp

from sandbox.workspace.delivery import NOBODY, TOO_LATE, Delivery, DeliveryResult

Json = dict[str, Any]


def sign_request(secret: str, body: str, *, at: float | None = None) -> dict[str, str]:
    """Return the two headers that prove that a request comes from Slack.

    `at` is a Unix time in seconds, now by default.
    """
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def encode_delivery(delivery: Delivery) -> tuple[str, str]:
    """Return body and content type of a delivery.

    Events are JSON, commands a form, interactions a form with one JSON field.
    """
    if delivery.kind == "events_api":
        return json.dumps(delivery.payload), "application/json"
    fields = (
        delivery.payload
        if delivery.kind == "slash_commands"
        else {"payload": json.dumps(delivery.payload)}
    )
    return urlencode(fields), "application/x-www-form-urlencoded"


class HttpTransport:
    """Posts deliveries to one URL."""

    def __init__(self, request_url: str, signing_secret: str, *, patience: float) -> None:
        self.url, self._secret = request_url, signing_secret
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience))

    async def carry(self, delivery: Delivery) -> DeliveryResult:
        """POST a delivery once, and give up when Slack would."""
        envelope_id = str(uuid.uuid4())
        body, content_type = encode_delivery(delivery)
        headers = sign_request(self._secret, body) | {"Content-Type": content_type}
        if delivery.retry:
            headers |= {
                "x-slack-retry-num": str(delivery.retry),
                "x-slack-retry-reason": delivery.retry_reason,
            }
        try:
            async with self._session.post(
                self.url, data=body.encode(), headers=headers
            ) as response:
                text = await response.text()
                if response.status != 200:
                    no_retry = response.headers.get("x-slack-no-retry") == "1"
                    return DeliveryResult(
                        envelope_id, error=NOBODY, reason="http_error", no_retry=no_retry
                    )
        except TimeoutError:
            return DeliveryResult(envelope_id, error=TOO_LATE, reason="http_timeout")
        except aiohttp.ClientError:
            return DeliveryResult(envelope_id, error=NOBODY, reason="connection_failed")
        return DeliveryResult(
            envelope_id, _parse_response_payload(text) if delivery.reply else None
        )

    async def stop(self) -> None:
        """Close the HTTP client."""
        await self._session.close()


def _parse_response_payload(text: str) -> Json | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return {"text": text}
    return value if isinstance(value, dict) else {"text": text}
