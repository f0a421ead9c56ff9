"""Commands and buttons of schedules: passes them to the schedule service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.catalog import Invocation
from bot.errors import UserError
from bot.messages import ButtonPress, Command
from bot.schedule import ScheduleRequest, ScheduleService
from bot.steps import Role
from bot.text import Text
from bot.view.schedules import PAUSE, PREFIX, REMOVE, RESUME


class ScheduleCommands:
    """Creates and changes schedules on behalf of callers whose roles were checked before."""

    def __init__(self, schedule_service: ScheduleService, *, now: Callable[[], datetime]) -> None:
        self._schedule_service, self._now = schedule_service, now

    async def create_schedule(self, invocation: Invocation, asked: Command, namespace: str) -> None:
        """Create a schedule from a command with times.

        Raises UserError, LedgerError, SlackError.
        """
        assert invocation.wish is not None  # the desk saw to it
        order = ScheduleRequest(
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
        await self._schedule_service.create(order, self._now())

    def is_schedule_action(self, action: str) -> bool:
        """Tell whether an action_id is one of a schedule's buttons."""
        return action.startswith(PREFIX)

    async def change_schedule(self, pressed: ButtonPress) -> None:
        """Pause, resume or remove the schedule whose button was pressed.

        Raises UserError when it is in that state already.
        """
        verbs = {
            PAUSE: self._schedule_service.pause,
            RESUME: self._schedule_service.resume,
            REMOVE: self._schedule_service.remove,
        }
        turn = verbs.get(pressed.action.removeprefix(PREFIX))
        if turn is None:
            raise UserError(
                Text("This button is from another version of the bot."),
                Text("Type `schedule` for those there are."),
            )
        await turn(pressed.value, pressed.user)


def get_button_command(pressed: ButtonPress) -> str:
    """Return the command that does the same as a button.

    That is the button's value, or the `schedule` command for a schedule's button.
    """
    verb = pressed.action.removeprefix(PREFIX)
    return pressed.value if verb == pressed.action else f"schedule {verb} {pressed.value}"


def get_scheduling_role(invocation: Invocation) -> Role:
    """Return the role that is needed to schedule a step."""
    regular, own = invocation.step.regular, invocation.step.role
    return regular.role if regular is not None and regular.role.is_at_least(own) else own
