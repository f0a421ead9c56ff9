"""`/mesh feedback good`: what somebody thinks of the workshop, in one press; the last word of each
counts in the report."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.knowledge.workshop.session_log import VALUE_NAMES
from bot.steps import Context, Options, Role, State, Step, StepKind, Verdict
from bot.text import Text


class FeedbackOptions(Options):
    """Options of `feedback`."""

    value: Annotated[
        Literal["good", "ok", "bad"],
        Field(),
        Text("good, ok or bad"),
    ]


async def run(context: Context, options: FeedbackOptions) -> Verdict:
    """Thank for it; the audit keeps what was said."""
    return Verdict(
        State.DONE,
        Text("“{words}” counts. Press another one to change it.", words=VALUE_NAMES[options.value]),
    )


STEP = Step(
    id="feedback",
    title=Text("Feedback"),
    summary=Text("what you think of the workshop: good, ok or bad; the report counts it"),
    run=run,
    options=FeedbackOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    positional=("value",),
    examples=("feedback good", "feedback ok", "feedback bad"),
)
