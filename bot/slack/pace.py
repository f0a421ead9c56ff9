"""How fast Slack may be called: a token bucket, and a gate that a 429 closes for a while."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Limits for edits. `burst` + `per_minute` <= 50 keeps any minute within Tier 3 (chat.update: 50+ per minute).

    `interval`: least seconds between two edits of one message. `reserve`: tokens that only final edits may take, and
    news down to half of it: otherwise a message that changes all the time would leave none for what people wait for.
    `patience`: seconds after which an edit that Slack does not answer is given up. `at_once`: calls under way.
    """

    interval: float = 1.0
    burst: int = 20
    per_minute: float = 30.0
    reserve: int = 6
    patience: float = 600.0
    at_once: int = 4


class Bucket:
    """Tokens that come back at a steady rate; times are the event loop's, in seconds."""

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst, self._rate = burst, per_second
        self._tokens, self._at = float(burst), 0.0

    def ready_at(self, now: float, needed: float) -> float:
        """When `needed` tokens will be there (now, if they are)."""
        self._refill(now)
        return now if self._tokens >= needed else now + (needed - self._tokens) / self._rate

    def take(self, now: float) -> None:
        """Spends one token."""
        self._refill(now)
        self._tokens -= 1

    def _refill(self, now: float) -> None:
        if self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class Gate:
    """Closed for the time that a 429 asked for."""

    def __init__(self) -> None:
        self.open_at = 0.0
        self.waits = 0

    def close(self, now: float, seconds: float) -> None:
        """Lets nothing through for `seconds`."""
        self.open_at = max(self.open_at, now + seconds)
        self.waits += 1
