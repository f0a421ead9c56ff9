"""Take the README's two pictures anew: the sandbox's page in the middle of the workshop, and the
graph that the bot draws there. `make pictures` runs it; it needs Chromium, and some minutes.

The sandbox is played twenty times as fast as life, except for requests and Prometheus, which take
their time; so the pictures show what a person sees, and nothing in them is made up.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.browser.chromium import Tab, program, started

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
PAGE, GRAPH = IMAGES / "page.png", IMAGES / "graph.png"
SIZE = 1440, 900
STEADY = (
    "/mesh install",
    "/mesh addons",
    "/mesh kiali",
    "/mesh bookinfo",
    "/mesh inject",
    "/mesh expose",
    "/mesh route jason v2",
    "/mesh traffic start every 1s",
)
"""What is typed until there is traffic that goes on."""
CHANGE = ("/mesh fault jason", "/mesh traffic burst 40 at 4/s as jason")
"""What is typed then: it stands out in the pictures."""
PATIENCE = 120.0
"""Wall seconds that a line may take."""
SETTLE = 45.0
"""Wall seconds after which Prometheus and Kiali know of the requests."""


@asynccontextmanager
async def run_sandbox() -> AsyncIterator[str]:
    """Run the sandbox as a program of its own; give the address of its page."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MESHBOT_", "SLACK_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "sandbox", "--speed", "20"),
        cwd=ROOT,
        env=clean,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            url = await read_address(process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def read_address(process: asyncio.subprocess.Process) -> str:
    """Return the address of the page, as the sandbox prints it."""
    assert process.stdout is not None
    async for line in process.stdout:
        if found := re.search(r"channel:\s+(http\S+)", line.decode()):
            return found[1]
    raise SystemExit("the sandbox did not start")


@asynccontextmanager
async def open_tab(folder: Path) -> AsyncIterator[Tab]:
    """Open a tab of a browser of its own, in the size of the picture."""
    with started(folder) as address:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, max_msg_size=0) as socket,
        ):
            tab = Tab(socket)
            await tab.open()
            await tab.size(*SIZE)
            await tab.media(prefers_reduced_motion="reduce", prefers_color_scheme="light")
            yield tab
            await tab.close()


async def type_line(tab: Tab, line: str, shown: str = "/— Done/.test(newest.innerText)") -> None:
    """Type a line into the channel and wait until its message, `newest`, is as it should be."""
    count = "document.querySelectorAll('#messages article').length"
    before = await tab.value(count)
    await tab.click("#line")
    await tab.type(line)
    await tab.press("Escape", "Enter")
    ended = f"((newest) => {shown})([...document.querySelectorAll('#messages article')].pop())"
    await tab.until(f"{count} > {before} && {ended}", PATIENCE)


async def take_pictures(tab: Tab, url: str) -> None:
    """Play the workshop and write both pictures."""
    await tab.goto(url)
    await tab.sees("Start the workshop", "#messages button")
    for line in STEADY:
        await type_line(tab, line)
    await tab.click("#tab-mesh")
    await tab.click("#tab-application")
    await asyncio.sleep(2 * SETTLE)
    for line in CHANGE:
        await type_line(tab, line)
    await asyncio.sleep(SETTLE)
    await tab.until("document.querySelectorAll('#fragment-mesh .edge').length > 5", PATIENCE)
    await tab.value("document.getElementById('line').focus()")
    await tab.shot(PAGE)
    await type_line(tab, "/mesh graph", "newest.querySelector('img')?.naturalWidth > 100")
    address = await tab.value("[...document.querySelectorAll('#messages article img')].pop().src")
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        answer.raise_for_status()
        GRAPH.write_bytes(await answer.read())


async def run() -> None:
    """Take the pictures in a browser and a sandbox that are gone afterwards."""
    if not program():
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with run_sandbox() as url, open_tab(Path(folder)) as tab:
            await take_pictures(tab, url)
    for path in (PAGE, GRAPH):
        sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB\n")


if __name__ == "__main__":
    asyncio.run(run())
