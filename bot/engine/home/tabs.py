"""App Home: the tab of each person, shown when they open it and again when a run has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from bot.catalog import Catalog
from bot.engine.access.callers import CallerResolver
from bot.engine.home.content import HomeReader
from bot.errors import MeshbotError
from bot.jobs import Jobs
from bot.language import Localizer
from bot.ledger import Run
from bot.messages import Views
from bot.view.home import HomeContent, build_home_tab

KEPT_FRESH, MOST_FRESH = 1800.0, 40
"""Seconds for which a tab that was opened is kept fresh, and how many tabs are."""

REFRESH_PAUSE = 3.0
"""Seconds between two refreshes of all tabs, however many runs end meanwhile."""

log = logging.getLogger(__name__)


@dataclass
class HomeTabs:
    """The Home tabs of all who opened theirs lately."""

    jobs: Jobs
    catalog: Catalog
    callers: CallerResolver
    reader: HomeReader
    views: Views
    say: Localizer
    _opened: OrderedDict[str, float] = field(default_factory=OrderedDict, init=False)
    _stale: bool = field(default=False, init=False)
    _refreshed_at: float = field(default=0.0, init=False)
    _refreshing: asyncio.Task[None] | None = field(default=None, init=False)

    async def show_tab(self, user: str) -> None:
        """Show one person's tab, and keep it fresh for a while."""
        self._opened[user] = time.monotonic()
        self._opened.move_to_end(user)
        while len(self._opened) > MOST_FRESH:
            self._opened.popitem(last=False)
        await self._publish_tab(user, await self.reader.read_content())

    def handle_run_change(self, run: Run) -> None:
        """Refresh every open tab when a run has ended."""
        if run.is_active or not self._opened:
            return
        # One pass for all: a run that ends while the tabs are being published sets it again.
        self._stale = True
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = self.jobs.spawn(self._refresh_tabs(), "home tabs")

    async def _refresh_tabs(self) -> None:
        while self._stale:
            await asyncio.sleep(max(0.0, self._refreshed_at + REFRESH_PAUSE - time.monotonic()))
            self._stale, self._refreshed_at = False, time.monotonic()
            content = await self.reader.read_content()
            for user, opened in list(self._opened.items()):
                if time.monotonic() - opened > KEPT_FRESH:
                    self._opened.pop(user, None)
                else:
                    await self._publish_tab(user, content)

    async def _publish_tab(self, user: str, content: HomeContent) -> None:
        caller = await self.callers.resolve_caller(user)
        blocks = build_home_tab(self.say, content, caller, self.catalog.steps, self.catalog.command)
        try:
            await self.views.publish(user, blocks)
        except MeshbotError as problem:
            log.warning("the home tab of %s was not shown: %s", user, problem)
