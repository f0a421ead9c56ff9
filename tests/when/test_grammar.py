"""Times as people type them: what is understood, what is left to the step, and what is said of
mistakes."""

from __future__ import annotations

import shlex
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.when import KEYWORDS, Timing, TimingKind, resolve_timing, split_timing

NOW = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
"""A Wednesday, 17:00 in Madrid."""


def settled(typed: str) -> Timing:
    """What is made of that now."""
    _, wish, _ = split_timing(shlex.split(typed))
    assert wish is not None
    return resolve_timing(wish, NOW, "UTC")


UNDERSTOOD = [
    ("every 10m", "every 10 min"),
    ("every 90s", "every 1 min 30 s"),
    ("every minute", "every 1 min"),
    ("hourly", "every 1 h"),
    ("every 2 hours for 1 day", "every 2 h, until Thu 26 Nov 16:00 (UTC)"),
    ("every 10m until 17:00", "every 10 min, until Wed 25 Nov 17:00 (UTC)"),
    ("every 10m until 5:30pm", "every 10 min, until Wed 25 Nov 17:30 (UTC)"),
    ("every 10m until tomorrow 9am", "every 10 min, until Thu 26 Nov 09:00 (UTC)"),
    ("every 10m until 17:30 Europe/Madrid", "every 10 min, until Wed 25 Nov 17:30 (Europe/Madrid)"),
    ("every 30s for 1h", "every 30 s, until Wed 25 Nov 17:00 (UTC)"),
    ("weekdays 09:00", "on weekdays at 09:00 (UTC)"),
    ("every weekday at 9am", "on weekdays at 09:00 (UTC)"),
    ("daily 09:00 Europe/Madrid", "every day at 09:00 (Europe/Madrid)"),
    ("daily 09:00 europe/madrid", "every day at 09:00 (Europe/Madrid)"),
    ("every day at noon", "every day at 12:00 (UTC)"),
    ("mon,wed 9:30", "every Mon, Wed at 09:30 (UTC)"),
    ("mon-fri 9:30", "on weekdays at 09:30 (UTC)"),
    (
        "every monday 9:30 until 2027-01-01 00:00",
        "every Mon at 09:30 (UTC), until Fri 1 Jan 00:00 (UTC)",
    ),
    ("at 17:30", "once, Wed 25 Nov 17:30 (UTC)"),
    ("at 14:00", "once, Thu 26 Nov 14:00 (UTC)"),
    ("at 2026-12-01 14:00", "once, Tue 1 Dec 14:00 (UTC)"),
    ("at 2026-12-01T14:00 tz=Europe/Madrid", "once, Tue 1 Dec 14:00 (Europe/Madrid)"),
    ('cron "0 9 * * 1-5" Europe/Madrid', "by cron `0 9 * * 1-5` (Europe/Madrid)"),
    ("cron 0 9 * * 1-5", "by cron `0 9 * * 1-5` (UTC)"),
    ("cron @daily", "by cron `0 0 * * *` (UTC)"),
]


@pytest.mark.parametrize(("typed", "means"), UNDERSTOOD)
def test_times_are_understood(typed: str, means: str) -> None:
    """Natural times and cron, in the words that are shown; and kept, they are the same again."""
    rest, wish, said = split_timing(shlex.split(typed))
    assert wish is not None
    timing = resolve_timing(wish, NOW, "UTC")
    assert (rest, said, str(timing.describe())) == ([], shlex.split(typed), means)
    assert Timing.from_json(timing.to_json()) == timing


@pytest.mark.parametrize(
    ("typed", "rest", "kind"),
    [
        (
            "burst 200 at 20/s every 10m until 17:00 as jason",
            "burst 200 at 20/s as jason",
            TimingKind.EVERY,
        ),
        ("burst 200 every 10m as jason until 17:00", "burst 200 as jason", TimingKind.EVERY),
        ("burst 200 at 20/s at 18:00", "burst 200 at 20/s", TimingKind.ONCE),
        ("weekdays 09:00 share", "share", TimingKind.DAYS),
        ("burst 200 at 20/s", "burst 200 at 20/s", None),
        ("burst 200 at 9", "burst 200 at 9", None),
        ("burst for 10m", "burst for 10m", None),
        ("mon", "mon", None),
    ],
)
def test_the_rest_is_the_steps(typed: str, rest: str, kind: TimingKind | None) -> None:
    """Options may stand before and behind the times, and a rate is no time of day."""
    left, wish, _ = split_timing(typed.split())
    assert " ".join(left) == rest
    assert (wish.kind if wish else None) == kind


@pytest.mark.parametrize(
    ("typed", "says", "hint"),
    [
        ("every", "every needs a time", "every 10m"),
        ("every soon", "not “soon”", "every 10m"),
        ("weekdays", "needs a time of day", "09:30"),
        ("weekdays 25:00", "“25:00” is not a time of day", "09:30"),
        ("at 9:75", "“9:75” is not a time of day", "09:30"),
        ("at tomorrow", "needs a time of day", "tomorrow 09:30"),
        ("every 10m until late", "until needs a time of day", "until 17:00"),
        ("every 10m for ever", "for needs a length", "for 1h"),
        ("every 10m until 17:00 for 1h", "two ends", "Leave one out"),
        ("at 18:00 until 19:00", "has no end", "Leave"),
        ("every 10m weekdays 09:00", "begins a second time", "One will do"),
        (
            "daily 9:00 Europe/Madird",
            "no time zone “Europe/Madird”",
            "Did you mean `Europe/Madrid`?",
        ),
        ("daily 9:00 Spain/Madrid", "no time zone", "Did you mean `Europe/Madrid`?"),
        ("daily 9:00 UTC Europe/Madrid", "two time zones", "Leave one out"),
        ("cron 0 9", "five fields", "minute, hour"),
        ('cron "0 9 * *"', "five fields", "minute, hour"),
        ("every 10m until 15:00", "15:00 is over: it is 16:00 (UTC)", "until tomorrow 15:00"),
        ("at 2026-11-25 15:00", "is over", "to come"),
        ("at 2029-01-01 15:00", "more than a year away", "nearer"),
        ("every 0s", "Every 0 s is no time", "every 10m"),
    ],
)
def test_mistakes_are_answered_with_what_to_type(typed: str, says: str, hint: str) -> None:
    """Nothing is guessed when times were meant and are wrong."""
    with pytest.raises(UserError) as caught:
        settled(typed)
    assert says in str(caught.value.message)
    assert hint in str(caught.value.hint)


PIECES = st.sampled_from(
    [
        *KEYWORDS,
        "for",
        "10m",
        "9:30",
        "mon,wed",
        "0 9 * * *",
        "Europe/Madrid",
        "tomorrow",
        "2026-11-26",
        "day",
        "as",
        "5",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=8))
def test_any_words_mean_something_or_are_refused(words: list[str]) -> None:
    """No word is lost: each belongs to the times or to the rest; and what is settled lies ahead."""
    with suppress(UserError):
        rest, wish, said = split_timing(words)
        assert sorted(rest + said) == sorted(words)
        timing = resolve_timing(wish, NOW, "UTC") if wish else None
        assert timing is None or timing.start >= NOW
        assert (
            timing is None
            or timing.until is None
            or NOW < timing.until <= NOW + timedelta(days=367)
        )
