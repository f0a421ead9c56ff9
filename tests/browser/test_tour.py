"""The guided tour in the browser: each step run by its button, to the end, without a mouse."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.knowledge.workshop.tour_pages import PAGES
from tests.browser.chromium import Tab
from tests.browser.test_workshop import FOCUSED, GREETING

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

LONG = 240.0
MESSAGE = "#messages article"
BUTTON = f"{MESSAGE} button"
CONFIRM = {"ambient": "Go ambient", "uninstall": "Confirm"}
PLANNED = [page for page in PAGES if not page.optional]
STOPS = 60
"""Stops of the Tab key between the message box and the tour's message, at most."""
MARKS = (
    "(() => { const shown = [...document.querySelectorAll('#messages article')].map(m => m.innerText)"
    ".filter(text => /step \\d+ of \\d+/.test(text) && /Refresh/.test(text)).pop() || '';"
    "return (shown.match(/✅|☑️|⚠️|▶️|⬜/g) || []).join(' '); })()"
)
"""The marks of the pages in the tour's message, and those of the state below them."""


async def wait_until_done(tab: Tab, count: int) -> None:
    """Waits until the tour's message marks that many pages as done, the one that it shows left out."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        marks = (await tab.value(MARKS)).split()[: len(PLANNED)]
        if sum(mark not in ("⬜", "▶️") for mark in marks) >= count:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"not {count} pages are done: {marks}")


async def go_to_line(tab: Tab) -> None:
    """Goes round the parts of the page until the message box has the focus."""
    for _ in range(8):
        if await tab.value(f"{FOCUSED}.id === 'line'"):
            return
        await tab.press("F6")
    raise AssertionError(f"F6 never came to the message box: {await tab.value(f'{FOCUSED}.id')}")


async def press_button(tab: Tab, label: str) -> None:
    """Goes back from the message box, stop by stop, to the last button that begins so, and presses
    it."""
    await tab.sees(label, BUTTON, LONG)
    wanted = f"{FOCUSED}.matches('{BUTTON}') && {FOCUSED}.textContent.trim().startsWith('{label}')"
    # An edit of the message where the focus is may bring it elsewhere: then from the box again.
    for _ in range(3):
        await go_to_line(tab)
        for _ in range(STOPS):
            await tab.press("Tab", shift=True)
            if await tab.value(wanted):
                assert await tab.value(f"{FOCUSED}.matches(':focus-visible')")
                await tab.press("Enter")
                return
    raise AssertionError(f"no way to {label} by keyboard")


async def test_the_whole_tour_by_keyboard_to_its_end(sandbox: str, tab: Tab) -> None:
    """Every step ends done with what is to be seen, and no page loses its mark."""
    await tab.goto(sandbox)
    await tab.sees(GREETING, MESSAGE, LONG)
    await tab.type("/mesh workshop")
    await tab.press("Escape", "Enter")
    for number, page in enumerate(PLANNED, start=1):
        await tab.sees(f"step {number} of {len(PLANNED)}", MESSAGE, LONG)
        await tab.sees("Before you run it", MESSAGE, LONG)
        await press_button(tab, "Run")
        if page.step in CONFIRM:
            await tab.sees("Please confirm", MESSAGE, LONG)
            await press_button(tab, CONFIRM[page.step])
        await tab.sees("What you should see", MESSAGE, LONG)
        await tab.sees("Run again", BUTTON, LONG)
        await wait_until_done(tab, number - 1)
        await press_button(tab, "End the tour" if number == len(PLANNED) else "Next")
    await tab.sees("this tour is ended", MESSAGE, LONG)
