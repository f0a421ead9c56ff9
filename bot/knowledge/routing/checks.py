"""Mistakes in the options of rules, found before anything is shown or changed."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import UserError
from bot.knowledge.routing import faults
from bot.knowledge.routing.manifests import find_data_path
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context
from bot.text import Text


def require_user(context: Context, user: str, example: str) -> None:
    """Raise UserError with an example of the command when no user is named."""
    if not user:
        typed = f"{context.command} {example}"
        raise UserError(
            Text("Whose requests?"), Text("Type a user: `{typed}`.", typed=typed), (example,)
        )


async def check_fault(context: Context, user: str, words: Sequence[str]) -> None:
    """Raise UserError when no user is named, and for a fault that a waypoint cannot take."""
    require_user(context, user, "fault jason")
    fault = faults.read_fault(words)
    if user != "off" and fault != faults.Fault():
        path = find_data_path(await take_snapshot(context))
        faults.refuse_unsupported_fault(user, fault, path)
