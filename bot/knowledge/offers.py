"""What to type next: only steps that there are, and that the one who asked may run."""

from __future__ import annotations

from bot.steps import Context


def offer(context: Context, *commands: str) -> tuple[str, ...]:
    """Those of the commands whose step this bot has and the asker may run, in the given order."""
    known = {n for step in context.steps if context.asker.may(step) for n in (step.id, *step.aliases)}
    return tuple(command for command in commands if command.split()[0] in known)
