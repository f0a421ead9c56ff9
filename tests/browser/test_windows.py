"""Windows and the Home tab in the browser."""

from __future__ import annotations

import pytest
from slack_bolt.async_app import AsyncApp

from sandbox.workspace import Workspace
from tests.browser.app import Heard, listen
from tests.browser.checks import nameless, pale
from tests.browser.chromium import Tab
from tests.sandbox.workspace.conftest import Connect, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FOCUSED = "document.activeElement"


@pytest.fixture
async def heard(workspace: Workspace, app: AsyncApp, connect: Connect, tab: Tab) -> Heard:
    """What the app hears, with the page open."""
    heard = listen(app)
    await connect(app)
    await tab.goto(workspace.page_url)
    return heard


async def opened(tab: Tab) -> None:
    """The window is there, and the first field has the focus."""
    await tab.type("/mesh fault")
    await tab.press("Enter")
    await tab.sees("Fault", "dialog[open] h2")
    await tab.until(f"{FOCUSED}.closest('[data-block]')?.dataset.block === 'user'")


async def test_a_window_takes_values_and_tells_what_is_wrong(heard: Heard, tab: Tab) -> None:
    """Slack's own refusals and the app's stand at their fields; at last the values arrive and the
    window goes."""
    await opened(tab)
    assert (await nameless(tab), await pale(tab)) == ([], [])
    await tab.click("dialog button", "Apply")
    await tab.sees("Please complete this required field.", "dialog .wrong")
    await tab.type("nobody")
    await tab.value("document.querySelector('dialog select').value = 'delay'")
    await tab.click("dialog label.choice", "50 %")
    await tab.click("dialog label.choice", "v2")
    await tab.click("dialog button", "Apply")
    await tab.sees("There is no such user.", "dialog .wrong")
    assert await tab.value(f"[{FOCUSED}.value, {FOCUSED}.getAttribute('aria-invalid')]") == [
        "nobody",
        "true",
    ]
    await tab.press(*["Backspace"] * 6)
    await tab.type("jason")
    await tab.press("Enter")
    await tab.until("!document.querySelector('dialog[open]')")
    values = heard.values[0]
    assert values["user"]["it"]["value"] == "jason"
    assert values["kind"]["it"]["selected_option"]["value"] == "delay"
    assert values["share"]["it"]["selected_option"]["value"] == "50 %"
    assert [each["value"] for each in values["parts"]["it"]["selected_options"]] == ["v2"]
    assert values["at"]["it"]["selected_time"] == "09:30"
    assert await tab.value(f"{FOCUSED}.id") == "line"


async def test_windows_stack_and_close(heard: Heard, tab: Tab) -> None:
    """A window over another goes back to it with what was entered there... Escape closes all of
    them."""
    await opened(tab)
    await tab.click("dialog button", "Explain")
    await tab.sees("An abort answers at once.", "dialog[open]")
    await tab.click("dialog button", "Back")
    await tab.sees("Fault", "dialog[open] h2")
    await tab.press("Escape")
    await tab.until("!document.querySelector('dialog[open]')")
    await until(lambda: heard.closed == [True])
    assert await tab.value(f"{FOCUSED}.id") == "line"


async def test_the_focus_stays_in_a_window(heard: Heard, tab: Tab) -> None:
    """Tab goes round within the window, never to what lies behind it."""
    await opened(tab)
    for _ in range(14):
        await tab.press("Tab")
        assert await tab.value(
            f"{FOCUSED} === document.body || {FOCUSED}.closest('dialog') !== null"
        )


async def test_the_home_tab_lives(heard: Heard, tab: Tab) -> None:
    """Opening it lets the app publish; what is picked there reaches the app, which publishes anew."""
    await tab.click("nav button", "Home")
    await tab.sees("Nothing picked", "#home")
    await tab.value("document.querySelector('#home select').focus()")
    await tab.type("k")
    await tab.press("Enter")
    await tab.sees("Picked kiali", "#home")
    assert heard.actions[0]["selected_option"]["value"] == "kiali"
    await tab.click("nav button", "Messages")
    await tab.until(
        "document.getElementById('home').hidden && document.activeElement.id === 'line'"
    )
