"""The strip on the page where troubles are made and undone, and the mark at the top that says which are in force."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from bot.sandbox.workspace import Side

Undo = Callable[[], Awaitable[None]]
FRAGMENT, MARK = "troubles", "hurting"


def nothing_to_choose() -> Sequence[str]:
    """The choices of a trouble that has none."""
    return ()


@dataclass(frozen=True)
class Trouble:
    """One trouble: `start` makes it, with what was chosen or "", and gives back what undoes it.

    `start` raises LookupError when there is nothing to hurt. `choices` are asked for each time the strip is shown.
    """

    name: str
    group: str
    title: str
    hint: str
    start: Callable[[str], Awaitable[Undo]]
    choices: Callable[[], Sequence[str]] = nothing_to_choose
    chooses: str = ""


class Strip:
    """Shows the troubles on a side, and makes and undoes them as people press.

    `notes` say beside a group's name how it stands.
    """

    def __init__(self, side: Side, troubles: Sequence[Trouble], notes: Mapping[str, Callable[[], str]]) -> None:
        self._side, self._notes = side, notes
        self._troubles = {trouble.name: trouble for trouble in troubles}
        self._active: dict[str, tuple[str, Undo]] = {}
        self._gate = asyncio.Lock()
        side.deeds |= {"hurt": self._hurt, "heal": self._heal}
        self.show()

    @property
    def active(self) -> dict[str, str]:
        """The troubles in force, with what was chosen for each."""
        return {name: chosen for name, (chosen, _) in self._active.items()}

    async def start(self, name: str, chosen: str = "") -> None:
        """Makes a trouble; LookupError for an unknown one, or when there is nothing to hurt."""
        trouble = self._troubles[name]
        async with self._gate:
            if name in self._active:
                return
            self._active[name] = chosen, await trouble.start(chosen)
        self.show()

    async def undo(self, name: str) -> None:
        """Takes a trouble back."""
        async with self._gate:
            if name in self._active:
                _, undo = self._active.pop(name)
                await undo()
        self.show()

    async def stop(self) -> None:
        """Takes all of them back."""
        for name in list(self._active):
            await self.undo(name)

    async def _hurt(self, body: dict[str, Any]) -> None:
        await self.start(str(body["trouble"]), str(body.get("target") or ""))

    async def _heal(self, body: dict[str, Any]) -> None:
        await self.undo(str(body["trouble"]))

    def show(self) -> None:
        """Shows how things are."""
        groups = groupby(self._troubles.values(), key=lambda trouble: trouble.group)
        rows = "".join(
            f'<div class="strip" role="group" aria-label="{escape(group, quote=True)}">{self._heading(group)}'
            f"{''.join(map(self._trouble, inside))}</div>"
            for group, inside in groups
        )
        self._side.put(FRAGMENT, f'<h2>Make trouble</h2>{rows}<p class="side-trouble" role="alert"></p>')
        names = ", ".join(self._troubles[name].title for name in self._active)
        mark = (
            f'<button type="button" class="hurting" data-goto="fragment-troubles">⚠ Hurting: {escape(names)}</button>'
        )
        self._side.put(MARK, mark if names else "")

    def _heading(self, group: str) -> str:
        note = self._notes[group]() if group in self._notes else ""
        return f'<h3 data-key="{escape(group, quote=True)}">{escape(group)} <small>{escape(note)}</small></h3>'

    def _trouble(self, trouble: Trouble) -> str:
        """A button that makes it, or undoes it while it is in force."""
        active = trouble.name in self._active
        chosen = self._active[trouble.name][0] if active else ""
        name, hint = escape(trouble.name, quote=True), escape(trouble.hint, quote=True)
        shown = escape(f"Undo: {trouble.title}{f' ({chosen})' if chosen else ''}" if active else trouble.title)
        deed, kind = ("heal", "btn hurt on") if active else ("hurt", "btn hurt")
        button = (
            f'<button type="button" class="{kind}" data-deed="{deed}" data-trouble="{name}" data-name="{name}" '
            f'title="{hint}">{shown}</button>'
        )
        return f"<span data-with>{button}{'' if active else _choice(trouble)}</span>"


def _choice(trouble: Trouble) -> str:
    if not trouble.chooses:
        return ""
    options = "".join(f"<option>{escape(each)}</option>" for each in trouble.choices())
    label = escape(f"{trouble.chooses} for: {trouble.title}", quote=True)
    action = escape(trouble.name, quote=True)
    return f'<select name="target" data-type="choice" data-action="{action}" aria-label="{label}">{options}</select>'
