"""Steps by what people call them: an id or an alias, in any case."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from bot.errors import UserError
from bot.steps import Context, Step
from bot.text import Listed, Text, join


def find_step(context: Context, name: str) -> Step | None:
    """Return the step of that id or alias; None when there is none."""
    wanted = name.lower()
    return next((step for step in context.steps if wanted in (step.id, *step.aliases)), None)


def get_step(context: Context, name: str, asker: str, among: Sequence[str] = ()) -> Step:
    """Return the step of that id or alias.

    Raises UserError when there is none, or none of those `among` which it must be (empty for all);
    `asker` is the step that asks for it, for the command that may have been meant.
    """
    step = find_step(context, name)
    if step is not None and (not among or step.id in among):
        return step
    known = list(among) or [n for each in context.steps for n in (each.id, *each.aliases)]
    fixes = [f"{asker} {near}" for near in difflib.get_close_matches(name.lower(), known, n=1)]
    near = [Text("Did you mean `{typed}`?", typed=f"{context.command} {fix}") for fix in fixes]
    listed = Listed(among or [each.id for each in context.steps], "comma")
    raise UserError(
        Text("There is no step called “{word}”.", word=name)
        if step is None
        else Text("{step} changes nothing that could be reset.", step=step.id),
        join("sentences", *near, Text("Steps are: {steps}.", steps=listed)),
        tuple(fixes),
    )
