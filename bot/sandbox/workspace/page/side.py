"""What stands beside the channel: pieces of HTML that others keep up to date, and what can be done in them.

The workspace knows neither clusters nor what the app understands; whoever starts it hands both in as plain data.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Listener = Callable[[str, str], None]
Deed = Callable[[Json], Awaitable[None]]
"""Does something with what the page sent; LookupError, ValueError and OSError are shown to the person."""


@dataclass(frozen=True)
class Completion:
    """Something that can be typed, and what it is for."""

    text: str
    hint: str = ""


class Side:
    """Fragments by name, in the order they first came; deeds by name; and completions for the composer."""

    def __init__(self) -> None:
        self.fragments: dict[str, str] = {}
        self.deeds: dict[str, Deed] = {}
        self.completions: tuple[Completion, ...] = ()
        self._listeners: set[Listener] = set()

    def put(self, name: str, html: str) -> None:
        """Shows this HTML under that name, on every open page; "" takes it away."""
        if self.fragments.get(name) == html:
            return
        self.fragments[name] = html
        for listener in list(self._listeners):
            listener(name, html)

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Tells of every change inside the `with` block."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def perform(self, name: str, body: Json) -> None:
        """Does what was asked for; LookupError when nobody can."""
        deed = self.deeds.get(name)
        if deed is None:
            raise LookupError(f"nothing here does {name}")
        await deed(body)
