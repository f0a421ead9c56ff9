"""Modals for steps with options.

A modal is opened at once, checked by the step's own options, and handled like a typed
command.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from pydantic import ValidationError

from bot.catalog import Catalog, explain_validation_error
from bot.engine.forms.questions import build_questions, format_command
from bot.engine.world.context import ContextBuilder
from bot.errors import MeshbotError, SlackError, UserError
from bot.language import Localizer
from bot.messages import Command, FormSubmission, Modal, Origin, Views
from bot.steps import Answers, Question, Step, StepKind
from bot.text import Text, in_context, join
from bot.view.blocks import section, write
from bot.view.form_inputs import build_input_blocks

FORM = "mesh:form:"
"""What the name of a modal begins with; the step follows."""

TOO_LATE = Text("The form could not be opened: Slack gives three seconds for that.")

READ_SECONDS = 2.5
"""Seconds that a form waits for the values in force."""

OBSOLETE = (
    Text("This form is of an earlier release of mine."),
    Text("Type the command instead."),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Forms:
    """The forms of all steps.

    `ask_namespace`: the workshop has several namespaces, so that each form asks which is meant.
    """

    catalog: Catalog
    contexts: ContextBuilder
    views: Views
    say: Localizer
    ask_namespace: bool

    def find_requested_form(self, asked: Command) -> Step | None:
        """Return the step whose form a command asks for, None when it asks for none.

        That is a command of the step's name alone, where the step needs more options.
        """
        step = self.catalog.get_bare_step(asked.text) if asked.trigger else None
        if step is None:
            return None
        needy = step.needs or any(
            field.is_required() for field in step.options.model_fields.values()
        )
        return step if needy and self.get_questions(step) else None

    def get_questions(self, step: Step) -> tuple[Question, ...]:
        """Return the questions of a step's form; none when it has nothing to choose."""
        context = self.contexts.build_read_context()
        return build_questions(step, context, namespaces=self.ask_namespace)

    async def open(self, step: Step, trigger: str, origin: Origin, *, over: str = "") -> None:
        """Open a step's form.

        While current values are read from the cluster, it shows that it is loading. Raises
        UserError when Slack does not open it.
        """
        try:
            if step.standing is None:
                await self.views.open(trigger, self._build_modal(step, origin, {}), over=over)
                return
            # Slack gives three seconds from the trigger on: the modal is opened before the
            # cluster is asked.
            shown = await self.views.open(
                trigger, self._build_loading_modal(step, origin), over=over
            )
            answers = await self._read_current_answers(step)
            await self.views.update(shown, self._build_modal(step, origin, answers))
        except SlackError as problem:
            example = step.examples[0] if step.examples else step.id
            typed = f"{self.catalog.command} {example}"
            raise UserError(
                TOO_LATE, Text("Press again, or type it: `{typed}`.", typed=typed)
            ) from problem

    def _build_loading_modal(self, step: Step, origin: Origin) -> Modal:
        words = self.say(Text("⏳ Reading the values in force…"))
        return Modal(self.say(step.title), (section(words),), origin=origin)

    def _build_modal(self, step: Step, origin: Origin, standing: Answers) -> Modal:
        say = self.say
        typed = f"{self.catalog.command} {step.id}"
        intro = f"`{typed}` — {write(say, step.summary)}."
        run, show = in_context("button", "Run"), in_context("button", "Show")
        asked = (
            prefill_question(each, standing.get(each.name, ())) for each in self.get_questions(step)
        )
        return Modal(
            title=say(step.title),
            blocks=(section(intro), *build_input_blocks(say, asked)),
            name=f"{FORM}{step.id}",
            submit=say(run if step.shape is StepKind.RUN else show),
            close=say(in_context("button", "Cancel")),
            origin=origin,
        )

    async def _read_current_answers(self, step: Step) -> Answers:
        """Return the answers that are in force; none when the cluster does not answer in time."""
        if step.standing is None:
            return {}
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await step.standing(self.contexts.build_read_context())
        except (TimeoutError, MeshbotError) as problem:
            log.info("the form of %s begins with its defaults: %s", step.id, problem)
            return {}

    def find_faults(self, submitted: FormSubmission) -> dict[str, Text]:
        """Return the faults of the answers in words for a person, by question."""
        step = self._get_step(submitted)
        if step is None:
            return {"": join("sentences", *OBSOLETE)}
        asked = self.get_questions(step)
        found = {
            q.name: Text("This is needed.")
            for q in asked
            if q.needed and not submitted.answers.get(q.name)
        }
        if not found and step.form is not None:
            found = step.form.faults(submitted.answers)
        return found or self._find_option_faults(step, asked, submitted)

    def build_command(self, submitted: FormSubmission) -> str:
        """Return the command that the answers make. Raises UserError when the step is gone."""
        step = self._get_step(submitted)
        if step is None:
            raise UserError(*OBSOLETE)
        return format_command(step, self.get_questions(step), submitted.answers)

    def _find_option_faults(
        self, step: Step, asked: tuple[Question, ...], submitted: FormSubmission
    ) -> dict[str, Text]:
        """Return the faults that the step's options find in the command of the answers."""
        try:
            self.catalog.parse(format_command(step, asked, submitted.answers))
        except UserError as problem:
            if isinstance(problem.__cause__, ValidationError):
                return group_errors_by_question(problem.__cause__, asked)
            return {asked[0].name: join("sentences", problem.message, problem.hint)}
        return {}

    def _get_step(self, submitted: FormSubmission) -> Step | None:
        return self.catalog.get(submitted.name.removeprefix(FORM))


def prefill_question(question: Question, standing: tuple[str, ...]) -> Question:
    """Return the question with the values in force, where its input can hold them."""
    chosen = not question.choices or set(standing) <= set(question.choices)
    short = not question.longest or all(len(word) <= question.longest for word in standing)
    return replace(question, initial=standing) if standing and chosen and short else question


def group_errors_by_question(
    problem: ValidationError, asked: tuple[Question, ...]
) -> dict[str, Text]:
    """Return the errors of options in words, by the question that asked for the option.

    The first question takes those that no question asked for.
    """
    names = {question.name for question in asked}
    found: dict[str, Text] = {}
    for error in problem.errors():
        name = str(error["loc"][0]) if error["loc"] else ""
        question = name if name in names else asked[0].name
        mistake = explain_validation_error(error)
        found.setdefault(question, Text("This does not fit: {mistake}.", mistake=mistake))
    return found
