"""What people have before them beside the channel: waiting for it, reading it, and filling it in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sandbox.workspace import DEFAULT_CHANNEL, ActionResult, Message
from sandbox.workspace.inputs import collect_state_values
from sandbox.workspace.state import View
from tests.scenarios.stage import Stage, words

T = TypeVar("T")


async def until(found: Callable[[], T | None], seconds: float = 30.0) -> T:
    """The first thing that is found; fails when it does not come."""
    for _ in range(round(seconds / 0.01)):
        if thing := found():
            return thing
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come in time")


async def modal(stage: Stage, user: str = "host", *, beside: frozenset[str] = frozenset()) -> View:
    """The modal in front of this person, as soon as there is one with everything in it; not one of
    those `beside`."""

    def found() -> View | None:
        there = [view for view in stage.workspace.list_modals(user) if view.id not in beside]
        return there[-1] if there and "Reading the values" not in read(there[-1]) else None

    return await until(found)


async def form(stage: Stage, line: str, user: str = "host") -> View:
    """The form that a command opens."""
    earlier = frozenset(view.id for view in stage.workspace.list_modals(user))
    await stage.workspace.actions.send_command(user, DEFAULT_CHANNEL, line)
    return await modal(stage, user, beside=earlier)


async def fill(
    stage: Stage, view: View, by: str = "host", **answers: str | list[str]
) -> ActionResult:
    """Fills in a form by its inputs' names and submits it; the rest is as it stands in it."""
    raw = {name: {"answer": value} for name, value in answers.items()}
    return await stage.workspace.actions.submit_view(
        by, view, collect_state_values(view.body["blocks"], raw)
    )


async def says(stage: Stage, *texts: str, user: str = "host") -> Message:
    """The newest message of the bot's in which all of these stand, as soon as this person sees one;
    in it or in its details."""
    for _ in range(3000):
        mine = [
            m for m in stage.workspace.list_messages(user=user) if m.user == stage.workspace.bot.id
        ]
        for message in reversed(mine):
            if texts[0] in words(message):
                await stage.unfold(message, user)
            if all(text in words(message) for text in texts):
                return message
        await asyncio.sleep(0.01)
    raise AssertionError(f"nobody said {texts}")


def read(view: View | None) -> str:
    """Everything that stands in a modal or in a Home tab."""
    return words(view.body["blocks"]) if view is not None else ""
