"""Controls on the page that inject and undo faults, and the mark at the top that names
those in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sandbox.troubles.html import Row, render_causes, render_faults, render_mark
from sandbox.workspace import Sidebar

Undo = Callable[[], Awaitable[None]]
FRAGMENT, CAUSES, MARK = "troubles", "causes", "hurting"


def list_no_choices() -> Sequence[str]:
    """Return no choices, for a fault that needs none."""
    return ()


def find_no_obstacle() -> str:
    """Return "", for a fault that is possible at any time."""
    return ""


@dataclass(frozen=True)
class InjectableFault:
    """One fault: `start` injects it, with what was chosen or "", and returns the function that
    undoes it.

    `start` and the function raise LookupError when there is nothing to inject it into, or to put
    back. `choices` and `find_obstacle`, which returns why it is not possible now or "", are asked
    each time the controls are shown.
    """

    name: str
    group: str
    title: str
    hint: str
    start: Callable[[str], Awaitable[Undo]]
    choices: Callable[[], Sequence[str]] = list_no_choices
    chooses: str = ""
    find_obstacle: Callable[[], str] = find_no_obstacle


class FaultControls:
    """Shows faults in a sidebar, and injects and undoes them as people press.

    `notes` return a remark to show beside a group's name. `causes` are shown with what is to be
    expected of them.
    """

    def __init__(
        self,
        side: Sidebar,
        troubles: Sequence[InjectableFault],
        notes: Mapping[str, Callable[[], str]],
        causes: Sequence[InjectableFault] = (),
    ) -> None:
        self._side, self._notes = side, notes
        self._troubles, self._causes = tuple(troubles), tuple(causes)
        self._known = {trouble.name: trouble for trouble in (*troubles, *causes)}
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
        trouble = self._known[name]
        async with self._gate:
            if name in self._active:
                return
            self._active[name] = chosen, await trouble.start(chosen)
        self.update_sidebar()

    async def undo_fault(self, name: str) -> None:
        """Undo a fault, if it is in force.

        Raises LookupError when something could not be put back.
        """
        try:
            async with self._gate:
                if name in self._active:
                    _, undo = self._active.pop(name)
                    await undo()
        finally:
            self.update_sidebar()

    async def stop(self) -> None:
        """Undo all faults, the last one first."""
        for name in reversed(list(self._active)):
            with suppress(LookupError):
                await self.undo_fault(name)

    async def _handle_start(self, body: dict[str, Any]) -> None:
        await self.start_fault(str(body["trouble"]), str(body.get("target") or ""))

    async def _handle_undo(self, body: dict[str, Any]) -> None:
        await self.undo_fault(str(body["trouble"]))

    def update_sidebar(self) -> None:
        """Render the controls and the mark as the faults are now."""
        notes = {group: note() for group, note in self._notes.items()}
        rows = [self._build_row(trouble) for trouble in self._troubles]
        self._side.put_fragment(FRAGMENT, render_faults(rows, notes))
        if self._causes:
            rows = [self._build_row(cause) for cause in self._causes]
            self._side.put_fragment(CAUSES, render_causes(rows))
        names = [self._known[name].title for name in self._active]
        self._side.put_fragment(MARK, render_mark(names))

    def _build_row(self, trouble: InjectableFault) -> Row:
        active = trouble.name in self._active
        return Row(
            trouble.name,
            trouble.group,
            trouble.title,
            trouble.hint,
            active=active,
            chosen=self._active[trouble.name][0] if active else "",
            chooses=trouble.chooses,
            choices=tuple(trouble.choices()),
            obstacle="" if active else trouble.find_obstacle(),
        )
