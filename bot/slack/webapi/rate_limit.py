"""Rate limits for calls to Slack: a token bucket, and a pause after a 429."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EditLimits:
    """Limits for edits. `burst` + `per_minute` <= 50 keeps any minute within Tier 3 (chat.update:
    50+ per minute).

    `interval`: least seconds between two edits of one message. `reserve`: tokens that only final
    edits may take, and news down to half of it: otherwise a message that changes all the time would
    leave none for what people wait for. `patience`: seconds after which an edit that Slack does not
    answer is given up. `at_once`: calls under way.
    """

    interval: float = 1.0
    burst: int = 20
    per_minute: float = 30.0
    reserve: int = 6
    patience: float = 600.0
    at_once: int = 4


class TokenBucket:
    """Tokens that come back at a steady rate; times are the event loop's, in seconds."""

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst, self._rate = burst, per_second
        self._tokens, self._at = float(burst), 0.0

    def compute_ready_time(self, now: float, needed: float) -> float:
        """Return when `needed` tokens will be there (`now`, if they are)."""
        self._refill_tokens(now)
        return now if self._tokens >= needed else now + (needed - self._tokens) / self._rate

    def take_token(self, now: float) -> None:
        """Spend one token."""
        self._refill_tokens(now)
        self._tokens -= 1

    def _refill_tokens(self, now: float) -> None:
        if self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class RateLimitPause:
    """The pause that a 429 asks for: no call before `open_at`; `waits` counts the 429s."""

    def __init__(self) -> None:
        self.open_at = 0.0
        self.waits = 0

    def pause_for(self, now: float, seconds: float) -> None:
        """Hold back all calls for `seconds`."""
        self.open_at = max(self.open_at, now + seconds)
        self.waits += 1
