"""The links of the sandbox in the browser: the application as somebody who signs in, and the consoles'
pages."""

from __future__ import annotations

import asyncio

import pytest

from tests.browser.checks import nameless, overflow, pale, twins
from tests.browser.chromium import Tab
from tests.browser.test_workshop import EXPOSED, type_to_ends, typed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LONG = 60.0
PAGES = ("/kiali", "/console/graph/", "/console/workloads", "/console/istio", "/jaeger", "/grafana")


async def open_page(tab: Tab, url: str) -> None:
    """Follows a link in the same tab; returns once the page is there."""
    await tab.call("Page.navigate", url=url)
    await tab.until("document.readyState === 'complete' && location.href !== 'about:blank'")


async def links_of(tab: Tab) -> list[str]:
    """The addresses in the newest message."""
    script = "[...[...document.querySelectorAll('#messages article')].pop().querySelectorAll('a')]"
    found: list[str] = await tab.value(f"{script}.map((each) => each.href)")
    return found


async def test_links_lead_to_pages(sandbox: str, tab: Tab) -> None:
    """Before the steps they say what to type; after them they show what is there, and jason signs in."""
    await tab.goto(sandbox)
    await typed(tab, "/mesh links")
    await tab.sees("there is nothing to look at yet", "#messages article", LONG)
    links = await links_of(tab)
    for wanted in PAGES:
        await open_page(tab, next(url for url in links if wanted in url))
        await tab.sees("does not answer yet", "main")
    await tab.goto(sandbox)
    await type_to_ends(tab, *EXPOSED, ("/mesh traffic burst 40 at 20/s", "Traffic — Done"))
    await open_page(tab, next(url for url in links if url.endswith("/productpage")))
    await tab.click("input[name=username]")
    await tab.type("jason")
    await tab.press("Enter")
    await tab.sees("Sign out", "a")
    await tab.sees("jason", "p")
    await open_page(tab, next(url for url in links if "/console/graph/" in url))
    await tab.until("document.querySelectorAll('svg.graph .edge').length > 4", LONG)
    await tab.sees("ratings", "svg.graph .node")
    await open_page(tab, next(url for url in links if "/jaeger" in url))
    await tab.click("#live td a")
    await tab.until("document.querySelectorAll('svg.waterfall .span').length > 4", LONG)
    await open_page(tab, next(url for url in links if "/grafana" in url))
    await tab.until("document.querySelectorAll('.chart polyline').length > 4", LONG)
    for scheme in ("light", "dark"):
        await tab.media(prefers_color_scheme=scheme)
        for wanted in PAGES:
            await open_page(tab, next(url for url in links if wanted in url))
            await tab.size(400, 800, mobile=True)
            assert (await nameless(tab), await twins(tab), await pale(tab)) == ([], [], []), wanted
            assert await overflow(tab) <= 0, wanted
            await asyncio.sleep(0)
