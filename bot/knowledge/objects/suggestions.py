"""Suggested commands: only steps that exist, and that the caller may run."""

from __future__ import annotations

from bot.steps import Context
from bot.text import Text


def suggest_commands(context: Context, *commands: str) -> tuple[str, ...]:
    """Return, in their order, the commands whose step exists and that the caller may run."""
    known = {
        n
        for step in context.steps
        if context.caller.can_run(step)
        for n in (step.id, *step.aliases)
    }
    return tuple(command for command in commands if command.split()[0] in known)


def describe_standstill(context: Context) -> Text:
    """Return the summary of a step that was not begun, which says only what is known.

    A run that was begun in a process that is gone may have changed something there.
    """
    return Text("it goes no further.") if context.resumed else Text("nothing was changed.")
