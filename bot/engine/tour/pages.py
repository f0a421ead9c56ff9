"""The pages of the tour: which there are, and what the cluster and the ledger say of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.catalog import Catalog, Invocation
from bot.diagnosis.board import read_board
from bot.engine.forms.forms import Forms
from bot.engine.runs.error_messages import get_message
from bot.engine.world.context import ContextBuilder
from bot.errors import MeshbotError
from bot.knowledge.workshop import progress
from bot.knowledge.workshop.tour import PAGES, TourPage
from bot.language import Localizer
from bot.ledger import Ledger
from bot.messages import ChannelMessages, Message
from bot.steps import Caller
from bot.text import EMPTY, Text
from bot.view.tour import PageContent, render_page, render_tour_end

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

    async def choose_first_page(self, invocation: Invocation, caller: Caller) -> TourPage:
        """Return the page that the verdict of the step `workshop` names next.

        It is the first page while the cluster does not answer.
        """
        context = self.contexts.build_context(invocation, caller)
        try:
            async with asyncio.timeout(READ_SECONDS):
                verdict = await invocation.step.run(context, invocation.options)
        except TimeoutError:
            return self.pages[0]
        return next((page for page in self.pages if page.typed in verdict.next), self.pages[0])

    async def render_page(self, channel: str, page: TourPage) -> Message:
        """Return a page with what the cluster and the ledger say of it now."""
        step = self.catalog.get(page.step)
        assert step is not None  # there are only pages of known steps
        rows, reached, trouble = await self._read_rows()
        run = await self.ledger.run_queries.find_last_run(page.step, channel)
        posted = run.posted if run is not None else None
        content = PageContent(
            page,
            step,
            self._get_number(page),
            self.pages,
            rows,
            trouble,
            run,
            link=await self.channel_messages.permalink(posted) if posted else "",
            options=bool(self.forms.get_questions(step)),
            reached=reached,
        )
        return render_page(self.say, content, self.catalog.command)

    def render_end(self, page: TourPage, words: Text) -> Message:
        """Return the message that replaces a tour which ended or moved; `words` is a sentence."""
        number, command = self._get_number(page), self.catalog.command
        return render_tour_end(self.say, number, self.pages, words, command)

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

    def _get_number(self, page: TourPage) -> int:
        return self.pages.index(page) + 1
