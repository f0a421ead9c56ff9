"""Controls on the page that inject and undo faults, and the mark at the top that names
those in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from sandbox.workspace import Sidebar

Undo = Callable[[], Awaitable[None]]
FRAGMENT, MARK = "troubles", "hurting"


def list_no_choices() -> Sequence[str]:
    """Return no choices, for a fault that needs none."""
    return ()


@dataclass(frozen=True)
class InjectableFault:
    """One fault: `start` injects it, with what was chosen or "", and returns the function that
    undoes it.

    `start` raises LookupError when there is nothing to inject it into. `choices` are asked
    for each time the controls are shown.
    """

    name: str
    group: str
    title: str
    hint: str
    start: Callable[[str], Awaitable[Undo]]
    choices: Callable[[], Sequence[str]] = list_no_choices
    chooses: str = ""


class FaultControls:
    """Shows faults in a sidebar, and injects and undoes them as people press.

    `notes` return a remark to show beside a group's name.
    """

    def __init__(
        self,
        side: Sidebar,
        troubles: Sequence[InjectableFault],
        notes: Mapping[str, Callable[[], str]],
    ) -> None:
        self._side, self._notes = side, notes
        self._troubles = {trouble.name: trouble for trouble in troubles}
        self._active: dict[str, tuple[str, Undo]] = {}
        self._gate = asyncio.Lock()
        side.actions |= {"inject": self._handle_start, "undo": self._handle_undo}
        self.update_sidebar()

    @property
    def active(self) -> dict[str, str]:
        """The troubles in force, with what was chosen for each."""
        return {name: chosen for name, (chosen, _) in self._active.items()}

    async def start_fault(self, name: str, chosen: str = "") -> None:
        """Inject a fault; do nothing when it is in force already.

        Raises LookupError for an unknown one, or when there is nothing to inject it into.
        """
        trouble = self._troubles[name]
        async with self._gate:
            if name in self._active:
                return
            self._active[name] = chosen, await trouble.start(chosen)
        self.update_sidebar()

    async def undo_fault(self, name: str) -> None:
        """Undo a fault, if it is in force."""
        async with self._gate:
            if name in self._active:
                _, undo = self._active.pop(name)
                await undo()
        self.update_sidebar()

    async def stop(self) -> None:
        """Undo all faults."""
        for name in list(self._active):
            await self.undo_fault(name)

    async def _handle_start(self, body: dict[str, Any]) -> None:
        await self.start_fault(str(body["trouble"]), str(body.get("target") or ""))

    async def _handle_undo(self, body: dict[str, Any]) -> None:
        await self.undo_fault(str(body["trouble"]))

    def update_sidebar(self) -> None:
        """Render the controls and the mark as the faults are now."""
        groups = groupby(self._troubles.values(), key=lambda trouble: trouble.group)
        rows = "".join(
            f'<div class="strip" role="group" '
            f'aria-label="{escape(group, quote=True)}">{self._render_heading(group)}'
            f"{''.join(map(self._render_fault, inside))}</div>"
            for group, inside in groups
        )
        self._side.put_fragment(
            FRAGMENT, f'<h2>Make trouble</h2>{rows}<p class="side-trouble" role="alert"></p>'
        )
        names = ", ".join(self._troubles[name].title for name in self._active)
        mark = (
            f'<button type="button" class="hurting" data-goto="fragment-troubles">⚠ Hurting: '
            f"{escape(names)}</button>"
        )
        self._side.put_fragment(MARK, mark if names else "")

    def _render_heading(self, group: str) -> str:
        note = self._notes[group]() if group in self._notes else ""
        return (
            f'<h3 data-key="{escape(group, quote=True)}">{escape(group)} '
            f"<small>{escape(note)}</small></h3>"
        )

    def _render_fault(self, trouble: InjectableFault) -> str:
        """Return a button that injects the fault, or undoes it while it is in force."""
        active = trouble.name in self._active
        chosen = self._active[trouble.name][0] if active else ""
        name, hint = escape(trouble.name, quote=True), escape(trouble.hint, quote=True)
        shown = escape(
            f"Undo: {trouble.title}{f' ({chosen})' if chosen else ''}" if active else trouble.title
        )
        command, kind = ("undo", "btn fault on") if active else ("inject", "btn fault")
        button = (
            f'<button type="button" class="{kind}" data-command="{command}" data-trouble="{name}" '
            f'data-name="{name}" '
            f'title="{hint}">{shown}</button>'
        )
        return f"<span data-with>{button}{'' if active else _render_choices(trouble)}</span>"


def _render_choices(trouble: InjectableFault) -> str:
    if not trouble.chooses:
        return ""
    options = "".join(f"<option>{escape(each)}</option>" for each in trouble.choices())
    label = escape(f"{trouble.chooses} for: {trouble.title}", quote=True)
    action = escape(trouble.name, quote=True)
    return (
        f'<select name="target" data-type="choice" data-action="{action}" '
        f'aria-label="{label}">{options}</select>'
    )
