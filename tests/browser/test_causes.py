"""The causes on the page: by subject, found by words, made with the keyboard, and undone."""

from __future__ import annotations

import pytest

from tests.browser.checks import nameless, overflow, pale, twins
from tests.browser.chromium import Tab
from tests.browser.test_workshop import typed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FOCUSED, LONG = "document.activeElement", 60.0
CAUSE = "#fragment-causes .cause [data-trouble=service-missing]"
SHOWN = "[...document.querySelectorAll('.cause')].filter((each) => each.checkVisibility()).length"


async def test_causes_are_made_and_undone(sandbox: str, tab: Tab) -> None:
    """One says why it is not possible yet; made, it stands in the strip with its undo, and the bot
    names it; all of it works with the keyboard and at 400 pixels."""
    await tab.media(prefers_reduced_motion="reduce")
    await tab.goto(sandbox)
    await tab.until("document.querySelectorAll('#fragment-causes .subject').length === 8")
    await tab.click("#tab-trouble")
    assert await tab.value(SHOWN) == 0
    await tab.value("document.querySelectorAll('.subject summary')[1].focus()")
    await tab.press("Enter")
    await tab.sees("Not possible now: Bookinfo is not deployed", "#fragment-causes .state")
    await tab.click(CAUSE)
    await tab.sees("not possible now: Bookinfo is not deployed", "#fragment-causes [role=alert]")
    await typed(tab, "/mesh install")
    await tab.sees("Install Istio — Done", "#messages article", LONG)
    await typed(tab, "/mesh bookinfo")
    await tab.sees("Bookinfo — Done", "#messages article", LONG)
    await tab.value(f"document.querySelector('{CAUSE}').focus()")
    await tab.press("Enter")
    await tab.sees("Hurting: Delete the Service of ratings", "header")
    assert await tab.value(f"{FOCUSED}.dataset.trouble") == "service-missing"
    await typed(tab, "/mesh why")
    await tab.sees("service-missing", "#messages article", LONG)
    assert (await nameless(tab), await twins(tab), await pale(tab)) == ([], [], [])
    await tab.size(400, 800, mobile=True)
    await tab.click("#fold")
    await tab.click("#fragment-causes .strip button", "Undo")
    await tab.until("!document.querySelector('.hurting')")
    assert await overflow(tab) == 0


async def test_causes_are_found_by_words(sandbox: str, tab: Tab) -> None:
    """All words count, what was typed stays while the list is shown anew, and an empty field shows
    the subjects."""
    await tab.goto(sandbox)
    await tab.until("document.querySelectorAll('#fragment-causes .subject').length === 8")
    await tab.click("#tab-trouble")
    await tab.click(".search")
    await tab.type("service ratings")
    await tab.until(f"{SHOWN} > 0 && {SHOWN} < 8")
    await tab.sees("Delete the Service of ratings", "#fragment-causes .cause")
    found = await tab.value(SHOWN)
    await tab.value("document.querySelector('.search').dataset.same = 'old'")
    await typed(tab, "/mesh install")
    await tab.until("!document.querySelector('.search').dataset.same", LONG)
    assert await tab.value("document.querySelector('.search').value") == "service ratings"
    assert await tab.value(SHOWN) == found
    await tab.click(".search")
    await tab.type(" nowhere")
    await tab.sees("No cause has these words.", "#fragment-causes [role=status]")
    await tab.press(*["Backspace"] * len("service ratings nowhere"))
    await tab.until(f"{SHOWN} === 0 && document.querySelectorAll('.subject').length === 8")
