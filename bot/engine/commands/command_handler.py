"""Handles commands: parses them, checks access, and hands them to what carries them out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.catalog import Catalog, Invocation
from bot.engine.access.callers import CallerResolver
from bot.engine.access.policy import AccessPolicy
from bot.engine.commands.step_answers import Answers
from bot.engine.forms.step_forms import Forms
from bot.engine.home.channel import HomeChannel
from bot.engine.runs.error_messages import explain_post_error
from bot.engine.runs.starter import RunStarter
from bot.engine.schedules.schedule_commands import ScheduleCommands
from bot.engine.tour.guided_tour import Tour
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.errors import SlackError
from bot.ledger import Ledger, Run
from bot.messages import Command, Origin, Posted, Reply
from bot.steps import Caller, Step, StepKind


@dataclass(frozen=True)
class CommandHandler:
    """Handles commands as they arrive."""

    catalog: Catalog
    ledger: Ledger
    namespaces: WorkshopNamespaces
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
        invocation = await self._complete_from_run(invocation, caller, asked)
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

    async def _complete_from_run(
        self, invocation: Invocation, caller: Caller, asked: Command
    ) -> Invocation:
        """Return a command about runs with the step and the namespace of the run it was asked at.

        What was typed stays, and so does a command that was asked at no run's message.
        """
        run = await self._find_run(asked) if invocation.step.about_runs else None
        if run is None:
            return invocation
        # An attendee's own namespace is meant where none is named, and the run was not there.
        shared = self.namespaces.workshop.app_namespace if caller.confined else ""
        words = list_run_words(invocation, run, shared=shared)
        return self.catalog.parse(" ".join([invocation.text, *words]))

    async def _find_run(self, asked: Command) -> Run | None:
        """Return the run whose message a command was asked at, None when there is none."""
        for ts in asked.about:
            posted = Posted(asked.channel, ts)
            run = await self.ledger.run_queries.find_run_of_message(posted)
            # A run that an earlier release left may be of a step that there is no longer.
            if run is not None and self.catalog.get(run.step) is not None:
                return run
        return None

    async def _handle_tour_command(
        self, invocation: Invocation, caller: Caller, asked: Command, reply: Reply
    ) -> None:
        try:
            await self.tour.handle_command(invocation, caller, asked, reply)
        except SlackError as problem:
            raise explain_post_error(problem) from problem


def list_run_words(invocation: Invocation, run: Run, *, shared: str) -> list[str]:
    """Return what would be typed for the step and the namespace of a run, unless it was typed.

    `shared` stands for the namespace of a run that names none.
    """
    given = invocation.options.model_dump()
    namespace = run.options.get("in") or shared
    words = [] if given["step"] else [run.step]
    return words + ([f"in={namespace}"] if namespace and not given["namespace"] else [])
