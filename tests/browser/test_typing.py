"""Nothing that is typed on the page is lost: while it comes alive, beside the message box, and when the
sandbox is gone."""

from __future__ import annotations

import pytest

from sandbox.workspace import Workspace
from tests.browser.chromium import Tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

LINE = "document.getElementById('line')"
SILENT = "window.EventSource = class { close() {} };"
"""Instead of the stream of events: a server that has said nothing yet."""


async def find_place_of_line(tab: Tab) -> list[float]:
    """The message box's left edge and width, in pixels."""
    found: list[float] = await tab.value(
        f"(({{ left, width }}) => [left, width])({LINE}.getBoundingClientRect())"
    )
    return found


@pytest.mark.parametrize("width", [1440, 1024])
async def test_nothing_moves_when_the_rest_comes(
    workspace: Workspace, tab: Tab, width: int
) -> None:
    """The parts beside the channel have their room before they are sent: the message box stays where
    the mouse found it."""
    workspace.side.put_fragment("cluster", "<h2>Nodes</h2>")
    workspace.side.put_fragment("mesh", "<h2>Graph</h2>")
    await tab.size(width, 800)
    script = await tab.call("Page.addScriptToEvaluateOnNewDocument", source=SILENT)
    await tab.goto(workspace.page_url)
    before = await find_place_of_line(tab)
    assert (
        await tab.value("document.querySelectorAll('#tabs [role=tab]:not([hidden])').length") == 2
    )
    await tab.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])
    await tab.goto(workspace.page_url)
    await tab.sees("Nodes", "#fragment-cluster")
    assert await find_place_of_line(tab) == before


async def test_a_part_that_never_comes_leaves_no_empty_tab(workspace: Workspace, tab: Tab) -> None:
    """What was gone between the document and its stream is not waited for."""
    workspace.side.put_fragment("cluster", "<h2>Nodes</h2>")
    workspace.side.put_fragment("mesh", "<h2>Graph</h2>")
    await tab.goto(workspace.page_url)
    await tab.sees("Nodes", "#fragment-cluster")
    workspace.side.put_fragment("mesh", "")
    await tab.until("document.getElementById('tab-mesh').hidden")


async def test_what_is_typed_elsewhere_goes_into_the_box(workspace: Workspace, tab: Tab) -> None:
    """After a click beside the message box a line is typed as if it had hit it; a control keeps its
    keys."""
    workspace.side.put_fragment(
        "cluster", '<h2>Nodes</h2><label>Filter <input name="filter"></label>'
    )
    await tab.goto(workspace.page_url)
    await tab.click("#fragment-cluster h2")
    await tab.until(f"document.activeElement !== {LINE}")
    await tab.type("it is not lost")
    await tab.press("Enter")
    await tab.sees("it is not lost", "#messages article")
    await tab.click("input[name=filter]")
    await tab.type("ratings")
    assert await tab.value("document.querySelector('[name=filter]').value") == "ratings"
    assert await tab.value(f"{LINE}.value") == ""


async def test_a_line_stays_until_it_can_be_sent(workspace: Workspace, tab: Tab) -> None:
    """Without its scripts and without the sandbox, Enter leaves the line in the box."""
    await tab.call("Emulation.setScriptExecutionDisabled", value=True)
    await tab.call("Page.navigate", url=workspace.page_url)
    await tab.until(f"document.readyState === 'complete' && {LINE}?.matches(':focus')")
    await tab.type("too early")
    await tab.press("Enter")
    assert await tab.value(f"{LINE}.value") == "too early"
    assert await tab.value("location.href") == workspace.page_url
    await tab.call("Emulation.setScriptExecutionDisabled", value=False)
    await tab.goto(workspace.page_url)
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    await tab.call("Network.emulateNetworkConditions", offline=True, **offline)
    await tab.type("nobody listens")
    await tab.press("Enter")
    await tab.sees("The sandbox does not answer", "#composer")
    assert await tab.value(f"{LINE}.value") == "nobody listens"
    await tab.call("Network.emulateNetworkConditions", offline=False, **offline)
    await tab.press("Enter")
    await tab.sees("nobody listens", "#messages article")
    tab.errors.clear()  # the browser told of the requests that it could not send
