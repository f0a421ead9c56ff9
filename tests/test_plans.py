"""A plan is another one as soon as it would read another way, or be about something else."""

from __future__ import annotations

from dataclasses import replace

from bot.engine.runs.plans import digest_plan
from bot.steps import Plan
from bot.text import Text

PLAN = Plan(
    Text("it goes"),
    (Text("{n} pods", n=3),),
    (Text("others too"),),
    digest="d1",
    about=("r1",),
)


def test_whatever_is_shown_makes_the_plan() -> None:
    """Its summary, lines and warnings, what it is about, and what the step itself compares."""
    others = (
        replace(PLAN, summary=Text("all of it goes")),
        replace(PLAN, items=(Text("{n} pods", n=4),)),
        replace(PLAN, items=()),
        replace(PLAN, warnings=()),
        replace(PLAN, warnings=(Text("others too"), Text("and more"))),
        replace(PLAN, about=("r2",)),
        replace(PLAN, digest="d2"),
    )
    digests = {digest_plan(plan) for plan in (PLAN, *others)}
    assert len(digests) == len(others) + 1


def test_the_same_plan_made_anew_is_the_same() -> None:
    """The words of the button are not part of it."""
    assert digest_plan(replace(PLAN, items=(Text("{n} pods", n=3),))) == digest_plan(PLAN)
    assert digest_plan(replace(PLAN, confirm=Text("Go"))) == digest_plan(PLAN)
