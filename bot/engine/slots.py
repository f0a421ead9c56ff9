"""Carries out one slot of a schedule: as whoever made it, if they still may, and with nobody waiting for an answer."""

from __future__ import annotations

import time
from dataclasses import replace

from bot import blocks
from bot.engine.counter import needed_for
from bot.engine.failures import explain
from bot.engine.house import House, Silent
from bot.knowledge.typed import spoken
from bot.ledger import Ending, Schedule
from bot.messages import Message
from bot.schedule import Outcome
from bot.slackrules import escape
from bot.steps import Asker, Occasion, Report, Step, Tell, Verdict

ERROR = "error"


class Slots:
    """What `bot.schedule.Keeper` has carried out."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def carry_out(self, schedule: Schedule, occasion: Occasion) -> Outcome:
        """Does it, and says what came of it; never raises."""
        try:
            return await self._carry_out(schedule, occasion)
        except Exception as problem:  # noqa: BLE001 - whatever a step raises must end its slot
            failure = explain(problem)
            return self._failed(schedule, f"{failure.summary} {failure.turn}".strip())

    async def _carry_out(self, schedule: Schedule, occasion: Occasion) -> Outcome:
        invocation = self._house.catalog.parse(schedule.words)
        step, options = invocation.step, invocation.options
        asker = await self._house.roles.of(schedule.user)
        if not asker.role.covers(needed := needed_for(invocation)):
            return self._no_longer(schedule, asker, needed)
        if step.regular is None:
            return self._failed(schedule, f"{step.id} is not scheduled any more.")
        context = self._house.context(invocation, asker, Silent())
        # The schedule's own namespace counts, whatever the settings say by now.
        context = replace(context, workshop=replace(context.workshop, app_namespace=schedule.namespace))
        report = await step.regular.run(context, options, occasion)
        return self._reported(schedule, step, delayed(report, occasion), occasion)

    def _reported(self, schedule: Schedule, step: Step, report: Report, occasion: Occasion) -> Outcome:
        state = ERROR if report.failed else report.verdict.state.value
        turned = report.failed != (schedule.last_state == ERROR)
        tell = Tell.THREAD if turned and report.tell is Tell.NOWHERE else report.tell
        ending = Ending(state, report.verdict.summary, report.failed, report.memory)
        return Outcome(ending, self._message(schedule, step.title, report.verdict), tell)

    def _failed(self, schedule: Schedule, words: str) -> Outcome:
        """A slot without a verdict; told once, for the next failure says nothing new."""
        tell = Tell.NOWHERE if schedule.last_state == ERROR else Tell.THREAD
        message = blocks.shown(words, [blocks.section(f"❌ {escape(words)}"), small_print(schedule)])
        return Outcome(Ending(ERROR, words, failed=True, memory=schedule.memory), message, tell)

    def _no_longer(self, schedule: Schedule, asker: Asker, needed: str) -> Outcome:
        if asker.unsure:
            return self._failed(schedule, "Slack does not tell who is a host just now, so nothing was done.")
        words = f"nothing was done: whoever made it is {asker.role} now, and it needs the role {needed}."
        pause = f"whoever made it (<@{asker.user}>) is no {needed} any more"
        return Outcome(Ending(ERROR, words, failed=True, memory=schedule.memory), pause=pause)

    def _message(self, schedule: Schedule, title: str, verdict: Verdict) -> Message:
        answer = blocks.answer(title, verdict, command=self._house.catalog.command)
        # Only what somebody typed is answered by a block that states a verdict.
        first = {key: value for key, value in answer.blocks[0].items() if key != "block_id"}
        return Message(answer.text, (first, *answer.blocks[1:], small_print(schedule)))


def small_print(schedule: Schedule) -> dict[str, object]:
    """Which schedule says this."""
    return blocks.context(f"{schedule.id} · `{blocks.code(schedule.words)}`")


def delayed(report: Report, occasion: Occasion) -> Report:
    """The report with a word on why it comes late, if it does."""
    if not occasion.late:
        return report
    due = time.strftime("%a %H:%M UTC", time.gmtime(occasion.at))
    note = f"This is {spoken(occasion.late)} late: I was away when it was due ({due})."
    return replace(report, verdict=replace(report.verdict, notes=(note, *report.verdict.notes)))
