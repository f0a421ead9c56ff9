"""One browser for the session, a tab for each test, and the sandbox that the page belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.browser.chromium import Tab, program, started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Chromium."""
    if not program():
        pytest.skip("no Chromium here")
    with started(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
async def tab(browser: str) -> AsyncIterator[Tab]:
    """A fresh tab, 1440 × 900; at the end nothing may have been complained about in its console."""
    async with aiohttp.ClientSession() as session, session.ws_connect(browser, max_msg_size=0) as socket:
        tab = Tab(socket)
        await tab.open()
        await tab.size(1440, 900)
        yield tab
        errors = list(tab.errors)
        await tab.close()
    assert errors == []
