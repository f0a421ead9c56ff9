"""The channel as a person reads it, line by line as it happens: what is said, what changes, and who alone sees it."""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.sandbox.workspace import Change, Message, Workspace
from bot.sandbox.workspace.plain import block_lines, message_lines, names_of
from bot.sandbox.workspace.state import SLACKBOT, View

Out = Callable[[str], None]
_NUMBER = re.compile(r"\d+")


class Transcript:
    """Writes the changes of one channel to `out`, an edited message only by the lines that became other ones."""

    def __init__(self, workspace: Workspace, channel: str, out: Out) -> None:
        self._workspace, self._channel, self._out = workspace, workspace.channel(channel).id, out
        self._shown: dict[str, list[str]] = {}

    def typed(self, user: str, line: str) -> None:
        """Writes what someone typed or pressed."""
        self._out(f"{user}: {line}")

    def show(self, change: Change) -> None:
        """Writes one change, if it is of this channel and says something new."""
        if change.kind == "view" and change.view is not None:
            self._out(f"  ({self._window(change.view)})")
        if change.message is None or change.message.channel != self._channel:
            return
        message = change.message
        if change.kind == "deleted":
            self._write(message, ["(deleted)"], mark="")
        elif message.user in (self._workspace.bot.id, SLACKBOT):
            self._compare(message)

    def _window(self, view: View) -> str:
        """What happens on one person's screen beside the channel; the page shows what is in it."""
        name = self._name(view.user)
        if view.body.get("type") == "home":
            return f"the Home tab of {name} is shown anew"
        return f"a window for {name} {'shows' if view.open else 'closes'}: {view.body['title']['text']}"

    def _compare(self, message: Message) -> None:
        lines = message_lines(message, names_of(self._workspace.state))
        before = self._shown.get(message.ts)
        self._shown[message.ts] = lines
        fresh = lines if before is None else self._fresh(message, lines, before)
        if any(line.strip() for line in fresh):
            self._write(message, fresh, mark="" if before is None else " ~")

    def _fresh(self, message: Message, lines: list[str], before: list[str]) -> list[str]:
        """The lines that were not there before; in context blocks a clock that has moved on is not news."""
        names = names_of(self._workspace.state)
        asides = [block for block in message.blocks if block.get("type") == "context"]
        small = {line for block in asides for line in block_lines(block, names)}
        shapes = {_NUMBER.sub("0", line) for line in before}
        new = [line for line in lines if line not in before]
        return [line for line in new if not (line in small and _NUMBER.sub("0", line) in shapes)]

    def _write(self, message: Message, lines: list[str], *, mark: str) -> None:
        whom = f" (only visible to {self._name(message.ephemeral_to)})" if message.ephemeral_to else ""
        thread = " (in the thread)" if message.thread_ts not in ("", message.ts) else ""
        self._out(f"  {self._name(message.user)}{mark}{whom}{thread}: {lines[0]}")
        for line in lines[1:]:
            self._out(f"    {line}")

    def _name(self, user: str) -> str:
        return self._workspace.user(user).name
