"""Carries out one slot of a schedule, as the person who made it, if they still may.

Nobody waits for an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.catalog import Catalog
from bot.diagnosis.verdicts import complete_verdict
from bot.engine.access.callers import CallerResolver
from bot.engine.access.policy import AccessDenied
from bot.engine.runs.error_messages import explain_error
from bot.engine.schedules.schedule_commands import get_scheduling_role
from bot.engine.world.context import ContextBuilder
from bot.engine.world.workshop_namespaces import WorkshopNamespaces
from bot.language import Localizer
from bot.ledger import Schedule, SlotResult
from bot.messages import Message
from bot.schedule import SlotOutcome
from bot.steps import (
    ROLE_NAMES,
    Caller,
    ReplyTarget,
    Role,
    SlotContext,
    SlotReport,
    Step,
    Verdict,
    mark_person,
)
from bot.text import Moment, Seconds, Text, join
from bot.view import result_messages
from bot.view.blocks import build_message, escape_code, section, write
from bot.view.blocks import context as context_block

ERROR = "error"


@dataclass(frozen=True)
class SlotExecutor:
    """Carries out slots for the runner of schedules."""

    catalog: Catalog
    callers: CallerResolver
    namespaces: WorkshopNamespaces
    contexts: ContextBuilder
    say: Localizer

    async def execute_slot(self, schedule: Schedule, slot: SlotContext) -> SlotOutcome:
        """Carry out a slot and return its outcome; never raises."""
        try:
            return await self._execute_slot(schedule, slot)
        except Exception as problem:  # noqa: BLE001 - whatever a step raises must end its slot
            failure = explain_error(problem)
            return self._build_failure(schedule, join("sentences", failure.summary, failure.turn))

    async def _execute_slot(self, schedule: Schedule, slot: SlotContext) -> SlotOutcome:
        invocation = self.catalog.parse(schedule.words)
        step, options = invocation.step, invocation.options
        caller = await self.callers.resolve_caller(schedule.user)
        if not caller.role.is_at_least(needed := get_scheduling_role(invocation)):
            return self._build_lost_role_outcome(schedule, caller, needed)
        if (lost := self._explain_lost_right(schedule, step, caller)) is not None:
            words = Text("nothing was done: {reason}.", reason=lost)
            result = SlotResult(ERROR, words, failed=True, memory=schedule.memory)
            return SlotOutcome(result, pause=lost)
        if step.regular is None:
            return self._build_failure(
                schedule, Text("{id} is not scheduled any more.", id=step.id)
            )
        context = self.contexts.build_context(invocation, caller)
        # The schedule's own namespace counts, whatever the settings say by now.
        context = replace(
            context, workshop=replace(context.workshop, app_namespace=schedule.namespace)
        )
        report = await step.regular.run(context, options, slot)
        verdict = await complete_verdict(context, step, report.verdict)
        report = replace(report, verdict=verdict)
        return self._build_outcome(schedule, step, add_delay_note(report, slot), slot)

    def _explain_lost_right(self, schedule: Schedule, step: Step, caller: Caller) -> Text | None:
        """Return why the access rules do not allow a schedule any more, or None.

        The role that its step needs is checked before.
        """
        if not self.namespaces.allows(schedule.namespace):
            return Text(
                "{namespace} is not a namespace of this workshop any more",
                namespace=schedule.namespace,
            )
        try:
            self.callers.policy.check_step(step, caller, schedule.channel, what=step.title)
        except AccessDenied:
            return Text("this channel takes no commands any more")
        return None

    def _build_outcome(
        self, schedule: Schedule, step: Step, report: SlotReport, slot: SlotContext
    ) -> SlotOutcome:
        state = ERROR if report.failed else report.verdict.state.value
        # The first failure and the first success after it are news, also for a step that says
        # little.
        turned = report.failed != (schedule.last_state == ERROR)
        tell = ReplyTarget.THREAD if turned and report.tell is ReplyTarget.NOWHERE else report.tell
        result = SlotResult(state, report.verdict.summary, report.failed, report.memory)
        return SlotOutcome(result, self._render_message(schedule, step.title, report.verdict), tell)

    def _build_failure(self, schedule: Schedule, words: Text) -> SlotOutcome:
        """Return the outcome of a slot without a verdict.

        It is posted once, for the next failure says nothing new.
        """
        tell = ReplyTarget.NOWHERE if schedule.last_state == ERROR else ReplyTarget.THREAD
        say = self.say
        message = build_message(
            say(words), [section(f"❌ {write(say, words)}"), build_schedule_footer(schedule)]
        )
        return SlotOutcome(
            SlotResult(ERROR, words, failed=True, memory=schedule.memory), message, tell
        )

    def _build_lost_role_outcome(
        self, schedule: Schedule, caller: Caller, needed: Role
    ) -> SlotOutcome:
        # Not knowing is no reason to pause: the role may be there still.
        if caller.unsure:
            return self._build_failure(
                schedule, Text("Slack does not tell who is a host just now, so nothing was done.")
            )
        words = Text(
            "nothing was done: who made it has the role {role} now, and it needs the role "
            "{needed}.",
            role=ROLE_NAMES[caller.role],
            needed=ROLE_NAMES[needed],
        )
        pause = Text(
            "{person}, who made it, has the role {needed} no more",
            person=mark_person(caller.user),
            needed=ROLE_NAMES[needed],
        )
        return SlotOutcome(
            SlotResult(ERROR, words, failed=True, memory=schedule.memory), pause=pause
        )

    def _render_message(self, schedule: Schedule, title: Text, verdict: Verdict) -> Message:
        answer = result_messages.render_answer(
            self.say, title, verdict, command=self.catalog.command
        )
        # Only what somebody typed is answered by a block that states a verdict.
        first = {key: value for key, value in answer.blocks[0].items() if key != "block_id"}
        return Message(answer.text, (first, *answer.blocks[1:], build_schedule_footer(schedule)))


def build_schedule_footer(schedule: Schedule) -> dict[str, object]:
    """Return the context block that names the schedule."""
    return context_block(f"{schedule.id} · `{escape_code(schedule.words)}`")


def add_delay_note(report: SlotReport, slot: SlotContext) -> SlotReport:
    """Return the report with a note on why it comes late, if it does."""
    if not slot.late:
        return report
    note = Text(
        "This is {duration} late: I was away when it was due ({due}).",
        duration=Seconds(slot.late, "rough"),
        due=Moment(slot.at, date="weekday", time="minutes", named="plain"),
    )
    return replace(report, verdict=replace(report.verdict, notes=(note, *report.verdict.notes)))
