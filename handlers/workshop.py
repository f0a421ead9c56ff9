"""`/mesh workshop`: a guided tour through the steps, in one message with buttons: what
each step teaches, and its state.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.diagnosis.board import read_board
from bot.errors import ClusterError
from bot.knowledge.workshop import tour_pages
from bot.knowledge.workshop.progress import describe_reached, list_waiting_steps
from bot.knowledge.workshop.tour_plan import parse_plan
from bot.steps import Context, Options, Role, State, Step, StepKind, Verdict
from bot.text import Text, join


class WorkshopOptions(Options):
    """Options of `workshop`."""

    action: Annotated[
        str,
        BeforeValidator(parse_plan),
        Field(default=""),
        Text(
            "a time such as 60m leaves out what does not fit, full takes every page; here moves a "
            "tour down that stands further up; off ends it"
        ),
    ]


async def run(context: Context, options: WorkshopOptions) -> Verdict:
    """Find the first step that is not in place, which is the page at which the tour opens."""
    known = {step.id for step in context.steps}
    pages = [page for page in tour_pages.PAGES if page.step in known]
    try:
        rows = {row.step: row for row in (await read_board(context)).rows}
    except ClusterError as problem:
        return Verdict(
            State.NOT_YET,
            Text("the cluster cannot be read."),
            Text("{problem}.", problem=problem.message),
            next=("preflight",),
        )
    if not any(row.done for row in rows.values()):
        return Verdict(
            State.DONE,
            Text("nothing is in place yet."),
            next=tuple(page.typed for page in pages[:1]),
        )
    left = list_waiting_steps(list(rows.values()))
    waiting = [page for page in pages if page.step in left]
    words = Text(
        "{done} of {steps} steps are in place.",
        done=sum(row.done for row in rows.values()),
        steps=len(rows),
    )
    return Verdict(
        State.DONE,
        join("sentences", words, describe_reached(list(rows.values()))),
        next=tuple(page.typed for page in (waiting or pages[-1:])[:1]),
    )


STEP = Step(
    id="workshop",
    title=Text("Workshop"),
    summary=Text("a guided tour: one message that leads through the steps, with buttons"),
    run=run,
    options=WorkshopOptions,
    role=Role.ATTENDEE,
    shape=StepKind.TOUR,
    resumable=False,
    aliases=("tour", "guide"),
    positional=("action",),
    examples=("workshop", "workshop 60m", "workshop full", "workshop here", "workshop off"),
)
