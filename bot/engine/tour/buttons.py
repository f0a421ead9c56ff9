"""The buttons of the tour: they turn its page, explain it, open forms and give commands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.engine.access.policy import AccessPolicy
from bot.engine.forms.forms import Forms
from bot.engine.tour.messages import STEP
from bot.engine.tour.position import TourPosition
from bot.engine.tour.tour import Tour
from bot.errors import UserError
from bot.knowledge.workshop.tour import TourPage
from bot.messages import ButtonPress, Command, Message, Origin, Posted, Reply
from bot.steps import Caller, Role, Step
from bot.text import Text
from bot.view.tour import TOUR, render_explanation, render_short_explanation

RUN = re.compile(r"run(:\d+)?")
EXPLAIN = re.compile(r"explain(:[\w-]+)?")
"""On the Home tab each step has such a button, so that its action names the step."""
TURNS = ("turn:back", "turn:on", "look", "end")
"""Verbs of the buttons that change what everybody sees."""

OBSOLETE = Text("This tour is of an earlier release of mine.")


@dataclass(frozen=True)
class TourButtons:
    """Handles the buttons of all tours."""

    policy: AccessPolicy
    forms: Forms
    tour: Tour

    async def handle_button(
        self, pressed: ButtonPress, caller: Caller, reply: Reply
    ) -> Command | None:
        """Turn the page or explain it; return the command to carry out when there is one."""
        pages = self.tour.pages
        verb = pressed.action.removeprefix(TOUR)
        name, _, typed = pressed.value.partition(" ")
        page, step = pages.find_page(name), pages.catalog.get(name)
        if EXPLAIN.fullmatch(verb) and step is not None:
            await reply.say(self._explain(page, step))
            return None
        if page is None or step is None or pressed.posted is None:
            raise UserError(OBSOLETE, self._hint_new())
        if RUN.fullmatch(verb) and typed:
            posted = pressed.posted
            key = TourPosition(posted.ts, page.step).build_request_key(pressed.key)
            return Command(pressed.user, pressed.channel, typed, key, posted.ts)
        if verb == "options":
            await self._open_options(pressed, pressed.posted, step, caller)
        elif verb in TURNS:
            await self._turn_page(verb, pressed, pressed.posted, page, caller)
        else:
            raise UserError(OBSOLETE, self._hint_new())
        return None

    async def _open_options(
        self, pressed: ButtonPress, posted: Posted, step: Step, caller: Caller
    ) -> None:
        """Open the form of the page's step."""
        self.policy.check_step(step, caller, pressed.channel, what=step.title)
        note = TourPosition(posted.ts, step.id).build_request_key("")
        await self.forms.open(step, pressed.key, Origin(pressed.channel, posted.ts, note))

    async def _turn_page(
        self, verb: str, pressed: ButtonPress, posted: Posted, page: TourPage, caller: Caller
    ) -> None:
        """End the tour at that page, or show it, read anew: everybody sees the message."""
        step = self.tour.pages.catalog.get(page.step)
        tour = self.tour.pages.catalog.get(STEP)
        assert step is not None  # there are only pages of known steps
        assert tour is not None  # or there would be no tour
        self.policy.check_step(tour, caller, pressed.channel, what=tour.title)
        self.policy.require_role(Role.HOST, caller, what=step.title)
        if verb == "end":
            asked = Command(pressed.user, pressed.channel, STEP, pressed.key)
            await self.tour.end_at_page(posted, page, asked)
        else:
            await self.tour.messages.show_page(posted, page)

    def _hint_new(self) -> Text:
        return Text(
            "Type `{command} workshop` for a new one.", command=self.tour.pages.catalog.command
        )

    def _explain(self, page: TourPage | None, step: Step) -> Message:
        say, command = self.tour.pages.say, self.tour.pages.catalog.command
        if page is None:
            return render_short_explanation(say, step, command)
        return render_explanation(say, page, step, command)
