"""The tabs beside the channel: what stands in them, one or two at a time, by mouse and by keyboard, and
for people who see badly or not."""

from __future__ import annotations

import asyncio
import json
from importlib import resources
from typing import Any

import pytest

from tests.browser.checks import nameless, overflow, pale, twins
from tests.browser.chromium import Tab
from tests.browser.test_workshop import EXPOSED, type_to_ends

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LONG = 60.0
SHOWN = "[...document.querySelectorAll('.panel')].filter((p) => p.checkVisibility()).map((p) => p.id.slice(6))"
STARS = "document.querySelectorAll('#fragment-application .person').length"


async def serious(tab: Tab) -> list[str]:
    """What axe finds that is serious or critical, by WCAG 2 A and AA."""
    script = resources.files("axe_core_python").joinpath("axe.min.js")
    await tab.value(await asyncio.to_thread(script.read_text, "utf-8") + "; true")
    wanted = {"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]}
    found: dict[str, Any] = await tab.value(f"axe.run(document, {json.dumps(wanted)})")
    return [
        f"{each['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


async def test_two_are_shown_where_there_is_room(sandbox: str, tab: Tab) -> None:
    """The two that were chosen last on a wide screen, one on others; a reload keeps the choice."""
    await tab.goto(sandbox)
    await tab.until(f"{SHOWN}.join() === 'cluster,mesh'")
    await tab.click("#tab-trouble")
    await tab.until(f"{SHOWN}.join() === 'cluster,trouble'")
    await tab.click("#tab-application")
    await tab.until(f"{SHOWN}.join() === 'application,trouble'")
    await tab.goto(sandbox)
    await tab.until(f"{SHOWN}.join() === 'application,trouble'")
    await tab.size(1024, 768)
    await tab.until(f"{SHOWN}.join() === 'application'")
    await tab.value("document.getElementById('tab-application').focus()")
    await tab.press("ArrowLeft")
    await tab.until(f"{SHOWN}.join() === 'cluster'")
    assert await tab.value("document.activeElement.getAttribute('aria-selected')") == "true"


async def test_the_workshop_is_seen_in_the_tabs(sandbox: str, tab: Tab) -> None:
    """Stars and versions as nobody, jason and somebody else; the graph; nothing serious for axe."""
    await tab.media(prefers_reduced_motion="reduce", prefers_color_scheme="light")
    await tab.goto(sandbox)
    await tab.sees("Start the workshop", "#messages button")
    await type_to_ends(tab, *EXPOSED, ("/mesh route jason v2", "Done: jason gets"))
    await tab.click("#tab-application")
    await tab.sees("reviews v2", "#fragment-application .person:nth-child(2)", LONG)
    await tab.sees("reviews v1", "#fragment-application .person:nth-child(1)")
    await tab.sees("★★★★★", "#fragment-application .person:nth-child(2) .stars.black")
    await tab.click("input[name=person]")
    await tab.type("x y")
    await tab.click("[data-command=application-add]")
    await tab.sees("A name has 1 to 20 letters", "#fragment-application [role=alert]")
    await tab.click("input[name=person]")
    await tab.press("Backspace", "Backspace", "Backspace")
    await tab.type("ana")
    await tab.click("[data-command=application-add]")
    await tab.sees("ana", "#fragment-application .person:nth-child(3) h3")
    await tab.click("[aria-label='Remove ana']")
    await tab.until(f"{STARS} === 2")
    await tab.click("#tab-mesh")
    await tab.until("document.querySelectorAll('#fragment-mesh .edge').length > 3", 120)
    await tab.sees("details v1", "#fragment-mesh .news")
    for scheme in ("light", "dark"):
        await tab.media(prefers_reduced_motion="reduce", prefers_color_scheme=scheme)
        await tab.until(f"document.documentElement.dataset.theme === '{scheme}'")
        for width in (1440, 1024, 400):
            await tab.size(width, 900, mobile=width == 400)
            if width == 400:
                await tab.value("document.body.classList.replace('folded', 'unfolded')")
            for part in ("cluster", "application", "mesh", "trouble"):
                await tab.click(f"#tab-{part}")
                assert (await nameless(tab), await twins(tab), await pale(tab)) == ([], [], [])
                assert await serious(tab) == []
                assert await overflow(tab) == 0
