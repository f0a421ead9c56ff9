"""Modals for steps with options: opened at once, checked by the step's own options, and typed like any command."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from pydantic import ValidationError

from bot import blocks
from bot.catalog import plain
from bot.engine.house import House
from bot.engine.inputs import as_inputs
from bot.engine.questions import command_of, questions
from bot.errors import MeshbotError, SlackError, UserError
from bot.messages import Asked, Message, Modal, Origin, Submitted, Whisper
from bot.slackrules import escape
from bot.steps import Answers, Question, Shape, Step

NAME = "mesh:form:"
"""Of a modal; the step follows. Also the action_id of a button that opens it."""

OPEN = "mesh:form"
"""action_id of a button that opens the form of the step in its value."""

TOO_LATE = ("The form could not be opened: Slack gives three seconds for that.", "Press again, or type it: `{}`.")

PATIENCE = 2.5
"""Seconds that a form waits for what is in force."""

log = logging.getLogger(__name__)


class Forms:
    """The forms of all steps."""

    def __init__(self, house: House) -> None:
        self._house = house

    def wanted(self, asked: Asked) -> Step | None:
        """The step whose form a command asks for: its name alone, where that does not say what to do."""
        step = self._house.catalog.get(asked.text.strip()) if asked.trigger else None
        if step is None:
            return None
        needy = step.needs or any(field.is_required() for field in step.options.model_fields.values())
        return step if needy and self.of(step) else None

    def of(self, step: Step) -> tuple[Question, ...]:
        """The questions of a step's form; none when it has nothing to choose."""
        house = self._house
        several = len(house.namespaces) > 1 or any(set("*?[") & set(pattern) for pattern in house.namespaces)
        return questions(step, self._house.looking(), namespaces=several)

    async def open(self, step: Step, trigger: str, origin: Origin, *, over: str = "") -> None:
        """Opens a step's form, first without what the cluster must be asked for; UserError when Slack does not."""
        screens, command = self._house.screens, self._house.catalog.command
        waiting = Modal(step.title, (blocks.section("⏳ Looking at what is in force…"),), origin=origin)
        try:
            if step.standing is None:
                await screens.open(trigger, self._modal(step, origin, {}), over=over)
            else:
                shown = await screens.open(trigger, waiting, over=over)
                await screens.update(shown, self._modal(step, origin, await self._standing(step)))
        except SlackError as problem:
            example = step.examples[0] if step.examples else step.id
            raise UserError(TOO_LATE[0], TOO_LATE[1].format(f"{command} {example}")) from problem

    def _modal(self, step: Step, origin: Origin, standing: Answers) -> Modal:
        intro = f"`{self._house.catalog.command} {step.id}` — {escape(step.summary)}."
        asked = (begun(each, standing.get(each.name, ())) for each in self.of(step))
        return Modal(
            title=step.title,
            blocks=(blocks.section(intro), *as_inputs(asked)),
            name=f"{NAME}{step.id}",
            submit="Run" if step.shape is Shape.RUN else "Show",
            close="Cancel",
            origin=origin,
        )

    async def _standing(self, step: Step) -> Answers:
        """What is in force; nothing while the cluster does not say."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await step.standing(self._house.looking()) if step.standing is not None else {}
        except (TimeoutError, MeshbotError) as problem:
            log.info("the form of %s begins with its defaults: %s", step.id, problem)
            return {}

    def faults(self, submitted: Submitted) -> dict[str, str]:
        """What is wrong with which answer, in words for a person."""
        step = self._step(submitted)
        if step is None:
            return {"": "This form is of an earlier release of mine. Type the command instead."}
        asked = self.of(step)
        found = {q.name: "This is needed." for q in asked if q.needed and not submitted.answers.get(q.name)}
        if not found and step.form is not None:
            found = step.form.faults(submitted.answers)
        return found or self._refused(step, asked, submitted)

    def command(self, submitted: Submitted) -> str:
        """The command that the answers make; UserError when the step is gone."""
        step = self._step(submitted)
        if step is None:
            raise UserError("This form is of an earlier release of mine.", "Type the command instead.")
        return command_of(step, self.of(step), submitted.answers)

    def _refused(self, step: Step, asked: tuple[Question, ...], submitted: Submitted) -> dict[str, str]:
        """What the options say of the command that the answers make."""
        try:
            self._house.catalog.parse(command_of(step, asked, submitted.answers))
        except UserError as problem:
            if isinstance(problem.__cause__, ValidationError):
                return by_question(problem.__cause__, asked)
            return {asked[0].name: f"{problem.message} {problem.hint}".strip()}
        return {}

    def _step(self, submitted: Submitted) -> Step | None:
        return self._house.catalog.get(submitted.name.removeprefix(NAME))


def begun(question: Question, standing: tuple[str, ...]) -> Question:
    """A question that begins with what is in force, where its input can hold that."""
    chosen = not question.choices or set(standing) <= set(question.choices)
    short = not question.longest or all(len(word) <= question.longest for word in standing)
    return replace(question, initial=standing) if standing and chosen and short else question


class Retold:
    """A whisper to who submitted a form: an error has a button that types the same again, for nothing typed is lost."""

    def __init__(self, whisper: Whisper, typed: str, command: str) -> None:
        self._whisper, self._typed, self._command = whisper, typed, command

    async def say(self, message: Message) -> None:
        """Shows it, with the button where it tells of an error."""
        state = str(message.blocks[0].get("block_id", "")) if message.blocks else ""
        if state.startswith("verdict:error"):
            again = blocks.next_blocks((self._typed,), self._command)
            message = Message(message.text, (*message.blocks, *again))
        await self._whisper.say(message)


def by_question(problem: ValidationError, asked: tuple[Question, ...]) -> dict[str, str]:
    """Errors of options under the questions that asked for them; the first question takes what none did."""
    names = {question.name for question in asked}
    found: dict[str, str] = {}
    for error in problem.errors():
        name = str(error["loc"][0]) if error["loc"] else ""
        words = plain(error)
        found.setdefault(name if name in names else asked[0].name, words[0].upper() + words[1:] + ".")
    return found
