"""Sidebar of the page: pieces of HTML that others keep up to date, and the actions that
can be done in them.

The workspace knows neither clusters nor what the app understands; the code that starts
it hands both in as plain data.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Listener = Callable[[str, str], None]
SideAction = Callable[[Json], Awaitable[None]]
"""Does something with what the page sent; LookupError, ValueError and OSError are shown to the
person."""


@dataclass(frozen=True)
class Completion:
    """Something that can be typed, and what it is for."""

    text: str
    hint: str = ""


class Sidebar:
    """Fragments by name, in the order they first came; actions by name; and completions for
    the composer.
    """

    def __init__(self) -> None:
        self.fragments: dict[str, str] = {}
        self.actions: dict[str, SideAction] = {}
        self.completions: tuple[Completion, ...] = ()
        self.styles = ""
        """A style sheet for the fragments, in the colours that the page's own names."""
        self._listeners: set[Listener] = set()

    @property
    def is_watched(self) -> bool:
        """Tell whether a page is open."""
        return bool(self._listeners)

    def put_fragment(self, name: str, html: str) -> None:
        """Show this HTML under that name, on every open page; "" removes it."""
        if self.fragments.get(name) == html:
            return
        self.fragments[name] = html
        for listener in list(self._listeners):
            listener(name, html)

    @contextmanager
    def subscribe(self, listener: Listener) -> Iterator[None]:
        """Call the listener for every change inside the `with` block."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def perform_action(self, name: str, body: Json) -> None:
        """Perform the action of this name.

        Raises LookupError when there is none.
        """
        action = self.actions.get(name)
        if action is None:
            raise LookupError(f"nothing here does {name}")
        await action(body)
