"""The guided tour in the browser: each step run by its button, to the end."""

from __future__ import annotations

import pytest

from bot.knowledge.workshop.tour_pages import PAGES
from tests.browser.chromium import Tab
from tests.browser.test_workshop import typed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

LONG = 240.0
MESSAGE = "#messages article"
BUTTON = f"{MESSAGE} button"
CONFIRM = {"ambient": "Go ambient", "uninstall": "Confirm"}
PLANNED = [page for page in PAGES if not page.optional]
MARKS = (
    "(() => { const shown = [...document.querySelectorAll('#messages article')].map(m => m.innerText)"
    ".filter(text => /step \\d+ of \\d+/.test(text) && /Refresh/.test(text)).pop() || '';"
    "return (shown.match(/✅|☑️|⚠️|▶️|⬜/g) || []).join(' '); })()"
)
"""The marks of the pages in the tour's message, and those of the state below them."""


async def count_done(tab: Tab) -> int:
    """How many pages the tour's message marks as done, the one that it shows left out."""
    marks = (await tab.value(MARKS)).split()[: len(PLANNED)]
    return sum(mark not in ("⬜", "▶️") for mark in marks)


async def test_the_whole_tour_is_clicked_to_its_end(sandbox: str, tab: Tab) -> None:
    """Every step ends done with what is to be seen, and no page loses its mark."""
    await tab.goto(sandbox)
    await typed(tab, "/mesh workshop")
    done = 0
    for number, page in enumerate(PLANNED, start=1):
        await tab.sees(f"step {number} of {len(PLANNED)}", MESSAGE, LONG)
        await tab.sees("Before you run it", MESSAGE, LONG)
        await tab.click(BUTTON, "Run")
        if page.step in CONFIRM:
            await tab.sees("Please confirm", MESSAGE, LONG)
            await tab.click(BUTTON, CONFIRM[page.step])
        await tab.sees("What you should see", MESSAGE, LONG)
        await tab.sees("Run again", BUTTON, LONG)
        now = await count_done(tab)
        assert now >= max(done, number - 1), page.step
        done = now
        await tab.click(BUTTON, "End the tour" if number == len(PLANNED) else "Next")
    await tab.sees("this tour is ended", MESSAGE, LONG)
