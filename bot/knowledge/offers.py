"""What to type next: only steps that there are."""

from __future__ import annotations

from bot.steps import Context


def offer(context: Context, *commands: str) -> tuple[str, ...]:
    """Those of the commands whose step this bot has, in the given order."""
    known = {name for step in context.steps for name in (step.id, *step.aliases)}
    return tuple(command for command in commands if command.split()[0] in known)
