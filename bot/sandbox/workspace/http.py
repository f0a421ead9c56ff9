"""HTTP delivery: the same parcels as signed POST requests to the bot's request URL."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.sandbox.workspace.delivery import NOBODY, TOO_LATE, Outcome, Parcel

Json = dict[str, Any]


def signed(secret: str, body: str, *, at: float | None = None) -> dict[str, str]:
    """The two headers by which a request proves that it comes from Slack; `at` is a Unix time, now by default."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def encoded(parcel: Parcel) -> tuple[str, str]:
    """Body and content type: events as JSON, commands as a form, interactions as a form with one JSON field."""
    if parcel.kind == "events_api":
        return json.dumps(parcel.payload), "application/json"
    fields = parcel.payload if parcel.kind == "slash_commands" else {"payload": json.dumps(parcel.payload)}
    return urlencode(fields), "application/x-www-form-urlencoded"


class HttpCourier:
    """Posts parcels to one URL."""

    def __init__(self, request_url: str, signing_secret: str, *, patience: float) -> None:
        self.url, self._secret = request_url, signing_secret
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience))

    async def carry(self, parcel: Parcel) -> Outcome:
        """One POST, given up when Slack's patience ends."""
        envelope_id = str(uuid.uuid4())
        body, content_type = encoded(parcel)
        headers = signed(self._secret, body) | {"Content-Type": content_type}
        if parcel.retry:
            headers |= {"x-slack-retry-num": str(parcel.retry), "x-slack-retry-reason": parcel.retry_reason}
        try:
            async with self._session.post(self.url, data=body.encode(), headers=headers) as response:
                text = await response.text()
                if response.status != 200:
                    no_retry = response.headers.get("x-slack-no-retry") == "1"
                    return Outcome(envelope_id, error=NOBODY, reason="http_error", no_retry=no_retry)
        except TimeoutError:
            return Outcome(envelope_id, error=TOO_LATE, reason="http_timeout")
        except aiohttp.ClientError:
            return Outcome(envelope_id, error=NOBODY, reason="connection_failed")
        return Outcome(envelope_id, _payload(text) if parcel.reply else None)

    async def stop(self) -> None:
        """Closes the client."""
        await self._session.close()


def _payload(text: str) -> Json | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return {"text": text}
    return value if isinstance(value, dict) else {"text": text}
