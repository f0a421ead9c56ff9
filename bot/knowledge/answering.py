"""Asking what runs in the cluster until it answers as it should, and saying honestly when nothing does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import Unavailable
from bot.knowledge.kiali import Console
from bot.knowledge.reach import KIALI, console, reach
from bot.ports import Answer, Ask
from bot.steps import Context, Link

SILENCE = 10.0
"""Seconds in which something that Kubernetes calls ready must answer at all."""
PAUSE = 1.0
"""Longest pause in seconds between two questions."""


@dataclass(frozen=True)
class Heard:
    """What came back: the last answer, None when nothing answered, and then why; `good` when it was as wanted."""

    good: bool
    answer: Answer | None = None
    why: str = ""


async def ask_until(
    context: Context, ask: Ask, good: Callable[[Answer], bool], *, seconds: float, silence: float | None = None
) -> Heard:
    """Asks again until an answer is good; gives up after `seconds`, or after `silence` when nothing answers at all."""
    began, pause, heard = time.monotonic(), 0.05, Heard(good=False)
    while True:
        try:
            answer = await context.web.ask(ask)
            heard = Heard(good(answer), answer)
        except Unavailable as problem:
            heard = Heard(good=False, why=plainly(str(problem)))
        patience = seconds if heard.answer is not None else min(seconds, SILENCE if silence is None else silence)
        if heard.good or time.monotonic() - began + pause > patience:
            return heard
        await asyncio.sleep(pause)
        pause = min(PAUSE, pause * 2)


def plainly(problem: str) -> str:
    """Why nothing answers, without the API server's own bookkeeping."""
    return problem.removeprefix("error trying to reach service: ")


def silent(what: str, heard: Heard) -> str:
    """The cause when something does not answer as it should, in a sentence without its full stop."""
    if heard.answer is None:
        return f"Kubernetes calls the pods of {what} ready, but nothing answers there: {heard.why}"
    return f"{what} answers with status {heard.answer.status}"


async def at_kiali(
    context: Context, label: str, page: Callable[[Console], str]
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """A link to a page of Kiali, and the line that must be typed first, when there is a Kiali."""
    reached = await reach(context, KIALI)
    if not reached.base:
        return (), ()
    return (Link(f"Kiali: {label}", page(console(reached))),), ((reached.line,) if reached.line else ())
