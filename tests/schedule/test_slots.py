"""Which slots a timing has, and what is due when one looks late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.schedule.slots import (
    build_cron_trigger,
    compute_first_slot,
    compute_next_slot,
    compute_shortest_gap,
    find_due_slot,
    translate_weekdays,
)
from bot.when import Timing, resolve_timing, split_timing

NOW = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)


def timing(*words: str) -> Timing:
    """Those words, settled."""
    _, wish, _ = split_timing(list(words))
    assert wish is not None
    return resolve_timing(wish, NOW, "UTC")


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("1-5", "mon,tue,wed,thu,fri"),
        ("0", "sun"),
        ("7", "sun"),
        ("6,0", "sat,sun"),
        ("5-1", "mon,fri,sat,sun"),
        ("fri-mon", "mon,fri,sat,sun"),
        ("*/2", "tue,thu,sat,sun"),
        ("*", "*"),
    ],
)
def test_weekdays_in_cron_are_what_people_mean(field: str, names: str) -> None:
    """0 and 7 are Sunday and 1-5 is Monday to Friday, whatever the library counts from."""
    assert translate_weekdays(field) == names


@pytest.mark.parametrize(
    "expression",
    ["61 * * * *", "0 9 * * 8", "0 9 1 * 1", "x y z a b", "0 9 * * 1/x", "*/0 * * * *"],
)
def test_a_cron_that_means_nothing_is_refused(expression: str) -> None:
    """With a sentence, not with the library's."""
    with pytest.raises(UserError):
        build_cron_trigger(expression, "UTC")


def test_what_never_comes_has_no_slot() -> None:
    """31 February, and a first slot behind the end."""
    assert compute_first_slot(timing("cron", "0 0 31 2 *")) is None
    assert compute_first_slot(timing("daily", "15:00", "for", "1h")) is None


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (("every", "10m"), 600),
        (("weekdays", "09:00"), 86400),
        (("cron", "*/5 9 * * *"), 300),
        (("at", "18:00"), float("inf")),
    ],
)
def test_how_often_it_comes(words: tuple[str, ...], seconds: float) -> None:
    """The shortest time between two slots is what limits go by."""
    assert compute_shortest_gap(timing(*words)) == seconds


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        [
            ("every", "7s", "for", "3m"),
            ("daily", "09:00"),
            ("mon,thu", "23:59"),
            ("cron", "*/7 * * * *"),
            ("at", "18:00"),
        ]
    ),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)),
)
def test_what_is_due_is_what_one_counts(words: tuple[str, ...], passed: timedelta) -> None:
    """The newest slot that is past, those before it, and the next: as if one had looked at each
    moment."""
    chosen = timing(*words)
    begun = compute_first_slot(chosen)
    assert begun is not None
    now = begun + passed
    every = [begun]
    while (following := compute_next_slot(chosen, every[-1])) is not None and following <= now:
        every.append(following)
    found = find_due_slot(chosen, begun, now)
    assert (found.slot, found.earlier, found.following) == (every[-1], len(every) - 1, following)
