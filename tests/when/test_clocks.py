"""What is said of clocks that change, and that the slots keep to it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.schedule.slots import compute_next_slot
from bot.when import describe_clock_changes, resolve_timing, split_timing

OCTOBER = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)
"""Five days before the clocks of Europe go back."""

BACK = (
    "Clocks in Europe/Madrid go back on Sun 25 Oct 2026 (UTC+2 to UTC+1): 09:00 stays 09:00 there."
)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("daily 09:00 Europe/Madrid", [BACK]),
        ("daily 09:00 UTC", []),
        ("daily 09:00 Asia/Tokyo", []),
        ("daily 09:00 America/St_Johns", ["(UTC-2:30 to UTC-3:30)"]),
        ("every 10m Europe/Madrid", []),
        (
            "daily 02:30 Europe/Madrid",
            ["02:30 stays", "25 Oct 2026 02:30 comes twice", "28 Mar 2027 there is no 02:30"],
        ),
        ("weekdays 02:30 Europe/Madrid", ["02:30 stays 02:30 there"]),
        ('cron "0 9 * * *" Europe/Madrid', ["the times stay those of the clocks there"]),
    ],
)
def test_changes_of_clocks_are_said(typed: str, said: list[str]) -> None:
    """A near change in any case; an hour that is skipped or comes twice however far; nothing where
    nothing changes."""
    _, wish, _ = split_timing(typed.replace('"0 9 * * *"', "0 9 * * *").split())
    assert wish is not None
    found = describe_clock_changes(resolve_timing(wish, OCTOBER, "UTC"), OCTOBER)
    assert len(found) == len(said)
    assert all(part in str(line) for part, line in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("typed", "since", "slots"),
    [
        (["daily", "09:00"], "2026-10-24T12:00", ["2026-10-25T08:00", "2026-10-26T08:00"]),
        (["daily", "02:30"], "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        (["daily", "02:30"], "2027-03-27T12:00", ["2027-03-28T01:30", "2027-03-29T00:30"]),
        (["cron", "30 2 * * *"], "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        (["cron", "30 * * * *"], "2026-10-25T00:00", ["2026-10-25T00:30", "2026-10-25T01:30"]),
    ],
)
def test_slots_keep_to_the_clocks(typed: list[str], since: str, slots: list[str]) -> None:
    """09:00 stays 09:00, what is skipped comes later, and what comes twice fires once; every hour
    is every hour."""
    _, wish, _ = split_timing([*typed, "Europe/Madrid"])
    assert wish is not None
    moment = datetime.fromisoformat(since).replace(tzinfo=UTC)
    timing = resolve_timing(wish, moment, "UTC")
    found = []
    for _ in slots:
        following = compute_next_slot(timing, moment)
        assert following is not None
        moment = following
        found.append(moment.strftime("%Y-%m-%dT%H:%M"))
    assert found == slots
