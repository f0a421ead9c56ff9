"""The process that draws: it draws, is replaced, and never holds anyone up."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bot.drawings import Picture
from bot.language import ENGLISH
from bot.language.pseudo import PseudoLocalizer
from bot.pictures import DrawingProcess, explain_failed_trial
from bot.pictures.drawing_process import WORKER, build_environment
from bot.pictures.localized import localize_picture
from bot.pictures.protocol import decode_drawing, encode_drawing
from bot.ports import Outcome
from tests.pictures.examples import burst, comparison, graph

STUCK = (sys.executable, "-c", "import time; time.sleep(60)")
CRASHING = (sys.executable, "-c", "import os; os._exit(3)")
GIBBERISH = (sys.executable, "-c", "print('{}', flush=True); input()")
ENDLESS = (sys.executable, "-c", "while True: print('x' * 9999, end='', flush=True)")
BARE = """
import sys
sys.modules["PIL"] = None
from bot.pictures.worker import main
main()
"""


@asynccontextmanager
async def open_process(
    worker: Sequence[str] = WORKER, *, seconds: float = 20.0, jobs: int = 50
) -> AsyncIterator[DrawingProcess]:
    """A process, closed at the end."""
    process = DrawingProcess(worker=worker, seconds=seconds, jobs=jobs)
    try:
        yield process
    finally:
        await process.close()


@pytest.mark.parametrize(
    "picture",
    [graph(), comparison(), burst(5, lambda n: Outcome.PARTIAL)],
    ids=["graph", "comparison", "plot"],
)
def test_a_picture_survives_its_way(picture: Picture) -> None:
    """What the process reads is what was asked for, in the language of the channel."""
    drawing = localize_picture(picture, PseudoLocalizer())
    assert decode_drawing(encode_drawing(drawing)) == drawing


async def test_pictures_are_drawn_and_processes_replaced() -> None:
    """Graph and plot by one process, the third picture by the next."""
    pytest.importorskip("PIL", reason="the extra `graphs` is not installed")
    async with open_process(jobs=2) as process:
        drawn = [await process.draw(picture, ENGLISH) for picture in (graph(), burst(20), graph())]
        assert [each.name for each in drawn if each] == ["graph.png", "burst.png", "graph.png"]
        assert all(each.png.startswith(b"\x89PNG") for each in drawn if each)
        assert drawn[0] == drawn[2]
        assert (process.starts, process.drawn, process.failures) == (2, 3, 0)


@pytest.mark.parametrize(
    "worker",
    [STUCK, CRASHING, GIBBERISH, ENDLESS],
    ids=["stuck", "crashing", "gibberish", "endless"],
)
async def test_a_broken_process_costs_a_picture_and_nothing_more(worker: tuple[str, ...]) -> None:
    """No picture, in time, without an error; the process is ended, and the next picture gets a
    fresh one."""
    async with open_process(worker, seconds=0.3) as process:
        started = time.monotonic()
        assert await process.draw(graph(), ENGLISH) is None
        assert time.monotonic() - started < 3
        assert process._process is None
        assert await process.draw(graph(), ENGLISH) is None
        assert (process.starts, process.failures) == (2, 2)


async def test_without_the_libraries_there_is_no_picture_and_no_second_try() -> None:
    """It is found out once; after that nothing is started."""
    async with open_process((sys.executable, "-c", BARE), jobs=1) as process:
        assert [await process.draw(graph(), ENGLISH), await process.draw(burst(5), ENGLISH)] == [
            None,
            None,
        ]
        assert process.starts == 1


async def test_the_loop_goes_on_while_it_draws() -> None:
    """Two thousand marks are drawn, and the loop is never held up for a tenth of a second by it."""
    pytest.importorskip("PIL", reason="the extra `graphs` is not installed")
    async with open_process() as process:
        await process.draw(burst(5), ENGLISH)
        drawing = asyncio.create_task(process.draw(burst(2000), ENGLISH))
        lags, last = [], time.monotonic()
        while not drawing.done():
            await asyncio.sleep(0.002)
            lags.append(time.monotonic() - last)
            last = time.monotonic()
    assert len(lags) > 5
    assert sorted(lags)[len(lags) // 2] < 0.1


def test_the_process_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are none of its business."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    assert "SLACK_BOT_TOKEN" not in build_environment()
    assert os.environ["PATH"] == build_environment()["PATH"]


BROKEN = """
import sys
from importlib.abc import MetaPathFinder

class Broken(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "PIL":
            raise ImportError("libz.so.1: cannot open shared object file")

sys.meta_path.insert(0, Broken())
from bot.pictures.worker import main
main()
"""
"""Pillow's wheel where the system lacks a library that it loads."""


async def test_a_trial_draws_and_names_what_fails() -> None:
    """A library that is installed and cannot be loaded is found out by drawing, with its words."""
    pytest.importorskip("PIL", reason="the extra `graphs` is not installed")
    assert await explain_failed_trial(DrawingProcess(seconds=20.0)) == ""
    broken = DrawingProcess(worker=(sys.executable, "-c", BROKEN), seconds=20.0)
    why = await explain_failed_trial(broken)
    assert why.startswith("a graph cannot be drawn: ImportError: libz.so.1: cannot open")
    crashed = await explain_failed_trial(DrawingProcess(worker=CRASHING, seconds=20.0))
    assert "the process that draws ended" in crashed
