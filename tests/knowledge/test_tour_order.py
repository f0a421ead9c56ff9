"""One order for the workshop: the tour's pages, the host guide and the play say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.catalog import Catalog, Invocation
from bot.knowledge.workshop.tour_pages import PAGES
from handlers import STEPS
from scripts.reference import host_guide

ROOT = Path(__file__).parents[2]
CATALOG = Catalog(STEPS)
USUAL = [page.step for page in PAGES if not page.optional]
OPENS = {"break": "mend", "fault": "unfault"}
"""Steps that hurt on purpose, and what ends each."""


def read_play() -> list[Invocation]:
    """The commands of `--play workshop` that the host types."""
    lines = (ROOT / "sandbox/scripts/workshop.mesh").read_text(encoding="utf-8").splitlines()
    return [
        CATALOG.parse(line.removeprefix("/mesh ")) for line in lines if line.startswith("/mesh")
    ]


def list_changes() -> list[tuple[str, list[str]]]:
    """The steps that change something, in the order of the tour and in that of the play."""
    tour = [page.step for page in PAGES]
    play = [each.step.id for each in read_play()]
    changing = {step.id for step in STEPS if step.changes}
    return [
        (name, [s for s in steps if s in changing])
        for name, steps in (("tour", tour), ("play", play))
    ]


def test_the_play_takes_the_steps_in_the_order_of_the_tour() -> None:
    """Each page's step is played, and for the first time in the order of the pages."""
    first = dict.fromkeys(each.step.id for each in read_play() if each.step.id in USUAL)
    assert list(first) == USUAL


@pytest.mark.parametrize(("name", "steps"), list_changes(), ids=lambda value: str(value)[:4])
def test_what_is_hurt_is_healed_before_the_next_subject(name: str, steps: list[str]) -> None:
    """The change after a break or a fault is the one that ends it."""
    for number, step in enumerate(steps):
        if step in OPENS:
            assert steps[number + 1] == OPENS[step], name


def test_the_host_guide_is_written_from_the_tour() -> None:
    """Its table has the commands of the pages, and nothing was changed in it by hand."""
    guide = (ROOT / "docs/host-guide.md").read_text(encoding="utf-8")
    assert guide == host_guide()
    typed = re.findall(r"^\| \d:\d\d \| `/mesh ([^`]+)`", guide, re.MULTILINE)
    assert typed == [page.typed for page in PAGES if not page.optional]
