"""Suggested commands: only steps that exist, and that the caller may run."""

from __future__ import annotations

from bot.steps import Context


def suggest_commands(context: Context, *commands: str) -> tuple[str, ...]:
    """Return, in their order, the commands whose step exists and that the caller may run."""
    known = {
        n
        for step in context.steps
        if context.caller.can_run(step)
        for n in (step.id, *step.aliases)
    }
    return tuple(command for command in commands if command.split()[0] in known)
