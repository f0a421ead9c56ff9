"""Reads the content of the Home tab that is the same for everybody."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from bot.catalog import Catalog
from bot.diagnosis.board import read_board
from bot.engine.home.channel import HomeChannel
from bot.engine.runs.error_messages import get_message
from bot.engine.world.context import ContextBuilder
from bot.errors import MeshbotError
from bot.knowledge.routing import describe
from bot.knowledge.workshop import progress
from bot.records import Schedules, ScheduleSummary
from bot.steps import Verdict
from bot.text import EMPTY, Text
from bot.view.home import HomeContent

READ_SECONDS = 8.0
"""Seconds that a tab waits for the cluster before it is shown without it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HomeReader:
    """Reads the cluster, the schedules and the channel; a failure becomes part of the content."""

    catalog: Catalog
    contexts: ContextBuilder
    schedules: Schedules
    channel: HomeChannel

    async def read_content(self) -> HomeContent:
        """Return the content as it is now."""
        rows: tuple[progress.StepStatus, ...] = ()
        rules: tuple[Text, ...] = ()
        links, trouble = None, EMPTY
        try:
            async with asyncio.timeout(READ_SECONDS):
                board = await read_board(self.contexts.build_read_context())
                rows = board.rows
                rules = tuple(describe.describe_rules_in_force(board.snapshot))
                # The links may fail where the rest was read: the rest is shown then.
                links = await self._run_links_step()
        except TimeoutError:
            trouble = Text("it did not answer within {seconds:g} s.", seconds=READ_SECONDS)
        except MeshbotError as problem:
            trouble = get_message(problem)
        planned, channel = await self._list_schedules(), await self._find_channel()
        return HomeContent(rows, rules, links, planned, trouble, channel)

    async def _run_links_step(self) -> Verdict | None:
        """Return the verdict of the step `links`, None when there is no such step."""
        step = self.catalog.get("links")
        if step is None:
            return None
        options = step.options.model_validate({})
        return await step.run(self.contexts.build_read_context(), options)

    async def _list_schedules(self) -> tuple[ScheduleSummary, ...]:
        try:
            return tuple(await self.schedules.entries())
        except MeshbotError as problem:
            log.warning("the schedules could not be read: %s", problem)
            return ()

    async def _find_channel(self) -> str:
        try:
            return await self.channel.find()
        except MeshbotError as problem:
            log.warning("the last run's channel could not be read: %s", problem)
            return ""
