"""Deliveries to the bot and their results, with Slack's limit of three seconds for an
acknowledgement.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]

NOBODY, TOO_LATE = "dispatch_failed", "operation_timeout"


@dataclass(frozen=True)
class Delivery:
    """One delivery to the bot; `reply` tells whether the acknowledgement may carry a payload."""

    kind: str
    payload: Json
    reply: bool = False
    retry: int = 0
    retry_reason: str = ""


@dataclass(frozen=True)
class DeliveryResult:
    """Result of a delivery: an acknowledgement with a payload (or None), or the error that
    Slack shows.

    `reason` is Slack's word for the failure in retries, `no_retry` the bot's wish not to
    get any.
    """

    envelope_id: str
    payload: Json | None = None
    error: str = ""
    reason: str = ""
    no_retry: bool = False


class Transport(Protocol):
    """One way of reaching the bot: Socket Mode or HTTP."""

    async def carry(self, delivery: Delivery) -> DeliveryResult:
        """Deliver to the bot and wait for its acknowledgement, only as long as Slack does."""
        ...


@dataclass
class ActionResult:
    """A user's action and its result: when it was acknowledged, with which payload, or the
    error.
    """

    user: str
    channel: str
    text: str
    payload: Json = field(default_factory=dict)
    envelope_id: str = ""
    ack_payload: Json | None = None
    ack_after: float | None = None
    error: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def is_acked(self) -> bool:
        """Tell whether the bot acknowledged in time."""
        return self.ack_after is not None

    @property
    def trigger_id(self) -> str:
        """The trigger_id in the payload, or ""."""
        return str(self.payload.get("trigger_id", ""))

    @property
    def response_url(self) -> str:
        """The response_url in the payload, or ""."""
        return str(self.payload.get("response_url", ""))

    def record_outcome(self, outcome: DeliveryResult) -> None:
        """Record the result of the delivery."""
        self.envelope_id, self.error, self.ack_payload = (
            outcome.envelope_id,
            outcome.error,
            outcome.payload,
        )
        if not outcome.error:
            self.ack_after = time.monotonic() - self.started
