"""Manages the process that draws: started with the first picture, one at a time, ended
when it is stuck, old or idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from bot.drawings import (
    ComparisonPicture,
    GraphPicture,
    Picture,
    PlotPicture,
    PngFile,
    TracePicture,
)
from bot.jobs import Jobs
from bot.pictures.graph_drawing import Say
from bot.pictures.localized import localize_picture
from bot.pictures.protocol import encode_drawing
from bot.pictures.worker import MISSING

SECONDS = 5.0
"""How long a picture may take, waiting for others included."""

MOST_JOBS = 50
"""Pictures after which a fresh process takes over, so that what a library leaks stays small."""

IDLE = 120.0
"""Seconds without a picture after which the process is ended: it holds some 60 MB."""

LONGEST = 64 * 1024
"""Bytes of an answer's first line, far more than it needs."""

LIBRARIES = {"pillow": "PIL"}
"""What the extra `graphs` installs, and the modules that are in it."""

FILE_NAMES = {
    GraphPicture: "graph.png",
    ComparisonPicture: "before-after.png",
    PlotPicture: "burst.png",
    TracePicture: "trace.png",
}

WORKER = (sys.executable, "-m", "bot.pictures.worker")

log = logging.getLogger(__name__)


class DrawingProcess:
    """Implements `bot.drawings.Renderer`. `drawn` and `failures` count pictures, `starts` counts
    processes; `why` is the reason of the last picture that could not be drawn."""

    def __init__(
        self, *, seconds: float = SECONDS, jobs: int = MOST_JOBS, worker: Sequence[str] = WORKER
    ) -> None:
        self._seconds, self._most, self._worker = seconds, jobs, worker
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._left = 0
        self._missing = self.why = ""
        self._idle: asyncio.TimerHandle | None = None
        self._jobs = Jobs()
        self.drawn = self.failures = self.starts = 0

    async def draw(self, picture: Picture, say: Say) -> PngFile | None:
        """Return the picture, its words in the language of `say`.

        None when it cannot be drawn here, or not in time.
        """
        if self._missing:
            return None
        try:
            # The time counts from here, so that a queue behind a stuck picture gives up as well.
            async with asyncio.timeout(self._seconds), self._turn:
                png = await self._request_picture(picture, say)
        except TimeoutError:
            self.why = f"it took more than {self._seconds:g} s"
            log.warning("a picture took more than %g s; it is left out", self._seconds)
            png = b""
        except Exception as problem:  # noqa: BLE001 - a picture is never worth an error
            self.why = f"the process that draws ended ({type(problem).__name__})"
            log.warning(
                "the process that draws pictures failed (%s); this one is left out",
                type(problem).__name__,
            )
            png = b""
        if not png:
            self.failures += 1
            return None
        self.drawn += 1
        return PngFile(FILE_NAMES[type(picture)], png)

    async def close(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        await self._end_process()
        await self._jobs.drain(0)

    async def _request_picture(self, picture: Picture, say: Say) -> bytes:
        """Return one picture as PNG; whatever interrupts it ends the process, which may still be
        at work on it.
        """
        if self._missing:
            return b""
        try:
            process = await self._ensure_process()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(encode_drawing(localize_picture(picture, say)))
            await process.stdin.drain()
            head = json.loads(await process.stdout.readuntil(b"\n"))
            png = await process.stdout.readexactly(int(head["length"]))
        except BaseException:
            await self._end_process()
            raise
        self._left -= 1
        if self._left <= 0:
            await self._end_process()
        else:
            self._restart_idle_timer()
        self._note_error(head["error"], head["words"])
        return png

    def _note_error(self, error: str, words: str) -> None:
        self.why = words
        if error == MISSING:
            self._missing = words
            log.info("no pictures: %s is not installed (pip install 'meshbot[graphs]')", words)
        elif error:
            log.warning("a picture could not be drawn: %s", words)

    async def _ensure_process(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            *self._worker,
            stdin=pipe,
            stdout=pipe,
            # Remarks of libraries, which nobody needs and a full pipe would stop.
            stderr=nowhere,
            env=build_environment(),
            limit=LONGEST,
        )
        self._left = self._most
        self.starts += 1
        return self._process

    def _restart_idle_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(
            IDLE, lambda: self._jobs.spawn(self._end_idle_process(), "pictures idle")
        )

    async def _end_idle_process(self) -> None:
        # In turn: a picture may have been asked for since.
        async with self._turn:
            await self._end_process()

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # Before the wait, which ends only when what it wrote has ended as well: after a line
            # that is too long, that is not read any more.
            process._transport.close()  # type: ignore[attr-defined]
            await process.wait()


def list_missing_libraries() -> tuple[str, ...]:
    """Return the libraries that pictures lack here; looked for and not imported."""
    return tuple(name for name, module in LIBRARIES.items() if find_spec(module) is None)


def build_environment() -> dict[str, str]:
    """Return the environment of the process: where Python finds its modules, and none of the
    bot's secrets.
    """
    kept = (
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "TMPDIR",
        "TEMP",
        "TMP",
        "SYSTEMROOT",
        "VIRTUAL_ENV",
    )
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PYTHONPATH": os.pathsep.join(sys.path)
    }
