"""The guided tour: one message that leads through the workshop, a step to a page.

Its buttons carry the page, what is done is read from the cluster, and a run that was begun from it carries the tour's
place in its request key. So a restart loses nothing, and another process can turn the page.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from bot import blocks
from bot.catalog import Invocation
from bot.engine.forms import Forms
from bot.engine.house import House, Silent
from bot.engine.pages import TOUR, Leaf, ended, explained, page_message, plainly_explained, pointed
from bot.errors import MeshbotError, UserError
from bot.jobs import Jobs
from bot.knowledge import board, snapshot
from bot.knowledge.tour import PAGES, Page
from bot.ledger import Duplicate, NewRun, Run
from bot.messages import Asked, Message, Origin, Posted, Pressed, Whisper
from bot.steps import Asker, Role

STEP = "workshop"
PATIENCE = 8.0
"""Seconds that a page waits for the cluster before it is shown without it."""
OLD = ("This tour is of an earlier release of mine.", "Type `{} workshop` for a new one.")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mark:
    """Where in which tour a run was begun: the `ts` of the tour's message, and the page's step."""

    ts: str
    step: str

    def key(self, key: str) -> str:
        """The request key of a run that is begun here."""
        return f"{KEY}:{self.ts}:{self.step}:{key}"


KEY = "tour"


def marked(key: str) -> Mark | None:
    """The mark in a request key, if there is one."""
    kind, ts, step, rest = (*key.split(":", 3), "", "", "")[:4]
    return Mark(ts, step) if kind == KEY and rest else None


class Tour:
    """All tours. `commands` come back to the engine, which runs them like typed ones."""

    def __init__(self, house: House, jobs: Jobs, forms: Forms) -> None:
        self._house, self._jobs, self._forms = house, jobs, forms
        self._at: dict[Posted, str] = {}
        self._turns: dict[Posted, int] = {}
        self._typing = asyncio.Lock()
        known = [page for page in PAGES if house.catalog.get(page.step) is not None]
        self._pages = tuple(known)

    # Typed

    async def typed(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        """`workshop` begins a tour or points at the one that stands, `here` moves it down, `off` ends it."""
        async with self._typing:  # typed twice at once, the second finds the first one's tour
            await self._typed(invocation, asker, asked, whisper)

    async def _typed(self, invocation: Invocation, asker: Asker, asked: Asked, whisper: Whisper) -> None:
        action = getattr(invocation.options, "action", "")
        stands = await self._standing(asked.channel)
        link = await self._house.board.permalink(stands) if stands else ""
        if not link:
            stands = None
        command = self._house.catalog.command
        if stands is not None and not action:
            await whisper.say(pointed(link, may_move=asker.role.covers(Role.HOST), command=command))
            return
        self._house.gate.require(Role.HOST, asker, what=invocation.step.title)
        if action == "off":
            await self._finish(stands, asked, whisper)
        else:
            await self._begin(invocation, asker, asked, stands)

    async def _begin(self, invocation: Invocation, asker: Asker, asked: Asked, earlier: Posted | None) -> None:
        page = self._page(self._at.get(earlier, "")) if earlier else None
        page = page or await self._first(invocation, asker)
        try:
            run = await self._house.ledger.begin(self._new(asked, STEP))
        except Duplicate:
            return
        try:
            posted = await self._house.board.post(asked.channel, await self._leaf_message(asked.channel, page))
        except MeshbotError as problem:
            await self._house.ledger.finish(run.id, "error", f"not begun: {problem}")
            raise
        self._at[posted] = page.step
        await self._house.ledger.posted(run.id, posted.channel, posted.ts)
        await self._house.ledger.finish(run.id, "done", f"the tour stands at {page.step}")
        if earlier is not None:
            self._forget(earlier)
            words = "the tour goes on further down."
            self._house.board.edit(earlier, ended(self._number(page), self._pages, words, self._house.catalog.command))

    async def _finish(self, stands: Posted | None, asked: Asked, whisper: Whisper) -> None:
        if stands is None:
            raise UserError("No tour stands in this channel.", f"`{self._house.catalog.command} workshop` begins one.")
        await self._end(stands, self._page(self._at.get(stands, "")) or self._pages[0], asked)
        await whisper.say(blocks.shown("The tour is ended.", [blocks.first("done", "", "🧭 The tour is ended.")]))

    async def _end(self, posted: Posted, page: Page, asked: Asked) -> None:
        """An end is remembered as a command of its own: the newest one says whether a tour stands."""
        try:
            run = await self._house.ledger.begin(self._new(asked, f"{STEP} off"))
        except Duplicate:
            return
        await self._house.ledger.finish(run.id, "done", "the tour is ended")
        self._forget(posted)
        words, command = "this tour is ended.", self._house.catalog.command
        self._house.board.edit(posted, ended(self._number(page), self._pages, words, command), news=True)

    def _forget(self, posted: Posted) -> None:
        self._at.pop(posted, None)
        self._turns.pop(posted, None)

    def _new(self, asked: Asked, arguments: str) -> NewRun:
        return NewRun(asked.key, STEP, asked.user, asked.channel, self._house.owner, arguments)

    async def _standing(self, channel: str) -> Posted | None:
        """The tour's message in a channel, unless it was ended."""
        run = await self._house.ledger.last(STEP, channel)
        return run.posted if run is not None and run.arguments == STEP else None

    async def _first(self, invocation: Invocation, asker: Asker) -> Page:
        """The page that the step's own verdict names next; the first one while the cluster does not answer."""
        context = self._house.context(invocation, asker, Silent())
        try:
            async with asyncio.timeout(PATIENCE):
                verdict = await invocation.step.run(context, invocation.options)
        except TimeoutError:
            return self._pages[0]
        return next((page for page in self._pages if page.typed in verdict.next), self._pages[0])

    # Pressed

    async def pressed(self, pressed: Pressed, asker: Asker, whisper: Whisper) -> Asked | None:
        """Turns the page, or explains it; gives the command to carry out when one is wanted."""
        verb = pressed.action.removeprefix(TOUR).partition(":")[0]
        name, _, typed = pressed.value.partition(" ")
        page, step = self._page(name), self._house.catalog.get(name)
        command = self._house.catalog.command
        if verb == "explain" and step is not None:
            await whisper.say(explained(page, step, command) if page else plainly_explained(step, command))
            return None
        if page is None or step is None or pressed.posted is None:
            raise UserError(OLD[0], OLD[1].format(command))
        mark = Mark(pressed.posted.ts, page.step)
        if verb == "run" and typed:
            return Asked(pressed.user, pressed.channel, typed, mark.key(pressed.key), pressed.posted.ts)
        if verb not in ("options", "look"):
            self._house.gate.require(Role.HOST, asker, what=step.title)
        if verb == "options":
            self._house.gate.allow_step(step, asker, pressed.channel, what=step.title)
            origin = Origin(pressed.channel, pressed.posted.ts, mark.key(""))
            await self._forms.open(step, pressed.key, origin)
        elif verb == "end":
            await self._end(pressed.posted, page, Asked(pressed.user, pressed.channel, STEP, pressed.key))
        else:
            await self._turn(pressed.posted, page)
        return None

    async def _turn(self, posted: Posted, page: Page) -> None:
        """Shows a page, unless it was turned again while this was read."""
        self._at[posted] = page.step
        turn = self._turns[posted] = self._turns.get(posted, 0) + 1
        message = await self._leaf_message(posted.channel, page)
        if self._turns.get(posted) == turn:
            self._house.board.edit(posted, message, news=True)

    # Runs

    def heard(self, run: Run) -> None:
        """A run has begun, asks or has ended: the tour that stands in its channel shows it."""
        if run.step != STEP:
            self._jobs.spawn(self._follow(run), f"tour of {run.id}")

    async def _follow(self, run: Run) -> None:
        """Shows the page anew where the tour is by now; after a restart, where the run was begun from it."""
        stands, mark = await self._standing(run.channel), marked(run.request_key)
        if stands is not None:
            page = self._page(self._at.get(stands, "")) or self._page(mark.step if mark else "")
            if page is not None:
                await self._turn(stands, page)

    # Pages

    async def _leaf_message(self, channel: str, page: Page) -> Message:
        """A page with what the cluster and the ledger say of it now."""
        step = self._house.catalog.get(page.step)
        assert step is not None  # `__init__` kept only pages of known steps
        leaf = Leaf(page, step, self._number(page), self._pages, {}, options=bool(self._forms.of(step)))
        rows, trouble = await self._rows()
        run = await self._house.ledger.last(page.step, channel)
        link = await self._house.board.permalink(run.posted) if run is not None and run.posted else ""
        return page_message(replace(leaf, rows=rows, trouble=trouble, run=run, link=link), self._house.catalog.command)

    async def _rows(self) -> tuple[dict[str, board.Row], str]:
        """The live board by step, or why it cannot be read."""
        try:
            async with asyncio.timeout(PATIENCE):
                now = await snapshot.observed(self._house.looking())
                return {row.step: row for row in board.rows(now)}, ""
        except TimeoutError:
            return {}, f"it did not answer within {PATIENCE:g} s"
        except MeshbotError as problem:
            return {}, str(problem)

    def _page(self, step: str) -> Page | None:
        return next((page for page in self._pages if page.step == step), None)

    def _number(self, page: Page) -> int:
        return self._pages.index(page) + 1
