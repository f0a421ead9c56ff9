"""Handles commands: parses them, checks access, and hands them to what carries them out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.catalog import Catalog, Invocation
from bot.engine.access.callers import CallerResolver
from bot.engine.access.policy import AccessPolicy
from bot.engine.commands.answers import Answers
from bot.engine.forms.forms import Forms
from bot.engine.home.channel import HomeChannel
from bot.engine.runs.error_messages import explain_post_error
from bot.engine.runs.starter import RunStarter
from bot.engine.schedules.commands import ScheduleCommands
from bot.engine.tour.tour import Tour
from bot.errors import SlackError
from bot.messages import Command, Origin, Reply
from bot.steps import Caller, Step, StepKind


@dataclass(frozen=True)
class CommandHandler:
    """Handles commands as they arrive."""

    catalog: Catalog
    callers: CallerResolver
    policy: AccessPolicy
    forms: Forms
    home_channel: HomeChannel
    answers: Answers
    starter: RunStarter
    tour: Tour
    schedule_commands: ScheduleCommands

    async def handle_command(self, asked: Command, reply: Reply) -> None:
        """Carry out a command, or open the form that it asks for.

        Raises MeshbotError that says why it was not carried out.
        """
        if (form := self.forms.find_requested_form(asked)) is not None:
            await self.open_form(form, asked)
            return
        invocation = self.catalog.parse(asked.text)
        caller = await self.callers.resolve_caller(asked.user)
        answers = invocation.step.shape is StepKind.ANSWER and invocation.wish is None
        if not answers and not asked.channel:
            asked = replace(asked, channel=await self.home_channel.require(asked.text))
        invocation = self.policy.admit_command(invocation, caller, asked.channel)
        if answers:
            await self.answers.answer(invocation, caller, asked, reply)
        elif invocation.wish is not None:
            await self.schedule_commands.create_schedule(invocation, caller, asked)
        elif invocation.step.shape is StepKind.TOUR:
            await self._handle_tour_command(invocation, caller, asked, reply)
        else:
            await self.starter.start_run(invocation, caller, asked, reply)

    async def open_form(self, step: Step, asked: Command) -> None:
        """Open the form of a step; raise AccessDenied when they may not run it at all."""
        caller, channel = await self.callers.resolve_caller(asked.user), asked.channel
        if step.shape is not StepKind.ANSWER:
            channel = channel or await self.home_channel.require(step.id)
        self.policy.check_step(step, caller, channel, what=step.title)
        await self.forms.open(step, asked.trigger, Origin(channel, asked.thread), over=asked.view)

    async def _handle_tour_command(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        try:
            await self.tour.handle_command(invocation, caller, asked, reply)
        except SlackError as problem:
            raise explain_post_error(problem) from problem
