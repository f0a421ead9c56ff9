"""App Home: the tab of each person, shown when they open it and again when a run has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict

from bot.engine.runs.error_messages import get_message
from bot.engine.services import Services
from bot.errors import MeshbotError, UserError
from bot.jobs import Jobs
from bot.knowledge import snapshot
from bot.knowledge.routing import describe
from bot.knowledge.workshop import progress
from bot.ledger import Run
from bot.records import ScheduleSummary
from bot.steps import Verdict
from bot.text import EMPTY, Text
from bot.view.home import HomeContent, build_home_tab

LATELY, MOST = 1800.0, 40
"""Seconds for which a tab that was opened is kept fresh, and how many tabs are."""

CALM = 3.0
"""Seconds between two rounds of showing the tabs anew, however many runs end meanwhile."""

PATIENCE = 8.0
"""Seconds that a tab waits for the cluster before it is shown without it."""

NO_CHANNEL = Text("I do not know yet which channel the workshop is in.")
log = logging.getLogger(__name__)


class HomeTabs:
    """The Home tabs of all who opened theirs lately."""

    def __init__(self, services: Services, jobs: Jobs) -> None:
        self._services, self._jobs = services, jobs
        self._opened: OrderedDict[str, float] = OrderedDict()
        self._stale, self._last = False, 0.0
        self._round: asyncio.Task[None] | None = None

    async def show_tab(self, user: str) -> None:
        """Show one person's tab, and keep it fresh for a while."""
        self._opened[user] = time.monotonic()
        self._opened.move_to_end(user)
        while len(self._opened) > MOST:
            self._opened.popitem(last=False)
        await self._publish_tab(user, await self._read_content())

    def handle_run_change(self, run: Run) -> None:
        """Refresh every open tab when a run has ended."""
        if run.is_active or not self._opened:
            return
        self._stale = True
        if self._round is None or self._round.done():
            self._round = self._jobs.spawn(self._refresh_tabs(), "home tabs")

    async def find_channel(self) -> str:
        """Return the channel for runs that are asked for in App Home, or "".

        It is the one in the settings, or that of the last run which was not in a direct
        message.
        """
        if self._services.home_channel:
            return self._services.home_channel
        runs = await self._services.ledger.list_recent_runs(20)
        return next((run.channel for run in runs if not run.channel.startswith("D")), "")

    async def require_channel(self, typed: str) -> str:
        """Return the channel for a command that must have one.

        Raises UserError that says where to type the command.
        """
        if channel := await self.find_channel():
            return channel
        raise UserError(
            NO_CHANNEL,
            Text(
                "Type it there: `{command} {typed}`.",
                command=self._services.catalog.command,
                typed=typed,
            ),
        )

    async def _refresh_tabs(self) -> None:
        while self._stale:
            await asyncio.sleep(max(0.0, self._last + CALM - time.monotonic()))
            self._stale, self._last = False, time.monotonic()
            scene = await self._read_content()
            for user, opened in list(self._opened.items()):
                if time.monotonic() - opened > LATELY:
                    self._opened.pop(user, None)
                else:
                    await self._publish_tab(user, scene)

    async def _publish_tab(self, user: str, scene: HomeContent) -> None:
        caller = await self._services.resolve_caller(user)
        catalog = self._services.catalog
        try:
            await self._services.views.publish(
                user,
                build_home_tab(self._services.say, scene, caller, catalog.steps, catalog.command),
            )
        except MeshbotError as problem:
            log.warning("the home tab of %s was not shown: %s", user, problem)

    async def _read_content(self) -> HomeContent:
        """Return the content that is the same for everybody, read once; failures are part of it."""
        rows: tuple[progress.StepStatus, ...] = ()
        rules: tuple[Text, ...] = ()
        links, trouble = None, EMPTY
        try:
            async with asyncio.timeout(PATIENCE):
                now = await snapshot.take_snapshot_with_senders(self._services.build_read_context())
                rows, rules = (
                    tuple(progress.list_step_statuses(now)),
                    tuple(describe.describe_rules_in_force(now)),
                )
                links = await self._run_links_step()
        except TimeoutError:
            trouble = Text("it did not answer within {seconds:g} s.", seconds=PATIENCE)
        except MeshbotError as problem:
            trouble = get_message(problem)
        return HomeContent(
            rows,
            rules,
            links,
            await self._list_schedules(),
            trouble,
            await self._find_channel_or_empty(),
        )

    async def _run_links_step(self) -> Verdict | None:
        """Return the verdict of the step `links`, None when there is no such step."""
        step = self._services.catalog.get("links")
        return (
            await step.run(self._services.build_read_context(), step.options.model_validate({}))
            if step is not None
            else None
        )

    async def _list_schedules(self) -> tuple[ScheduleSummary, ...]:
        try:
            return tuple(await self._services.schedules.entries())
        except MeshbotError as problem:
            log.warning("what is planned could not be read: %s", problem)
            return ()

    async def _find_channel_or_empty(self) -> str:
        try:
            return await self.find_channel()
        except MeshbotError as problem:
            log.warning("the last run's channel could not be read: %s", problem)
            return ""
