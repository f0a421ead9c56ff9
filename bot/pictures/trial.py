"""Whether pictures can be drawn here, by drawing some: a library that is installed may still fail
to load, as a wheel does where the system lacks a library that it needs."""

from __future__ import annotations

from bot.drawings import Edge, GraphPicture, Node, Picture, PlotPicture
from bot.pictures.drawing_process import DrawingProcess
from bot.ports import Outcome, Sample
from bot.text import verbatim

TRIAL_SECONDS = 20.0
"""Seconds that a trial may take; a cold machine imports for some."""
WORDS = verbatim("trial")
TRIALS: dict[str, Picture] = {
    "a graph": GraphPicture(
        WORDS, WORDS, (Node("a", "a"), Node("b", "b")), (Edge("a", "b", "http", 1.0),), WORDS
    ),
    "a plot": PlotPicture(
        WORDS, WORDS, (Sample(0.0, 10.0, Outcome.WHOLE),), 1.0, 1.0, 10.0, 10.0, 10.0, WORDS
    ),
}


async def explain_failed_trial(process: DrawingProcess | None = None) -> str:
    """Draw a tiny graph and a tiny plot in a process of their own; return which could not be drawn
    and why, "" when both were.
    """
    process = process or DrawingProcess(seconds=TRIAL_SECONDS)
    try:
        for name, picture in TRIALS.items():
            if await process.draw(picture, str) is None:
                return f"{name} cannot be drawn: {process.why}"
    finally:
        await process.close()
    return ""
