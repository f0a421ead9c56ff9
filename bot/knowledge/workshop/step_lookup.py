"""Steps by what people call them: an id or an alias, in any case."""

from __future__ import annotations

from bot.errors import UserError
from bot.steps import Context, Step
from bot.text import EMPTY, Text


def find_step(context: Context, name: str) -> Step | None:
    """Return the step of that id or alias; None when there is none."""
    wanted = name.lower()
    return next((step for step in context.steps if wanted in (step.id, *step.aliases)), None)


def get_step(context: Context, name: str, hint: Text = EMPTY) -> Step:
    """Return the step of that id or alias.

    Raises UserError when there is none; `hint` says what to type instead of looking at `help`.
    """
    step = find_step(context, name)
    if step is None:
        raise UserError(
            Text("There is no step called “{word}”.", word=name),
            hint or Text("`{command} help` lists what there is.", command=context.command),
        )
    return step
