"""Plays a script in the embedded workspace without anyone watching, and says whether every line ended as expected.

How a line ends is read off the wire: the first block of an answer has the id `verdict:STATE`, STATE being running,
asks (waits for a button), done, not_yet, normal or error. An ephemeral answer without it is an end of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bot.sandbox.script import Line, ScriptError
from bot.sandbox.transcript import Out, Transcript
from bot.sandbox.workspace import DEFAULT_CHANNEL, Change, Message, Typed, Workspace
from bot.sandbox.workspace.elements import labels
from bot.sandbox.workspace.plain import message_lines, names_of, verdict_of
from bot.sandbox.workspace.state import View

ENDS = {"asks": "done", "done": "done", "not_yet": "not yet", "normal": "normal", "error": "error"}
GRAVITY = ("error", "not_yet", "normal", "done", "asks")
LINE_SECONDS = 900.0
SETTLE_SECONDS = 0.5
"""After an end, how long a further answer to the same line may still come."""


class _Watch:
    """The answers to one line: new messages for its user, and messages that were running or are pressed now."""

    def __init__(self, workspace: Workspace, *, user: str, channel: str) -> None:
        self._bot, self._user, self._channel = workspace.bot.id, user, channel
        self._earlier = {m.ts for m in workspace.state.messages.values() if verdict_of(m) != "running"}
        self.answers: dict[str, tuple[str, Message]] = {}
        self.moved = asyncio.Event()

    def adopt(self, message: Message) -> None:
        """Counts the changes of an earlier message, because its button is pressed now."""
        self._earlier.discard(message.ts)

    def feed(self, change: Change) -> None:
        """Takes note of one change."""
        if change.view is not None:
            self._see(change.view)
        message = change.message
        if message is None or message.channel != self._channel or message.user != self._bot:
            return
        if message.ts in self._earlier or message.ephemeral_to not in ("", self._user):
            return
        state = verdict_of(message) or ("done" if message.ephemeral_to else "")
        if change.kind == "deleted" or not state:
            self.answers.pop(message.ts, None)
        else:
            self.answers[message.ts] = state, message
        self.moved.set()

    def _see(self, view: View) -> None:
        """A window that opens for who typed asks for more, as a question in the channel does."""
        if view.user == self._user and view.open and view.body.get("type") == "modal":
            title = str(view.body["title"]["text"])
            message = Message(self._channel, view.id, self._bot, title, view.body["blocks"], datetime.now(UTC))
            self.answers[view.id] = "asks", message
            self.moved.set()

    def ended(self) -> tuple[str, Message] | None:
        """The gravest end among the answers that tell one, once nothing runs any more."""
        answers = list(self.answers.values())
        if not answers or any(state == "running" for state, _ in answers):
            return None
        told = [answer for answer in answers if verdict_of(answer[1])] or answers
        return min(told, key=lambda answer: GRAVITY.index(answer[0]) if answer[0] in GRAVITY else -1)


class Player:
    """Types lines into a channel and waits for the end of each; `timeout` is in wall seconds per line."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        out: Out,
        channel: str = DEFAULT_CHANNEL,
        timeout: float = LINE_SECONDS,
        settle: float = SETTLE_SECONDS,
    ) -> None:
        self._workspace, self._channel, self._out = workspace, workspace.channel(channel), out
        self._timeout, self._settle = timeout, settle
        self._transcript = Transcript(workspace, channel, out)

    async def play(self, lines: Iterable[Line]) -> bool:
        """Plays until a line ends otherwise than expected; True when none did."""
        lines = list(lines)
        self._check_users(lines)
        for line in lines:
            fault = await self.play_line(line)
            if fault:
                self._out(f"line {line.number} ({line}): expected {line.expects}, {fault}")
                return False
        self._out(f"{len(lines)} lines, all as expected")
        return True

    async def play_line(self, line: Line) -> str:
        """Plays one line; "" when it ended as expected, otherwise what was seen."""
        self._transcript.typed(line.user, str(line))
        try:
            user = self._workspace.user(line.user)
        except LookupError as error:
            return f"but {error}"
        watch = _Watch(self._workspace, user=user.id, channel=self._channel.id)
        with self._followed(watch):
            try:
                typed = await self._type(line, watch)
            except LookupError as error:
                return f"but {error}"
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._fault(line, typed, watch)
            except TimeoutError:
                return f"saw no end within {self._timeout:g} s; {_standing(watch)}"

    def _check_users(self, lines: list[Line]) -> None:
        for line in lines:
            try:
                self._workspace.user(line.user)
            except LookupError as error:
                raise ScriptError(f"line {line.number}: no user @{line.user} in this workspace") from error

    @contextmanager
    def _followed(self, watch: _Watch) -> Iterator[None]:
        changes = self._workspace.changes()

        async def follow() -> None:
            async for change in changes:
                self._transcript.show(change)
                watch.feed(change)

        task = asyncio.create_task(follow())
        try:
            yield
        finally:
            task.cancel()
            changes.close()

    async def _type(self, line: Line, watch: _Watch) -> Typed:
        if line.kind == "command":
            return await self._workspace.command(line.user, self._channel.id, line.text)
        if line.kind == "mention":
            return await self._workspace.write(line.user, self._channel.id, line.text)
        message = self._newest_with(line)
        watch.adopt(message)
        return await self._workspace.click(line.user, message, line.text)

    def _newest_with(self, line: Line) -> Message:
        seen = self._workspace.messages(self._channel.id, line.user)
        for message in reversed(seen):
            if line.text in labels(message.blocks):
                return message
        there = sorted({label for message in seen for label in labels(message.blocks)})
        raise LookupError(f'{line.user} sees no button "{line.text}"; there are: {", ".join(there) or "none"}')

    async def _fault(self, line: Line, typed: Typed, watch: _Watch) -> str:
        if typed.error:
            await asyncio.sleep(0)
            return "" if line.expects == "error" else f"saw error: Slack answered {typed.error}"
        state, message = await self._end(watch)
        if ENDS.get(state) == line.expects:
            return ""
        first = next(iter(message_lines(message, names_of(self._workspace.state))), "")
        return f"saw {ENDS.get(state, f'the unknown state {state}')}: {first}"

    async def _end(self, watch: _Watch) -> tuple[str, Message]:
        while True:
            if watch.ended() is None:
                await watch.moved.wait()
            watch.moved.clear()
            if watch.ended() is None:
                continue
            await asyncio.sleep(self._settle)
            end = watch.ended()
            if end is not None:
                return end


def _standing(watch: _Watch) -> str:
    states = ", ".join(state for state, _ in watch.answers.values())
    return f"its answers stand at: {states}" if states else "nothing was answered"
