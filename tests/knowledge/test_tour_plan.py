"""The plan of a tour: what fits into the time, and what is left out."""

from __future__ import annotations

import pytest

from bot.knowledge.workshop.tour_pages import PAGES, TourPage
from bot.knowledge.workshop.tour_plan import FULL, get_planned_minutes, parse_plan, plan_tour
from bot.text import Text

WHY = Text("x")


def page(step: str, minutes: int, rank: int = 1, **more: object) -> TourPage:
    """A page of a small tour."""
    return TourPage(step, step, WHY, (), minutes=minutes, rank=rank, **more)  # type: ignore[arg-type]


SMALL = (
    page("base", 10),
    page("break", 5, 2),
    page("mend", 5, 2, tied="break"),
    page("deep", 10, 2),
    page("deeper", 5, 3, needs="deep"),
    page("extra", 5, 1, optional=True),
)


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        (0, "base break mend deep deeper"),
        (5, "base"),
        (15, "base extra"),
        (20, "base break mend"),
        (30, "base break mend deep"),
        (36, "base break mend deep deeper"),
        (40, "base break mend deep deeper extra"),
        (FULL, "base break mend deep deeper extra"),
    ],
)
def test_what_fits_is_taken(given: int, steps: str) -> None:
    """By rank; a pair goes together, nothing stays without what it needs, optional pages come
    last."""
    plan = plan_tour(SMALL, given)
    assert [each.step for each in plan.pages] == steps.split()
    assert {*plan.pages, *plan.left_out} == set(SMALL)
    assert plan.is_too_long is (given == 5)


def test_a_page_that_is_shown_stays() -> None:
    """Whoever went there sees its number, whatever the plan."""
    assert "extra" in [each.step for each in plan_tour(SMALL, 20, "extra").pages]


@pytest.mark.parametrize("given", range(15, 181, 5))
def test_a_short_workshop_keeps_the_order_and_the_pairs(given: int) -> None:
    """Whatever the time: what is broken is mended, and what is over the time is the setting-up
    alone."""
    plan = plan_tour(PAGES, given)
    steps = [each.step for each in plan.pages]
    assert steps == [each.step for each in PAGES if each.step in steps]
    for each in PAGES:
        if each.tied:
            assert (each.step in steps) is (each.tied in steps)
    if plan.is_too_long:
        assert {each.rank for each in plan.pages} == {1}
    else:
        assert plan.minutes <= given


@pytest.mark.parametrize(
    ("typed", "word", "minutes"),
    [
        ("60m", "60m", 60),
        ("1h", "60m", 60),
        ("1.5h", "90m", 90),
        ("45", "45m", 45),
        ("90 min", "90m", 90),
        ("FULL", "full", FULL),
        ("here", "here", 0),
        ("", "", 0),
    ],
)
def test_a_time_is_read_as_it_is_typed(typed: str, word: str, minutes: int) -> None:
    """A number alone is minutes."""
    assert parse_plan(typed) == word
    assert get_planned_minutes(word) == minutes


@pytest.mark.parametrize("typed", ["soon", "5m", "9h", "-60m", "60x", "0"])
def test_what_is_no_time_is_refused(typed: str) -> None:
    """With what may be typed."""
    with pytest.raises(ValueError, match="should be"):
        parse_plan(typed)
