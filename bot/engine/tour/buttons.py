"""The buttons of the tour: they turn its page, explain it, open forms and give commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.engine.access.policy import AccessPolicy
from bot.engine.forms.step_forms import Forms
from bot.engine.tour.guided_tour import ENDED, Tour
from bot.engine.tour.position import TourPosition
from bot.engine.tour.tour_messages import STEP
from bot.errors import UserError
from bot.knowledge.workshop.tour_pages import TourPage
from bot.messages import ButtonPress, Command, Message, Origin, Posted, Reply
from bot.steps import Caller, Role, Step, StepKind
from bot.text import Text
from bot.view.lesson import TOUR, render_answer, render_hint, render_notes
from bot.view.origins import CLICKED
from bot.view.tour_views import render_explanation, render_short_explanation

RUN = re.compile(r"run(:\d+)?")
EXPLAIN = re.compile(r"explain(:[\w-]+)?")
"""On the Home tab each step has such a button, so that its action names the step."""
PRIVATE = re.compile(r"(answer|hint|notes)(:\d+)?")
"""Verbs of the buttons that tell something to the one who pressed."""
TURNS = ("turn:back", "turn:on", "look", "end")
"""Verbs of the buttons that change what everybody sees."""

OBSOLETE = Text("This tour is of an earlier release of mine.")
NOTES_OF_TOUR = Text("Speaker's notes")


@dataclass(frozen=True)
class TourButtons:
    """Handles the buttons of all tours."""

    policy: AccessPolicy
    forms: Forms
    tour: Tour

    async def handle_button(
        self, pressed: ButtonPress, caller: Caller, reply: Reply
    ) -> Command | None:
        """Turn the page, tell somebody something, or return the command to carry out."""
        pages = self.tour.pages
        verb = pressed.action.removeprefix(TOUR)
        name, _, typed = pressed.value.partition(" ")
        page, step = pages.find_page(name), pages.catalog.get(name)
        if EXPLAIN.fullmatch(verb) and step is not None:
            await reply.say(self._explain(page, step))
            return None
        if page is None or step is None:
            raise UserError(OBSOLETE, self._hint_new())
        if PRIVATE.fullmatch(verb):
            await reply.say(self._tell_privately(pressed, page, step, caller))
            return None
        if pressed.posted is None:
            raise UserError(OBSOLETE, self._hint_new())
        if RUN.fullmatch(verb) and typed:
            # In the channel and not in the tour's thread: the room sees the pods come up.
            key = TourPosition(pressed.posted.ts, page.step).build_request_key(
                f"{CLICKED}{pressed.key}"
            )
            return Command(pressed.user, pressed.channel, typed, key)
        if verb == "options":
            await self._open_options(pressed, pressed.posted, step, caller)
        elif verb in TURNS:
            await self._turn_page(verb, pressed, pressed.posted, page, caller)
        else:
            raise UserError(OBSOLETE, self._hint_new())
        return None

    async def refresh_after_answer(self, pressed: ButtonPress) -> None:
        """Refresh the tour after a step that only answers, whose end nobody is told of."""
        name = pressed.value.partition(" ")[0]
        step = self.tour.pages.catalog.get(name)
        is_page = pressed.action == f"{TOUR}run"
        if is_page and step is not None and step.shape is StepKind.ANSWER:
            await self.tour.messages.refresh(pressed.channel, pressed.key, name, may_move=True)

    def _tell_privately(
        self, pressed: ButtonPress, page: TourPage, step: Step, caller: Caller
    ) -> Message:
        """Return the answer to a choice, a hint, or the notes for a host."""
        say, verb = self.tour.pages.say, pressed.action.removeprefix(TOUR).partition(":")[0]
        number = pressed.value.partition(" ")[2]
        if verb == "notes":
            self.policy.require_role(Role.HOST, caller, what=NOTES_OF_TOUR)
            return render_notes(say, page, step)
        if verb == "answer" and page.question and is_index(number, page.question.choices):
            return render_answer(say, page.question, int(number))
        if verb == "hint" and page.hints and number.isdecimal():
            return render_hint(say, page, int(number))
        raise UserError(OBSOLETE, self._hint_new())

    async def _open_options(
        self, pressed: ButtonPress, posted: Posted, step: Step, caller: Caller
    ) -> None:
        """Open the form of the page's step."""
        self.policy.check_step(step, caller, pressed.channel, what=step.title)
        note = TourPosition(posted.ts, step.id).build_request_key("")
        await self.forms.open(step, pressed.key, Origin(pressed.channel, note=note))

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
        if await self.tour.messages.find_at(posted) is None:
            raise UserError(ENDED, self._hint_new())
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


def is_index(number: str, choices: Sequence[object]) -> bool:
    """Tell whether a button's value counts one of the choices, from 0."""
    return number.isdecimal() and int(number) < len(choices)
