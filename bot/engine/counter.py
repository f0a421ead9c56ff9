"""The desk's counter for schedules: takes orders and buttons, and hands them to the office."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.catalog import Invocation
from bot.errors import UserError
from bot.messages import Asked, Pressed
from bot.schedule import Office, Order
from bot.schedule.cards import PAUSE, PREFIX, REMOVE, RESUME
from bot.steps import Role


class Counter:
    """Whoever comes here was let in: the desk looks at roles first."""

    def __init__(self, office: Office, *, now: Callable[[], datetime]) -> None:
        self._office, self._now = office, now

    async def order(self, invocation: Invocation, asked: Asked, namespace: str) -> None:
        """Makes a schedule of a command with times. Raises UserError, LedgerError, SlackError."""
        assert invocation.wish is not None  # the desk saw to it
        order = Order(
            step=invocation.step,
            options=invocation.options,
            wish=invocation.wish,
            words=invocation.words,
            typed=invocation.text,
            user=asked.user,
            channel=asked.channel,
            namespace=namespace,
            key=asked.key,
        )
        await self._office.make(order, self._now())

    def knows(self, action: str) -> bool:
        """Whether a button is one of a schedule's."""
        return action.startswith(PREFIX)

    async def press(self, pressed: Pressed) -> None:
        """Pauses, resumes or removes. Raises UserError when it is so already."""
        verbs = {PAUSE: self._office.pause, RESUME: self._office.resume, REMOVE: self._office.remove}
        turn = verbs.get(pressed.action.removeprefix(PREFIX))
        if turn is None:
            raise UserError("This button is from another version of the bot.", "Type `schedule` for those there are.")
        await turn(pressed.value, pressed.user)


def typed(pressed: Pressed) -> str:
    """The command that does what a button does: its value, or what to do with the schedule that it is under."""
    verb = pressed.action.removeprefix(PREFIX)
    return pressed.value if verb == pressed.action else f"schedule {verb} {pressed.value}"


def needed_for(invocation: Invocation) -> Role:
    """The role that it takes to have a step done again and again."""
    regular, own = invocation.step.regular, invocation.step.role
    return regular.role if regular is not None and regular.role.covers(own) else own
