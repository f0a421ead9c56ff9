"""The guided tour: one message that leads through the workshop, a step to a page.

Its buttons carry the page, what is done is read from the cluster, and a run that was
begun from it carries the tour's position in its request key. So a restart loses
nothing, and another process can turn the page.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from bot.catalog import Invocation
from bot.engine.access.policy import AccessPolicy
from bot.engine.tour.pages import TourPages
from bot.engine.tour.session import TourSession, build_options
from bot.engine.tour.tour_messages import STEP, TourMessages
from bot.errors import UserError
from bot.knowledge.workshop.tour_pages import TourPage
from bot.knowledge.workshop.tour_plan import get_planned_minutes
from bot.ledger import DuplicateRequest, Ledger, NewRun
from bot.messages import Command, Posted, Reply
from bot.steps import Caller, Role
from bot.text import Text
from bot.view.blocks import build_message, build_verdict_block
from bot.view.tour_views import render_tour_pointer

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
        """Carry out `workshop`, `workshop 60m`, `workshop here` or `workshop off`.

        The first begins a tour or points at the present one, a time or `full` gives it another
        plan, `here` moves it down, `off` ends it.
        """
        async with self._typing:  # typed twice at once, the second finds the first one's tour
            await self._handle_command_locked(invocation, caller, asked, reply)

    async def _handle_command_locked(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        action = getattr(invocation.options, "action", "")
        current = await self.messages.find_current(asked.channel)
        link = await self.pages.channel_messages.permalink(current.posted) if current else ""
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
        self, invocation: Invocation, caller: Caller, asked: Command, earlier: TourSession | None
    ) -> None:
        planned = get_planned_minutes(getattr(invocation.options, "action", ""))
        planned = planned or (earlier.planned if earlier else 0)
        plan = self.pages.plan(planned)
        page = self.messages.get_page(earlier.posted) if earlier else None
        page = page or await self.pages.choose_first_page(invocation, caller, plan)
        options = build_options(planned, earlier.begun if earlier else time.time())
        await self.messages.begin(self._build_run(asked, STEP, options), page, earlier=earlier)

    async def _end_by_command(
        self, current: TourSession | None, asked: Command, reply: Reply
    ) -> None:
        command, say = self.pages.catalog.command, self.pages.say
        if current is None:
            raise UserError(
                Text("No tour stands in this channel."),
                Text("`{command} workshop` begins one.", command=command),
            )
        page = self.messages.get_page(current.posted) or self.pages.pages[0]
        await self.end_at_page(current.posted, page, asked)
        block = build_verdict_block("done", "", f"🧭 {say(ENDED)}")
        await reply.say(build_message(say(ENDED), [block]))

    async def end_at_page(self, posted: Posted, page: TourPage, asked: Command) -> None:
        """End the tour, and record the end as a command of its own."""
        current = await self.messages.find_current(posted.channel)
        try:
            run = await self.ledger.runs.begin_run(self._build_run(asked, f"{STEP} off", {}))
        except DuplicateRequest:
            return
        await self.ledger.runs.finish_run(run.id, "done", Text("the tour is ended"))
        planned = current.planned if current is not None else 0
        ended = TourSession(asked.user, posted, planned, 0.0)
        self.messages.end(ended, page, Text("this tour is ended."), ends=True)

    def _build_run(self, asked: Command, arguments: str, options: dict[str, Any]) -> NewRun:
        """Return a run of the step `workshop`."""
        owner = self.ledger.replicas.owner
        return NewRun(asked.key, STEP, asked.user, asked.channel, owner, arguments, options)
