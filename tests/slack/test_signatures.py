"""Whether a request is Slack's: by its secret, its time, and once."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from bot.slack.inbound.http_mode import WINDOW, SignatureVerifier

SECRET, BODY, NOW = "s3cret", b"command=%2Fmesh", 1_800_000_000


def sign(stamp: int | str = NOW, body: bytes = BODY, secret: str = SECRET) -> str:
    """The signature of a request."""
    signed = b"v0:" + str(stamp).encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        (sign(), ""),
        (sign(secret="another"), "does not match"),
        (sign(body=BODY + b"x"), "does not match"),
        (sign(NOW + 1), "does not match"),
        ("", "does not match"),
        ("v0=", "does not match"),
        (sign().upper(), "does not match"),
        ("v0=ü", "does not match"),
    ],
)
def test_only_its_own_signature_makes_a_request_slack_s(signature: str, says: str) -> None:
    """With the secret, over time and body."""
    refusal = SignatureVerifier(SECRET, now=Clock()).explain_refusal(str(NOW), signature, BODY)
    assert says in refusal
    assert bool(says) is bool(refusal)


@pytest.mark.parametrize("off", [-WINDOW - 1, WINDOW + 1, 10 * WINDOW, -10 * WINDOW])
def test_a_request_of_another_time_is_refused(off: float) -> None:
    """However well it is signed."""
    stamp = int(NOW + off)
    refusal = SignatureVerifier(SECRET, now=Clock()).explain_refusal(str(stamp), sign(stamp), BODY)
    assert "too far off" in refusal


@pytest.mark.parametrize(
    "stamp", ["", "now", "-1", "1e9", f" {NOW}", f"+{NOW}", "٣" * 10, "9" * 13]
)
def test_a_time_that_is_no_number_is_refused(stamp: str) -> None:
    """Also one that Python would read as a number."""
    refusal = SignatureVerifier(SECRET, now=Clock()).explain_refusal(stamp, sign(stamp), BODY)
    assert "no number" in refusal


def test_a_replay_is_refused_for_as_long_as_its_time_is_good() -> None:
    """A stamp from the future is good for twice as long; not in one moment of it."""
    clock, stamp = Clock(), int(NOW + WINDOW)
    verifier = SignatureVerifier(SECRET, now=clock)
    assert verifier.explain_refusal(str(stamp), sign(stamp), BODY) == ""
    for passed in (0.0, 1.0, WINDOW, WINDOW + 1, 2 * WINDOW - 1, 2 * WINDOW):
        clock.now = NOW + passed
        assert "seen before" in verifier.explain_refusal(str(stamp), sign(stamp), BODY)
    clock.now = NOW + 2 * WINDOW + 1
    assert "too far off" in verifier.explain_refusal(str(stamp), sign(stamp), BODY)
