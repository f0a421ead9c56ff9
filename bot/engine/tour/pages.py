"""The pages of the tour: which there are, and what the cluster and the ledger say of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bot.catalog import Catalog, Invocation
from bot.diagnosis.board import read_board
from bot.engine.forms.step_forms import Forms
from bot.engine.runs.error_messages import get_message
from bot.engine.world.context import ContextBuilder
from bot.errors import MeshbotError
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.knowledge.workshop import progress
from bot.knowledge.workshop.tour_pages import PAGES, TourPage
from bot.knowledge.workshop.tour_plan import TourPlan, plan_tour
from bot.language import Localizer
from bot.ledger import Ledger
from bot.messages import ChannelMessages, Message
from bot.steps import Caller
from bot.text import EMPTY, Text
from bot.view.tour_views import PageContent, render_page, render_tour_end

READ_SECONDS = 8.0
"""Seconds that a page waits for the cluster before it is shown without it."""


@dataclass(frozen=True)
class TourPages:
    """The pages of the steps that there are."""

    catalog: Catalog
    contexts: ContextBuilder
    forms: Forms
    ledger: Ledger
    channel_messages: ChannelMessages
    say: Localizer

    @property
    def pages(self) -> tuple[TourPage, ...]:
        """The pages, in their order."""
        return tuple(page for page in PAGES if self.catalog.get(page.step) is not None)

    def find_page(self, step: str) -> TourPage | None:
        """Return the page of a step, None when there is none."""
        return next((page for page in self.pages if page.step == step), None)

    def plan(self, planned: int, shown: str = "") -> TourPlan:
        """Return the plan of that many minutes (0: the usual one), with the page that is shown."""
        return plan_tour(self.pages, planned, shown)

    async def choose_first_page(
        self, invocation: Invocation, caller: Caller, plan: TourPlan
    ) -> TourPage:
        """Return the page of the plan that the verdict of the step `workshop` names next.

        It is the first page while the cluster does not answer.
        """
        context = self.contexts.build_context(invocation, caller)
        try:
            async with asyncio.timeout(READ_SECONDS):
                verdict = await invocation.step.run(context, invocation.options)
        except TimeoutError:
            return plan.pages[0]
        return choose_next_page(plan, self.pages, verdict.next)

    async def render_page(
        self, channel: str, page: TourPage, *, planned: int, begun: float
    ) -> Message:
        """Return a page with what the cluster and the ledger say of it now.

        `planned` are the minutes of the tour's plan, and `begun` when it began (epoch seconds).
        """
        step = self.catalog.get(page.step)
        assert step is not None  # there are only pages of known steps
        rows, reached, trouble = await self._read_rows()
        run = await self.ledger.run_queries.find_last_run(page.step, channel)
        posted = run.posted if run is not None else None
        content = PageContent(
            page,
            step,
            self.plan(planned, page.step),
            rows,
            trouble,
            run,
            link=await self.channel_messages.permalink(posted) if posted else "",
            options=bool(self.forms.get_questions(step)),
            reached=reached,
            begun=begun,
            now=time.time(),
            kiali=await self._find_kiali_url(page) if not trouble else "",
        )
        return render_page(self.say, content, self.catalog.command)

    def render_end(self, page: TourPage, words: Text, *, planned: int, ends: bool) -> Message:
        """Return the message that replaces a tour which ended or moved; `words` is a sentence."""
        pages = self.plan(planned, page.step).pages
        number, command = pages.index(page) + 1, self.catalog.command
        return render_tour_end(self.say, number, pages, words, command, ends=ends)

    async def _find_kiali_url(self, page: TourPage) -> str:
        """Return the URL of the page of Kiali's to look at, "" when it has no address yet."""
        context = self.contexts.build_read_context()
        try:
            async with asyncio.timeout(READ_SECONDS):
                address = await find_web_address(context, KIALI)
        except (TimeoutError, MeshbotError):
            return ""
        if not page.kiali or not address.base:
            return ""
        namespace = context.workshop.app_namespace
        return build_console(address).build_page_url(page.kiali, namespace)

    async def _read_rows(self) -> tuple[dict[str, progress.StepStatus], frozenset[str], Text]:
        """Return the live statuses by step, the steps that were done, and why these cannot be read
        (empty when they can).
        """
        try:
            async with asyncio.timeout(READ_SECONDS):
                board = await read_board(self.contexts.build_read_context())
                return {row.step: row for row in board.rows}, board.reached, EMPTY
        except TimeoutError:
            why = Text("it did not answer within {seconds:g} s", seconds=READ_SECONDS)
        except MeshbotError as problem:
            why = get_message(problem)
        return {}, frozenset(), why


def choose_next_page(
    plan: TourPlan, pages: Sequence[TourPage], following: Sequence[str]
) -> TourPage:
    """Return the page of the plan where a tour opens; `following` is what is to be typed next.

    A page that the plan leaves out gives way to the next one that it has.
    """
    found = next((n for n, page in enumerate(pages) if page.typed in following), 0)
    return next((page for page in pages[found:] if page in plan.pages), plan.pages[-1])
