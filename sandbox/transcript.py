"""Transcript of a channel as a person reads it: messages, their edits, and who alone sees
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.workspace import Change, Message, Workspace
from sandbox.workspace.plain import map_display_names, render_block_lines, render_message_lines
from sandbox.workspace.state import SLACKBOT, View

Out = Callable[[str], None]
_NUMBER = re.compile(r"\d+")


class Transcript:
    """Writes the changes of one channel to `out`; of an edited message only the lines that
    changed.
    """

    def __init__(self, workspace: Workspace, channel: str, out: Out) -> None:
        self._workspace, self._channel, self._out = (
            workspace,
            workspace.get_channel(channel).id,
            out,
        )
        self._shown: dict[str, list[str]] = {}

    def write_typed_line(self, user: str, line: str) -> None:
        """Write what someone typed or pressed."""
        self._out(f"{user}: {line}")

    def write_shell_line(self, command: str) -> None:
        """Write what the shell is told to run."""
        self._out(f"$ {command}")

    def write_output_line(self, line: str) -> None:
        """Write a line of what a shell command printed."""
        self._out(f"    {line}".rstrip())

    def write_change(self, change: Change) -> None:
        """Write one change, if it is of this channel and says something new."""
        if change.kind == "view" and change.view is not None:
            self._out(f"  ({self._describe_window(change.view)})")
        if change.message is None or change.message.channel != self._channel:
            return
        message = change.message
        if change.kind == "deleted":
            self._write_message(message, ["(deleted)"], mark="")
        elif message.user in (self._workspace.bot.id, SLACKBOT):
            self._write_changed_lines(message)

    def _describe_window(self, view: View) -> str:
        """Describe what happens to a modal or Home tab; the page shows its content."""
        name = self._get_user_name(view.user)
        if view.body.get("type") == "home":
            return f"the Home tab of {name} is shown anew"
        return (
            f"a window for {name} {'shows' if view.open else 'closes'}: "
            f"{view.body['title']['text']}"
        )

    def _write_changed_lines(self, message: Message) -> None:
        lines = render_message_lines(message, map_display_names(self._workspace.state))
        before = self._shown.get(message.ts)
        self._shown[message.ts] = lines
        fresh = lines if before is None else self._select_new_lines(message, lines, before)
        if any(line.strip() for line in fresh):
            self._write_message(message, fresh, mark="" if before is None else " ~")

    def _select_new_lines(self, message: Message, lines: list[str], before: list[str]) -> list[str]:
        """Return the lines that were not there before.

        In context blocks a line that differs only in its numbers (a clock) counts as old.
        """
        names = map_display_names(self._workspace.state)
        asides = [block for block in message.blocks if block.get("type") == "context"]
        small = {line for block in asides for line in render_block_lines(block, names)}
        shapes = {_NUMBER.sub("0", line) for line in before}
        new = [line for line in lines if line not in before]
        return [line for line in new if not (line in small and _NUMBER.sub("0", line) in shapes)]

    def _write_message(self, message: Message, lines: list[str], *, mark: str) -> None:
        whom = (
            f" (only visible to {self._get_user_name(message.ephemeral_to)})"
            if message.ephemeral_to
            else ""
        )
        thread = " (in the thread)" if message.thread_ts not in ("", message.ts) else ""
        self._out(f"  {self._get_user_name(message.user)}{mark}{whom}{thread}: {lines[0]}")
        for line in lines[1:]:
            self._out(f"    {line}")

    def _get_user_name(self, user: str) -> str:
        return self._workspace.get_user(user).name
