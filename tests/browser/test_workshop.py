"""The whole sandbox in the browser: from a typed command to its verdict, with the cluster and
troubles beside it."""

from __future__ import annotations

import pytest

from tests.browser.checks import landmarks, nameless, overflow, pale, twins
from tests.browser.chromium import Tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

GREETING = "Welcome to the service-mesh workshop"
"""What the bot says first in the channel."""

FOCUSED = "document.activeElement"
LONG = 60.0
NEWEST = "[...document.querySelectorAll('#messages article')].pop().innerText"


EXPOSED = (
    ("/mesh install", "Install Istio — Done"),
    ("/mesh addons", "Add-ons — Done"),
    ("/mesh kiali", "Kiali — Done"),
    ("/mesh bookinfo", "Bookinfo — Done"),
    ("/mesh inject", "Sidecars — Done"),
    ("/mesh expose", "Expose — Done"),
)
"""Lines until the page is exposed, and how each ends."""


async def typed(tab: Tab, line: str) -> None:
    """Types a line into the channel."""
    await tab.click("#line")
    await tab.type(line)
    await tab.press("Escape", "Enter")


async def type_to_ends(tab: Tab, *lines: tuple[str, str]) -> None:
    """Types lines, each once the message of the one before says how it ended."""
    for line, end in lines:
        await typed(tab, line)
        await tab.sees(end, "#messages article", LONG)


async def test_from_install_to_uninstall(sandbox: str, tab: Tab) -> None:
    """A command runs to its verdict in one message while its pods come up beside it; removing asks
    first."""
    await tab.goto(sandbox)
    await tab.sees("no istiod", "#fragment-cluster")
    await typed(tab, "/mesh install")
    await tab.sees("Install Istio — Working", "#messages article")
    await tab.sees("istiod", "#fragment-cluster .row")
    await tab.sees("Install Istio — Done", "#messages article", LONG)
    assert await tab.value("document.querySelectorAll('#messages article').length") == 2
    await tab.sees("Istio 1.", "#fragment-cluster")
    await tab.until(
        "/control plane\\s*1\\/1/.test(document.getElementById('fragment-cluster').innerText)"
    )
    await typed(tab, "/mesh uninstall")
    await tab.sees("Please confirm", "#messages article", LONG)
    await tab.click("#messages button.danger", "Confirm")
    await tab.until(f"/Done/.test({NEWEST})", LONG)
    await tab.sees("no istiod", "#fragment-cluster")


async def test_with_the_keyboard_alone(sandbox: str, tab: Tab) -> None:
    """Completions, history, going from part to part, and a button of a message, without a mouse."""
    await tab.goto(sandbox)
    await tab.until("document.querySelectorAll('#fragment-cluster h2').length")
    await tab.type("/mesh whoa")
    await tab.sees("/mesh whoami", "#completions")
    await tab.press("ArrowDown", "Enter")
    assert await tab.value("document.getElementById('line').value") == "/mesh whoami"
    await tab.press("Enter")
    await tab.sees("host", "#messages article.ephemeral")
    await tab.press("ArrowUp")
    assert await tab.value("document.getElementById('line').value") == "/mesh whoami"
    await tab.press("F6")
    assert await tab.value(f"{FOCUSED}.id") == "tab-cluster"
    await tab.press("ArrowRight")
    assert await tab.value(f"{FOCUSED}.id") == "tab-application"
    assert await tab.value("document.getElementById('panel-application').checkVisibility()")
    await tab.press("F6", "F6")
    assert await tab.value(f"{FOCUSED}.id") == "messages"
    await tab.press("F6")
    await tab.press(*["Backspace"] * len("/mesh whoami"))
    await tab.type("/mesh inject")
    await tab.press("Escape", "Enter")
    await tab.sees("Not yet", "#messages article", LONG)
    await tab.press("F6", "F6", "F6")
    for _ in range(12):
        await tab.press("Tab")
        if await tab.value(f"{FOCUSED}.textContent.startsWith('/mesh ')"):
            break
    before = await tab.value("document.querySelectorAll('#messages article').length")
    await tab.press("Enter")
    await tab.until(f"document.querySelectorAll('#messages article').length > {before}", LONG)


async def test_for_people_who_see_badly_or_not(sandbox: str, tab: Tab) -> None:
    """Every control has a name, every text enough contrast in both colours, no id is twice, parts
    are landmarks."""
    await tab.media(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    await tab.goto(sandbox)
    await tab.sees(GREETING, "#messages article", LONG)
    await typed(tab, "/mesh status")
    await tab.sees("steps are in place", "#messages article", LONG)
    await typed(tab, "/mesh help")
    await tab.click("#tab-trouble")
    await tab.click("[data-trouble=limit]")
    await tab.sees("Hurting: Answer 429", "header")
    assert await nameless(tab) == []
    assert await twins(tab) == []
    assert await landmarks(tab) == {"banner", "complementary", "log", "main", "navigation"}
    grounds = []
    for _ in range(2):
        assert await pale(tab) == []
        grounds.append(await tab.value("getComputedStyle(document.body).backgroundColor"))
        await tab.media(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
        await tab.until("document.documentElement.dataset.theme === 'dark'")
    await tab.click("#theme")
    grounds.append(await tab.value("getComputedStyle(document.body).backgroundColor"))
    assert (grounds[0], grounds[1] != grounds[0], grounds[2]) == (
        "rgb(255, 255, 255)",
        True,
        grounds[0],
    )


async def test_on_a_phone(sandbox: str, tab: Tab) -> None:
    """At 400 pixels nothing is cut off at the side, and the cluster folds away behind a button."""
    await tab.size(400, 800, mobile=True)
    await tab.goto(sandbox)
    await tab.sees(GREETING, "#messages article", LONG)
    await typed(tab, "/mesh help")
    await tab.sees("begin: workshop", "#messages article", LONG)
    assert await overflow(tab) == 0
    assert await tab.value("document.getElementById('side').getClientRects().length") == 0
    await tab.click("#fold")
    await tab.sees("Embedded cluster", "#side")
    assert await overflow(tab) == 0


async def test_troubles_are_made_and_undone(sandbox: str, tab: Tab) -> None:
    """Each trouble is marked while it is in force; what it breaks works again once it is undone."""
    await tab.goto(sandbox)
    await tab.sees(GREETING, "#messages article", LONG)
    await tab.click("#tab-trouble")
    await tab.click("[data-trouble=drop]")
    await tab.sees("Hurting: Drop the socket", "header")
    await typed(tab, "/mesh help")
    await tab.sees("dispatch_failed", "#messages article")
    await tab.click("[data-trouble=drop]", "Undo")
    await tab.until("!document.querySelector('.hurting')")
    await tab.sees("one socket is open", "#fragment-troubles", LONG)
    await tab.click("[data-trouble=istiod]")
    await tab.sees("there is no istiod to take away", "#fragment-troubles")
    await typed(tab, "/mesh install")
    await tab.sees("Install Istio — Done", "#messages article", LONG)
    await tab.click("[data-trouble=istiod]")
    await tab.sees("no istiod", "#fragment-cluster", LONG)
    await tab.click("[data-trouble=istiod]", "Undo")
    await tab.until(
        "/control plane\\s*1\\/1/.test(document.getElementById('fragment-cluster').innerText)", LONG
    )
