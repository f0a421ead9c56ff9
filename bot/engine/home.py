"""App Home: each person's view of the workshop, shown when they open the tab and again when a run has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict

from bot.engine.homeview import Scene, home
from bot.engine.house import House
from bot.errors import MeshbotError, UserError
from bot.jobs import Jobs
from bot.knowledge import board, inforce, snapshot
from bot.ledger import Run
from bot.records import Scheduled
from bot.steps import Verdict

LATELY, MOST = 1800.0, 40
"""Seconds for which a tab that was opened is kept fresh, and how many tabs are."""

CALM = 3.0
"""Seconds between two rounds of showing the tabs anew, however many runs end meanwhile."""

PATIENCE = 8.0
"""Seconds that a tab waits for the cluster before it is shown without it."""

NO_CHANNEL = "I do not know yet which channel the workshop is in."
log = logging.getLogger(__name__)


class Homes:
    """The Home tabs of all who opened theirs lately."""

    def __init__(self, house: House, jobs: Jobs) -> None:
        self._house, self._jobs = house, jobs
        self._opened: OrderedDict[str, float] = OrderedDict()
        self._stale, self._last = False, 0.0
        self._round: asyncio.Task[None] | None = None

    async def show(self, user: str) -> None:
        """Shows one person's tab, and keeps it fresh for a while."""
        self._opened[user] = time.monotonic()
        self._opened.move_to_end(user)
        while len(self._opened) > MOST:
            self._opened.popitem(last=False)
        await self._publish(user, await self._scene())

    def heard(self, run: Run) -> None:
        """A run has ended: every open tab is stale."""
        if run.active or not self._opened:
            return
        self._stale = True
        if self._round is None or self._round.done():
            self._round = self._jobs.spawn(self._rounds(), "home tabs")

    async def channel(self) -> str:
        """Where runs go that are asked for here: as settled, or where the last run was that all could see."""
        if self._house.home_channel:
            return self._house.home_channel
        runs = await self._house.ledger.recent(20)
        return next((run.channel for run in runs if not run.channel.startswith("D")), "")

    async def needed_channel(self, typed: str) -> str:
        """The same for a command that must have one; UserError says where to type it."""
        if channel := await self.channel():
            return channel
        raise UserError(NO_CHANNEL, f"Type it there: `{self._house.catalog.command} {typed}`.")

    async def _rounds(self) -> None:
        while self._stale:
            await asyncio.sleep(max(0.0, self._last + CALM - time.monotonic()))
            self._stale, self._last = False, time.monotonic()
            scene = await self._scene()
            for user, opened in list(self._opened.items()):
                if time.monotonic() - opened > LATELY:
                    self._opened.pop(user, None)
                else:
                    await self._publish(user, scene)

    async def _publish(self, user: str, scene: Scene) -> None:
        asker = await self._house.asker(user)
        catalog = self._house.catalog
        try:
            await self._house.screens.publish(user, home(scene, asker, catalog.steps, catalog.command))
        except MeshbotError as problem:
            log.warning("the home tab of %s was not shown: %s", user, problem)

    async def _scene(self) -> Scene:
        """What is read once for everybody; what cannot be read is said."""
        rows: tuple[board.Row, ...] = ()
        rules: tuple[str, ...] = ()
        links, trouble = None, ""
        try:
            async with asyncio.timeout(PATIENCE):
                now = await snapshot.observed(self._house.looking())
                rows, rules = tuple(board.rows(now)), tuple(inforce.lines(now))
                links = await self._links()
        except TimeoutError:
            trouble = f"it did not answer within {PATIENCE:g} s."
        except MeshbotError as problem:
            trouble = str(problem)
        return Scene(rows, rules, links, await self._planned(), trouble, await self._channel_if_known())

    async def _links(self) -> Verdict | None:
        """What `links` would say to anybody."""
        step = self._house.catalog.get("links")
        return await step.run(self._house.looking(), step.options.model_validate({})) if step is not None else None

    async def _planned(self) -> tuple[Scheduled, ...]:
        try:
            return tuple(await self._house.schedules.entries())
        except MeshbotError as problem:
            log.warning("what is planned could not be read: %s", problem)
            return ()

    async def _channel_if_known(self) -> str:
        try:
            return await self.channel()
        except MeshbotError as problem:
            log.warning("the last run's channel could not be read: %s", problem)
            return ""
