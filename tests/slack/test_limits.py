"""What is remembered and how fast one may go: the small parts, with their own clock."""

from __future__ import annotations

from bot.slack.inbound.dedupe import SeenKeys
from bot.slack.webapi.rate_limit import RateLimitPause, TokenBucket


def test_a_key_is_new_once_until_it_is_forgotten() -> None:
    """Within its time a key is known, afterwards new again; an empty key is no key."""
    now = [0.0]
    once = SeenKeys(ttl=900, now=lambda: now[0])
    assert [once.claim_key("a"), once.claim_key("a"), once.claim_key(""), once.claim_key("")] == [
        True,
        False,
        True,
        True,
    ]
    now[0] = 899
    assert not once.claim_key("a")
    now[0] = 900
    assert once.claim_key("a")


def test_a_delivery_is_known_for_as_long_as_slack_repeats_it() -> None:
    """Up to six minutes (Slack), and some more."""
    now = [0.0]
    once = SeenKeys(now=lambda: now[0])
    assert once.claim_key("a")
    for minutes in (1, 6, 7, 10):
        now[0] = minutes * 60.0
        assert not once.claim_key("a")


def test_memory_is_bounded() -> None:
    """Of more keys than it keeps, the oldest go."""
    once = SeenKeys(most=100, now=lambda: 1.0)
    assert all(once.claim_key(str(number)) for number in range(1000))
    assert len(once) == 100
    assert once.claim_key("0")
    assert not once.claim_key("999")


def test_the_bucket_grants_its_burst_then_its_rate() -> None:
    """Three at once, then one a second; what is not used does not pile up beyond the burst."""
    bucket = TokenBucket(3, 1.0)
    for _ in range(3):
        assert bucket.compute_ready_time(10, 1) == 10
        bucket.take_token(10)
    assert bucket.compute_ready_time(10, 1) == 11
    assert bucket.compute_ready_time(10.5, 1) == 11
    assert bucket.compute_ready_time(1000, 3) == 1000
    assert bucket.compute_ready_time(1000, 4) == 1001


def test_the_gate_keeps_the_longest_wait() -> None:
    """A shorter Retry-After does not open what a longer one closed; each is counted."""
    gate = RateLimitPause()
    gate.pause_for(10, 30)
    gate.pause_for(12, 1)
    assert (gate.open_at, gate.waits) == (40, 2)
