"""`/mesh help`: what can be typed, each step's options, and what the field's words mean.

Generated from the steps themselves and from the glossary. `help rules` lists a subject's steps,
`help waypoint` explains a step or a term, and a question (`what is a sidecar?`) asks the glossary.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.errors import UserError
from bot.knowledge.workshop import glossary, step_help, subjects
from bot.knowledge.workshop.step_lookup import find_step, get_step
from bot.steps import Context, Role, Shared, Step, StepKind, Verdict
from bot.text import EMPTY, Listed, Text, join


class HelpOptions(Shared):
    """Options of `help`."""

    step: Annotated[
        str, Field(default="", max_length=200), Text("the step, the subject or the word to explain")
    ]


async def run(context: Context, options: HelpOptions) -> Verdict:
    """List what can be typed, or explain one thing."""
    if not options.step:
        return subjects.describe_all(context)
    asked = glossary.read_asked(options.step)
    term = glossary.find_term(asked or options.step)
    if asked:
        return explain_question(context, asked, term)
    subject, step = subjects.find_subject(options.step), find_step(context, options.step)
    if step is not None:
        return step_help.explain_step(context, step, term.means if term else EMPTY)
    if subject is not None:
        return subjects.explain_subject(context, subject)
    if glossary.fold(options.step) in glossary.LIST:
        return glossary.list_terms(context)
    if term is not None:
        return glossary.explain_term(context, term)
    return step_help.explain_step(context, get_step(context, options.step, STEP.id))


def explain_question(context: Context, asked: str, term: glossary.Term | None) -> Verdict:
    """Return the answer to a question: a term's meaning, or the help on a step.

    Raises UserError for what neither is.
    """
    if term is not None:
        return glossary.explain_term(context, term)
    step = find_step(context, asked)
    if step is not None:
        return step_help.explain_step(context, step)
    near = glossary.suggest_terms(asked)
    all_terms = Text("`{command} help terms` lists what I can explain.", command=context.command)
    meant = Text("Did you mean {terms}?", terms=Listed(near, "or")) if near else EMPTY
    fixes = (f"{STEP.id} {near[0]}",) if near else (f"{STEP.id} terms",)
    raise UserError(
        Text("I have no entry for “{word}”.", word=asked),
        join("sentences", meant, all_terms),
        fixes,
    )


STEP = Step(
    id="help",
    title=Text("Help"),
    summary=Text("what can be typed, and what the field's words mean"),
    run=run,
    options=HelpOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("?", "commands"),
    positional=("step",),
    examples=("help", "help install", "help rules", "help what is a waypoint"),
)
