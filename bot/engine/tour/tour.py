"""The guided tour: one message that leads through the workshop, a step to a page.

Its buttons carry the page, what is done is read from the cluster, and a run that was
begun from it carries the tour's position in its request key. So a restart loses
nothing, and another process can turn the page.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.catalog import Invocation
from bot.engine.access.policy import AccessPolicy
from bot.engine.runs.error_messages import get_message
from bot.engine.tour.messages import STEP, TourMessages
from bot.engine.tour.pages import TourPages
from bot.errors import MeshbotError, UserError
from bot.knowledge.workshop.tour import TourPage
from bot.ledger import DuplicateRequest, Ledger, NewRun, Run
from bot.messages import Command, Posted, Reply
from bot.steps import Caller, Role
from bot.text import Text
from bot.view.blocks import build_message, build_verdict_block
from bot.view.tour import render_tour_pointer

ENDED = Text("The tour is ended.")


@dataclass(frozen=True)
class Tour:
    """Begins, moves and ends tours.

    Each of these is a run of the step `workshop`: the newest one in a channel says whether there
    is a tour, and in which message.
    """

    policy: AccessPolicy
    ledger: Ledger
    pages: TourPages
    messages: TourMessages
    _typing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

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
        current = await self.messages.find_current(asked.channel)
        link = await self.pages.channel_messages.permalink(current) if current else ""
        if not link:  # the message was deleted
            current = None
        if current is not None and not action:
            pointer = render_tour_pointer(
                self.pages.say,
                link,
                may_move=caller.role.is_at_least(Role.HOST),
                command=self.pages.catalog.command,
            )
            await reply.say(pointer)
            return
        self.policy.require_role(Role.HOST, caller, what=invocation.step.title)
        if action == "off":
            await self._end_by_command(current, asked, reply)
        else:
            await self._begin_or_move(invocation, caller, asked, current)

    async def _begin_or_move(
        self, invocation: Invocation, caller: Caller, asked: Command, earlier: Posted | None
    ) -> None:
        page = self.messages.get_page(earlier) if earlier else None
        page = page or await self.pages.choose_first_page(invocation, caller)
        run = await self._enter_run(asked, STEP)
        if run is None:
            return
        await self._post_page(run, asked.channel, page)
        # After the new one is posted: if that fails, the tour stands where it was.
        if earlier is not None:
            self.messages.end(earlier, page, Text("the tour goes on further down."))

    async def _post_page(self, run: Run, channel: str, page: TourPage) -> None:
        """Post the tour's message in a channel, and end the run that says so."""
        try:
            message = await self.pages.render_page(channel, page)
            posted = await self.pages.channel_messages.post(channel, message)
        except MeshbotError as problem:
            summary = Text("not begun: {problem}", problem=get_message(problem))
            await self.ledger.runs.finish_run(run.id, "error", summary)
            raise
        self.messages.note_page(posted, page)
        await self.ledger.runs.record_posted(run.id, posted.channel, posted.ts)
        summary = Text("the tour stands at {step}", step=page.step)
        await self.ledger.runs.finish_run(run.id, "done", summary)

    async def _end_by_command(self, current: Posted | None, asked: Command, reply: Reply) -> None:
        command, say = self.pages.catalog.command, self.pages.say
        if current is None:
            raise UserError(
                Text("No tour stands in this channel."),
                Text("`{command} workshop` begins one.", command=command),
            )
        page = self.messages.get_page(current) or self.pages.pages[0]
        await self.end_at_page(current, page, asked)
        block = build_verdict_block("done", "", f"🧭 {say(ENDED)}")
        await reply.say(build_message(say(ENDED), [block]))

    async def end_at_page(self, posted: Posted, page: TourPage, asked: Command) -> None:
        """End the tour, and record the end as a command of its own."""
        run = await self._enter_run(asked, f"{STEP} off")
        if run is None:
            return
        await self.ledger.runs.finish_run(run.id, "done", Text("the tour is ended"))
        self.messages.end(posted, page, Text("this tour is ended."), news=True)

    async def _enter_run(self, asked: Command, arguments: str) -> Run | None:
        """Enter a run of the step `workshop`; return None when the command came before."""
        owner = self.ledger.replicas.owner
        try:
            return await self.ledger.runs.begin_run(
                NewRun(asked.key, STEP, asked.user, asked.channel, owner, arguments)
            )
        except DuplicateRequest:
            return None
