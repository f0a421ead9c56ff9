"""From a person's act to the bot and back: what is carried, the three seconds, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]

NOBODY, TOO_LATE = "dispatch_failed", "operation_timeout"


@dataclass(frozen=True)
class Parcel:
    """What is carried to the bot; `reply` says whether the acknowledgement may carry a payload."""

    kind: str
    payload: Json
    reply: bool = False
    retry: int = 0
    retry_reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a parcel fared: acknowledged with a payload (or None), or the error that Slack shows.

    `reason` is Slack's word for the failure in retries, `no_retry` the wish not to get any.
    """

    envelope_id: str
    payload: Json | None = None
    error: str = ""
    reason: str = ""
    no_retry: bool = False


class Courier(Protocol):
    """One way of reaching the bot: Socket Mode or HTTP."""

    async def carry(self, parcel: Parcel) -> Outcome:
        """Delivers a parcel and waits for its acknowledgement, only as long as Slack does."""
        ...


@dataclass
class Typed:
    """What someone did and what came of it: whether and when it was acknowledged, with which payload, or the error."""

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
    def acked(self) -> bool:
        """Whether the bot acknowledged in time."""
        return self.ack_after is not None

    @property
    def trigger_id(self) -> str:
        """The trigger that came with it."""
        return str(self.payload.get("trigger_id", ""))

    @property
    def response_url(self) -> str:
        """The response_url that came with it."""
        return str(self.payload.get("response_url", ""))

    def settle(self, outcome: Outcome) -> None:
        """Notes how it fared."""
        self.envelope_id, self.error, self.ack_payload = outcome.envelope_id, outcome.error, outcome.payload
        if not outcome.error:
            self.ack_after = time.monotonic() - self.started
