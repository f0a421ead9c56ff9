"""Chromium as a test drives it: the DevTools protocol over one WebSocket, with real keys and a real
mouse.

Nothing but the browser itself is needed. See chromedevtools.github.io/devtools-protocol for the
methods.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

Json = dict[str, Any]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it may be root who runs the tests, as in a container
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--mute-audio",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
)
KEYS = {
    "ArrowDown": 40,
    "ArrowLeft": 37,
    "ArrowRight": 39,
    "ArrowUp": 38,
    "Backspace": 8,
    "Enter": 13,
    "Escape": 27,
    "F6": 117,
    "Space": 32,
    "Tab": 9,
}
START_SECONDS, PATIENCE = 60.0, 20.0

FIND = """(selector, text) => {
  const seen = [...document.querySelectorAll(selector)].filter((each) => each.getClientRects().length);
  return seen.filter((each) => !text || each.textContent.includes(text)).pop();
}"""
"""The last visible element that fits a selector, and holds a text."""


def program() -> str:
    """Where Chromium is, or ""."""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """A headless browser with a fresh profile; gives the address of its DevTools WebSocket."""
    environment = os.environ | {"HOME": str(folder)}
    command = [program(), *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"]
    log = (folder / "chromium.log").open("wb")
    process = subprocess.Popen(
        command, stdout=log, stderr=log, env=environment, start_new_session=True
    )
    try:
        yield _address(process, folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(
                process.pid, signal.SIGKILL
            )  # its helpers as well; the profile is thrown away with it
        process.wait(10)
        log.close()


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    told, end = folder / "profile" / "DevToolsActivePort", time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        lines = told.read_text().split("\n") if told.exists() else []
        if len(lines) > 1:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise RuntimeError(
        f"Chromium did not start: {(folder / 'chromium.log').read_text(errors='replace')[-2000:]}"
    )


class Tab:
    """One page in a context of its own; `errors` is what its console and its network complained
    about."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._session = ""
        self.errors: list[str] = []
        self._reader = asyncio.create_task(self._read())

    async def open(self) -> None:
        """Makes the tab."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")

    async def close(self) -> None:
        """Ends the connection, and with it the tab's context."""
        await self._socket.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def call(self, method: str, **params: Any) -> Json:
        """One call of the protocol."""
        number = next(self._numbers)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_str(
            json.dumps({"id": number, "method": method, "params": params, **session})
        )
        return await asyncio.wait_for(answer, PATIENCE)

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            answer = self._answers.pop(told.get("id", 0), None)
            if answer is None:
                self._note(told.get("method", ""), told.get("params", {}))
            elif "error" in told:
                answer.set_exception(RuntimeError(str(told["error"])))
            elif not answer.done():
                answer.set_result(told["result"])

    def _note(self, method: str, params: Json) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(
                str(params["exceptionDetails"].get("exception", {}).get("description"))
            )
        elif method == "Runtime.consoleAPICalled" and params["type"] in (
            "error",
            "warning",
            "assert",
        ):
            self.errors.append(str([each.get("value") for each in params["args"]]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression is, awaited if it is a promise."""
        found = await self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]["exception"].get("description")))
        return found["result"].get("value")

    async def until(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Waits until an expression is true; fails with what the page shows when it never is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = await self.value(expression)
            if found:
                return found
            await asyncio.sleep(0.03)
        raise AssertionError(
            f"never true: "
            f"{expression}\n{await self.value('document.body.innerText')}\n{self.errors}"
        )

    async def sees(self, text: str, selector: str = "body", seconds: float = PATIENCE) -> None:
        """Waits until a text is visible."""
        await self.until(
            f"({FIND})({json.dumps(selector)}, {json.dumps(text)}) !== undefined", seconds
        )

    async def goto(self, url: str) -> None:
        """Opens an address and waits until the page is alive."""
        await self.call("Page.navigate", url=url)
        await self.until(
            "document.readyState === 'complete' && document.querySelector('.place[aria-current]') "
            "!== null"
        )

    async def click(self, selector: str, text: str = "") -> None:
        """Presses the mouse in the middle of what can be seen there, once nothing lies over it."""
        find = f"({FIND})({json.dumps(selector)}, {json.dumps(text)})"
        where = await self.until(
            f"(() => {{ const it = {find}; if (!it) return null; it.scrollIntoView({{block: "
            f"'center'}});"
            "const r = it.getBoundingClientRect();"
            "const x = r.left + r.width / 2, y = r.top + r.height / 2, top = "
            "document.elementFromPoint(x, y);"
            "return it.contains(top) || it.labels?.[0]?.contains(top) ? { x, y } : null; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=where["x"],
                y=where["y"],
                button="left",
                clickCount=1,
            )

    async def type(self, text: str) -> None:
        """Types into whatever has the focus, key by key."""
        for entry in text:
            await self.call("Input.dispatchKeyEvent", type="keyDown", text=entry, key=entry)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=entry)

    async def press(self, *keys: str, shift: bool = False) -> None:
        """Presses named keys one after the other."""
        for key in keys:
            shared: Json = {
                "key": " " if key == "Space" else key,
                "code": key,
                "modifiers": 8 if shift else 0,
            }
            shared["windowsVirtualKeyCode"] = KEYS[key]
            text = {"Enter": "\r", "Space": " "}.get(key)
            await self.call(
                "Input.dispatchKeyEvent",
                type="keyDown",
                **shared,
                **({"text": text} if text else {}),
            )
            await self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    async def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Makes the window this large, in CSS pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    async def media(self, **features: str) -> None:
        """Sets media features, as prefers_color_scheme="dark"."""
        pairs = [
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()
        ]
        await self.call("Emulation.setEmulatedMedia", features=pairs)

    async def shot(self, path: Path) -> None:
        """A picture of the window."""
        data = (await self.call("Page.captureScreenshot", format="png"))["data"]
        await asyncio.to_thread(path.write_bytes, base64.b64decode(data))
