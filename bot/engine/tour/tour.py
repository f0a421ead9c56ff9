"""The guided tour: one message that leads through the workshop, a step to a page.

Its buttons carry the page, what is done is read from the cluster, and a run that was
begun from it carries the tour's position in its request key. So a restart loses
nothing, and another process can turn the page.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from bot.catalog import Invocation
from bot.engine.forms.forms import Forms
from bot.engine.runs.error_messages import get_message
from bot.engine.services import NullProgress, Services
from bot.errors import MeshbotError, UserError
from bot.jobs import Jobs
from bot.knowledge import snapshot
from bot.knowledge.workshop import progress
from bot.knowledge.workshop.tour import PAGES, TourPage
from bot.ledger import DuplicateRequest, NewRun, Run
from bot.messages import ButtonPress, Command, Message, Origin, Posted, Reply
from bot.steps import Caller, Role
from bot.text import EMPTY, Text
from bot.view.blocks import build_message, build_verdict_block
from bot.view.tour import (
    TOUR,
    PageContent,
    render_explanation,
    render_page,
    render_short_explanation,
    render_tour_end,
    render_tour_pointer,
)

STEP = "workshop"
PATIENCE = 8.0
"""Seconds that a page waits for the cluster before it is shown without it."""
OLD = Text("This tour is of an earlier release of mine.")
ENDED = Text("The tour is ended.")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TourPosition:
    """Position in a tour where a run was begun.

    `ts` is that of the tour's message, `step` that of the page.
    """

    ts: str
    step: str

    def build_request_key(self, key: str) -> str:
        """Return the request key of a run that is begun here."""
        return f"{KEY}:{self.ts}:{self.step}:{key}"


KEY = "tour"


def parse_request_key(key: str) -> TourPosition | None:
    """Return the position in a request key, None when there is none."""
    kind, ts, step, rest = (*key.split(":", 3), "", "", "")[:4]
    return TourPosition(ts, step) if kind == KEY and rest else None


class Tour:
    """All tours. Commands of their buttons are returned to the engine, which runs them."""

    def __init__(self, services: Services, jobs: Jobs, forms: Forms) -> None:
        self._services, self._jobs, self._forms = services, jobs, forms
        self._at: dict[Posted, str] = {}
        self._turns: dict[Posted, int] = {}
        self._typing = asyncio.Lock()
        known = [page for page in PAGES if services.catalog.get(page.step) is not None]
        self._pages = tuple(known)

    # Typed

    async def handle_command(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        """Carry out `workshop`, `workshop here` or `workshop off`.

        The first begins a tour or points at the present one, `here` moves it down, `off`
        ends it.
        """
        async with self._typing:  # typed twice at once, the second finds the first one's tour
            await self._handle_command_locked(invocation, caller, asked, reply)

    async def _handle_command_locked(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        action = getattr(invocation.options, "action", "")
        stands = await self._find_current_message(asked.channel)
        link = await self._services.channel_messages.permalink(stands) if stands else ""
        if not link:
            stands = None
        command = self._services.catalog.command
        if stands is not None and not action:
            await reply.say(
                render_tour_pointer(
                    self._services.say,
                    link,
                    may_move=caller.role.is_at_least(Role.HOST),
                    command=command,
                )
            )
            return
        self._services.gate.require_role(Role.HOST, caller, what=invocation.step.title)
        if action == "off":
            await self._end_by_command(stands, asked, reply)
        else:
            await self._begin_or_move(invocation, caller, asked, stands)

    async def _begin_or_move(
        self, invocation: Invocation, caller: Caller, asked: Command, earlier: Posted | None
    ) -> None:
        page = self._find_page(self._at.get(earlier, "")) if earlier else None
        page = page or await self._choose_first_page(invocation, caller)
        try:
            run = await self._services.ledger.begin_run(self._build_new_run(asked, STEP))
        except DuplicateRequest:
            return
        try:
            posted = await self._services.channel_messages.post(
                asked.channel, await self._render_page(asked.channel, page)
            )
        except MeshbotError as problem:
            await self._services.ledger.finish_run(
                run.id, "error", Text("not begun: {problem}", problem=get_message(problem))
            )
            raise
        self._at[posted] = page.step
        await self._services.ledger.record_posted(run.id, posted.channel, posted.ts)
        await self._services.ledger.finish_run(
            run.id, "done", Text("the tour stands at {step}", step=page.step)
        )
        if earlier is not None:
            self._forget_message(earlier)
            words = Text("the tour goes on further down.")
            self._services.channel_messages.edit(
                earlier,
                render_tour_end(
                    self._services.say,
                    self._get_page_number(page),
                    self._pages,
                    words,
                    self._services.catalog.command,
                ),
            )

    async def _end_by_command(self, stands: Posted | None, asked: Command, reply: Reply) -> None:
        if stands is None:
            raise UserError(
                Text("No tour stands in this channel."),
                Text("`{command} workshop` begins one.", command=self._services.catalog.command),
            )
        await self._end_at_page(
            stands, self._find_page(self._at.get(stands, "")) or self._pages[0], asked
        )
        await reply.say(
            build_message(
                self._services.say(ENDED),
                [build_verdict_block("done", "", f"🧭 {self._services.say(ENDED)}")],
            )
        )

    async def _end_at_page(self, posted: Posted, page: TourPage, asked: Command) -> None:
        """End the tour, and record the end as a command of its own.

        The newest such command says whether a channel has a tour.
        """
        try:
            run = await self._services.ledger.begin_run(self._build_new_run(asked, f"{STEP} off"))
        except DuplicateRequest:
            return
        await self._services.ledger.finish_run(run.id, "done", Text("the tour is ended"))
        self._forget_message(posted)
        words, command = Text("this tour is ended."), self._services.catalog.command
        self._services.channel_messages.edit(
            posted,
            render_tour_end(
                self._services.say, self._get_page_number(page), self._pages, words, command
            ),
            news=True,
        )

    def _forget_message(self, posted: Posted) -> None:
        self._at.pop(posted, None)
        self._turns.pop(posted, None)

    def _build_new_run(self, asked: Command, arguments: str) -> NewRun:
        return NewRun(asked.key, STEP, asked.user, asked.channel, self._services.owner, arguments)

    async def _find_current_message(self, channel: str) -> Posted | None:
        """Return the tour's message in a channel, None when it was ended."""
        run = await self._services.ledger.find_last_run(STEP, channel)
        return run.posted if run is not None and run.arguments == STEP else None

    async def _choose_first_page(self, invocation: Invocation, caller: Caller) -> TourPage:
        """Return the page that the step's own verdict names next.

        It is the first page while the cluster does not answer.
        """
        context = self._services.build_context(invocation, caller, NullProgress())
        try:
            async with asyncio.timeout(PATIENCE):
                verdict = await invocation.step.run(context, invocation.options)
        except TimeoutError:
            return self._pages[0]
        return next((page for page in self._pages if page.typed in verdict.next), self._pages[0])

    # Pressed

    async def handle_button(
        self, pressed: ButtonPress, caller: Caller, reply: Reply
    ) -> Command | None:
        """Turn the page or explain it; return the command to carry out when there is one."""
        verb = pressed.action.removeprefix(TOUR).partition(":")[0]
        name, _, typed = pressed.value.partition(" ")
        page, step = self._find_page(name), self._services.catalog.get(name)
        command = self._services.catalog.command
        if verb == "explain" and step is not None:
            await reply.say(
                render_explanation(self._services.say, page, step, command)
                if page
                else render_short_explanation(self._services.say, step, command)
            )
            return None
        if page is None or step is None or pressed.posted is None:
            raise UserError(OLD, Text("Type `{command} workshop` for a new one.", command=command))
        mark = TourPosition(pressed.posted.ts, page.step)
        if verb == "run" and typed:
            return Command(
                pressed.user,
                pressed.channel,
                typed,
                mark.build_request_key(pressed.key),
                pressed.posted.ts,
            )
        if verb not in ("options", "look"):
            self._services.gate.require_role(Role.HOST, caller, what=step.title)
        if verb == "options":
            self._services.gate.check_step(step, caller, pressed.channel, what=step.title)
            origin = Origin(pressed.channel, pressed.posted.ts, mark.build_request_key(""))
            await self._forms.open(step, pressed.key, origin)
        elif verb == "end":
            await self._end_at_page(
                pressed.posted, page, Command(pressed.user, pressed.channel, STEP, pressed.key)
            )
        else:
            await self._show_page(pressed.posted, page)
        return None

    async def _show_page(self, posted: Posted, page: TourPage) -> None:
        """Show a page, unless it was turned again while this one was read."""
        self._at[posted] = page.step
        turn = self._turns[posted] = self._turns.get(posted, 0) + 1
        message = await self._render_page(posted.channel, page)
        if self._turns.get(posted) == turn:
            self._services.channel_messages.edit(posted, message, news=True)

    # Runs

    def handle_run_change(self, run: Run) -> None:
        """Refresh the tour in the run's channel, because a run has begun, asks or has ended."""
        if run.step != STEP:
            self._jobs.spawn(self._follow_run(run), f"tour of {run.id}")

    async def _follow_run(self, run: Run) -> None:
        """Refresh the page where the tour is by now.

        After a restart, that is the page where the run was begun from it.
        """
        stands, mark = (
            await self._find_current_message(run.channel),
            parse_request_key(run.request_key),
        )
        if stands is not None:
            page = self._find_page(self._at.get(stands, "")) or self._find_page(
                mark.step if mark else ""
            )
            if page is not None:
                await self._show_page(stands, page)

    # Pages

    async def _render_page(self, channel: str, page: TourPage) -> Message:
        """Return a page with what the cluster and the ledger say of it now."""
        step = self._services.catalog.get(page.step)
        assert step is not None  # `__init__` kept only pages of known steps
        leaf = PageContent(
            page,
            step,
            self._get_page_number(page),
            self._pages,
            {},
            options=bool(self._forms.get_questions(step)),
        )
        rows, trouble = await self._read_rows()
        run = await self._services.ledger.find_last_run(page.step, channel)
        link = (
            await self._services.channel_messages.permalink(run.posted)
            if run is not None and run.posted
            else ""
        )
        return render_page(
            self._services.say,
            replace(leaf, rows=rows, trouble=trouble, run=run, link=link),
            self._services.catalog.command,
        )

    async def _read_rows(self) -> tuple[dict[str, progress.StepStatus], Text]:
        """Return the live board by step, and why it cannot be read ("" when it can)."""
        try:
            async with asyncio.timeout(PATIENCE):
                now = await snapshot.take_snapshot_with_senders(self._services.build_read_context())
                return {row.step: row for row in progress.list_step_statuses(now)}, EMPTY
        except TimeoutError:
            return {}, Text("it did not answer within {seconds:g} s", seconds=PATIENCE)
        except MeshbotError as problem:
            return {}, get_message(problem)

    def _find_page(self, step: str) -> TourPage | None:
        return next((page for page in self._pages if page.step == step), None)

    def _get_page_number(self, page: TourPage) -> int:
        return self._pages.index(page) + 1
