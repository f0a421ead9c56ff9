"""Commands and buttons of schedules: checks them, and passes them to the schedule service."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.catalog import Catalog, Invocation
from bot.engine.access.callers import CallerResolver
from bot.engine.access.policy import AccessPolicy
from bot.engine.button_commands import get_button_command
from bot.engine.runs.audit_writer import Auditor
from bot.engine.runs.error_messages import explain_post_error
from bot.engine.world.context import ContextBuilder
from bot.errors import SlackError, UserError
from bot.messages import ButtonPress, Command
from bot.schedule import ScheduleRequest, ScheduleService
from bot.steps import Caller, Role, State, Verdict
from bot.text import Text
from bot.view.schedule_views import PAUSE, PREFIX, REMOVE, RESUME


@dataclass(frozen=True)
class ScheduleCommands:
    """Creates and changes schedules."""

    schedule_service: ScheduleService
    catalog: Catalog
    callers: CallerResolver
    policy: AccessPolicy
    contexts: ContextBuilder
    audit: Auditor
    now: Callable[[], datetime]

    async def create_schedule(self, invocation: Invocation, caller: Caller, asked: Command) -> None:
        """Create a schedule from a command with times.

        Raises AccessDenied, UserError, LedgerError.
        """
        assert invocation.wish is not None  # the parser found times in it
        since, title = time.time(), invocation.step.title
        self.policy.require_role(
            get_scheduling_role(invocation), caller, what=Text("Scheduling {title}", title=title)
        )
        context = self.contexts.build_context(invocation, caller)
        if invocation.step.check is not None:
            await invocation.step.check(context, invocation.options)
        request = ScheduleRequest(
            step=invocation.step,
            options=invocation.options,
            wish=invocation.wish,
            words=invocation.words,
            typed=invocation.text,
            user=asked.user,
            channel=asked.channel,
            namespace=context.workshop.app_namespace,
            key=asked.key,
        )
        try:
            await self.schedule_service.create(request, self.now())
        except SlackError as problem:
            raise explain_post_error(problem) from problem
        verdict = Verdict(State.DONE, Text("scheduled"))
        await self.audit.record_answer(asked, invocation, verdict, since)

    async def handle_button(self, pressed: ButtonPress) -> None:
        """Pause, resume or remove the schedule whose button was pressed.

        Raises AccessDenied, and UserError when it is in that state already.
        """
        since, caller = time.time(), await self.callers.resolve_caller(pressed.user)
        self.policy.require_role(Role.HOST, caller, what=Text("Changing a schedule"))
        await self._change_schedule(pressed)
        asked = Command(pressed.user, pressed.channel, get_button_command(pressed), pressed.key)
        verdict = Verdict(State.DONE, Text("by its button"))
        await self.audit.record_answer(asked, self.catalog.parse(asked.text), verdict, since)

    async def _change_schedule(self, pressed: ButtonPress) -> None:
        verbs = {
            PAUSE: self.schedule_service.pause,
            RESUME: self.schedule_service.resume,
            REMOVE: self.schedule_service.remove,
        }
        change = verbs.get(pressed.action.removeprefix(PREFIX))
        if change is None:
            raise UserError(
                Text("This button is from another version of the bot."),
                Text("Type `schedule` for those there are."),
            )
        await change(pressed.value, pressed.user)


def get_scheduling_role(invocation: Invocation) -> Role:
    """Return the role that is needed to schedule a step."""
    regular, own = invocation.step.regular, invocation.step.role
    return regular.role if regular is not None and regular.role.is_at_least(own) else own
