"""What is remembered and how fast one may go: the small parts, with their own clock."""

from __future__ import annotations

from bot.slack.once import Once
from bot.slack.pace import Bucket, Gate


def test_a_key_is_new_once_until_it_is_forgotten() -> None:
    """Within its time a key is known, afterwards new again; an empty key is no key."""
    now = [0.0]
    once = Once(ttl=900, now=lambda: now[0])
    assert [once.first("a"), once.first("a"), once.first(""), once.first("")] == [True, False, True, True]
    now[0] = 899
    assert not once.first("a")
    now[0] = 900
    assert once.first("a")


def test_memory_is_bounded() -> None:
    """Of more keys than it keeps, the oldest go."""
    once = Once(most=100, now=lambda: 1.0)
    assert all(once.first(str(number)) for number in range(1000))
    assert len(once) == 100
    assert once.first("0")
    assert not once.first("999")


def test_the_bucket_grants_its_burst_then_its_rate() -> None:
    """Three at once, then one a second; what is not used does not pile up beyond the burst."""
    bucket = Bucket(3, 1.0)
    for _ in range(3):
        assert bucket.ready_at(10, 1) == 10
        bucket.take(10)
    assert bucket.ready_at(10, 1) == 11
    assert bucket.ready_at(10.5, 1) == 11
    assert bucket.ready_at(1000, 3) == 1000
    assert bucket.ready_at(1000, 4) == 1001


def test_the_gate_keeps_the_longest_wait() -> None:
    """A shorter Retry-After does not open what a longer one closed; each is counted."""
    gate = Gate()
    gate.close(10, 30)
    gate.close(12, 1)
    assert (gate.open_at, gate.waits) == (40, 2)
