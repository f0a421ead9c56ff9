"""Carries out one slot of a schedule, as the person who made it, if they still may.

Nobody waits for an answer.
"""

from __future__ import annotations

import time
from dataclasses import replace

from bot.engine.runs.error_messages import explain_error
from bot.engine.schedules.commands import get_scheduling_role
from bot.engine.services import NullProgress, Services
from bot.knowledge.objects.durations import format_duration
from bot.ledger import Schedule, SlotResult
from bot.messages import Message
from bot.schedule import SlotOutcome
from bot.slackrules import escape
from bot.steps import Caller, ReplyTarget, SlotContext, SlotReport, Step, Verdict
from bot.view import messages

ERROR = "error"


class SlotExecutor:
    """Carries out slots for the runner of schedules."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def execute_slot(self, schedule: Schedule, occasion: SlotContext) -> SlotOutcome:
        """Carry out a slot and return its outcome; never raises."""
        try:
            return await self._execute_slot(schedule, occasion)
        except Exception as problem:  # noqa: BLE001 - whatever a step raises must end its slot
            failure = explain_error(problem)
            return self._build_failure(schedule, f"{failure.summary} {failure.turn}".strip())

    async def _execute_slot(self, schedule: Schedule, occasion: SlotContext) -> SlotOutcome:
        invocation = self._services.catalog.parse(schedule.words)
        step, options = invocation.step, invocation.options
        caller = await self._services.roles.get_caller(schedule.user)
        if not caller.role.is_at_least(needed := get_scheduling_role(invocation)):
            return self._build_lost_role_outcome(schedule, caller, needed)
        if step.regular is None:
            return self._build_failure(schedule, f"{step.id} is not scheduled any more.")
        context = self._services.build_context(invocation, caller, NullProgress())
        # The schedule's own namespace counts, whatever the settings say by now.
        context = replace(
            context, workshop=replace(context.workshop, app_namespace=schedule.namespace)
        )
        report = await step.regular.run(context, options, occasion)
        return self._build_outcome(schedule, step, add_delay_note(report, occasion), occasion)

    def _build_outcome(
        self, schedule: Schedule, step: Step, report: SlotReport, occasion: SlotContext
    ) -> SlotOutcome:
        state = ERROR if report.failed else report.verdict.state.value
        turned = report.failed != (schedule.last_state == ERROR)
        tell = ReplyTarget.THREAD if turned and report.tell is ReplyTarget.NOWHERE else report.tell
        ending = SlotResult(state, report.verdict.summary, report.failed, report.memory)
        return SlotOutcome(ending, self._render_message(schedule, step.title, report.verdict), tell)

    def _build_failure(self, schedule: Schedule, words: str) -> SlotOutcome:
        """Return the outcome of a slot without a verdict.

        It is posted once, for the next failure says nothing new.
        """
        tell = ReplyTarget.NOWHERE if schedule.last_state == ERROR else ReplyTarget.THREAD
        message = messages.build_message(
            words, [messages.section(f"❌ {escape(words)}"), build_schedule_footer(schedule)]
        )
        return SlotOutcome(
            SlotResult(ERROR, words, failed=True, memory=schedule.memory), message, tell
        )

    def _build_lost_role_outcome(
        self, schedule: Schedule, caller: Caller, needed: str
    ) -> SlotOutcome:
        if caller.unsure:
            return self._build_failure(
                schedule, "Slack does not tell who is a host just now, so nothing was done."
            )
        words = f"nothing was done: whoever made it is {caller.role} now, and it needs the role {needed}."
        pause = f"whoever made it (<@{caller.user}>) is no {needed} any more"
        return SlotOutcome(
            SlotResult(ERROR, words, failed=True, memory=schedule.memory), pause=pause
        )

    def _render_message(self, schedule: Schedule, title: str, verdict: Verdict) -> Message:
        answer = messages.render_answer(title, verdict, command=self._services.catalog.command)
        # Only what somebody typed is answered by a block that states a verdict.
        first = {key: value for key, value in answer.blocks[0].items() if key != "block_id"}
        return Message(answer.text, (first, *answer.blocks[1:], build_schedule_footer(schedule)))


def build_schedule_footer(schedule: Schedule) -> dict[str, object]:
    """Return the context block that names the schedule."""
    return messages.context(f"{schedule.id} · `{messages.escape_code(schedule.words)}`")


def add_delay_note(report: SlotReport, occasion: SlotContext) -> SlotReport:
    """Return the report with a note on why it comes late, if it does."""
    if not occasion.late:
        return report
    due = time.strftime("%a %H:%M UTC", time.gmtime(occasion.at))
    note = f"This is {format_duration(occasion.late)} late: I was away when it was due ({due})."
    return replace(report, verdict=replace(report.verdict, notes=(note, *report.verdict.notes)))
