"""The guided tour from its first page to its end, each step run by its button."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from bot.knowledge.workshop.tour_pages import PAGES, TourPage
from sandbox.workspace import Message
from tests.scenarios.screens import says, until
from tests.scenarios.stage import Stage, words

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MARKS = re.compile("▶️|✅|☑️|⚠️|⬜")
NOT_DONE = "⬜"
USUAL = tuple(page for page in PAGES if not page.optional)
CONFIRM = {"reset": "Take it back", "ambient": "Go ambient", "uninstall": "Confirm"}
"""What the button is called that lets a step go on which asks first."""


def find_page(stage: Stage, number: int, total: int, *texts: str) -> Message | None:
    """The tour's message, once it shows that page with these texts."""
    title = f"step {number} of {total}"
    found = [m for m in stage.workspace.list_messages() if title in words(m)]
    return next((m for m in found if all(text in words(m) for text in texts)), None)


def list_done(tour: Message, planned: Sequence[TourPage]) -> set[str]:
    """The steps that the page marks as done, the one that it shows left out."""
    line = next(
        line for line in words(tour).splitlines() if line.startswith(("▶️", "✅", "⬜", "☑️"))
    )
    marks = MARKS.findall(line)
    assert len(marks) == len(planned), line
    return {p.step for p, mark in zip(planned, marks, strict=True) if mark not in (NOT_DONE, "▶️")}


@pytest.mark.parametrize(("typed", "planned"), [("workshop", USUAL), ("workshop full", PAGES)])
async def test_every_step_is_done_and_none_is_lost(
    stage: Stage, typed: str, planned: tuple[TourPage, ...]
) -> None:
    """Run, look, Next, from preflight to uninstall: each step ends done, in the channel, with what is
    to be seen; what was done stays marked, whatever a later step takes off."""
    await stage.type(f"/mesh {typed}")
    total = len(planned)
    reached: set[str] = set()
    for number, page in enumerate(planned, start=1):
        tour = await until(lambda n=number: find_page(stage, n, total))  # type: ignore[misc]
        assert list_done(tour, planned) >= reached, page.step
        question = page.question
        assert question is not None
        assert str(question.asked) in words(tour), page.step
        await stage.workspace.actions.click_element("host", tour, "Run")
        if page.step in CONFIRM:
            asks = await says(stage, "Please confirm", f"/mesh {page.typed}")
            await stage.workspace.actions.click_element("host", asks, CONFIRM[page.step])
        tour = await until(
            lambda n=number, p=page: find_page(stage, n, total, str(p.remember), "Run again"),  # type: ignore[misc]
            90,
        )
        reached.add(page.step)
        assert list_done(tour, planned) | {page.step} >= reached, page.step
        last = number == total
        await stage.workspace.actions.click_element(
            "host", tour, "End the tour" if last else "Next"
        )
    await says(stage, "this tour is ended")
    runs = [m for m in stage.workspace.list_messages() if "clicked `/mesh " in words(m)]
    assert [words(m) for m in runs if m.thread_ts not in ("", m.ts)] == []
