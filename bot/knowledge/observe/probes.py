"""Polling a Service in the cluster until it answers as it should, and explaining when it does
not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import Unavailable, Unreadable
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.knowledge.observe.kiali_links import Console
from bot.ports import HttpRequest, HttpResponse
from bot.steps import Context, Link
from bot.text import EMPTY, Text, verbatim

SILENCE_TIMEOUT = 10.0
"""Seconds in which something that Kubernetes calls ready must answer at all."""
LONGEST_PAUSE = 1.0
"""Longest pause in seconds between two questions."""
PROXY_PREFIX = "error trying to reach service: "
"""What the API server's proxy puts before the reason (Kubernetes 1.32 to 1.36)."""
_NO_ENDPOINTS = "no endpoints available"
"""What it says of a Service without a ready pod."""


@dataclass(frozen=True)
class PollResult:
    """Result of polling: the last answer, and whether it was `good`; None when nothing answered, or
    more than was read (`unread`).

    `why` says why there is no answer to look at.
    """

    good: bool
    answer: HttpResponse | None = None
    why: Text = EMPTY
    unread: bool = False


async def ask_until(
    context: Context,
    ask: HttpRequest,
    good: Callable[[HttpResponse], bool],
    *,
    seconds: float,
    silence: float | None = None,
    in_vain: Callable[[], bool] = lambda: False,
) -> PollResult:
    """Repeat a request until an answer is good.

    Gives up after `seconds`, after `silence` seconds when nothing answers at all, when it is said
    to be in vain, and at once when more is answered than is read: it would be the same again.
    """
    began, pause, heard = time.monotonic(), 0.05, PollResult(good=False)
    while True:
        try:
            answer = await context.web.ask(ask)
            heard = PollResult(good(answer), answer)
        except Unavailable as problem:
            heard = PollResult(good=False, why=strip_proxy_prefix(problem.message))
        except Unreadable as problem:
            return PollResult(good=False, why=problem.message, unread=True)
        patience = (
            seconds
            if heard.answer is not None
            else min(seconds, SILENCE_TIMEOUT if silence is None else silence)
        )
        if heard.good or in_vain() or time.monotonic() - began + pause > patience:
            return heard
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)


def strip_proxy_prefix(problem: Text) -> Text:
    """Return why nothing answers, without the API server's own prefix."""
    words = str(problem)
    if not words.startswith(PROXY_PREFIX):
        return problem
    return verbatim(words.removeprefix(PROXY_PREFIX))


def explain_silence(what: str, heard: PollResult) -> Text:
    """Return why a Service does not answer as it should, as a sentence without its full stop."""
    if heard.unread:
        return heard.why
    if heard.answer is None and _NO_ENDPOINTS in str(heard.why):
        return Text("nothing answers for {what}: it has no ready pod", what=what)
    if heard.answer is None:
        return Text(
            "Kubernetes calls the pods of {what} ready, but nothing answers there: {why}",
            what=what,
            why=heard.why,
        )
    return Text("{what} answers with status {status}", what=what, status=heard.answer.status)


async def link_to_kiali(
    context: Context, label: Text, page: Callable[[Console], str]
) -> tuple[tuple[Link, ...], tuple[str, ...]]:
    """Return a link to a page of Kiali, and the port-forward line to type first.

    Both are empty when there is no Kiali.
    """
    reached = await find_web_address(context, KIALI)
    if not reached.base:
        return (), ()
    return (Link(Text("Kiali: {label}", label=label), page(build_console(reached))),), (
        (reached.line,) if reached.line else ()
    )
