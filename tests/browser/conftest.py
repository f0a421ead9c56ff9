"""One browser for the session, a tab for each test, and what the page belongs to: a workspace with
an app of the test's own, or the whole sandbox as a person starts it.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.browser.chromium import Tab, program, started
from tests.sandbox.workspace import conftest as workspaces

BOT_ROOT = Path(__file__).parents[2]
START_SECONDS = 60

app, client, connect, patience, workspace = (
    workspaces.app,
    workspaces.client,
    workspaces.connect,
    workspaces.patience,
    workspaces.workspace,
)
_plain_environment = workspaces._plain_environment


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
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(browser, max_msg_size=0) as socket,
    ):
        tab = Tab(socket)
        await tab.open()
        await tab.size(1440, 900)
        yield tab
        errors = list(tab.errors)
        await tab.close()
    assert errors == []


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[str]:
    """The page's address of `meshbot sandbox`, run as a program twenty times as fast as life."""
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MESHBOT_", "SLACK_"))
    }
    command = [sys.executable, "-m", "bot", "sandbox", "--speed", "20"]
    log = (tmp_path / "sandbox.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=BOT_ROOT,
        env=clean,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    try:
        yield await _page_of(process, tmp_path)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 40)
        log.close()


async def _page_of(process: asyncio.subprocess.Process, folder: Path) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        async for line in process.stdout:
            if found := re.search(r"channel:\s+(http\S+)", line.decode()):
                return found[1]
    raise RuntimeError(
        f"the sandbox ended: {(folder / 'sandbox.log').read_text(errors='replace')[-2000:]}"
    )
